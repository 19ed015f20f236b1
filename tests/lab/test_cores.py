import math
import os

import pytest

from barnspider.lab import cores
from barnspider.lab.cores import core_count


def machine(tmp_path, groups, **files):
    """A system in which this process is in these control groups."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("\n".join(groups) + "\n")
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        (["0::/"], {"cpu.max": "200000 100000\n"}, 2.0),
        (["0::/"], {"cpu.max": "max 100000\n"}, math.inf),
        (["0::/"], {}, math.inf),
        (["0::/a/b"], {"a/b/cpu.max": "max 100000", "a/cpu.max": "150000 100000"}, 1.5),
        (["0::/a/b"], {"a/b/cpu.max": "100000 100000", "a/cpu.max": "300000 100000"}, 1.0),
        (["0::/docker/only-the-host-sees-it"], {"cpu.max": "50000 100000"}, 0.5),
        (["0::/"], {"cpu.max": "nonsense"}, math.inf),
        (["4:cpu,cpuacct:/x"], {"cpu,cpuacct/x/cpu.cfs_quota_us": "400000", "cpu,cpuacct/x/cpu.cfs_period_us": "100000"}, 4.0),  # noqa: E501
        (["2:cpu:/", "1:memory:/"], {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        (["2:cpuset:/"], {"cpuset/cpu.cfs_quota_us": "100000", "cpuset/cpu.cfs_period_us": "100000"}, math.inf),
    ],
)  # fmt: skip
def test_the_quota_of_a_container(tmp_path, groups, files, expected):
    assert cores._quota(machine(tmp_path, groups, **files)) == expected


def test_a_system_without_control_groups_has_no_quota(tmp_path):
    assert cores._quota(tmp_path) == math.inf


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins nothing")
@pytest.mark.parametrize(("quota", "count"), [(math.inf, 64), (2.0, 2), (1.5, 2), (0.3, 1), (1000.0, 64)])
def test_a_small_quota_on_a_large_machine_means_few_workers(monkeypatch, quota, count):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(cores, "_quota", lambda: quota)
    assert core_count() == count
