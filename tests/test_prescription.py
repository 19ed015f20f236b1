"""A prescription knows its classes, its range and where it comes from; its file gives it back or says what is wrong."""

import json

import pytest

from barnspider import InputError
from barnspider.prescription import Expected, Prescription
from barnspider.tables.prescription_file import read_prescription, write_prescription

RX = Prescription(
    "crop", ("cat", "<b>dog</b>\x1b[1m"), (0.0, 0.4), "receivers", 0.4, (0.0, 0.2, 0.4), "validation, seeds 0, 1",
    "test, seeds 2, 3", (0, 1), ("receives", ""), Expected((0.1, 0.0, 0.2), (0.0, -0.1, 0.1), 1, 2),
    Expected((0.05, 0.0, 0.1), (0.0, -0.1, 0.1), 0, 2), "",
)  # fmt: skip
DOCUMENT = RX.to_json()


def test_what_was_written_is_read(tmp_path):
    assert read_prescription(write_prescription(RX, tmp_path / "rx.json")) == RX


def test_the_text_says_what_changes_and_hides_nothing():
    text = str(RX)
    assert "receivers: crop 0.4 for all, but another dose for 1 class of 2" in text
    assert "judged on test, seeds 2, 3: mean +5.0 (0.0 to 10.0) against the baseline" in text
    assert "\x1b" not in text
    assert [RX.dose, RX.of("cat"), RX.changed()] == [(0.0, 0.4), 0.0, [0]]


def test_others_classes_and_knobs_are_refused():
    RX.check(RX.classes, "crop")
    with pytest.raises(InputError, match="a prescription of 'crop' was given for 'jitter'"):
        RX.check(RX.classes, "jitter")
    with pytest.raises(InputError, match="'cow' has none, and there is no 'cat'"):
        RX.check(("cow", RX.classes[1]), "crop")
    with pytest.raises(InputError, match="the same classes in another order"):
        RX.check(RX.classes[::-1], "crop")
    with pytest.raises(InputError, match="class='cow' is none"):
        RX.of("cow")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"classes": []}, "there are 0 doses for 0 classes"),
        ({"classes": [{"class": "cat", "dose": "x"}]}, r"classes\.0\.dose: input should be a valid number, got 'x'"),
        ({"classes": [{"class": "cat", "dose": 0.9}]}, "dose 0.9 of 'cat' is beyond the doses that were studied"),
        ({"classes": [{"class": "cat", "dose": 0.1}] * 2}, "class 'cat' has several doses"),
        ({"at": 0.5}, "dose 0.5 of 'at' is beyond"),
        ({"studied": []}, "studied is empty"),
        ({"extra": 1}, "extra: extra inputs are not permitted, got 1"),
        ({"schema": "barnspider/prescription/2"}, "schema: input should be 'barnspider/prescription/1'"),
        ({"vary": None}, "vary: input should be a valid string, got None"),
        ({"judged": {"mean": [0, 0]}}, r"judged\.mean: list should have at least 3 items"),
    ],
)
def test_a_damaged_file_is_refused_with_its_field(tmp_path, change, said):
    path = tmp_path / "rx.json"
    path.write_text(json.dumps({**DOCUMENT, **change}))
    with pytest.raises(InputError, match=said) as caught:
        read_prescription(path)
    assert "rx.json" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"), [("{", "is no JSON"), ("[" * 100_000, "nested too deeply"), ("[1]", "the document")]
)
def test_what_is_no_document_is_refused(tmp_path, text, said):
    (tmp_path / "rx.json").write_text(text)
    with pytest.raises(InputError, match=said):
        read_prescription(tmp_path / "rx.json")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_prescription(tmp_path / "absent.json")


def test_by_hand_little_needs_to_be_said(tmp_path):
    path = tmp_path / "rx.json"
    rows = [{"class": "cat", "dose": 0}, {"class": "dog", "dose": 0.4}]
    little = {"schema": "barnspider/prescription/1", "vary": "crop", "at": 0.4, "studied": [0, 0.4], "classes": rows}
    path.write_text(json.dumps(little))
    found = read_prescription(path)
    assert (found.rule, found.dose, found.seeds) == ("by hand", (0.0, 0.4), ())
