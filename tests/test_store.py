import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from barnspider import InputError, StoreError
from barnspider.store import Answers, Cell, Images, Result, Store, slug

LABEL = np.array([0, 1, 1, 0], dtype=np.int16)
CELLS = [Cell(f"crop={d:g}", d, s, f"key{d:g}-{s}") for s in (0, 1) for d in (0.0, 0.5)]


def result(status="done", fingerprint="f1", shift=0):
    guess = np.roll(LABEL, shift)
    answers = Answers(guess, np.full(4, 0.75))
    kept = {"test": answers, "validation": answers} if status == "done" else {}
    return Result(status, fingerprint, kept, {"seconds": 1.5})


def filled(root: Path, cells=CELLS) -> Store:
    store = Store(root)
    images = Images(LABEL, np.array(["a", "b", "c", "d"]))
    store.describe_images("f1", ["cat", "dog"], "pets", {"test": images, "validation": images})
    store.plan("pets-crop-1", CELLS, {"vary": "crop"})
    for cell in cells:
        assert store.write(cell.key, result(shift=int(cell.seed)))
    return store


def test_what_is_written_is_read_back(tmp_path):
    store = filled(tmp_path / "s")
    preds = store.load(store.study().cells)
    assert preds.arms == ("crop=0", "crop=0.5")
    assert preds.dose == (0.0, 0.5, 0.0, 0.5)
    assert preds.seed == (0, 0, 1, 1)
    assert preds.classes == ("cat", "dog")
    assert preds.on == "pets/test"
    assert preds.paired
    assert preds.correct().mean(axis=1).tolist() == [1.0, 1.0, 0.5, 0.5]
    assert preds.p_label.max() == 0.75


def test_runs_may_be_unpaired_and_know_no_probabilities(tmp_path):
    store = filled(tmp_path, CELLS[1:])
    alone = [Cell(c.arm, c.dose, c.seed, c.key, paired=False) for c in CELLS]
    store.write(CELLS[0].key, Result("done", "f1", {"test": Answers(LABEL, None)}, {}))
    assert store.load(CELLS[1:]).p_label is not None
    assert store.load(CELLS).p_label is None, "one run does not know them"
    assert store.has_answers(CELLS, "validation")
    assert not store.has_answers(CELLS[:1], "validation")
    store.plan("pets-crop-1", alone, {"vary": "crop"})
    assert store.study().cells == tuple(alone)
    assert not store.load(store.study().cells).paired


def test_a_plan_of_paired_runs_is_written_as_ever(tmp_path):
    store = filled(tmp_path)
    plan = json.loads(next(tmp_path.glob("studies/*/0001.json")).read_text())
    assert plan["cells"][0] == {"arm": "crop=0", "dose": 0.0, "seed": 0, "key": "key0-0"}
    assert store.study().cells == tuple(CELLS)


def test_opening_a_store_writes_nothing(tmp_path):
    Store(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_only_missing_runs_are_missing(tmp_path):
    store = filled(tmp_path, CELLS[:3])
    assert store.missing(CELLS) == CELLS[3:]


def test_runs_without_answers_are_listed(tmp_path):
    store = filled(tmp_path, CELLS[:2])
    store.write(CELLS[2].key, result("diverged"))
    preds = store.load(CELLS)
    assert [(x.arm, x.seed, x.why) for x in preds.left_out] == [("crop=0", 1, "diverged"), ("crop=0.5", 1, "missing")]
    assert store.missing(CELLS) == [CELLS[3]], "a diverged run is sealed: it is not trained again"


def test_runs_that_failed_are_listed_with_their_reason(tmp_path):
    store = filled(tmp_path, CELLS[:3])
    store.note_failure(CELLS[3].key, "ended with exit code 7; log: logs/x.txt")
    assert [x.why for x in store.load(CELLS).left_out] == ["failed: ended with exit code 7; log: logs/x.txt"]
    with pytest.raises(StoreError, match=r"no finished run of this study \(1 failed\)"):
        store.load(CELLS[3:])


def test_first_seal_wins(tmp_path):
    store = filled(tmp_path, CELLS[:1])
    before = (tmp_path / "runs" / CELLS[0].key / "test.npz").read_bytes()
    assert store.write(CELLS[0].key, result(shift=1)) is False
    assert (tmp_path / "runs" / CELLS[0].key / "test.npz").read_bytes() == before
    assert not list((tmp_path / "building").iterdir())


def test_of_many_writers_exactly_one_seals(tmp_path):
    store = filled(tmp_path, [])
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda i: store.write("same", result(shift=i % 4)), range(24)))
    assert sum(won) == 1
    assert store.document("same")["status"] == "done"


@pytest.mark.parametrize("name", ["test.npz", "run.json", "seal"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_damage_is_noticed_set_aside_and_counted_as_missing(tmp_path, name, damage):
    store = filled(tmp_path)
    path = tmp_path / "runs" / CELLS[0].key / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flip" else content[:-1])
    preds = store.load(CELLS)
    assert [(x.arm, x.why) for x in preds.left_out] == [("crop=0", "damaged")]
    assert store.missing(CELLS) == CELLS[:1]
    assert len(list((tmp_path / "set-aside").iterdir())) == 1
    assert store.write(CELLS[0].key, result())
    assert not store.load(CELLS).left_out


def test_damaged_images_are_described_again(tmp_path):
    store = filled(tmp_path)
    path = tmp_path / "images" / "f1" / "test.npz"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(StoreError, match=r"is damaged: .*npz"):
        store.load(CELLS)
    filled_again = Images(LABEL, np.array(["a", "b", "c", "d"]))
    store.describe_images("f1", ["cat", "dog"], "pets", {"test": filled_again, "validation": filled_again})
    assert store.load(CELLS).sample.tolist() == ["a", "b", "c", "d"]


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    store = filled(tmp_path, CELLS[:1])

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left on device; free some space"):
        store.write(CELLS[1].key, result())
    monkeypatch.undo()
    assert not list((tmp_path / "building").iterdir())
    assert store.missing(CELLS) == CELLS[1:]


def test_a_newer_store_is_refused(tmp_path):
    (tmp_path / "barnspider.json").write_text('{"format": 99}')
    with pytest.raises(StoreError, match="written by a newer barnspider"):
        Store(tmp_path)


@pytest.mark.parametrize("content", ["{", '{"format": "x"}', "[]", ""])
def test_a_broken_marker_is_said(tmp_path, content):
    (tmp_path / "barnspider.json").write_text(content)
    with pytest.raises(StoreError, match=r"barnspider\.json"):
        Store(tmp_path)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(StoreError, match="is no store"):
        Store(tmp_path)
    with pytest.raises(StoreError, match="is no store"):
        Store(tmp_path / "letter.txt")
    with pytest.raises(StoreError, match="is no store"):
        Store.existing(tmp_path / "nothing")


def test_a_plan_is_written_once(tmp_path):
    store = filled(tmp_path)
    store.plan("pets-crop-1", CELLS, {"vary": "crop"})
    assert len(list((tmp_path / "studies" / "pets-crop-1").iterdir())) == 1


def test_sealed_runs_of_earlier_plans_stay_in_the_study(tmp_path):
    store = filled(tmp_path, CELLS[:1])
    later = [Cell("crop=0.9", 0.9, 0, "key0.9-0")]
    store.plan("pets-crop-1", later, {"vary": "crop"})
    assert store.study("pets-crop").cells == (later[0], CELLS[0])


def test_several_studies_must_be_chosen_from(tmp_path):
    store = filled(tmp_path)
    store.plan("pets-flip-2", CELLS, {})
    with pytest.raises(InputError, match="holds 2 studies; choose one: pets-crop-1, pets-flip-2"):
        store.study()
    assert store.study("pets-flip").identity == "pets-flip-2"
    with pytest.raises(InputError, match="study='pets-corp' is unknown"):
        store.study("pets-corp")


def test_runs_of_other_data_are_not_mixed(tmp_path):
    store = filled(tmp_path, CELLS[:1])
    store.write(CELLS[1].key, result(fingerprint="f2"))
    with pytest.raises(StoreError, match="saw different data"):
        store.load(CELLS)


def test_an_empty_study_is_said(tmp_path):
    with pytest.raises(StoreError, match="no finished run"):
        filled(tmp_path, []).load(CELLS)


def test_unknown_split(tmp_path):
    with pytest.raises(InputError, match="split='train' is unknown; expected one of: test, validation"):
        filled(tmp_path).load(CELLS, "train")


def test_same_answers_make_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        filled(tmp_path / name)
    one, two = (
        {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        for name in ("one", "two")
    )
    assert one == two


def test_documents_are_plain_json(tmp_path):
    filled(tmp_path)
    document = json.loads((tmp_path / "runs" / CELLS[0].key / "run.json").read_text())
    assert document["status"] == "done"
    assert set(document["files"]) == {"test.npz", "validation.npz"}


def test_why_a_run_failed_is_kept_until_it_is_forgotten(tmp_path):
    store = filled(tmp_path)
    assert store.failures() == {}
    store.note_failure("key", "no luck")
    store.note_failure("key", "still no luck")
    assert store.failures()["key"].reason == "still no luck"
    store.forget_failure("key")
    store.forget_failure("key")
    assert store.failures() == {}


@pytest.mark.parametrize("content", [b"{", b"{}", b'{"reason": "x", "host": "h", "time": "noon"}', b"\xff"])
def test_a_damaged_note_is_said(tmp_path, content):
    store = filled(tmp_path)
    store.note_failure("key", "no luck")
    (tmp_path / "failed" / "key").write_bytes(content)
    assert store.failures()["key"].reason == "its note is damaged"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", ".", "..", "x" * 400, "naïve\n", "CON|?*"])
def test_slugs_stay_in_their_folder(name, tmp_path):
    made = tmp_path / slug(name)
    assert made.resolve().parent == tmp_path.resolve()
    made.mkdir()


def test_a_store_whose_maker_was_killed_in_its_first_moment_can_be_used(tmp_path):
    (tmp_path / ".writing-host-1-0a").touch()
    assert filled(tmp_path).study().cells


def test_a_damaged_plan_is_said_and_by_the_next_plan_set_aside(tmp_path):
    store = filled(tmp_path)
    path = tmp_path / "studies" / "pets-crop-1" / "0001.json"
    sound = path.read_bytes()
    path.write_bytes(sound.replace(b'"seed": 1', b'"seed": 3', 1))
    for look in (store.study, store.studies):
        with pytest.raises(StoreError, match=r"does not match its sum; `barnspider run` with the same study writes it"):
            look()
    store.plan("pets-crop-1", CELLS, {"vary": "crop"})
    assert path.read_bytes() == sound
    assert len(list((tmp_path / "set-aside").iterdir())) == 1


def test_plans_and_images_from_before_there_were_sums_are_read(tmp_path):
    store = filled(tmp_path)
    for path in tmp_path.glob("*/*/*.json"):
        document = json.loads(path.read_text())
        document.pop("sum", None)
        if path.parent.parent.name != "runs":
            path.write_text(json.dumps(document))
    assert store.load(store.study().cells).classes == ("cat", "dog")


def test_a_damaged_class_name_is_said(tmp_path):
    store = filled(tmp_path)
    path = tmp_path / "images" / "f1" / "about.json"
    path.write_bytes(path.read_bytes().replace(b"cat", b"bat"))
    with pytest.raises(StoreError, match="does not match its sum"):
        store.load(CELLS)


def test_of_two_plans_with_the_same_run_under_two_keys_the_later_wins(tmp_path):
    store = filled(tmp_path)
    later = [Cell("crop=0", 0.0, seed, f"other-{seed}") for seed in (0, 1)]
    store.plan("pets-crop-1", later, {"vary": "crop"})
    study = store.study()
    assert study.cells == (*later, CELLS[1], CELLS[3])
    assert study.earlier == (CELLS[1], CELLS[3])
    assert store.load(study.cells).arm == ("crop=0.5", "crop=0.5")
