"""How much of the machine is ours: affinity, and what a container allows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ptx_prefect.engine import load

MINE = float(len(os.sched_getaffinity(0)))
V1 = {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for `/sys/fs/cgroup`; empty."""
    monkeypatch.setattr(load, "Path", lambda path: tmp_path / str(path).removeprefix("/sys/fs/cgroup/"))
    return tmp_path


def write(container: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (container / name).parent.mkdir(parents=True, exist_ok=True)
        (container / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({}, MINE),
        ({"cpu.max": "max 100000"}, MINE),
        ({"cpu.max": "50000 100000"}, 0.5),
        ({"cpu.max": "90000000 100000"}, MINE),
        ({"cpu.max": "100 100000"}, 0.1),
        ({"cpu.max": "nonsense"}, MINE),
        (V1, 0.5),
        (V1 | {"cpu/cpu.cfs_quota_us": "-1"}, MINE),
    ],
)
def test_a_quota_of_cpu_counts_in_both_versions(container: Path, files: dict[str, str], count: float) -> None:
    write(container, files)

    assert load.cores() == pytest.approx(min(MINE, count))


def test_a_container_with_less_memory_than_the_machine_bounds_the_limit(container: Path) -> None:
    """What it holds as cached files is free: it is given up when memory is wanted."""
    machine = load.memory_limit_mb(1e9)
    write(container, {"memory.max": str(100 * 2**20), "memory.current": str(90 * 2**20), "memory.stat": "anon 1\n"})

    assert load.memory_limit_mb(1e9) == pytest.approx(90.0)
    assert machine > 90
    assert load.memory_limit_mb(50) == 50
    write(container, {"memory.stat": f"anon 1\ninactive_file {60 * 2**20}\n"})
    sample = sampled(100)
    assert (sample.total_mb, round(sample.free_mb)) == (100, 70)


def test_no_limit_is_no_number(container: Path) -> None:
    machine = load.memory_limit_mb(1e9)
    write(container, {"memory.max": "max"})

    assert load.memory_limit_mb(1e9) == machine


def sampled(limit_mb: float) -> load.Load:
    sampler = load.Sampler(limit_mb)
    sampler._last_s -= 10
    found = sampler.sample()
    assert found is not None
    assert sampler.sample() is None, "too soon"
    return found


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"cpu.max": "10000 100000", "cpu.stat": "usage_usec 5000000\n"},
        {"cpu.max": "10000 100000", "cpuacct/cpuacct.usage": "5000000000\n"},
        {"cpu.max": "10000 100000"},
    ],
)
def test_a_sample_is_a_share_whatever_the_container_tells(container: Path, files: dict[str, str]) -> None:
    write(container, files)
    found = sampled(-1.0)

    assert 0 <= found.cpu <= 1 and found.used_mb >= 0
    assert found.cpu == 0 or ("cpu.stat" not in files and "cpuacct/cpuacct.usage" not in files)
