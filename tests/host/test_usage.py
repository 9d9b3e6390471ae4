"""What a process uses."""

from __future__ import annotations

import os
import subprocess

from fnr.host.usage import Usage, read_usage


def test_our_own_use_is_read() -> None:
    mine = read_usage(os.getpid())
    assert mine.rss_mib is not None
    assert mine.cpu_ms is not None
    assert mine.rss_mib > 1


def test_a_process_that_is_gone_uses_nothing_known() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert read_usage(gone.pid) == Usage()
