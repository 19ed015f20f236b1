"""A study is used on another data set from the command line, and read there as any other study is."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

STUDY = """
name = "small"
{keep}
[recipe]
dataset = "digits"
network = "mlp"
width = 16
epochs = 2
train_images = 200
[sweep]
vary = "rotation"
doses = [0, 60]
seeds = 2
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(STUDY.format(keep='keep = "weights"'))
    return path


@pytest.fixture
def half(tmp_path):
    """The digits from 5 up, twice as large and in colour; of a class 'ghost' there is no image."""
    digits = load_digits()
    keep = digits.target >= 5
    images = np.kron(digits.images[keep] * 15.9, np.ones((2, 2))).astype(np.uint8)[..., None].repeat(3, axis=3)
    labels, names = digits.target[keep] - 5, np.array(["five", "six", "seven", "eight", "<b>nine</b>", "ghost"])
    path = tmp_path / "half.npz"
    np.savez(
        path, x_train=images[:500], y_train=labels[:500], x_test=images[500:], y_test=labels[500:], class_names=names
    )
    return path


def test_a_study_is_used_on_other_data_and_read_as_any_other(barnspider, study, half, tmp_path):
    barnspider("run", study, "--workers", "1")
    done = barnspider("transfer", study, "--to", half.name, "--workers", "1")
    assert "4 of 4 networks transferred now" in done.stderr
    assert "Change of accuracy from 'rotation=0' (2 runs) on half.npz/test: 6 classes, 396 images" in done.stdout
    assert (
        "What each dose is worth on digits/test, and downstream on half.npz/test (396 test images, 5 classes)"
        in done.stdout
    )
    assert "over 2 doses: cannot tell" in done.stdout
    assert "On the source. Best on average: rotation=" in done.stdout
    assert "(best on average on digits/validation), in points; chosen on half.npz/validation" in done.stdout
    again = barnspider("transfer", "runs", "--to", half.name, "--json", "--workers", "1")
    assert "0 of 4 networks transferred now" in again.stderr
    found = json.loads(again.stdout)
    assert (found["schema"], found["lacking"]) == ("barnspider/transfer/1", [])
    assert found["effects"]["on"] == "half.npz/test"
    assert [len(found["transfer"][name]) for name in ("source", "downstream", "worst")] == [2, 2, 2]
    assert found["transfer"]["downstream"][0]["value"] > 0.6  # a probe on frozen features tells five digits apart
    name = found["study"]
    assert "half.npz/test: 6 classes" in barnspider("audit", "runs", "--study", "small-to-half").stdout
    said = barnspider("report", "runs", "--study", name, "-o", "there.html").stderr
    assert "no example images: the study was made of 'small-" in said
    page = (tmp_path / "there.html").read_text()
    assert name in page
    assert "<b>nine</b>" not in page


def test_mistakes(barnspider, study, half, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "barnspider.json").write_text('{"format": 1}')
    assert "holds no run of" in barnspider("transfer", study, "--to", half.name, check=2).stderr
    said = barnspider("transfer", "runs", "--to", half.name, "--epochs", "3", check=2).stderr
    assert "expected --tune with it" in said
    other = tmp_path / "command.toml"
    other.write_text('command = "train {dose} {seed} {out}"\n[sweep]\nvary = "x"\ndoses = [0]\nseeds = 1\n')
    assert "whose weights no store keeps" in barnspider("transfer", other, "--to", half.name, check=2).stderr
