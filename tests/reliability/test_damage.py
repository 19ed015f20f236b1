"""A flipped bit or a cut in any file of a store: noticed, never believed; the same command mends it."""

import json
import shutil

import pytest

from barnspider import StoreError
from barnspider.lab import Store, read_study
from barnspider.lab.run import run

KINDS = {
    "marker": "barnspider.json",
    "plan": "studies/*/0001.json",
    "class names": "images/*/about.json",
    "images": "images/*/test.npz",
    "document": "runs/*/run.json",
    "seal": "runs/*/seal",
    "answers": "runs/*/test.npz",
    "averaged answers": "runs/*/test-averaged.npz",
    "other images' answers": "runs/*/validation.npz",
}


@pytest.fixture
def copied(undisturbed, tmp_path):
    """The finished study, to be damaged."""
    shutil.copytree(undisturbed.store, tmp_path / "runs")
    return type(undisturbed)(tmp_path)


def damaged(content: bytes, damage: str) -> bytes:
    if damage == "cut":
        return content[: len(content) // 2]
    place = {"first": 0, "middle": len(content) // 2, "last": len(content) - 2}[damage]
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


def seen(store) -> tuple | None:
    """What a reader of the store sees: answers, or None where he is told of the damage."""
    try:
        opened = Store(store)
        read = opened.load(opened.study().cells)
    except StoreError:
        return None
    if read.left_out:
        assert {left.why for left in read.left_out} == {"damaged"}
        return None
    return answers(read)


def answers(read) -> tuple:
    return read.arm, read.seed, read.classes, read.sample.tolist(), read.guess.tolist(), read.p_label.tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", ["cut", "first", "middle", "last"])
def test_damage_is_noticed_or_changes_nothing_that_is_read(copied, undisturbed, kind, damage):
    """A bit that changes no content (a time in a zip file's header, a blank in JSON) may stay unnoticed."""
    whole = Store(undisturbed.store)
    sound = answers(whole.load(whole.study().cells))
    path = next(copied.store.glob(KINDS[kind]))
    path.write_bytes(damaged(path.read_bytes(), damage))
    found = seen(copied.store)
    assert found in (None, sound)
    if kind in {"document", "seal", "answers", "averaged answers", "other images' answers"}:
        assert found is None, "sums cover these to the last bit"
    if damage == "cut":
        assert found is None


@pytest.mark.parametrize("kind", ["plan", "class names", "images"])
def test_what_describes_a_study_is_written_anew_though_nothing_is_to_train(copied, undisturbed, kind):
    """In this process, since no worker is started: the table is read from files that are the same."""
    path = next(copied.store.glob(KINDS[kind]))
    whole = path.read_bytes()
    path.write_bytes(damaged(whole, "cut"))
    run(read_study(copied.folder / "tiny.toml"), Store(copied.store))
    assert path.read_bytes() == whole


def test_damaged_runs_are_set_aside_and_trained_again(copied, expected):
    """Four runs, four kinds of damage at once."""
    kinds = ("document", "seal", "answers", "averaged answers")
    for kind, damage, folder in zip(kinds, ("middle", "cut", "first", "cut"), copied.store.glob("runs/*"), strict=True):
        path = folder / KINDS[kind].rpartition("/")[2]
        path.write_bytes(damaged(path.read_bytes(), damage))
    assert "4 of 4 runs trained now" in copied.run()
    assert len(list(copied.store.glob("set-aside/*"))) == 4
    assert copied.table() == expected


def test_a_damaged_marker_says_how_to_restore_it(copied):
    marker = copied.store / "barnspider.json"
    whole = json.loads(marker.read_text())
    marker.write_bytes(damaged(marker.read_bytes(), "cut"))
    with pytest.raises(StoreError, match=r'if this was a store, write \{"format": 1\} into that file'):
        Store(copied.store)
    assert whole["format"] == 1
    marker.write_text('{"format": 1}')
    assert Store(copied.store).study().cells


def test_a_damaged_checkpoint_is_said_and_its_run_begins_again(copied, expected):
    folder = next(copied.store.glob("runs/*"))
    shutil.rmtree(folder)
    (copied.store / "checkpoints").mkdir(exist_ok=True)
    (copied.store / "checkpoints" / folder.name).write_bytes(b"0" * 1000)
    said = copied.run()
    assert "note: " in said
    assert "is damaged; its run starts again" in said
    assert not list(copied.store.glob("checkpoints/*"))
    assert copied.table() == expected
