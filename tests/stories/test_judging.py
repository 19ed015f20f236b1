"""Committed answers let anybody make the table of a judgement again, in seconds; misuse is refused."""

import json

import pytest

from barnspider import simulate


@pytest.fixture
def answers(tmp_path):
    """Answers of two doses that chose, and of the same and of others that judge."""
    effect = [[0.05] * 3 + [-0.3]]
    for name, seed in (("chooser", 1), ("fresh", 2)):
        made = simulate(classes=4, images=300, runs=3, effect=effect, doses=(0, 0.5), paired=True, seed=seed)
        vars(made.predictions)["on"] = name
        made.predictions.save(tmp_path / f"{name}.npz")


def test_a_table_again_from_two_files(barnspider, answers, tmp_path):
    done = barnspider("judge", "fresh.npz", "--chosen-on", "chooser.npz", "-o", "out", "--json")
    assert "written: judgement.json, judgement.md, judgement.tex, judgement.html in out" in done.stderr
    document = json.loads(done.stdout)
    assert document == json.loads((tmp_path / "out" / "judgement.json").read_text())
    assert [x["harmed"] for x in document["arms"]] == [[], ["class 3"]]
    again = ("judge", "fresh.npz", "--chosen-on", "chooser.npz", "--tried", "out/judgement.json", "--markdown")
    assert barnspider(*again).stdout.strip() == (tmp_path / "out" / "judgement.md").read_text().strip()
    assert "What was tried" in (tmp_path / "out" / "judgement.html").read_text()


def test_misuse_is_refused(barnspider, answers):
    def said(*args):
        return barnspider("judge", *args, check=2).stderr

    assert "nothing says which answers chose the doses; expected --chosen-on SOURCE" in said("fresh.npz")
    assert "chose on the very images that are to judge" in said("fresh.npz", "--chosen-on", "fresh.npz")
    assert "at=0.7 was not studied" in said("fresh.npz", "--chosen-on", "chooser.npz", "--at", "0.7")
