"""Fixes that train nothing: by hand the same, nothing twice, nothing in silence, and no test image chooses."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from barnspider import InputError, StoreError, estimate, read_predictions
from barnspider.lab import Recipe, Store, Sweep
from barnspider.lab.data import load
from barnspider.lab.derived import Deriving, derive
from barnspider.lab.derived.averages import mean_network, renew
from barnspider.lab.derived.run import of_use
from barnspider.lab.derived.worker import result_of, work
from barnspider.lab.evaluation import logits
from barnspider.lab.material import Material
from barnspider.lab.shift import Shift
from barnspider.lab.weights import read_weights
from barnspider.lab.worker import work as train_all
from barnspider.store import Result

BASE = Recipe(dataset="digits", network="mlp", width=8, epochs=3, batch=64, train_images=300)
KEEPING = Sweep(BASE, "rotation", doses=(0, 60, 120), seeds=(0, 1), keep="weights")


def train_here(sweep, store):
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    train_all(store, sweep.identity, load("digits"))
    return store


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train_here(KEEPING, Store(tmp_path_factory.mktemp("derived")))


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture
def here(monkeypatch, digits):
    """What workers would do is done in this process."""

    def set_to_work(started, store, *_, **__):
        work(store, started[0][started[0].index(str(store.root)) + 1], digits)

    monkeypatch.setattr("barnspider.lab.derived.run.set_to_work", set_to_work)


def of(plan, how):
    return [part for part in plan.parts() if part.how == how]


def probabilities(store, run, split):
    kept = read_weights(store, run.key)
    return logits(kept.net, split, kept, kept.recipe).softmax(1)


def test_the_mean_of_answers_is_the_mean_of_probabilities(trained, digits):
    part = of(Deriving(KEEPING), "answers")[1]
    given = result_of(trained, part, digits).answers
    for name, split in (("test", digits.test), ("validation", digits.validation)):
        mean = torch.stack([probabilities(trained, run, split) for run in part.runs]).mean(0)
        assert np.array_equal(given[name].guess, mean.argmax(1))
        own = mean.numpy()[range(len(split)), split.labels]
        assert np.allclose(given[name].p_label, own, atol=1e-6)
    assert {run.seed for run in part.runs} == {1}


def test_the_mean_of_one_networks_weights_is_that_network(trained, digits):
    kept = [read_weights(trained, KEEPING.runs()[0].key) for _ in range(3)]
    before = {name: tensor.clone() for name, tensor in kept[0].net.state_dict().items()}
    mean = mean_network(kept, digits)
    assert all(torch.allclose(tensor, before[name]) for name, tensor in mean.net.state_dict().items())


def test_statistics_taken_anew_are_those_of_the_training_images(tmp_path, digits):
    sweep = Sweep(replace(BASE, network="resnet", width=4, epochs=1), "rotation", (0,), (0,), keep="weights")
    store = train_here(sweep, Store(tmp_path))
    kept, recipe = read_weights(store, sweep.runs()[0].key), sweep.runs()[0].recipe
    before = {name: tensor.clone() for name, tensor in kept.net.named_parameters()}
    turned = replace(recipe, rotation=90.0)
    renew(kept, [recipe, turned], digits)
    first = next(m for m in kept.net.modules() if isinstance(m, torch.nn.BatchNorm2d))
    given = []
    hook = first.register_forward_pre_hook(lambda _m, inputs: given.append(inputs[0]))
    for own in (recipe, turned):
        for batch in Material.of(digits, own, "cpu").batches(own, kept.seed, own.epochs):
            kept.net(batch.images)
    hook.remove()
    assert not kept.net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in kept.net.named_parameters())
    means, variances = (torch.stack([stat(x, (0, 2, 3)) for x in given]).mean(0) for stat in (torch.mean, torch.var))
    assert len(given) == 10
    assert torch.allclose(first.running_mean, means, atol=1e-4)
    assert torch.allclose(first.running_var, variances, rtol=1e-3, atol=1e-4)


def test_logits_are_moved_by_what_validation_images_say_and_no_other(trained, digits):
    part = of(Deriving(KEEPING), "logits")[0]
    made = result_of(trained, part, digits)
    told = json.loads(json.dumps(made.about))
    assert (part.cell.arm, told["of"]) == ("rotation=60 with moved logits", [part.runs[0].key])
    kept = read_weights(trained, part.runs[0].key)
    moved = logits(kept.net, digits.test, kept, kept.recipe) + torch.tensor(told["shift"])
    assert np.array_equal(made.answers["test"].guess, moved.argmax(1))
    others = replace(digits, test=replace(digits.test, labels=digits.test.labels[::-1].copy()))
    assert result_of(trained, part, others).about["shift"] == made.about["shift"]


def test_it_is_a_study_beside_the_studys_own_arms(trained, tmp_path, here):
    store = copied(trained, tmp_path)
    answers = derive(KEEPING, store, workers=1)
    doses = "rotation=0 + 60 + 120"
    own = ("rotation=0", "rotation=60", "rotation=120")
    made = (
        f"mean answers of {doses}",
        f"mean weights of {doses}",
        "rotation=60 with moved logits",
        "rotation=120 with moved logits",
    )
    assert set(answers.arms) == {*own, *made}
    assert (answers.paired, answers.left_out) == (True, ())
    assert store.study().identity == KEEPING.identity, "it is not in the way"
    plan = Deriving(KEEPING)
    assert store.study("digits-rotation-averaged").of == KEEPING.identity
    assert Deriving.planned(store, plan.identity).parts() == plan.parts()
    effects = estimate(answers, baseline="rotation=0")
    assert effects.overall[effects.arms.index(made[0])] > effects.overall[effects.arms.index("rotation=120")]
    before = {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    assert np.array_equal(derive(KEEPING, store, workers=1).guess, answers.guess)
    assert {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()} == before
    validation = read_predictions(store.root, study="digits-rotation-averaged", split="validation")
    assert set(validation.arms) == set(answers.arms)


def copied(store, folder):
    import shutil

    shutil.copytree(store.root, folder / "copy")
    return Store(folder / "copy")


def test_what_was_asked_before_stays(trained, tmp_path, here):
    store = copied(trained, tmp_path)
    for how in ("answers", "weights"):
        answers = derive(KEEPING, store, how=how, doses=(60, 120), workers=1)
    assert [arm for arm in answers.arms if arm.startswith("mean")] == [
        "mean answers of rotation=60 + 120", "mean weights of rotation=60 + 120",
    ]  # fmt: skip
    assert "rotation=0" in answers.arms, "the baseline stands beside them"


def test_seeds_that_lack_weights_are_left_out_and_counted(trained, tmp_path, here):
    import shutil

    store = copied(trained, tmp_path)
    lost = KEEPING.runs()[1]  # rotation=60, seed 0
    shutil.rmtree(store.root / "weights" / lost.key)
    answers = derive(KEEPING, store, how=("answers", "logits"), workers=1)
    missing = {(x.arm, x.seed, x.why) for x in answers.left_out}
    assert missing == {
        ("mean answers of rotation=0 + 60 + 120", 0, "missing"), ("rotation=60 with moved logits", 0, "missing"),
    }  # fmt: skip
    for run in KEEPING.runs():
        shutil.rmtree(store.root / "weights" / run.key, ignore_errors=True)
    with pytest.raises(InputError, match=r'no seed of .* has the weights of all its networks .* add keep = "weights"'):
        derive(KEEPING, store, how="weights", workers=1)


def test_a_part_of_a_network_that_diverged_is_counted_as_diverged(trained, tmp_path, digits):
    import shutil

    store = copied(trained, tmp_path)
    broken = KEEPING.runs()[1]
    for folder in ("runs", "weights"):
        shutil.rmtree(store.root / folder / broken.key)
    store.write(broken.key, Result("diverged", digits.fingerprint, {}, {"seconds": 1.0}))
    plan = Deriving(KEEPING, how=("answers", "logits"))
    assert len(of_use(plan, store)) == len(plan.parts())
    assert [result_of(store, part, digits).status for part in plan.parts()][:2] == ["diverged", "diverged"]


def test_logits_without_the_baselines_answers_are_left_out(trained, tmp_path, digits):
    import shutil

    store = copied(trained, tmp_path)
    base = KEEPING.runs()[0]
    shutil.rmtree(store.root / "runs" / base.key)
    left = of_use(Deriving(KEEPING), store)
    assert not [part for part in left if part.how == "logits" and part.base == base]
    assert len([part for part in left if part.how == "logits"]) == 2


def test_other_data_is_refused(trained, tmp_path, digits, monkeypatch):
    store = copied(trained, tmp_path)
    other = replace(digits, fingerprint="other")
    monkeypatch.setattr("barnspider.lab.derived.run.load", lambda *_, **__: other)
    with pytest.raises(StoreError, match="is not what it was when runs"):
        derive(KEEPING, store, workers=1)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"doses": (0, 30)}, r"dose=30\.0 is not of study 'digits-rotation'; its doses are 0\.0, 60\.0, 120\.0"),
        ({"doses": (60,)}, r"doses=60\.0; expected two or more"),
        ({"doses": (60, 60)}, "holds the same value twice"),
        ({"how": ("answer",)}, "how='answer' is unknown.*Did you mean 'answers'"),
    ],
)
def test_mistakes_in_what_is_asked(asked, message):
    with pytest.raises(InputError, match=message):
        Deriving(KEEPING, **asked)


def test_networks_of_several_widths_have_no_mean_of_weights():
    widths = Sweep(BASE, "width", doses=(4, 8), seeds=(0,), baseline_dose=4, keep="weights")
    with pytest.raises(InputError, match="how='weights' cannot average networks of several widths"):
        Deriving(widths)
    assert Deriving(widths, how=("answers",)).parts()[0].cell.arm == "mean answers of width=4 + 8"


def test_doses_for_each_class_come_back_from_a_plan(tmp_path):
    each = (0.5,) * 5 + (0.0,) * 5
    sweep = Sweep(BASE, "crop", doses=(0, 0.3, each), seeds=(0,), baseline_dose=0.3, keep="weights")
    store = Store(tmp_path)
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    plan = Deriving(sweep, doses=(0, each))
    store.plan(plan.identity, plan.cells(), plan.as_dict())
    again = Deriving.planned(store, plan.identity)
    assert (again.doses, again.cells(), again.identity) == (plan.doses, plan.cells(), plan.identity)
    assert store.study(plan.identity).sweep["baseline"] == 0.3


def test_killed_and_shared_it_gives_the_same(trained, tmp_path, digits):
    """One worker is killed in the middle; two others share the rest; every part once, the same bits as undisturbed."""
    plan = Deriving(KEEPING)
    store = copied(trained, tmp_path)
    store.plan(plan.identity, plan.cells(), plan.as_dict())
    command = [sys.executable, "-m", "barnspider.lab.derived.worker", str(store.root), plan.identity]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    for line in first.stdout:
        if json.loads(line)["event"] == "sealed":
            break
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdout.close()
    began = len(list((store.root / "runs").iterdir()))
    work(store, plan.identity, digits)
    work(store, plan.identity, digits)
    assert len(list((store.root / "runs").iterdir())) == len(plan.cells()) > began - 1
    for part in plan.parts():
        sealed = store.load([part.cell]).guess[0]
        assert np.array_equal(sealed, result_of(trained, part, digits).answers["test"].guess), part.cell.arm


def test_the_command_shows_what_was_made_and_says_mistakes(trained, tmp_path, here, capsys):
    from barnspider.cli import app

    def derive_at(*args):
        app(["derive", *map(str, args)], standalone_mode=False)
        return capsys.readouterr()

    store = copied(trained, tmp_path)
    said = derive_at(store.root, "--how", "answers", "--doses", "0,60", "--top", 1)
    assert "\nmean answers of rotation=0 + 60 (2 runs)\n" in said.out
    assert said.err.endswith(f"Next: barnspider report {store.root} --study {Deriving(KEEPING, (0, 60)).identity}\n")
    document = json.loads(
        derive_at(store.root, "--how", "answers", "--doses", "0,60", "--json", "--study", "digits-rotation").out
    )
    assert document["schema"] == "barnspider/effects/1"
    with pytest.raises(InputError, match=r"was made of 'digits-rotation-.*', and has no weights; name that: --study"):
        derive_at(store.root, "--study", "digits-rotation-averaged")
    with pytest.raises(InputError, match="doses='0,x'; expected numbers with commas between"):
        derive_at(store.root, "--doses", "0,x")


def test_a_part_that_is_anothers_by_now_is_dropped(trained, digits, tmp_path, monkeypatch):
    store = Store(shutil.copytree(trained.root, tmp_path / "runs"))
    plan = Deriving(KEEPING, how=("answers",))
    store.plan(plan.identity, plan.cells(), plan.as_dict())
    first, second = [part.cell for part in plan.parts()]

    def taken_over(store, part, *rest):
        if part.cell == first:
            (store.root / "claims" / first.key).write_text("another's")
        return result_of(store, part, *rest)

    monkeypatch.setattr("barnspider.lab.derived.worker.result_of", taken_over)
    work(store, plan.identity, digits, shift=Shift(waits=False))
    assert store.missing([first, second]) == [first]
    assert (store.root / "claims" / first.key).read_text() == "another's"
