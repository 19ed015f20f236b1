"""The studies that come with the source: they can be read, say how to run them, and name no machine's paths."""

import importlib.util
from pathlib import Path

import pytest

from barnspider.lab.recipe import KNOBS
from barnspider.lab.study import read_study

ROOT = Path(__file__).parents[2]
STUDIES = sorted((ROOT / "studies").glob("*.toml"))
FULL = sorted((ROOT / "studies" / "full").glob("*.toml"))
CONTROLS = sorted((ROOT / "studies" / "controls").glob("*.toml"))


@pytest.mark.parametrize("path", STUDIES + FULL + CONTROLS, ids=lambda path: path.stem)
def test_a_study_opens_with_its_command_and_cost(path):
    opening = path.read_text(encoding="utf-8").split("name =")[0]
    assert f"barnspider run {path.relative_to(ROOT)}" in " ".join(opening.split())
    assert any(word in opening for word in ("Cost:", "about half a minute"))


@pytest.mark.parametrize("path", STUDIES + FULL + CONTROLS, ids=lambda path: path.stem)
def test_a_study_is_named_as_its_file_and_can_be_planned(path):
    sweep = read_study(path)
    assert sweep.name == path.stem
    assert len({run.key for run in sweep.runs()}) == len(sweep.runs())
    assert sweep.vary in KNOBS
    assert "/" not in sweep.base.dataset


@pytest.mark.parametrize("path", FULL, ids=lambda path: path.stem)
def test_a_study_of_full_size_says_what_is_known_and_that_it_was_not_run(path):
    opening = " ".join(path.read_text(encoding="utf-8").split("name =")[0].replace("#", " ").split())
    assert "NEVER RUN at this size" in opening
    assert "Expected" in opening
    assert "2204.03632" in opening
    assert f"barnspider plan {path.relative_to(ROOT)}" in opening


def test_studies_of_full_size_share_the_runs_that_they_say_they_share():
    sweeps = {path.stem: read_study(path) for path in FULL}
    crop = {run.key: run.arm for run in sweeps["imagenet-crop"].runs()}
    shared = {name: {crop[run.key] for run in sweep.runs() if run.key in crop} for name, sweep in sweeps.items()}
    for name in ("imagenet-jitter", "imagenet-cutout", "imagenet-weight-decay"):
        assert shared[name] == {"crop=0.92"}
    assert shared["imagenet-crop-to-inaturalist"] == {"crop=0", "crop=0.51", "crop=0.81", "crop=0.92"}


def test_networks_trained_elsewhere_see_an_image_whole(monkeypatch):
    monkeypatch.setattr("warnings.filters", [])
    torch = pytest.importorskip("torch")
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    spec = importlib.util.spec_from_file_location("references", ROOT / "studies" / "examples" / "references.py")
    references = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(references)
    grey = torch.tensor(references.MEAN).view(3, 1, 1).expand(2, 3, 256, 256)
    see = references.Prepared(torch.nn.Identity())
    assert see(grey).shape == (2, 3, 224, 224)
    assert see(grey).abs().max() < 1e-5
    net = references.reference("mobilenet_v3_small", 1000, weights=None).eval()
    assert net(grey).shape == (2, 1000)
    with pytest.raises(ValueError, match="the data has 10"):
        references.reference("mobilenet_v3_small", 10)
