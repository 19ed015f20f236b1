"""A slow command says what it is at; a quick one says nothing."""

import time

from barnspider import progress
from barnspider.progress import Progress, Stages


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


def test_patient_progress_speaks_only_of_what_is_slow(capsys):
    with Progress("checking", total=2, patience=0.1) as counted:
        counted.begin()
        counted.show(1)
        assert capsys.readouterr().err == ""
        time.sleep(0.2)
        counted.show(2)
    assert capsys.readouterr().err == "checking: 2 of 2, 0 s left\n"


def test_a_guess_is_told_until_something_is_done(capsys):
    with Progress("making", total=2, guess=90.0) as counted:
        counted.begin()
        counted.show(0)
        counted.show(2)
    assert capsys.readouterr().err == "making: 0 of 2, about 1 min 30 s left\nmaking: 2 of 2, 0 s left\n"
