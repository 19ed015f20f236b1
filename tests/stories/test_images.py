"""`report` shows images by itself where the study's data is at hand, and says in one line why where it is not."""

import base64
import json
import re
import zlib

import numpy as np
import pytest

from barnspider import read_predictions
from barnspider.lab.data import keep

PICTURES = """
name = "pictures"
[recipe]
dataset = "pictures.npz"
network = "mlp"
width = 8
epochs = 1
[sweep]
vary = "crop"
doses = [0, 0.6]
seeds = 2
"""


def images_of(path):
    """What the page's script is given about example images."""
    sealed = re.search(r'id="data">([^<]*)<', path.read_text("utf-8"))
    assert sealed is not None
    return json.loads(zlib.decompress(base64.b64decode(sealed[1])))["studies"][0]["examples"]


def notes(said):
    return [line for line in said.splitlines() if line.startswith("note: ")]


def test_a_store_of_digits_has_images(barnspider, small_store, tmp_path):
    done = barnspider("report", small_store, "-o", "r.html")
    assert notes(done.stderr) == []
    found = images_of(tmp_path / "r.html")
    assert found["size"] == [8, 8]
    assert found["kind"] == "png"
    assert len(found["classes"]) == 6
    assert found["arms"] == [-1, 0, 1]
    assert all(np.shape(each["seen"]) == (4, 3) for each in found["classes"])
    assert any(arm[0] for each in found["classes"] for arm in each["lost"])


@pytest.mark.slow
def test_averaged_and_validation_answers_have_images_too(barnspider, small_store, tmp_path):
    ids = {}
    for split in ("test-averaged", "validation"):
        assert notes(barnspider("report", small_store, "-o", "r.html", "--split", split).stderr) == []
        classes = images_of(tmp_path / "r.html")["classes"]
        ids[split] = {t[0] for c in classes for side in ("lost", "gained") for arm in c[side] for t in arm[1]}
        assert ids[split]
    assert not ids["test-averaged"] & ids["validation"]


def test_groups_have_images_too(barnspider, small_store, tmp_path):
    (tmp_path / "g.json").write_text(json.dumps({"even": list("02468"), "odd": list("13579")}))
    assert notes(barnspider("report", small_store, "-o", "r.html", "--by", "g.json").stderr) == []
    found = images_of(tmp_path / "r.html")
    assert found["whyNone"] == ""
    assert sorted(each["id"] for each in found["classes"]) == [0, 1]
    assert all(np.shape(each["seen"]) == (4, 3) for each in found["classes"])
    preds = read_predictions(small_store, by=tmp_path / "g.json")
    digit = dict(zip(preds.sample.tolist(), preds.label.tolist(), strict=True))
    for each in found["classes"]:
        turned = [t for side in ("lost", "gained") for arm in each[side] for t in arm[1]]
        assert turned
        for sample, _, _, _, called, _ in turned:
            assert digit[sample] % 2 == each["id"]
            assert called in set("0123456789") - {str(digit[sample])}


def test_groups_of_images_show_what_turned_and_say_what_is_not_known(barnspider, small_store, tmp_path):
    preds = read_predictions(small_store)
    rows = [f"{sample},{'AB'[i % 2]}" for i, sample in enumerate(preds.sample)]
    (tmp_path / "g.csv").write_text("\n".join(["sample,group", *rows]) + "\n")
    barnspider("report", small_store, "-o", "r.html", "--by", "g.csv")
    found = images_of(tmp_path / "r.html")
    assert "of which groups the training images are is not known" in found["whyNone"]
    group = dict(line.split(",") for line in rows)
    for each in found["classes"]:
        assert each["seen"] == []
        turned = [t for side in ("lost", "gained") for arm in each[side] for t in arm[1]]
        assert turned
        assert {group[t[0]] for t in turned} == {"AB"[each["id"]]}


def test_images_can_be_left_out(barnspider, small_store, tmp_path):
    assert notes(barnspider("report", small_store, "-o", "r.html", "--no-images").stderr) == []
    assert images_of(tmp_path / "r.html") is None
    assert "--no-images" in barnspider("report", "--help").stdout


@pytest.mark.slow
def test_data_that_is_gone_is_one_note_and_data_elsewhere_is_found(barnspider, tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"x_train": rng.integers(256, size=(120, 10, 8), dtype=np.uint8), "y_train": np.arange(120) % 2}
    keep(arrays, tmp_path / "pictures.npz")
    (tmp_path / "pictures.toml").write_text(PICTURES)
    barnspider("run", "pictures.toml", "--workers", "1")
    barnspider("report", "runs", "-o", "here.html")
    assert images_of(tmp_path / "here.html")["size"] == [10, 8]
    (tmp_path / "mine").mkdir()
    (tmp_path / "pictures.npz").rename(tmp_path / "mine" / "pictures.npz")
    (note,) = notes(barnspider("report", "runs", "-o", "gone.html").stderr)
    assert "the page shows no example images: dataset='pictures.npz' is neither known nor there" in note
    assert "--data FOLDER" in note
    assert images_of(tmp_path / "gone.html") is None
    assert 'class="card wide examples"' not in (tmp_path / "gone.html").read_text("utf-8")
    assert notes(barnspider("report", "runs", "-o", "found.html", "--data", "mine").stderr) == []
    assert images_of(tmp_path / "found.html") == images_of(tmp_path / "here.html")
    arrays["x_train"][3] += 1
    keep(arrays, tmp_path / "pictures.npz")
    (note,) = notes(barnspider("report", "runs", "-o", "changed.html").stderr)
    assert "data set 'pictures.npz' is not what it was when these runs were trained" in note


def test_without_torch_there_is_one_note(barnspider, small_store, tmp_path):
    hidden = "import importlib.util as u, sys; f = u.find_spec\n"
    hidden += "u.find_spec = lambda name, *a: None if name == 'torch' else f(name, *a)\n"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    import os

    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    (note,) = notes(barnspider("report", small_store, "-o", "r.html", env=env).stderr)
    assert "they need torch, which is not installed" in note
    assert images_of(tmp_path / "r.html") is None


def test_a_file_of_answers_knows_no_images(barnspider, tmp_path):
    (tmp_path / "a.csv").write_text(
        "arm,seed,sample,label,prediction\n" + "".join(f"{arm},0,{i},x,x\n" for arm in "ab" for i in range(3))
    )
    args = ("report", "a.csv", "--baseline", "a", "-o", "r.html")
    assert "image" not in barnspider(*args).stderr
    assert images_of(tmp_path / "r.html") is None
    said = barnspider(*args, "--data", ".", check=2).stderr
    assert "data='.' was given with 'a.csv'; only a store knows which data its runs saw" in said
