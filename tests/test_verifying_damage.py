"""Whatever is wrong with a store is named, hides nothing else, and is left as it is."""

import json
import os
import shutil
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from barnspider import InputError, StoreError
from barnspider.cli import app
from barnspider.files import sha256
from barnspider.lab import Store, worker
from barnspider.lab.data import load
from barnspider.lab.derived import Deriving
from barnspider.lab.derived import worker as derived
from barnspider.store.documents import summed
from barnspider.verifying import verify
from test_verifying import SWEEP, contents, rewrite, trained_in

BESIDE = "a-made-of-it"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return trained_in(tmp_path_factory.mktemp("trained") / "runs")


@pytest.fixture
def store(trained, tmp_path):
    return Store(shutil.copytree(trained.root, tmp_path / "runs"))


def write_summed(path, **changes):
    """Change a document and its sum, as a forger would."""
    document = {**json.loads(path.read_text()), **changes}
    path.write_bytes(summed({name: value for name, value in document.items() if name != "sum"}))


def plan_beside(store: Store) -> None:
    store.plan(BESIDE, SWEEP.runs(), SWEEP.as_dict())


def plan_of(store: Store):
    return next(store.root.glob(f"studies/{SWEEP.identity}/*.json"))


@pytest.mark.parametrize("pattern", ["studies/*/0001.json", "images/*/about.json", "weights/*/about.json"])
def test_documents_that_lack_what_they_are_for_are_damaged(store, pattern):
    path = next(store.root.glob(pattern))
    path.write_text("{}")
    found = verify(store, sample=0)
    assert (found.exit_code, len(found.sums.damaged)) == (1, 1)
    assert "is damaged: it lacks" in found.sums.damaged[0].why
    assert str(found).endswith("Verdict    disagree: 1 place damaged")


def test_a_sealed_document_without_its_fields_is_damaged(store):
    rewrite(store, SWEEP.runs()[0].key)
    folder = store.root / "runs" / SWEEP.runs()[0].key
    (folder / "run.json").write_text('{"files": {}}')
    (folder / "seal").write_text(sha256(folder / "run.json"))
    assert "run.json lacks key, status, fingerprint" in verify(store, sample=0).sums.damaged[0].why


def test_a_damaged_plan_does_not_hide_the_other_studies(store):
    plan_beside(store)
    plan_of(store).write_text("[]")
    before = contents(store)
    found = verify(store, sample=1)
    assert (found.exit_code, found.unplanned) == (1, 0)
    assert [(study.study, study.status) for study in found.studies] == [(BESIDE, "agree")]
    found = verify(store, SWEEP.name, sample=1)
    assert (found.exit_code, found.studies) == (1, ()), "nobody knows what was planned"
    assert contents(store) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"identity": "another-0a1b2c"}, "is the plan of another study, 'another-0a1b2c'"),
        ({"cells": [{"arm": "a"}]}, "it holds no runs"),
        ({"cells": 3}, "it holds no runs"),
    ],
)
def test_a_plan_that_was_edited_with_its_sum_is_no_traceback(store, change, said):
    write_summed(plan_of(store), **change)
    found = verify(store, sample=1)
    assert (found.exit_code, found.studies) == (1, ())
    assert said in found.sums.damaged[0].why


def test_a_plan_whose_arms_were_swapped_is_found_by_making_runs_again(store):
    path = plan_of(store)
    cells = json.loads(path.read_text())["cells"]
    keys = [cell["key"] for cell in cells]
    for cell, key in zip(cells, [keys[1], keys[0], keys[3], keys[2]], strict=True):
        cell["key"] = key
    write_summed(path, cells=cells)
    found = verify(store, sample=4)
    assert found.exit_code in (1, 3)
    assert "answers are others, for this version makes it in another way" in str(found)


def test_where_what_is_known_of_the_images_is_damaged_nothing_is_made_again(store):
    next(store.root.glob("images/*/validation.npz")).write_bytes(b"")
    found = verify(store, sample=1)
    assert (found.exit_code, len(found.sums.damaged)) == (1, 1)
    assert "of the images that its runs answered is damaged" in found.studies[0].why_not


def test_damaged_weights_stay_where_they_are(store):
    deriving = Deriving(SWEEP)
    store.plan(deriving.identity, deriving.cells(), deriving.as_dict())
    derived.work(store, deriving.identity, load("digits"))
    for path in store.root.glob("weights/*/weights.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    before = contents(store)
    found = verify(store, deriving.identity)
    assert (found.exit_code, found.studies[0].why_not) == (1, "the weights of its networks are not kept")
    assert contents(store) == before


def test_runs_of_which_no_plan_is_left_are_counted(store):
    plan_beside(store)
    found = verify(store, sample=0)
    assert (found.exit_code, found.unplanned) == (0, 0)
    assert str(found).endswith("Verdict    agree: all that was looked at is as it was; no run was made again")
    shutil.rmtree(store.root / "studies")
    found = verify(store, sample=0)
    assert (found.exit_code, found.unplanned, found.to_json()["unplanned"]) == (3, 4, 4)
    assert "Unplanned  4 runs are in no plan that is here" in str(found)
    assert str(found).endswith("Verdict    cannot tell: runs that no plan holds")


def test_files_of_others_and_what_is_being_written_are_no_damage(store):
    for room in ("studies", "images", "runs", "weights"):
        (store.root / room / ".DS_Store").write_text("x")
        (store.root / room / "notes.txt").write_text("x")
    (store.root / "images" / "being-written").mkdir()
    (store.root / "studies" / "being-planned").mkdir()
    found = verify(store, sample=0)
    assert (found.exit_code, found.sums.damaged, found.sums.runs) == (0, (), 4)


def test_an_empty_store_is_refused_and_so_is_one_that_cannot_be_listed(store, tmp_path, monkeypatch):
    empty = Store(tmp_path / "empty")
    empty._create()
    with pytest.raises(InputError, match="holds no study yet; plan one with `barnspider run`"):
        verify(empty)
    real = os.listdir

    def listdir(path="."):
        if str(path).endswith("/runs"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    with pytest.raises(StoreError, match=r"runs' cannot be read: Permission denied; let this user read it"):
        verify(store)


def test_one_study_that_cannot_be_made_again_does_not_hide_the_others(store, monkeypatch):
    other = replace(SWEEP, base=replace(SWEEP.base, dataset="nowhere.npz"))
    store.plan(other.identity, [replace(run, recipe=SWEEP.base) for run in other.runs()], other.as_dict())
    write_summed(
        next(store.root.glob(f"studies/{other.identity}/*.json")),
        cells=[vars(cell) for cell in store.study(SWEEP.identity).cells],
    )
    found = verify(store, sample=1)
    assert (found.exit_code, sorted(study.status for study in found.studies)) == (3, ["agree", "cannot tell"])
    assert f"Verdict    cannot tell: {other.identity}" in str(found)
    assert "nowhere.npz" in str(found)
    done = CliRunner().invoke(app, ["verify", str(store.root), "--sample", "1", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["status"]) == (3, "cannot tell")


def test_of_many_damaged_things_the_first_are_shown_and_json_has_all(store, monkeypatch):
    monkeypatch.setattr("barnspider.verifying.SHOWN", 1)
    for run in SWEEP.runs():
        (store.root / "runs" / run.key / "seal").write_text("x")
    found = verify(store, sample=0)
    assert str(found).count("Damaged") == 1
    assert "4 sums wrong" in str(found)
    assert "... and 3 more; --json has all" in str(found)
    assert len(found.to_json()["sums"]["damaged"]) == 4


def test_stopped_in_the_middle_it_leaves_nothing_behind(store, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    seen, before, real = [], contents(store), worker.result_of

    def stop(*args):
        seen.extend((tmp_path / "temporary").iterdir())
        if len(seen) > 1:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(worker, "result_of", stop)
    with pytest.raises(KeyboardInterrupt):
        verify(store)
    assert seen, "there was a folder for what was made again"
    assert not list((tmp_path / "temporary").iterdir())
    assert contents(store) == before


def test_what_takes_long_says_so_before_the_first_run_is_made(store, capsys):
    for run in SWEEP.runs():
        rewrite(store, run.key, seconds=1800)
    verify(store, sample=2)
    assert f"making again, {SWEEP.identity}: 0 of 2, about 1 h 0 min left\n" in capsys.readouterr().err
