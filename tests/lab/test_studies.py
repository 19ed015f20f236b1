"""The studies that come with the source: they can be read, say how to run them, and name no machine's paths."""

from pathlib import Path

import pytest

from barnspider.lab.recipe import KNOBS
from barnspider.lab.study import read_study

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.toml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_opens_with_its_command_and_cost(path):
    opening = path.read_text(encoding="utf-8").split("name =")[0]
    assert f"barnspider run studies/{path.name}" in " ".join(opening.split())
    assert any(word in opening for word in ("Cost:", "about half a minute"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_is_named_as_its_file_and_can_be_planned(path):
    sweep = read_study(path)
    assert sweep.name == path.stem
    assert len({run.key for run in sweep.runs()}) == len(sweep.runs())
    assert sweep.vary in KNOBS
    assert "/" not in sweep.base.dataset
