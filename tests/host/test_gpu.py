"""The probe that asks for GPUs, as the thread of a daemon has it."""

from __future__ import annotations

import os
import resource
import threading
from contextlib import closing

import pytest

from fnr.host import gpu
from fnr.host.clock import Clock
from fnr.host.gpu import GpuProbe
from fnr.host.process import readable_within
from fnr.host.reaping import awaited

# select() takes descriptors up to 1,023.
BEYOND_SELECT = 1_024


def test_a_daemon_with_many_files_open_asks_for_gpus_as_any_other() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * BEYOND_SELECT, hard))
    held = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while held[-1] < BEYOND_SELECT:
            held.append(os.open(os.devnull, os.O_RDONLY))
        with closing(GpuProbe(Clock())) as probe:
            report = probe.read()
        # Without a driver it is told why; what matters is that the probe itself has said so.
        assert report.gpus or not report.missing.startswith("the GPU probe")
    finally:
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_driver_that_lets_go_of_hanging_probes_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after minutes in which its firmware did not answer: nobody has to restart the daemon."""
    hangs = threading.Event()
    hangs.set()

    def patient(fd: int, within_ms: int) -> bool:
        killed = within_ms in {0, gpu.KILLED_WITHIN_MS}
        return not (killed and hangs.is_set()) and readable_within(fd, within_ms)

    monkeypatch.setattr(gpu, "readable_within", patient)
    monkeypatch.setattr(gpu, "AGAIN_AFTER_MS", 0)
    before = set(awaited)
    with closing(GpuProbe(Clock())) as probe:
        for _ in range(gpu.STUCK_MAX):
            assert "probes hang" not in probe.read().missing
        assert probe.read().missing == "2 probes hang in the driver"
        assert len(awaited - before) == gpu.STUCK_MAX
        hangs.clear()
        while awaited - before:
            probe.read()
        assert "probes hang" not in probe.read().missing
