"""An adaptive study from the command line: reasons while it runs, a note when it is judged, no silent options."""


def test_it_says_why_and_is_known_for_adaptive_later(barnspider, study):
    said = barnspider("run", study, "--store", "runs", "--refine", "--margin", "0.1", "--workers", "1").stderr
    assert "3 of 3 doses, evenly, with 3 seeds each" in said
    assert "over: " in said
    assert "barnspider gate runs --max-drop 0.1" in said
    judged = barnspider("gate", "runs", "--max-drop", "0.1", check=None)
    assert "note: An adaptive study" in judged.stderr
    assert judged.returncode in (0, 1, 3)


def test_its_options_mean_nothing_without_it(barnspider, study, tmp_path):
    said = barnspider("run", study, "--store", "runs", "--budget", "4", check=2).stderr
    assert "expected --refine" in said
    said = barnspider("run", study, "--store", "runs", "--refine", "--class", "cat", check=2).stderr
    assert "class='cat' is none of this data set" in said
    assert not (tmp_path / "runs" / "runs").exists()
