"""Huey's view of the benchmark's functions; loaded by its consumer and by its clients."""

from __future__ import annotations

import os
from typing import Any

import worked_tasks

FILE_ENV = "FNR_BENCH_HUEY_FILE"


def __getattr__(name: str) -> Any:
    """`huey` and `noop`, made when they are first asked for: huey is an optional extra."""
    if name not in {"huey", "noop"}:
        raise AttributeError(name)
    from huey import SqliteHuey

    # fsync=True is synchronous=FULL: every enqueue, dequeue and result is on disk. timeout: with
    # its default of 5 s a busy machine makes it give up on a lock, and a result is lost.
    huey = SqliteHuey("bench", filename=os.environ[FILE_ENV], fsync=True, timeout=60)
    globals().update(huey=huey, noop=huey.task()(worked_tasks.noop))
    return globals()[name]
