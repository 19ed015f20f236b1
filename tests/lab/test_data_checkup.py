"""The doctor finds what was planted, says it in plain words, and finds nothing where nothing is."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from barnspider.lab.data import examine, from_arrays, load, marks
from barnspider.lab.data.checkup import said_size


def arrays(train=400, test=100, **changes):
    rng = np.random.default_rng(0)
    parts = {"train": train, "test": test}
    images = {f"x_{k}": rng.integers(256, size=(n, 8, 8, 3), dtype=np.uint8) for k, n in parts.items()}
    return images | {f"y_{k}": np.arange(n) % 2 for k, n in parts.items()} | {"class_names": ["cat", "dog"]} | changes


def found(given, **options):
    return {finding.kind: finding for finding in examine(from_arrays(given), **options).findings}


def test_nothing_is_found_where_nothing_is():
    checkup = examine(from_arrays(arrays()))
    assert checkup.is_well
    assert checkup.findings == ()
    assert [part.images for part in checkup.parts] == [360, 40, 100]
    assert checkup.parts[2].per_class == (50, 50)
    assert checkup.size == 500 * 8 * 8 * 3
    assert str(checkup).endswith("Nothing was found that would bias a study.")


def test_copies_are_counted_for_each_pair_of_parts():
    given = arrays()
    given["x_test"][[4, 6, 8]] = given["x_train"][32]  # three copies of one training image; 6 and 8 are twins, too
    checkup = examine(from_arrays(given))
    across, within = [f for f in checkup.findings if f.kind == "copies"]
    assert (across.wrong, across.count, across.names) == (True, 3, ("test-00004", "test-00006", "test-00008"))
    assert across.text.startswith("3 of 100 test images are exact copies of train images;")
    assert across.lines[0] == "test-00004 (test, cat) is train-00032 (train, cat)"
    assert (within.wrong, within.count, within.names) == (False, 2, ("test-00006", "test-00008"))
    assert not checkup.is_well


def test_one_image_under_two_labels_is_found_within_a_part_too():
    given = arrays()
    given["x_test"][5] = given["x_test"][8]
    labels = found(given)["labels"]
    assert (labels.wrong, labels.count) == (True, 2)
    assert labels.lines == ("test-00005 (test, dog)", "test-00008 (test, cat)")
    assert "1 of them under another label" in found(given)["copies"].text


def test_copies_with_the_same_label_are_no_conflict():
    given = arrays()
    given["x_test"][6] = given["x_test"][8]
    assert "labels" not in found(given)


def test_only_some_are_named_unless_all_are_asked_for():
    given = arrays()
    given["x_test"][20:40] = given["x_test"][:20]
    some, everything = found(given)["copies"], found(given, most=None)["copies"]
    assert (some.count, len(some.names), len(some.lines)) == (20, 5, 5)
    assert str(some).endswith("\n    ... and 15 more")
    assert len(everything.names) == 20


def test_blank_images_are_found_whatever_their_colour():
    given = arrays()
    given["x_test"][3] = [10, 20, 30]
    blank = found(given)["blank"]
    assert (blank.wrong, blank.count, blank.names) == (False, 1, ("test-00003",))
    given["x_test"][3, 7, 7, 2] += 1
    assert "blank" not in found(given)


def test_one_name_in_two_normal_forms_is_found():
    spellings = found(arrays(class_names=["caf\u00e9", "cafe\u0301"]))["spellings"]
    assert spellings.wrong
    assert spellings.lines == (r"'caf\xe9' and 'cafe\u0301'",)
    assert "spellings" in found(arrays(class_names=["barn  spider", "barn spider "]))
    assert "spellings" not in found(arrays(class_names=["a", "A"]))


def test_classes_with_no_or_few_images_are_named():
    given = arrays(class_names=["cat", "dog", "eel", "fox"])
    given["y_test"][:10] = 2
    no_train, no_val, no_test, few = (f for f in examine(from_arrays(given)).findings if f.kind == "few")
    assert (no_train.wrong, no_train.names) == (True, ("eel", "fox"))  # eel is tested, but was never seen
    assert no_train.text == "2 of 4 classes have no train images: they cannot be learned"
    assert (no_val.wrong, no_test.wrong) == (False, False)
    assert (few.lines, few.text.startswith("1 of 4 classes has fewer than 20 test images")) == (("eel: 10",), True)


def test_a_class_that_is_nowhere_is_only_a_name():
    assert not any(f.wrong for f in examine(from_arrays(arrays(class_names=["cat", "dog", "fox"]))).findings)


def test_uneven_classes_are_told():
    given = arrays()
    given["y_train"] = (np.arange(400) >= 380).astype(int)
    assert found(given)["uneven"].lines == ("cat: 342", "dog: 18")


def test_undecoded_images_stop_a_study_unless_it_says_otherwise():
    data = dataclasses.replace(from_arrays(arrays()), undecoded=(("cat/1.png", "it is empty"),))
    refused, left_out = examine(data), examine(data, refuse=False)
    assert (refused.is_well, left_out.is_well) == (False, True)
    assert "1 image cannot be decoded; a study stops there" in str(refused)
    assert "    cat/1.png: it is empty" in str(left_out)


@pytest.mark.usefixtures("nowhere")
def test_a_packed_set_is_read_in_pieces(tmp_path, monkeypatch):
    for i in range(60):
        file = tmp_path / "photos" / "ab"[i % 2] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), min(i, 50)).save(file)
    data = load(str(tmp_path / "photos"), size=8)
    whole, told = examine(data), []
    monkeypatch.setattr(marks, "_AT_ONCE", 7 * 64)
    assert examine(data, watch=told.append) == whole
    assert told[:3] == [7, 14, 21]
    assert told[-1] == 60
    assert sum(finding.count for finding in whole.findings if finding.kind == "blank") == 60
    assert whole.packed.endswith("images")


def test_names_from_strangers_do_nothing_to_a_terminal():
    given = arrays(class_names=["cat\x1b[31m", "dog"])
    given["x_test"][6] = given["x_train"][8]
    assert "\x1b" not in str(examine(from_arrays(given, name="x\x1b[31m")))


@pytest.mark.parametrize(("size", "said"), [(999, "999 bytes"), (999_600, "1 MB"), (1.24e9, "1.24 GB")])
def test_sizes(size, said):
    assert said_size(size) == said
