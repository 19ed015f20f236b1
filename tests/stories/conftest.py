"""What the stories share: the command line as a user runs it, and a small study."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # for `trainer` and `browser`

STUDY = """
name = "small"
[recipe]
dataset = "digits"
network = "mlp"
width = 16
epochs = 2
train_images = 200
[sweep]
vary = "rotation"
doses = [0, 60, 180]
seeds = 3
"""


@pytest.fixture
def barnspider(tmp_path):
    """Run `barnspider ARGS` in a folder of its own; returns the finished process."""

    def run(*args, check: int | None = 0, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "barnspider", *map(str, args)],
            cwd=tmp_path, env=os.environ | (env or {}), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert check is None or done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture
def study(tmp_path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="session")
def small_store(tmp_path_factory) -> Path:
    """A store that holds the small study, trained once for all stories that only read it."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "small.toml").write_text(STUDY)
    command = [sys.executable, "-m", "barnspider", "run", "small.toml", "--store", "runs", "--workers", "1"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "runs"
