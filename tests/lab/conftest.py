"""Lets the tests of the laboratory import `conformance` from the folder above; hides what this machine has."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No test finds what this machine happens to have in its cache or environment."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("BARNSPIDER_CACHE", "BARNSPIDER_DATA", "BARNSPIDER_MIRRORS"):
        monkeypatch.delenv(name, raising=False)
