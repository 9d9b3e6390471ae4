"""Faults that others carry out, workers or the daemon: the dead-man process only holds them."""

from __future__ import annotations

import os
from pathlib import Path

from fnr.host.chaos_records import HELD, IN_DAEMON, effects
from fnr.host.procfs import look_at
from fnr.policy.chaos import Injection
from fnr.policy.counted import counted


def begin(_: Injection) -> None:
    """Nothing: whoever acts looks whether the fault is held."""


def proof(injection: Injection) -> str:
    """Who met it."""
    met = effects(injection.folder)
    if not met:
        return ""
    who = f"pid {met[0].pid}" + (f", task {met[0].task_id}" if met[0].task_id else "")
    return f"met {counted(len(met), 'time')}, first by {who}"


def undo(_: Injection) -> None:
    """Nothing: it acts only while it is held."""


def residue(injection: Injection) -> str:
    """What the daemon has not put right yet, and processes that still wait for the end."""
    if Path(injection.folder, IN_DAEMON).exists():
        return "the daemon has not put it right yet; it does when it runs"
    try:
        inode = b":%d" % os.stat(f"{injection.folder}/{HELD}").st_ino  # noqa: PTH116 - pathlib costs 8 ms
    except FileNotFoundError:
        return ""
    # A waiting line reads: 1: -> FLOCK ADVISORY READ 1234 08:02:131077 0 EOF
    lines = [line.split() for line in (look_at("/proc/locks") or b"").splitlines()]
    waiting = [
        line[5].decode()
        for line in lines
        if len(line) > 6 and line[1] == b"->" and line[6].endswith(inode)
    ]
    return f"processes still wait for it: {', '.join(waiting)}" if waiting else ""
