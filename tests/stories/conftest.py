"""What the stories share: the command line as a user runs it, and a small study."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # for `trainer`, `browser` and `forked`

import forked

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
    """Run `barnspider ARGS` in a folder of its own; returns the finished process. With `env`, by a new interpreter."""

    def run(*args, check: int | None = 0, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        done = forked.run([*map(str, args)], tmp_path) if env is None else afresh([*map(str, args)], env)
        assert check is None or done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def afresh(args: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "barnspider", *args]
        return subprocess.run(command, cwd=tmp_path, env=os.environ | env, capture_output=True, text=True, check=False)

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
    done = forked.run(["run", "small.toml", "--store", "runs", "--workers", "1"], folder)
    assert not done.returncode, done.stderr
    return folder / "runs"
