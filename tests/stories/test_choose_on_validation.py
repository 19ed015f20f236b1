"""With label sets or groups, doses are chosen on validation images where these can be read in the same way."""

import json

import numpy as np
import pytest

from barnspider import read_predictions
from barnspider.store import Answers, Cell, Images, Result, Store
from barnspider.tables.completeness import SamplesLeftOut
from barnspider.validation import read_validation

NOTE = "note: doses are not chosen on validation images but on one half of the test images, and measured on the other: "
CHOSEN, CROSSED = "chosen on digits/validation, measured on digits/test", "chosen on the other half, measured on digits"


@pytest.fixture
def ids(small_store):
    """Sample ids, and labels, of test and of validation images."""
    parts = [read_predictions(small_store, split=split) for split in ("test", "validation")]
    return [dict(zip(p.sample.tolist(), (p.classes[c] for c in p.label), strict=True)) for p in parts]


def doses(barnspider, store, *asked):
    done = barnspider("doses", store, *asked)
    return done.stdout, done.stderr


def test_groups_of_classes_are_those_of_validation_images_too(barnspider, small_store, tmp_path):
    (tmp_path / "g.json").write_text(json.dumps({"even": list("02468"), "odd": list("13579")}))
    said, noted = doses(barnspider, small_store, "--by", "g.json")
    assert CHOSEN in said
    assert NOTE not in noted
    assert "Images are grouped by 'g.json'" in said
    page = barnspider("report", small_store, "--by", "g.json", "--no-images", "-o", "page.html")
    assert NOTE not in page.stderr
    assert "Chosen on digits/validation, measured on digits/test" in (tmp_path / "page.html").read_text()
    test, own = (read_predictions(small_store, split=split, by=tmp_path / "g.json") for split in ("test", "validation"))
    found = read_validation(small_store, test, by=tmp_path / "g.json")
    np.testing.assert_array_equal(found.preds.group, own.group)


def test_label_sets_choose_where_they_know_validation_images(barnspider, small_store, tmp_path, ids):
    test, validation = ({s: [c, "0"] for s, c in part.items()} for part in ids)
    (tmp_path / "sets.json").write_text(json.dumps(test))
    said, noted = doses(barnspider, small_store, "--label-sets", "sets.json")
    assert CROSSED in said
    why = "'sets.json' says all right labels of 0 of 300 validation images, and by their single labels they would be"
    assert NOTE + why in noted
    page = barnspider("report", small_store, "--label-sets", "sets.json", "--no-images", "-o", "page.html")
    assert NOTE + why in page.stderr
    assert NOTE in barnspider("figures", small_store, "--label-sets", "sets.json", "-o", "f").stderr
    (tmp_path / "sets.json").write_text(json.dumps(test | validation))
    said, noted = doses(barnspider, small_store, "--label-sets", "sets.json")
    assert CHOSEN in said
    assert NOTE not in noted
    with pytest.warns(SamplesLeftOut, match="of 900 samples with labels"):
        found = read_validation(small_store, read_predictions(small_store), label_sets=tmp_path / "sets.json")
    assert found.preds.accepted.shape == (300, 2)


def test_groups_of_samples_choose_where_they_know_validation_images(barnspider, small_store, tmp_path, ids):
    def write(*parts, rename="B"):
        rows = [f"{s},{'A' if i % 2 else rename}" for part in parts for i, s in enumerate(part)]
        (tmp_path / "g.csv").write_text("\n".join(["sample,group", *rows]) + "\n")

    test, validation = (list(part) for part in ids)
    write(test, validation[:12])
    said, noted = doses(barnspider, small_store, "--by", "g.csv")
    assert CROSSED in said
    assert NOTE + "'g.csv' says the group of 12 of 300 validation images" in noted
    write(test, validation)
    said, noted = doses(barnspider, small_store, "--by", "g.csv")
    assert CHOSEN in said
    assert NOTE not in noted
    (tmp_path / "g.csv").write_text(
        "sample,group\n"
        + "".join(f"{s},{i % 2}\n" for i, s in enumerate(test))
        + "".join(f"{s},0\n" for s in validation)
    )
    _, noted = doses(barnspider, small_store, "--by", "g.csv")
    assert NOTE + "by 'g.csv' validation images are of other groups than test images" in noted


def test_ids_that_mean_two_images_and_classes_without_a_group(tmp_path):
    cells = [Cell("a", 0.0, 0, "key-a"), Cell("b", 1.0, 0, "key-b")]
    store = Store(tmp_path / "runs")
    store.plan("pets", cells, {"vary": "crop"})
    label = np.array([0, 1])
    images, other = Images(label, np.array(["0", "1"])), Images(np.array([0, 2]), np.array(["0", "x"]))
    store.describe_images("f", ["cat", "dog", "cow"], "pets", {"test": images, "validation": other})
    for cell in cells:
        answers = {"test": Answers(label, None), "validation": Answers(label, None)}
        store.write(cell.key, Result("done", "f", answers, {}))
    test = read_predictions(tmp_path / "runs")
    assert read_validation(tmp_path / "runs", test).preds is not None
    (tmp_path / "sets.json").write_text("[[0], [1]]")
    found = read_validation(tmp_path / "runs", test, label_sets=tmp_path / "sets.json")
    assert found.preds is None
    assert "of '0', as both a test image and a validation image are called" in found.why_not
    (tmp_path / "g.json").write_text('{"cat": "pet", "dog": "pet"}')
    found = read_validation(tmp_path / "runs", test, by=tmp_path / "g.json")
    assert "'g.json' has no group for 'cow', of which there are validation images" in found.why_not
