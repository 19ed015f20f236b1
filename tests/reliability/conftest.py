"""What the tests of reliability share: a tiny study, the command line on it, and its table when nobody disturbs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # for `forked`

import forked

STUDY = """
name = "tiny"
[recipe]
dataset = "digits"
network = "mlp"
width = 8
epochs = 1
train_images = 100
[sweep]
vary = "rotation"
doses = [0, 90]
seeds = 2
"""


class Commands:
    """The command line, on the tiny study, in a folder of its own."""

    def __init__(self, folder: Path, store: str = "runs") -> None:
        self.folder, self.store = folder, folder / store
        (folder / "tiny.toml").write_text(STUDY)

    def __call__(self, *args, check: int = 0, limit: str = "") -> subprocess.CompletedProcess[str]:
        """Run `barnspider ARGS`; by a new interpreter, under a shell's limits, where some are given."""
        done = self._limited(args, limit) if limit else forked.run([*map(str, args)], self.folder)
        assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def _limited(self, args: tuple, limit: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", f'{limit} exec "$@"', "sh", sys.executable, "-m", "barnspider", *map(str, args)],
            cwd=self.folder, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def run(self, check: int = 0, limit: str = "") -> str:
        """Train what is missing; return what was said."""
        return self("run", "tiny.toml", "--store", self.store, "--workers", "1", check=check, limit=limit).stderr

    def table(self) -> str:
        return self("audit", self.store, "--json").stdout

    def half_written(self) -> list[Path]:
        return [*self.store.rglob(".writing-*"), *self.store.glob("building/*"), *self.store.glob("claims/*")]


@pytest.fixture
def commands(tmp_path) -> Commands:
    return Commands(tmp_path)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Commands:
    """The study, done; nobody writes here."""
    done = Commands(tmp_path_factory.mktemp("undisturbed"))
    done.run()
    return done


@pytest.fixture(scope="session")
def expected(undisturbed) -> str:
    """The table of the undisturbed study, without the name of its folder."""
    return undisturbed.table()
