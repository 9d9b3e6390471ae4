"""The host is read as the kernel shows it; what is not there is unknown, never zero."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fnr.host import machine
from fnr.host.machine import Machine, read_machine


def test_everything_is_read(tmp_path: Path) -> None:
    reading = read_machine(disk_path=str(tmp_path))
    assert reading.cpus == len(os.sched_getaffinity(0))
    assert reading.load_1m is not None
    total = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    assert reading.memory_available_mib is not None
    assert 0 < reading.memory_available_mib <= total
    assert reading.disk_free_mib is not None


FILES = {
    "/proc/meminfo": b"MemTotal:       2048000 kB\nMemAvailable:    1024 kB\nHugePages_Total:  0\n",
}


def test_units_are_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "read_bytes", FILES.get)
    reading = read_machine(disk_path=str(tmp_path))
    assert reading.memory_available_mib == 1


def _denied() -> tuple[float, float, float]:
    raise OSError


def test_what_cannot_be_read_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "read_bytes", lambda _: None)
    monkeypatch.setattr(machine.os, "getloadavg", _denied)
    reading = read_machine(disk_path="/does/not/exist")
    assert reading == Machine(cpus=reading.cpus)
