import json
import lzma
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from barnspider import InputError, StoreError, estimate
from barnspider.cli import app
from barnspider.preservation import read_asked
from barnspider.sources import default_baseline, dose_axis, provenance, read_predictions
from barnspider.status import status
from barnspider.store import Answers, Cell, Images, Result, Store, opened, pack
from barnspider.store.coding import coded, decoded
from barnspider.trials import read_trial
from barnspider.validation import read_validation

NAMES = ("T-shirt/top", "<img src=x>", "\u202eמעיל\x1b[31m", "NA", "a\u2028b")
DOSES, SEEDS, N = (0.0, 0.5, 0.9), range(4), 60
CELLS = [Cell(f"crop={d:g}", d, s, f"{s}{d:g}".replace(".", "p"), keeps_weights=True) for s in SEEDS for d in DOSES]
PLAN = {"vary": "crop", "doses": [*DOSES], "seeds": [*SEEDS], "baseline": 0.5, "folder": "/home/me/work"}
RECIPE = {"dataset": "clothes", "epochs": 3}


def answers(rng, label, wrong):
    guess = np.where(rng.random(len(label)) < wrong, rng.integers(0, len(NAMES), len(label)), label)
    return Answers(guess.astype(np.int16), rng.random(len(label)).astype(np.float16))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A study with a diverged, a failed and a missing run; and what references said of it."""
    rng = np.random.default_rng(5)
    store = Store(tmp_path_factory.mktemp("packed") / "runs")
    label = {"test": rng.permutation(np.arange(N) % len(NAMES)), "validation": rng.integers(0, len(NAMES), 25)}
    images = {split: Images(x, np.array([f"{split}-{i:03d}" for i in range(len(x))])) for split, x in label.items()}
    store.describe_images("f1", NAMES, "clothes", images)
    store.plan("clothes-crop-1a2b", CELLS, PLAN)
    for cell in CELLS[:-2]:
        about = {"seconds": 2.5, "environment": {"torch": "2.13", "threads": "1"}, "recipe": RECIPE, "log": "long"}
        kept = {split: answers(rng, x, 0.1 + cell.dose / 4) for split, x in label.items()}
        kept["test-averaged"] = answers(rng, label["test"], 0.1)
        done = Result("done", "f1", kept, about) if cell is not CELLS[1] else Result("diverged", "f1", {}, about)
        store.write(cell.key, done)
    store.note_failure(CELLS[-1].key, "out of memory")
    asked = [Cell(c.arm, c.dose, c.seed, f"asked{c.key}") for c in CELLS]
    store.plan("clothes-asked-3c", asked, {"of": "clothes-crop-1a2b", "made": "preserve", "references": "tiny"})
    for cell in asked:
        store.write(cell.key, Result("done", "f1", {"test": answers(rng, label["test"], cell.dose)}, {"seconds": 1.0}))
    return store


@pytest.fixture(scope="module")
def packed(store, tmp_path_factory):
    return pack(store, tmp_path_factory.mktemp("file") / "crop.xz")


@pytest.fixture(scope="module")
def both(store, packed):
    return pack(store, packed.with_name("both.xz"), ["clothes-crop", "clothes-asked"])


def same(a, b):
    for name in ("guess", "label", "sample"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert a.guess.dtype == b.guess.dtype
    for name in ("arm", "seed", "dose", "classes", "on", "paired", "same_models", "left_out"):
        assert getattr(a, name) == getattr(b, name), name


@pytest.mark.parametrize("split", ["test", "validation", "test-averaged"])
def test_what_is_packed_is_read_as_from_the_store(store, packed, split):
    theirs, ours = read_predictions(store.root, split=split), read_predictions(packed, split=split)
    same(theirs, ours)
    assert theirs.p_label is not None
    assert ours.p_label is None
    assert [x.why for x in ours.left_out] == ["diverged", "missing", "failed: out of memory"]


def test_a_file_knows_what_its_store_knew_of_the_study(store, packed):
    theirs, ours = store.study(), opened(packed).study()
    assert (ours.identity, ours.cells, ours.earlier) == (theirs.identity, theirs.cells, theirs.earlier)
    assert ours.sweep == {name: x for name, x in PLAN.items() if name != "folder"}, "nobody's folders"
    assert provenance(packed) == provenance(store.root)
    assert dose_axis(packed) == dose_axis(store.root)
    assert default_baseline(read_predictions(packed), packed) == "crop=0.5"
    assert status(opened(packed)).failed[0].reason == "out of memory"
    assert [d["recipe"] for d in opened(packed).sealed(CELLS[:1])] == [RECIPE]
    like = read_predictions(packed)
    same(read_validation(packed, like).preds, read_validation(store.root, like).preds)


def test_a_file_knows_what_was_tried(store, packed):
    assert vars(read_trial(str(packed))) == vars(read_trial(str(store.root), "clothes-crop-1a2b"))


def test_earlier_plans_are_packed_as_such(store, tmp_path):
    shutil.copytree(store.root, tmp_path / "runs")
    later = Store(tmp_path / "runs")
    later.plan("clothes-crop-1a2b", CELLS[3:], PLAN)
    ours = opened(pack(later, tmp_path / "a.xz")).study()
    assert ours.earlier == later.study().earlier
    assert [cell.key for cell in ours.earlier] == [CELLS[0].key, CELLS[1].key, CELLS[2].key]


def test_studies_of_one_file_find_each_other(store, both, tmp_path):
    assert read_asked(both).keys() == {"tiny"}
    same(read_asked(both)["tiny"], read_asked(store.root)["tiny"])
    again = pack(opened(both), tmp_path / "again.xz", ["clothes-asked", "clothes-crop"])
    assert again.read_bytes() == both.read_bytes(), "the same content, the same bytes, from wherever it comes"


def test_splits_and_probabilities_are_kept_when_asked(store, tmp_path):
    file = pack(store, tmp_path / "a.xz", splits=["test-averaged"], p_label=True)
    theirs, ours = read_predictions(store.root, split="test-averaged"), read_predictions(file, split="test-averaged")
    same(theirs, ours)
    assert np.array_equal(theirs.p_label, ours.p_label)
    with pytest.raises(StoreError, match=r"9 without test answers, 1 diverged, 1 missing, 1 failed"):
        read_predictions(file)


COMMANDS = ["audit", "doses", "flows --json", "inequality", "gate --json"]


@pytest.mark.parametrize(
    "command",
    [*COMMANDS, *(pytest.param(x, marks=pytest.mark.slow) for x in ("prescribe", "report --no-images -o out.html"))],
)
def test_commands_say_the_same_of_a_file(store, both, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, *options = command.split()
    found = []
    for source in (store.root, both):
        done = CliRunner().invoke(app, [name, str(source), *options])
        found.append((done.exit_code, done.stdout, Path("out.html").read_text() if name == "report" else ""))
    assert found[0][0] in (0, 1, 3), found
    assert found[0] == found[1]


@given(
    st.integers(1, 6).flatmap(lambda runs: st.tuples(st.just(runs), st.integers(0, 40), st.integers(1, 70_000))),
    st.randoms(use_true_random=False),
)
def test_answers_survive_their_coding(shape, random):
    (runs, images, classes), rng = shape, np.random.default_rng(random.randrange(2**32))
    label = rng.integers(0, classes, images)
    guess = rng.integers(0, classes, (runs, images))
    assert np.array_equal(decoded(coded(guess, label, classes), label, classes, runs), guess)


def test_most_of_what_runs_agree_on_takes_no_place(tmp_path):
    rng = np.random.default_rng(1)
    label, store = rng.integers(0, 10, 2_000), Store(tmp_path / "runs")
    store.describe_images(
        "f", [str(c) for c in range(10)], "many", {"test": Images(label, np.arange(2_000).astype("U"))}
    )
    cells = [Cell("off", 0.0, s, f"k{s}") for s in range(64)]
    store.plan("many-1", cells, {"vary": "crop"})
    hard = rng.random(2_000) ** 12
    for cell in cells:
        guess = np.where(rng.random(2_000) < hard, (label + rng.integers(1, 3, 2_000)) % 10, label)
        store.write(cell.key, Result("done", "f", {"test": Answers(guess, None)}, {}))
    assert pack(store, tmp_path / "a.xz").stat().st_size < 12_000, "128,000 answers, of which 7.7 % are wrong"


def refused(path, *match):
    with pytest.raises(InputError) as error:
        opened(path).load(opened(path).study().cells)
    assert repr(str(path)) in str(error.value)
    for text in match:
        assert text in str(error.value)


def test_damaged_files_are_told(packed, tmp_path):
    whole, file = packed.read_bytes(), tmp_path / "a.xz"
    for size in (7, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        refused(file, "is it whole?", "barnspider pack")
    for place in range(40, len(whole) - 40, len(whole) // 7):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 8]) + whole[place + 1 :])
        refused(file, "is it whole?")


def test_other_files_are_told(packed, tmp_path):
    file = tmp_path / "a.xz"
    file.write_bytes(lzma.compress(b"arm,seed\n"))
    refused(file, "not by `barnspider pack`", "xz -d")
    line, rest = lzma.decompress(packed.read_bytes()).split(b"\n", 1)
    about = json.loads(line)

    def say(rest=rest, **changed):
        file.write_bytes(lzma.compress(json.dumps(about | changed).encode() + b"\n" + rest))
        return file

    refused(say(schema="barnspider/packed/9"), "barnspider/packed/9", "this version reads")
    refused(say(rest=rest[:-9]), "should follow")
    refused(say(rest=rest + b"more"), "more than it says")
    refused(say(runs={}), "is it whole?")
    refused(say(studies=[{"identity": "x"}]), "studies.0.sweep: Field required")
    refused(say(studies=[about["studies"][0] | {"earlier": -1}]), "studies.0.earlier")
    refused(say(parts=[about["parts"][0] | {"size": "9"}]), "parts.0.size: Input should be a valid integer")
    refused(say(parts=[about["parts"][0] | {"size": 10**15}, *about["parts"][1:]]), "is it whole?")
    refused(say(parts=about["parts"][2:]), "is it whole?")
    refused(say(more=1), "more: Extra inputs are not permitted")
    refused(say(images={"f1": {"name": "clothes", "classes": ["one"]}}), "is it whole?")


def test_what_cannot_be_packed_is_told(store, tmp_path):
    with pytest.raises(InputError, match=r"does not end in \.xz"):
        pack(store, tmp_path / "a.npz")
    with pytest.raises(InputError, match="study='corp' is unknown"):
        pack(store, tmp_path / "a.xz", ["corp"])
    with pytest.raises(InputError, match="given twice"):
        pack(store, tmp_path / "a.xz", ["clothes-crop", "clothes-crop-1a2b"])
    with pytest.raises(InputError, match="split='tset' is unknown"):
        pack(store, tmp_path / "a.xz", splits=["tset"])
    empty = Store(tmp_path / "empty")
    empty.plan("none-1", CELLS, PLAN)
    with pytest.raises(StoreError, match="no finished run of this study"):
        pack(empty, tmp_path / "a.xz")
    assert not (tmp_path / "a.xz").exists()


def test_several_packed_files_are_no_source(packed, tmp_path):
    shutil.copy(packed, tmp_path / "a.xz")
    shutil.copy(packed, tmp_path / "b.xz")
    assert "name one" in CliRunner().invoke(app, ["audit", str(tmp_path)], catch_exceptions=True).exception.args[0]
    for source in (tmp_path, str(tmp_path / "*.xz"), [tmp_path / "a.xz", tmp_path / "b.xz"]):
        with pytest.raises(InputError, match="2 packed files, each of which is a source by itself"):
            read_predictions(source)
    with pytest.raises(StoreError, match="holds answers only"):
        Store.existing(packed)


def test_the_command_says_what_it_wrote(store, tmp_path):
    out = tmp_path / "a.xz"
    done = CliRunner().invoke(app, ["pack", str(store.root), "-o", str(out), "--split", "test"])
    assert done.exit_code == 0, done.output
    assert "9 runs of clothes-crop-1a2b, test;" in done.output
    assert estimate(read_predictions(out), 0.5).arms == ("crop=0", "crop=0.9")
