"""A person asks the doctor about data before a study is run on it."""

import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder with a test image that is a training image, and a file that is no image."""
    monkeypatch.setenv("BARNSPIDER_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for part, count in (("train", 60), ("test", 40)):
        for i in range(count):
            file = tmp_path / "photos" / part / ("cat", "dog")[i % 2] / f"{i:02d}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(256, size=(16, 16, 3), dtype=np.uint8)).save(file)
    (tmp_path / "photos/test/cat/02.png").write_bytes((tmp_path / "photos/train/cat/08.png").read_bytes())
    (tmp_path / "photos/test/dog/03.png").write_bytes(b"no image")
    return f"{tmp_path / 'photos'}?size=16"


def test_the_doctor_names_what_is_wrong_and_exits_with_1(barnspider, photos):
    done = barnspider("doctor", photos, check=1)
    assert "1 of 39 test images is an exact copy of train images" in done.stdout
    assert "test/cat/02.png (test, cat) is train/cat/08.png (train, cat)" in done.stdout
    assert "1 image cannot be decoded; a study stops there" in done.stdout
    assert "test/dog/03.png: it is no image, or of an unknown kind" in done.stdout


def test_json_has_the_same(barnspider, photos):
    found = json.loads(barnspider("doctor", f"{photos}&bad=leave-out", "--json", check=1).stdout)
    assert (found["schema"], found["about"], found["is_well"]) == ("barnspider/doctor/1", "data", False)
    first = found["findings"][0]
    assert (first["kind"], first["wrong"], first["names"]) == ("copies", True, ["test/cat/02.png"])
    assert found["shape"] == [3, 16, 16]
    assert [part["images"] for part in found["parts"]] == [54, 6, 39]


def test_a_study_file_is_examined_as_it_splits_its_data(barnspider, tmp_path):
    study = tmp_path / "study.toml"
    text = '[recipe]\ndataset = "digits"\nsplit_seed = {}\n[sweep]\nvary = "{}"\ndoses = [0, 0.1]\nseeds = 2\n'
    study.write_text(text.format(0, "flip"))
    first = json.loads(barnspider("doctor", study, "--json").stdout)
    study.write_text(text.format(1, "flip"))
    assert json.loads(barnspider("doctor", study, "--json").stdout)["fingerprint"] != first["fingerprint"]
    study.write_text(text.format(0, "hue"))
    assert "does nothing to grey images" in barnspider("doctor", study, check=2).stderr


def test_what_is_not_there_is_bad_input(barnspider, tmp_path):
    assert "is neither known nor there" in barnspider("doctor", "nothing.zip", check=2).stderr
    assert "cannot be read" in barnspider("doctor", tmp_path / "study.toml", check=2).stderr


def test_all_is_well_with_digits(barnspider):
    done = barnspider("doctor", "digits")
    assert "Nothing was found that would bias a study." in done.stdout
    assert done.stderr == ""


# Predictions


@pytest.fixture
def brought(tmp_path):
    """Three files of predictions; in one, answers count from 1."""
    label = np.tile(np.arange(1, 6), 30)
    for i, arm in enumerate(("plain", "mixup", "shifted")):
        rng = np.random.default_rng(i)
        guess = np.where(rng.random(150) < 0.8, label, rng.integers(1, 6, size=150))
        guess = guess % 5 + 1 if arm == "shifted" else guess
        rows = "\n".join(f"{s},{a},{b}" for s, (a, b) in enumerate(zip(label, guess, strict=True)))
        (tmp_path / f"{arm}.csv").write_text(f"sample,label,prediction\n{rows}\n")
    return tmp_path


def test_predictions_are_examined_before_any_statistics(barnspider, brought):
    done = barnspider("doctor", "plain.csv")
    assert "1 run in 1 arm, 150 samples, 5 classes of 30 samples" in done.stdout
    assert "Nothing looks wrong." in done.stdout
    done = barnspider("doctor", "*.csv", check=1)
    assert "the answers of 1 run fit the labels far better in another order" in done.stdout
    assert "shifted seed 0" in done.stdout
    assert "Run barnspider doctor" not in done.stderr  # as audit says it
    assert "is right in " in barnspider("audit", "*.csv", "--baseline", "plain").stderr
    found = json.loads(barnspider("doctor", ".", "--json", check=1).stdout)
    assert (found["schema"], found["about"], found["is_well"]) == ("barnspider/doctor/1", "predictions", False)
    assert [arm["arm"] for arm in found["arms"]] == ["mixup", "plain", "shifted"]
    assert found["findings"][0]["kind"] == "permuted"


def test_what_was_odd_when_it_was_read_is_a_finding(barnspider, tmp_path):
    scores = np.random.default_rng(0).dirichlet(np.ones(3), 60)
    np.savez(tmp_path / "a.npz", label=scores.argmax(axis=1), logits=scores, classes=["cat", "dog", "cow"])
    (tmp_path / "g.csv").write_text("class,group\ncat,pet\ndog,pet\ncow,farm\n")
    done = barnspider("doctor", "a.npz", "--by", "g.csv", check=1)
    assert "Looks wrong:\n- 'a.npz': logits: all rows are from 0 to 1 and add up to 1" in done.stdout
    assert "samples  accuracy  lowest arm  highest arm" in done.stdout
    assert done.stderr == ""


def test_a_store_of_trained_runs_is_sound(barnspider, tmp_path):
    (tmp_path / "study.toml").write_text(
        '[recipe]\ndataset = "digits"\nnetwork = "mlp"\nwidth = 32\nepochs = 12\n'
        '[sweep]\nvary = "rotation"\ndoses = [0, 30]\nseeds = 2\n'
    )
    barnspider("run", "study.toml", "--store", "runs", "--workers", "1")
    done = barnspider("doctor", "runs")
    assert "4 runs in 2 arms, 600 samples of digits/test" in done.stdout
    assert "Nothing looks wrong." in done.stdout
    assert barnspider("doctor", "runs", "--split", "validation").stdout


def test_a_store_of_runs_that_learned_nothing_is_not(barnspider, small_store):
    found = json.loads(barnspider("doctor", small_store, "--json", check=1).stdout)
    assert [x["kind"] for x in found["findings"] if x["wrong"]] == ["chance"]


def test_predictions_that_cannot_be_read_are_bad_input(barnspider, brought):
    (brought / "plain.csv").write_text("sample,label,prediction\n1,2\n")
    assert "plain.csv', line 2" in barnspider("doctor", "plain.csv", check=2).stderr
    assert "--near is for data sets" in barnspider("doctor", "mixup.csv", "--near", check=2).stderr
    np.savez(brought / "empty.npz", x=[1])
    assert barnspider("doctor", "empty.npz", check=2).stderr
    (brought / "torn.npz").write_bytes(b"PK\x03\x04")
    assert "torn.npz" in barnspider("doctor", "torn.npz", check=2).stderr
