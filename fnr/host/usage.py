"""What one process uses right now: memory and CPU time, None where it cannot be read."""

from __future__ import annotations

import os

from msgspec import Struct

from fnr.host.procfs import read_bytes, read_stat

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MIB = 1024 * 1024


class Usage(Struct, frozen=True, kw_only=True):
    """rss_mib: memory it holds. cpu_ms: user and system time since its start."""

    rss_mib: float | None = None
    cpu_ms: float | None = None


def read_usage(pid: int) -> Usage:
    """One reading; all None when the process is gone."""
    stat = read_stat(pid)
    pages = (read_bytes(f"/proc/{pid}/statm") or b"").split()
    return Usage(
        rss_mib=int(pages[1]) * _PAGE_BYTES / _MIB if len(pages) > 1 else None,
        cpu_ms=stat.cpu_ticks * 1000 / _TICKS_PER_S if stat else None,
    )
