"""The probe that asks for GPUs, as the thread of a daemon has it."""

from __future__ import annotations

import os
import resource
from contextlib import closing

from fnr.host.clock import Clock
from fnr.host.gpu import GpuProbe

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
