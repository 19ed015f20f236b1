import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from barnspider import DataError, InputError
from barnspider.cli import app
from barnspider.files import sha256
from barnspider.lab import Recipe, Store, Sweep, read_study, train_missing, worker
from barnspider.lab.data import load
from barnspider.lab.derived import Deriving
from barnspider.lab.derived import worker as derived
from barnspider.lab.images import describe
from barnspider.lab.transfer import worker as transferred
from barnspider.lab.transfer.plan import Transferring, Tuning
from barnspider.store.documents import as_json
from barnspider.verifying import verify
from trainer import lay_out

SWEEP = Sweep(
    Recipe("digits", network="mlp", width=8, epochs=2, batch=32, train_images=100),
    vary="rotation", doses=(0, 90), seeds=(0, 1), keep="weights",
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return trained_in(tmp_path_factory.mktemp("trained") / "runs")


def trained_in(folder: Path) -> Store:
    store = Store(folder)
    store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    data = load("digits")
    describe(store, data)
    worker.work(store, SWEEP.identity, data)
    return store


@pytest.fixture
def store(trained, tmp_path):
    return Store(shutil.copytree(trained.root, tmp_path / "runs"))


def contents(store: Store) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}


def rewrite(store: Store, name: str, **changes) -> None:
    """Write a run's document and its seal anew, as a forger would."""
    folder = store.root / "runs" / name
    document = json.loads((folder / "run.json").read_text()) | changes
    document["files"] = {name: sha256(folder / name) for name in document["files"]}
    (folder / "run.json").write_bytes(as_json(document))
    (folder / "seal").write_text(sha256(folder / "run.json"))


def forge(store: Store, key: str, count: int) -> None:
    """Change so many answers to test images."""
    path = store.root / "runs" / key / "test.npz"
    arrays = dict(np.load(path))
    arrays["guess"][:count] = (arrays["guess"][:count] + 1) % 10
    np.savez_compressed(path, **arrays)
    rewrite(store, key)


def test_a_sound_store_is_right_its_runs_come_out_again_and_nothing_is_changed(store):
    before = contents(store)
    found = verify(store)
    assert (found.status, found.exit_code) == ("agree", 0)
    assert (found.sums.plans, found.sums.images, found.sums.runs, found.sums.weights) == (1, 1, 4, 4)
    (study,) = found.studies
    assert [(run.identical, run.promised) for run in study.again] == [(True, True)] * 3
    assert str(found).count("the same, bit for bit") == 3
    assert "Sums       of 1 plan, 1 set of images, 4 runs, weights of 4 runs: all are right" in str(found)
    assert contents(store) == before
    assert [(run.arm, run.seed) for run in verify(store, sample=2).studies[0].again] == [
        (run.arm, run.seed) for run in verify(store, "digits-rotation", sample=2).studies[0].again
    ]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("runs/*/test.npz", "test.npz does not match its sum"),
        ("runs/*/run.json", "run.json does not match its seal"),
        ("weights/*/weights.safetensors", "they do not match their sum"),
        ("images/*/test.npz", "a file of the store is damaged"),
        ("studies/*/0001.json", "it does not match its sum"),
    ],
)
def test_a_flipped_bit_is_found_wherever_it_is_and_nothing_is_set_aside(store, pattern, said):
    path = next(store.root.glob(pattern))
    content = bytearray(path.read_bytes())
    place = content.rfind(b"digits") if path.suffix == ".json" else len(content) // 2
    content[place] ^= 1
    path.write_bytes(content)
    before = contents(store)
    found = verify(store, sample=0)
    assert (found.status, found.exit_code, len(found.sums.damaged)) == ("disagree", 1, 1)
    assert said in found.sums.damaged[0].why
    assert found.sums.damaged[0].place == "/".join(
        path.relative_to(store.root).parts[: 3 if "studies" in pattern else 2]
    )
    assert contents(store) == before


def test_a_run_under_anothers_name_and_one_without_its_images_are_found(store):
    first, second = (run.key for run in SWEEP.runs()[:2])
    rewrite(store, first, key=second)
    shutil.rmtree(next(store.root.glob("images/*")))
    found = verify(store, sample=0)
    assert sorted(damage.why.split()[1] for damage in found.sums.damaged) == ["folder", *["images"] * 3]


def test_a_forged_answer_is_found_where_the_same_bits_are_promised(store):
    for run in SWEEP.runs():
        forge(store, run.key, 1)
    found = verify(store, sample=1)
    assert (found.status, found.sums.damaged) == ("disagree", ())
    (run,) = found.studies[0].again
    assert (run.differ, run.images, run.identical, run.promised) == (1, 600, False, True)
    assert "1 of 600 answers are others, though the environment is the same" in str(found)


def test_in_another_environment_accuracies_are_compared_and_environments_are_listed(store):
    environment = store.sealed(SWEEP.runs()[:1])[0]["environment"] | {"torch": "1.0 \x1b[31m"}
    for run in SWEEP.runs()[:3]:
        rewrite(store, run.key, environment=environment)
        forge(store, run.key, 1)
    found = verify(store, sample=4)
    (study,) = found.studies
    assert [count for count, _ in study.environments] == [3, 1]
    assert list(study.mixed) == ["torch"]
    assert [(run.differ, run.promised) for run in study.again] == [(1, False)] * 3 + [(0, True)]
    assert found.exit_code in (0, 3), "one answer of 600 is no harm that chance does not explain"
    assert found.studies[0].agreement is not None
    assert "Mixed      torch (" in str(found)
    assert "\x1b" not in str(found)
    for run in SWEEP.runs()[:3]:
        forge(store, run.key, 400)
    assert verify(store, sample=4).exit_code in (1, 3), "two runs of an arm may be too few to be sure, but not to pass"


def test_what_cannot_be_made_again_is_told(store, tmp_path, monkeypatch):
    sweep = read_study(lay_out(tmp_path))
    pets = Store(tmp_path / "pets")
    pets.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    assert "no run is there" in str(verify(pets))
    found = verify(pets)
    assert (found.status, found.exit_code, verify(pets, sample=0).exit_code) == ("cannot tell", 3, 0)
    kept = store.study(SWEEP.identity)
    store.plan("a-made-of-it", SWEEP.runs(), {"of": kept.identity, "made": "preserve"})
    assert "it asked references, which only `barnspider preserve` does" in str(verify(store, "a-made-of-it"))
    with pytest.raises(InputError, match="study='x' is unknown"):
        verify(store, "x")
    with pytest.raises(InputError, match="sample=-1; expected how many"):
        verify(store, sample=-1)
    other = replace(load("digits"), fingerprint="f" * 64)
    monkeypatch.setattr("barnspider.remaking.load", lambda *_, **__: other)
    with pytest.raises(DataError, match=r"is not what the runs saw .* or say --sample 0"):
        verify(store, SWEEP.identity)


def test_commands_are_started_again_and_may_answer_otherwise(tmp_path, capsys):
    sweep = read_study(lay_out(tmp_path))
    pets = Store(tmp_path / "pets")
    train_missing(sweep, pets)
    before = contents(pets)
    found = verify(pets, sample=2)
    assert (found.status, contents(pets) == before) == ("agree", True)
    assert [(run.identical, run.promised, run.free) for run in found.studies[0].again] == [(True, False, True)] * 2
    script = sweep.base.folder / "train.py"
    script.write_text(script.read_text().replace("Random(args.seed)", "Random(args.seed + 7)"))
    found = verify(pets, sample=2)
    assert found.studies[0].agreement is not None
    assert "of 60 answers are others, which a command may do" in str(found)
    script.write_text(script.read_text().replace('".png"', '".jpg"').replace("range(60)", "range(30)"))
    found = verify(pets, sample=1)
    assert (found.status, found.studies[0].again[0].differ) == ("disagree", 60), "other images"
    script.write_text("raise SystemExit('no GPU here')")
    found = verify(pets, sample=1)
    assert (found.status, found.exit_code) == ("cannot tell", 3)
    assert "cannot tell: the command of noise=" in str(found)
    assert "no GPU here" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "elsewhere", ignore_errors=True)
    gone = replace(sweep, base=replace(sweep.base, folder=tmp_path / "elsewhere"))
    pets.plan(gone.identity, gone.runs(), gone.as_dict())
    assert "which is no folder here" in str(verify(pets))


def test_networks_and_transfers_are_made_again_from_kept_weights_and_without_these_nobody_can_tell(store):
    data, deriving = load("digits"), Deriving(SWEEP)
    store.plan(deriving.identity, deriving.cells(), deriving.as_dict())
    derived.work(store, deriving.identity, data)
    carrying = Transferring(store.study(SWEEP.identity), "digits", data.fingerprint, Tuning(epochs=1, lr=0.1))
    store.plan(carrying.identity, carrying.cells(), carrying.as_dict())
    transferred.work(store, carrying.identity, data)
    before = contents(store)
    for study in (deriving, carrying):
        found = verify(store, study.identity, sample=9)
        assert (found.status, contents(store) == before) == ("agree", True)
        assert all(run.identical and run.promised for run in found.studies[0].again)
        assert len(found.studies[0].again) == len(study.cells()) - (4 if study is deriving else 0)
    forge(store, carrying.cells()[0].key, 1)
    assert verify(store, carrying.identity, sample=9).status == "disagree"
    shutil.rmtree(store.root / "weights")
    for study in (deriving, carrying):
        found = verify(store, study.identity)
        assert (found.status, found.studies[0].why_not) == ("cannot tell", "the weights of its networks are not kept")


def test_a_run_that_diverges_now_does_not_come_out_again(store, monkeypatch):
    real = worker.result_of
    monkeypatch.setattr(worker, "result_of", lambda *args: replace(real(*args), status="diverged", answers={}))
    found = verify(store, sample=1)
    assert (found.status, found.studies[0].again[0].differ, found.studies[0].agreement) == ("disagree", 600, None)


def test_the_command_prints_it_and_its_exit_code_says_it(store):
    done = CliRunner().invoke(app, ["verify", str(store.root), "--sample", "1", "--json"])
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert document["schema"] == "barnspider/verify/1"
    assert document["status"] == document["studies"][0]["status"] == "agree"
    assert document["studies"][0]["again"][0]["identical"] is True
    assert document["sums"]["runs"] == 4
    (next(store.root.glob("runs/*")) / "seal").write_text("x")
    assert CliRunner().invoke(app, ["verify", str(store.root), "--sample", "0"]).exit_code == 1
