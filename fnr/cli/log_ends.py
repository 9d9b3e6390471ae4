"""Up to where a worker's log is the output of an attempt that runs, and not already the next one's.

A worker goes on with the next attempt before anybody hears that this one has ended.
"""

from __future__ import annotations

from pathlib import Path

from fnr.config.paths import Paths
from fnr.host.now_file import begun_last
from fnr.policy.record import LogSpan


def printed_to(paths: Paths, span: LogSpan) -> int | None:
    """Up to where it is this attempt's for sure, 0 if it may not be; None: to its end."""
    if span.log_to is not None or span.ended_at_ms is not None:
        return span.log_to
    # The size first: whoever begins after that has printed nothing before it.
    size = log_size(span.log_path)
    return size if begun_in(paths, span.worker_id) in {None, span.token} else 0


def has_gone_on(paths: Paths, span: LogSpan) -> bool:
    """Has its worker begun another one? Then this one has ended, and nobody knows yet where."""
    runs = span.log_to is None and span.ended_at_ms is None
    # Tokens are in the order of their claims, and begun in it.
    return runs and (begun_in(paths, span.worker_id) or "") > span.token


def begun_in(paths: Paths, worker_id: str) -> str | None:
    """The token of the attempt that a worker has begun last, "" for none; None: nobody says."""
    for uid in (None, *paths.uids()):
        try:
            return begun_last(paths.now_file_of(uid, worker_id), uid).token
        except OSError:
            continue
    return None


def log_size(path: str) -> int:
    """Where the next output will stand; 0 without a file."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
