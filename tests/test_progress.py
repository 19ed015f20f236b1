"""A slow command says what it is at; a quick one says nothing."""

import time

from barnspider import progress
from barnspider.progress import Stages


def test_what_is_quick_says_nothing(capsys):
    with Stages("report") as stages:
        stages.begin("reading")
        stages.begin("writing")
    assert capsys.readouterr().err == ""


def test_what_is_slow_says_where_it_is_and_what_comes_next(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    with Stages("report") as stages:
        stages.begin("reading")
        time.sleep(0.3)
        stages.begin("writing")
    assert capsys.readouterr().err == "report: reading ...\nreport: writing ...\n"


def test_nothing_is_said_after_the_end(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    with Stages("report") as stages:
        stages.begin("reading")
    time.sleep(0.2)
    assert capsys.readouterr().err == ""
