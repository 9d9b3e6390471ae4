"""Flags that several commands share, each with its one help text."""

from __future__ import annotations

from typing import Annotated

import typer

from fnr.policy.task import PRIORITY_MAX, PRIORITY_MIN

RETRIES_MAX = 1_000


def _said(where: str) -> str:
    """The filter; none where a script types "$A $B" and neither is set, which would find all."""
    return where if where.strip() else ""


Where = Annotated[
    str,
    typer.Option(
        "--where", metavar="EXPR", help="Only these; see `fnr help filters`.", callback=_said
    ),
]
Limit = Annotated[
    int, typer.Option("--limit", "-n", metavar="N", min=0, help="At most this many; 0 is all.")
]
After = Annotated[
    str | None, typer.Option("--after", metavar="CURSOR", help="Go on behind a page's `next`.")
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="Nothing older: 10m, 2026-01-31T18:00."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would happen.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="On record; 1,000 characters at most.")
]
Ids = Annotated[
    list[str], typer.Argument(metavar="ID…", help="Ids or unique beginnings; - reads them.")
]
SomeIds = Annotated[
    list[str] | None, typer.Argument(metavar="[ID…]", help="Ids; - reads them from stdin.")
]
TaskId = Annotated[str, typer.Argument(metavar="ID", help="The id, or a unique beginning of it.")]
InputFrom = Annotated[
    str | None,
    typer.Option("--input", "-i", metavar="JSON|@FILE|-", help="The input as a JSON object."),
]

# ── what may be said of a task beside its input ──────────────────────────────

Priority = Annotated[
    int,
    typer.Option(
        "--priority", "-p", metavar="N", min=PRIORITY_MIN, max=PRIORITY_MAX, help="10 goes first."
    ),
]
TaskTimeout = Annotated[
    str | None, typer.Option("--timeout", metavar="TIME", help="Longest an attempt may take: 10m.")
]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="K=V", help="A tag; may be repeated.")
]
Delay = Annotated[
    str | None, typer.Option("--delay", metavar="TIME", help="Not before, from now: 10m.")
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="WHEN", help="Not before: 2026-01-31T18:00, 18:00 is today."),
]
Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="TIME", help="A dead letter if not begun by then."),
]
Unique = Annotated[
    str | None,
    typer.Option("--unique", metavar="KEY", help="While a live task has it, that task it is."),
]
Key = Annotated[
    str | None,
    typer.Option("--key", metavar="KEY", help="Idempotency key: submitting twice is once."),
]
Retries = Annotated[
    int | None,
    typer.Option(
        "--retries", metavar="N", min=0, max=RETRIES_MAX, help="Instead of the function's."
    ),
]
WaitForEnd = Annotated[
    bool, typer.Option("--wait", "-w", help="Wait: exit 0 if done, 1 if dead or cancelled.")
]
Jsonl = Annotated[
    str | None,
    typer.Option(
        "--jsonl",
        metavar="FILE|-",
        help="Many tasks: a line is an input, or without FUNCTION a task with all its fields.",
    ),
]
Atomic = Annotated[bool, typer.Option("--atomic", help="With --jsonl: all lines or none.")]
Values = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE…]",
        help="Input. A value is JSON if it parses (3, true, [1]), else text; '\"3\"' is text.",
    ),
]

# ── of `fnr run` ─────────────────────────────────────────────────────────────

Memory = Annotated[
    str | None, typer.Option("--memory", metavar="SIZE", help="Most it may use: 16GiB.")
]
Folder = Annotated[
    str | None, typer.Option("--cwd", metavar="DIR", help="Its folder; yours by default.")
]
Env = Annotated[
    list[str] | None, typer.Option("--env", metavar="K=V", help="A variable; may be repeated.")
]
Nice = Annotated[
    int | None,
    typer.Option("--nice", metavar="N", min=-20, max=19, help="19 yields to all others."),
]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Print the id and leave it running.")]
Name = Annotated[
    str | None, typer.Option("--name", metavar="TEXT", help="A tag `name`, to find it by.")
]
RunRetries = Annotated[
    int,
    typer.Option(
        "--retries", metavar="N", min=0, max=RETRIES_MAX, help="After a failure that may pass."
    ),
]
Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="-- COMMAND [ARG…]", help="An argument vector; no shell reads it."),
]
