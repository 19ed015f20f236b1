"""Tests marked slow are run when they are asked for: `python -m pytest -m slow`. Workers are forked; see forked.py."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
import forked

# The tests start hundreds of interpreters: each would compile all of our modules, were the first not to keep them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long an example takes is a matter of who else is at work: what is slow is measured in benchmarks/.
settings.register_profile("barnspider", deadline=None)
settings.load_profile("barnspider")


def pytest_sessionstart():
    forked.fork_workers()


def pytest_collection_modifyitems(config, items):
    if "slow" in config.option.markexpr:
        return
    skip = pytest.mark.skip(reason="takes long: run it with -m slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)
