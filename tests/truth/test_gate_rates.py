"""The gate's two error rates, with budgets, allowances and against the average (docs/decisions/0007)."""

from datetime import date

import numpy as np
import pytest

from barnspider import Gate, estimate, simulate
from barnspider.gate import Allowance

REPEATS = 100
BOUND = 0.05 + 3 * np.sqrt(0.05 * 0.95 / REPEATS)
"""5 %, and three Monte-Carlo standard errors."""
BUDGETS = {f"class {c:02}": 0.08 for c in range(6, 12)}


def verdicts(gate, effect, images=100, repeats=REPEATS):
    """What the gate says of simulated studies whose true effects are known."""
    effect = np.asarray(effect)
    for seed in range(repeats):
        sim = simulate(classes=effect.shape[-1], images=images, runs=5, effect=effect, paired=True, seed=5000 + seed)
        yield gate.check(estimate(sim.predictions, "baseline"), today=date(2026, 1, 1))


def share(found):
    found = list(found)
    return sum(found) / len(found)


def allowed(*classes):
    return tuple(Allowance(f"class {c:02}", "known", None) for c in classes)


def test_false_alarms_are_rare_where_every_class_lost_its_own_margin():
    gate = Gate(0.05, budgets=BUDGETS)
    assert share(v.status == "fail" for v in verdicts(gate, [-0.05] * 6 + [-0.08] * 6)) <= BOUND


def test_false_alarms_are_rare_beside_allowed_harm_and_among_what_is_excused():
    gate = Gate(0.05, budgets=BUDGETS, allowances=allowed(0, 1, 11))
    truth = np.array([-0.4, -0.05, *[-0.05] * 4, *[-0.08] * 6])

    def false(verdict):
        said = [*verdict.findings, *(x.finding for x in verdict.excused)]
        return any(x.status == "fail" and x.class_ != "class 00" for x in said)

    found = list(verdicts(gate, truth))
    assert share(map(false, found)) <= BOUND
    assert share(any(x.finding.class_ == "class 00" for x in v.excused) for v in found) == 1


@pytest.mark.parametrize("bad", [0, 6])
def test_false_passes_are_rare_whatever_is_allowed_beside(bad):
    truth = np.full(12, 0.1)
    truth[bad] = -0.0501 if bad == 0 else -0.0801
    gate = Gate(0.05, budgets=BUDGETS, allowances=allowed(3, 9))
    truth[3] = -0.3
    assert share(v.status == "pass" for v in verdicts(gate, truth)) <= BOUND


def test_false_alarms_are_rare_against_the_average():
    truth = -0.15 + np.tile([-0.05, 0.05], 6)
    assert share(v.status == "fail" for v in verdicts(Gate(0.05, relative=True), truth)) <= BOUND


def test_false_passes_are_rare_against_the_average():
    truth = np.full(12, 0.1)
    truth[0] -= 0.0501 * 12 / 11
    found = list(verdicts(Gate(0.05, relative=True), truth, images=1000))
    assert share(v.status == "pass" for v in found) <= BOUND
    assert share({f.class_ for f in v.findings} <= {"class 00"} for v in found) > 0.8, "the others do not decide"


def test_a_bad_arm_among_several_passes_by_itself_as_rarely():
    truth = [[-0.0501, *[0.1] * 3], [0.1] * 4]
    found = [{x.arm: x.status for x in v.arms} for v in verdicts(Gate(0.05), truth)]
    assert share(x["arm 1"] == "pass" for x in found) <= BOUND
    assert share(x["arm 2"] == "pass" for x in found) > 0.8


def test_the_rates_are_not_bought_by_never_deciding():
    few = {"images": 1000, "repeats": 30}
    truth = [-0.2, *[0.0] * 5, *[-0.04] * 6]
    assert (
        share(v.status == "pass" for v in verdicts(Gate(0.05, budgets=BUDGETS, allowances=allowed(0)), truth, **few))
        > 0.5
    )
    assert share(v.status == "fail" for v in verdicts(Gate(0.05, budgets=BUDGETS), truth, **few)) > 0.95
    behind = [-0.3, *[-0.1] * 11]
    assert share(v.status == "fail" for v in verdicts(Gate(0.05, relative=True), behind, **few)) > 0.9
    assert share(v.status == "pass" for v in verdicts(Gate(0.25, relative=True), behind, **few)) > 0.5
