import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from barnspider import DataError, InputError
from barnspider.lab import Recipe, Store, Sweep
from barnspider.lab.planning import plan_only
from barnspider.lab.slurm import Array, Resources, array_of, submit

SWEEP = Sweep(Recipe("digits", network="mlp"), vary="rotation", doses=(0, 90), seeds=(0, 1))
ASKED = Resources(16, "gpu,long", "me@lab", "1-04:00:00", "16G", "a100:2", 8)

WORKER = r"""#!/bin/bash
printf '%s\0' "$@" > "$SEEN"
trap 'exit "${ON_USR1:-75}"' USR1
trap 'exit 130' TERM
: > "$SEEN.begun"
[ -z "$FOREVER" ] || while kill -0 "$PPID" 2>/dev/null; do sleep 0.01; done # none outlives its task
exit "${CODE:-0}"
"""

SBATCH = r"""#!/bin/sh
echo "$@" >> "$SEEN.sbatch"
[ -z "$REFUSE" ] || { echo "no $REFUSE" >&2; exit 1; }
echo "42;here"
"""


def executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A folder with a worker and with SLURM's commands, none of them the real ones."""
    folder = tmp_path_factory.mktemp("cluster")
    executable(folder / "python", WORKER)
    executable(folder / "scontrol", '#!/bin/sh\necho "$@" >> "$SEEN.scontrol"\n')
    executable(folder / "sbatch", SBATCH)
    return folder


class Task:
    """One task of an array, with a worker that is none."""

    def __init__(self, cluster: Path, script: str, **environment: str) -> None:
        self.seen = cluster / "seen"
        for left in cluster.glob("seen*"):
            left.unlink()
        (cluster / "job.sh").write_bytes(script.encode(errors="surrogateescape"))
        fake = {"BARNSPIDER_PYTHON": str(cluster / "python"), "SEEN": str(self.seen), "FOREVER": ""}
        fake |= {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3", "PATH": f"{cluster}:{os.environ['PATH']}"}
        self.process = subprocess.Popen(["bash", str(cluster / "job.sh")], env=os.environ | fake | environment)

    def end(self) -> int:
        return self.process.wait(30)

    def told(self) -> list[str]:
        return self.seen.read_bytes().decode(errors="surrogateescape").split("\0")[:-1]

    def requeued(self) -> str:
        said = self.seen.with_name("seen.scontrol")
        return said.read_text() if said.exists() else ""

    def until(self, name: str) -> None:
        while not self.seen.with_name(name).exists():
            assert self.process.poll() is None
            time.sleep(0.005)


def script(store: str = "/s", study: str = "digits-rotation-0a1b2c", setup: str = "") -> str:
    return Array(Path(store), study, Resources(2, setup=setup), ("--device", "cuda"), 2).script()


NAMES = some.text(some.characters(exclude_characters="\0/", exclude_categories=("Cs",)), min_size=1, max_size=30)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(NAMES, NAMES)
def test_whatever_names_are_the_worker_gets_them_as_they_are(cluster, store, study):
    task = Task(cluster, script(f"/{store}", study))
    assert task.end() == 0
    asked = ["-m", "barnspider", "work", str(Path(f"/{store}")), f"--study={study}"]
    assert task.told() == [*asked, "--workers", "2", "--device", "cuda", "--no-wait"]


@pytest.mark.parametrize(("code", "requeued"), [(0, ""), (2, ""), (75, "requeue 7_3\n"), (137, "")])
def test_only_who_gave_way_is_requeued(cluster, code, requeued):
    task = Task(cluster, script(), CODE=str(code))
    assert (task.end(), task.requeued()) == (code, requeued)


@pytest.mark.parametrize(("sign", "code", "requeued"), [("USR1", 75, "requeue 7_3\n"), ("TERM", 130, "")])
def test_what_slurm_says_is_passed_on_to_the_worker_who_is_waited_for(cluster, sign, code, requeued):
    task = Task(cluster, script(), FOREVER="yes")
    task.until("seen.begun")
    task.process.send_signal(getattr(signal, f"SIG{sign}"))
    assert (task.end(), task.requeued()) == (code, requeued)


def test_a_worker_that_is_done_when_it_is_told_is_not_requeued(cluster):
    task = Task(cluster, script(), FOREVER="yes", ON_USR1="0")
    task.until("seen.begun")
    task.process.send_signal(signal.SIGUSR1)
    assert (task.end(), task.requeued()) == (0, "")


def test_told_before_the_worker_has_begun_a_task_is_requeued_at_once(cluster):
    task = Task(cluster, script(setup=': > "$SEEN.setup"; for i in $(seq 1000); do sleep 0.01; done'))
    task.until("seen.setup")
    task.process.send_signal(signal.SIGUSR1)
    assert (task.end(), task.requeued()) == (75, "requeue 7_3\n")
    assert not task.seen.exists()


def test_setup_comes_first_and_its_directives_stand_at_the_head(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    setup = "#SBATCH --qos=long\nset -e\nexport SEEN=$SEEN.set\npwd > $SEEN.folder\n"
    text = script(setup=setup)
    lines = text.splitlines()
    assert lines[0] == "#!/bin/bash"
    assert lines.index("#SBATCH --qos=long") < next(i for i, line in enumerate(lines) if line and line[0] != "#")
    task = Task(cluster, text, CODE="75")
    assert (task.end(), task.requeued()) == (75, ""), "set -e ends nothing; what setup exports is there"
    assert (cluster / "seen.set.scontrol").read_text() == "requeue 7_3\n"
    assert Path((cluster / "seen.set.folder").read_text().strip()) == tmp_path


def test_slurm_is_asked_for_what_was_asked_for(tmp_path):
    array = array_of(Store(tmp_path), "x", ASKED, workers=None, device="cpu")
    directives = {line.removeprefix("#SBATCH --") for line in array.script().splitlines() if line.startswith("#SBATCH")}
    assert directives == {
        "job-name=barnspider-x", "array=0-15", "nodes=1", "ntasks=1", "cpus-per-task=8", "partition=gpu,long",
        "account=me@lab", "gpus-per-node=a100:2", "mem=16G", "time=1-04:00:00", "signal=B:USR1@120",
        "open-mode=append", "requeue",
    }  # fmt: skip
    assert (array.workers, array.options) == (2, ("--device", "cuda"))
    alone = array_of(Store(tmp_path), "x", Resources(1, cpus=4), workers=None, device=None)
    assert (alone.workers, alone.options) == (4, ())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("partition", "a b"), ("partition", ""), ("account", "x\n#SBATCH --y"), ("gpus", "0"), ("gpus", "two"),
        ("gpus", "٣"), ("time", "4h"), ("time", "1; reboot"), ("time", "4:5"), ("mem", "16 GB"), ("mem", "$(x)"),
    ],
)  # fmt: skip
def test_what_slurm_would_not_take_is_refused(field, value):
    with pytest.raises(InputError, match=rf"^{field}="):
        Resources(1, **{field: value})


@pytest.mark.parametrize("time", ["1", "3", "3:00", "0:03:00", "0-00:03"])
def test_a_job_has_time_to_begin_before_it_is_told_that_its_time_is_over(time):
    assert [Resources(1, time=enough).time for enough in ("0", "4", "3:01", "1-0")] == ["0", "4", "3:01", "1-0"]
    with pytest.raises(InputError, match=rf"^time='{time}' is \d+ seconds; expected more than 180"):
        Resources(1, time=time)


def test_a_script_is_handed_to_sbatch(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("SEEN", str(cluster / "handed"))
    monkeypatch.setenv("PATH", f"{cluster}:{os.environ['PATH']}")
    path = Array(tmp_path / "a b", "x", Resources(1)).write()
    assert path.read_text().startswith("#!/bin/bash\n#SBATCH")
    assert submit(path) == "42"
    assert (cluster / "handed.sbatch").read_text() == f"--parsable {path}\n"
    monkeypatch.setenv("REFUSE", "such partition \x1b[31m")
    with pytest.raises(InputError, match=r"sbatch refused the script .*no such partition") as refused:
        submit(path)
    assert "\x1b" not in str(refused.value)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="there is no `sbatch` on this machine; the script is in"):
        submit(path)


def test_planning_looks_at_the_data_and_trains_nothing(tmp_path):
    store = Store(tmp_path / "runs")
    assert plan_only(SWEEP, store) == 4
    assert store.study(SWEEP.identity).cells
    assert not list(store.root.glob("runs/*"))
    elsewhere = Sweep(Recipe(str(tmp_path / "no data")), vary="crop", doses=(0, 0.3), seeds=(0,))
    with pytest.raises(DataError):
        plan_only(elsewhere, store)


SHELLCHECK = shutil.which("shellcheck", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


@pytest.mark.skipif(SHELLCHECK is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing(tmp_path):
    path = Array(tmp_path / "a 'b' \"c\" $(d) `e` é", "x", ASKED, ("--device", "cuda"), 2, {"A": "$b c"}).write()
    done = subprocess.run([SHELLCHECK, str(path)], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stdout


def test_tasks_start_this_python():
    assert f"python={sys.executable}" in script()
