import json
import subprocess
import sys
from datetime import date

import numpy as np
import pytest

import barnspider as barn
from barnspider import InputError
from barnspider.gate import Allowance
from barnspider.testing import assert_no_class_harmed

CLASSES = ["cat", "dog"]
LABEL = np.tile([0, 1], 1000)
GOOD = LABEL.copy()
BAD = np.where((LABEL == 1) & (np.arange(2000) % 10 == 1), 0, LABEL)
HARM = r"dog: lost more than 2\.0 points; change -20\.0 points"


def predictions(**arms):
    return barn.Predictions.from_arrays(LABEL, arms, classes=CLASSES)


def kinds(tmp_path, guess, arm):
    """The same answers as arrays of one and of two runs, as Predictions, and as files."""
    made = predictions(**{arm: [guess, guess]})
    barn.write_table(made, tmp_path / f"{arm}.csv")
    barn.write_table(made, tmp_path / f"{arm}.parquet")
    of_arrays = {"label": LABEL, "classes": CLASSES}
    return [
        (guess, of_arrays), (np.stack([guess, guess]), of_arrays), ([guess.tolist()], of_arrays), (made, {}),
        (tmp_path / f"{arm}.csv", {}), (str(tmp_path / f"{arm}.parquet"), {}),
    ]  # fmt: skip


def test_answers_of_every_kind(tmp_path):
    good, bad, same = (kinds(tmp_path, x, arm) for x, arm in ((GOOD, "old"), (BAD, "new"), (GOOD, "same")))
    for (base, more), (harmed, _), (unharmed, _) in zip(good, bad, same, strict=True):
        assert assert_no_class_harmed(base, unharmed, **more).status == "pass"
        with pytest.raises(AssertionError, match=HARM):
            assert_no_class_harmed(base, harmed, **more)


def test_all_arms_in_one():
    everything = predictions(plain=GOOD, mixup=BAD, same=GOOD)
    with pytest.raises(AssertionError, match=f"mixup, {HARM}"):
        assert_no_class_harmed(everything, baseline="plain")
    assert assert_no_class_harmed(everything.where(arms=["plain", "same"]), baseline="plain").status == "pass"
    dosed = barn.Predictions.from_arrays(LABEL, {"a": GOOD, "b": BAD}, classes=CLASSES, dose={"a": 0, "b": 1})
    with pytest.raises(AssertionError, match=f"b, {HARM}"):
        assert_no_class_harmed(dosed)


def test_what_the_gate_may_be_asked(tmp_path):
    def judged(**asked):
        return assert_no_class_harmed(predictions(a=GOOD), predictions(b=BAD), **asked).status

    allowed = Allowance("dog", "known", date(2026, 12, 31))
    assert judged(budgets={"dog": 0.3}) == judged(max_drop=0.3) == judged(relative=True, max_drop=0.15) == "pass"
    assert judged(allow=[allowed], today=date(2026, 12, 31)) == "pass"
    with pytest.raises(AssertionError, match="it was allowed until 2026-12-31"):
        judged(allow=[allowed], today=date(2027, 1, 1))
    (tmp_path / "gate.toml").write_text('[max_drop]\ndog=0.3\n[[allow]]\nclass="dog"\nreason="x"\nexpires="never"\n')
    assert judged(budgets=tmp_path / "gate.toml") == judged(allow=str(tmp_path / "gate.toml")) == "pass"


def test_label_sets_and_groups(tmp_path):
    by_sample = ["A" if i % 20 == 1 else "B" for i in range(2000)]
    sets = [[c, 0] if i % 10 == 1 else [c] for i, c in enumerate(LABEL.tolist())]
    (tmp_path / "sets.json").write_text(json.dumps(sets))
    (tmp_path / "kinds.toml").write_text('pet = ["cat", "dog"]\n')
    (tmp_path / "cameras.csv").write_text("sample,group\n" + "".join(f"{i},{x}\n" for i, x in enumerate(by_sample)))
    for arm, guess in (("old", GOOD), ("new", BAD)):
        lines = [
            f"{i},{CLASSES[c]},{CLASSES[g]},{x}"
            for i, (c, g, x) in enumerate(zip(LABEL, guess, by_sample, strict=True))
        ]
        (tmp_path / f"{arm}.csv").write_text("\n".join(["sample,label,prediction,camera", *lines]) + "\n")
    files, arrays = (tmp_path / "old.csv", tmp_path / "new.csv"), {"label": LABEL, "classes": CLASSES}
    known = (predictions(old=GOOD), predictions(new=BAD))
    for answers, more in ((files, {}), ((GOOD, BAD), arrays), (known, {})):
        for given in (tmp_path / "sets.json", str(tmp_path / "sets.json"), sets, dict(enumerate(sets))):
            judged = assert_no_class_harmed(*answers, **more, label_sets=given)
            assert (judged.status, judged.labels) == ("pass", "sets")
        for given, group, change in (
            (tmp_path / "kinds.toml", "pet", 10), ({"cat": "pet", "dog": "pet"}, "pet", 10),
            (str(tmp_path / "cameras.csv"), "A", 100), (by_sample, "A", 100), (np.array(by_sample), "A", 100),
        ):  # fmt: skip
            with pytest.raises(AssertionError, match=rf"{group}: lost more than 2\.0 points; change -{change}\.0"):
                assert_no_class_harmed(*answers, **more, by=given)
    with pytest.raises(AssertionError, match="A: lost more than 2"):
        assert_no_class_harmed(*files, by="camera")
    everything = predictions(plain=GOOD, new=BAD)
    assert assert_no_class_harmed(everything, baseline="plain", label_sets=sets, by=by_sample).by == "group"
    assert assert_no_class_harmed(*files, label_sets=sets, by="camera").by == "camera"


def few(**asked):
    return assert_no_class_harmed(GOOD[:40], GOOD[:40], label=LABEL[:40], classes=CLASSES, **asked)


def test_what_happens_where_the_data_cannot_tell():
    with pytest.raises(AssertionError, match=r"INCONCLUSIVE\. .* takes .* images of each class"):
        few()
    assert few(inconclusive="pass").status == "inconclusive"
    with pytest.raises(pytest.skip.Exception, match="INCONCLUSIVE"):
        few(inconclusive="skip")
    for asked in ("pass", "skip"):
        with pytest.raises(AssertionError, match=HARM):
            assert_no_class_harmed(GOOD, BAD, label=LABEL, classes=CLASSES, inconclusive=asked)


@pytest.mark.parametrize(
    ("args", "asked", "message"),
    [
        ((GOOD, BAD), {}, r"base is a ndarray; expected a path or Predictions, or an array and label="),
        ((GOOD, BAD), {"label": LABEL[:5]}, "samples"),
        (("none.csv", "none.csv"), {}, "'none.csv' does not exist"),
        (("none.csv", "none.csv"), {"label": LABEL}, "base='none.csv' is a file or store, which knows label already"),
        ((GOOD, GOOD[:9]), {"label": LABEL}, "^candidate: "),
        ((np.eye(2)[GOOD], GOOD), {"label": LABEL}, r"base is Float\[2000, 2\], as scores are; .* its argmax"),
        ((GOOD, GOOD), {"label": LABEL, "pattern": "{arm}.csv"}, "base is an array, .* leave pattern out"),
        ((predictions(a=GOOD),), {}, "only one arm, a; give a candidate"),
        ((predictions(a=GOOD), predictions(b=GOOD).where(samples=range(9))), {}, "'base' and 'candidate': the parts"),
        ((predictions(a=GOOD), GOOD), {"label": LABEL}, "base is Predictions, which know label already"),
        ((predictions(a=GOOD), predictions(b=GOOD)), {"baseline": "a"}, "baseline='a' was given with a candidate"),
        ((predictions(a=GOOD, b=GOOD),), {}, "the baseline must be named; the arms are: a, b"),
        ((predictions(a=GOOD, b=GOOD), predictions(c=GOOD)), {}, "'base' holds the arms a, b; expected one"),
        ((predictions(a=GOOD), predictions(b=GOOD)), {"max_drop": 2}, "max_drop=2; expected a proportion"),
        ((predictions(a=GOOD), predictions(b=GOOD)), {"inconclusive": "x"}, "inconclusive='x' is unknown; .* skip"),
        ((predictions(a=GOOD), predictions(b=GOOD)), {"budgets": {"cow": 0.1}}, "class='cow' is unknown"),
        ((predictions(a=GOOD), predictions(b=GOOD)), {"budgets": "none.csv"}, "'none.csv' cannot be opened"),
        ((predictions(a=GOOD), predictions(b=GOOD)), {"by": "camera"}, "by='camera' is no file of groups"),
        ((predictions(a=GOOD), predictions(b=GOOD)), {"by": {"cat": "x"}}, "has no group for 1 of 2 classes: 'dog'"),
        ((predictions(a=GOOD), predictions(b=GOOD)), {"by": ["x"]}, "has 1 groups; expected 2000"),
        ((predictions(a=GOOD), predictions(b=GOOD)), {"label_sets": [[0]]}, "sets has 1 entries; expected 2000"),
        ((predictions(a=GOOD), predictions(b=GOOD)), {"label_sets": "none.json"}, "label_sets='none.json' does not"),
    ],
)
def test_mistakes_are_no_verdict(args, asked, message):
    with pytest.raises(InputError, match=message):
        assert_no_class_harmed(*args, **asked)


def test_several_candidates_and_how_files_are_read(tmp_path):
    good, bad = predictions(new=GOOD), predictions(worse=BAD)
    with pytest.raises(AssertionError, match=f"By arm: new pass, worse fail[^\0]*worse, {HARM}"):
        assert_no_class_harmed(predictions(old=GOOD), [good, bad])
    lines = [f"{i},{CLASSES[c]},{CLASSES[c]}" for i, c in enumerate(LABEL)]
    for name, part in (("old", lines), ("new", lines[:-1]), ("dogless", lines[::2])):
        (tmp_path / f"{name}-seed0.csv").write_text("\n".join(["image,label,prediction", *part]) + "\n")
    old, new, dogless = (str(tmp_path / f"{name}-seed0.csv") for name in ("old", "new", "dogless"))
    asked = {"pattern": "{arm}-seed{seed}.csv", "columns": {"sample": "image"}}
    with pytest.raises(InputError, match=r"old-seed0.csv' and '.*new-seed0.csv': .*samples=\"common\""):
        assert_no_class_harmed(old, [new], **asked)
    with pytest.warns(barn.tables.SamplesLeftOut):
        judged = assert_no_class_harmed(old, [new], samples="common", **asked)
    assert [x.arm for x in judged.arms] == ["new"]
    with (
        pytest.raises(AssertionError, match="dogless, dog: cannot tell, there is no evidence"),
        pytest.warns(barn.tables.SamplesLeftOut),
    ):
        assert_no_class_harmed(old, [dogless], samples="common", **asked)


TESTS = """
import numpy as np
from barnspider.testing import assert_no_class_harmed
label = np.tile([0, 1], 1000)
bad = np.where((label == 1) & (np.arange(2000) % 10 == 1), 0, label)
asked = dict(label=label, classes=["cat\\x1b[31m", "dog"])
def test_passes(): assert_no_class_harmed(label, label, **asked)
def test_fails(): assert_no_class_harmed(label, bad, **asked)
def test_skips(): assert_no_class_harmed([0, 1], [0, 1], label=[0, 1], inconclusive="skip")
def test_lets_through(): assert_no_class_harmed([0, 1], [0, 1], label=[0, 1], inconclusive="pass")
"""


def test_in_a_run_of_pytest(tmp_path):
    (tmp_path / "test_harm.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "test_harm.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "1 failed, 2 passed, 1 skipped" in done.stdout
    assert "AssertionError: FAIL. Of 2 classes, 1 lost more than 2.0 points" in done.stdout
    assert "candidate, dog: lost more than 2.0 points; change -20.0 points" in done.stdout
    assert "def _arms" not in done.stdout, "the trace ends at the user's own line"
    assert "SKIPPED [1] test_harm.py:9: INCONCLUSIVE" in done.stdout


def test_without_pytest():
    code = "import sys, barnspider.testing; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pytest", "torch", "typer", "altair"} & set(loaded)
