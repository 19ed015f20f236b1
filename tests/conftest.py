"""Tests marked slow are run when they are asked for: `python -m pytest -m slow`."""

import pytest


def pytest_collection_modifyitems(config, items):
    if "slow" in config.option.markexpr:
        return
    skip = pytest.mark.skip(reason="takes long: run it with -m slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)
