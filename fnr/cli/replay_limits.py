"""How people write the limits of a replay: "5/s", "20%", "3", and how they are shown again."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from fnr.api.errors import UsageError
from fnr.cli.terminal import duration
from fnr.policy.counted import counted
from fnr.policy.replay import ReplayOptions, options_problem

_RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|m|h)")
_PER_H = {"s": 3_600, "m": 60, "h": 1}
_FAILURES = re.compile(r"(\d{1,9})(%?)")

Rate = Annotated[
    str | None, typer.Option("--rate", metavar="N/s", help="No faster than this: 5/s, 100/m.")
]
Concurrency = Annotated[
    int | None,
    typer.Option("--concurrency", metavar="N", help="At most so many live at once (1000)."),
]


def rate_per_h(written: str | None) -> int | None:
    """A rate as letters an hour; "off" is 0, which takes a rate away."""
    if written is None:
        return None
    if written == "off":
        return 0
    found = _RATE.fullmatch(written)
    per_h = round(float(found[1]) * _PER_H[found[2]]) if found else 0
    if per_h < 1:
        raise UsageError(f"--rate: {written!r} is no rate", why='write it like "5/s" or "100/m"')
    return per_h


def checked(options: ReplayOptions, *, refused: str) -> ReplayOptions:
    """The options; UsageError if no daemon would take them. refused: what is not done then."""
    if (problem := options_problem(options)) is not None:
        raise UsageError(refused, why=problem)
    return options


def failures(written: str | None) -> tuple[int | None, int | None]:
    """How many failures, or which percentage of them, stop a replay."""
    if written is None:
        return None, None
    found = _FAILURES.fullmatch(written)
    if not found or not int(found[1]):
        raise UsageError(
            f"--stop-on-failures: {written!r} is no limit", why='write it like "3" or "10%"'
        )
    number = int(found[1])
    return (None, number) if found[2] else (number, None)


def rate_text(per_h: int) -> str:
    """A rate as people would write it."""
    for unit, size in _PER_H.items():
        if per_h % size == 0:
            return f"{per_h // size}/{unit}"
    return f"{per_h}/h"


def options_text(options: ReplayOptions) -> str:
    """The limits of a replay on one line."""
    parts = [
        f"canary {options.canary}" if options.canary else "",
        f"rate {rate_text(options.rate_per_h)}" if options.rate_per_h else "",
        f"ramp {duration(options.ramp_ms)}" if options.ramp_ms else "",
        f"concurrency {options.concurrency}" if options.concurrency else "",
        f"stop at {counted(options.failures_max, 'failure')}" if options.failures_max else "",
        f"stop at {options.failures_percent}% failures" if options.failures_percent else "",
        f"{options.order} first",
        f"one by one for each {options.keep_order_by}" if options.keep_order_by else "",
    ]
    return ", ".join(part for part in parts if part)
