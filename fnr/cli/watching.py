"""`--watch`: show the same again, every second, where it has changed, until Ctrl-C.

It is asked for each time as the command itself asks, so it means the same with a filter, with a
daemon that is restarted, and with none at all. On a terminal the new picture takes the place of the
one before; who reads a pipe gets the lines that were not there before.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial, wraps
from io import BytesIO, TextIOWrapper
from typing import Annotated, NamedTuple, ParamSpec, TextIO

import typer

from fnr.api.errors import DaemonDown, TryAgain
from fnr.cli.columns import cell_width
from fnr.cli.here import enter, here
from fnr.cli.terminal import block, height, is_unread, width

PAUSE_MS = 1_000
_STYLE = re.compile(r"\x1b\[[\d;]*m")

P = ParamSpec("P")
Watch = Annotated[
    bool, typer.Option("--watch", help="Show it again when it has changed, until Ctrl-C.")
]


class Look(NamedTuple):
    """What the command wrote at one time: lines on stdout, lines on stderr."""

    out: list[str]
    err: list[str]


def watchable(command: Callable[P, None]) -> Callable[..., None]:
    """Give a command that only reads the flag --watch."""

    @wraps(command)
    def with_watch(*args: P.args, **named: P.kwargs) -> None:
        watch = named.pop("watch")
        show = partial(command, *args, **named)
        if watch:
            _watch(show)
        else:
            show()

    signature = inspect.signature(command, eval_str=True)
    flag = inspect.Parameter(
        "watch", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Watch
    )
    parameters = [*signature.parameters.values(), flag]
    with_watch.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    return with_watch


def _watch(show: Callable[[], None]) -> None:
    if here().plain or here().as_json or _is_dumb():
        picture: Lines | Picture = Lines(document=here().output == "json")
    else:
        picture = Picture()
    look = _looked(show)
    while True:
        picture.show(look)
        if is_unread(sys.stdout, within_ms=PAUSE_MS):
            raise BrokenPipeError
        enter(here().flags)  # what is told once a command is told of each look
        try:
            look = _looked(show)
        except (DaemonDown, TryAgain) as error:
            # It may be there again at the next one.
            look = Look([], block("\n".join(error.lines())).splitlines())


def _looked(show: Callable[[], None]) -> Look:
    """Raises what the command raises."""
    # `fnr status` says with its exit code how things are.
    with _caught("stdout") as out, _caught("stderr") as err, suppress(typer.Exit):
        show()
    return Look(out(), err())


@contextmanager
def _caught(name: str) -> Iterator[Callable[[], list[str]]]:
    """Catch what is written to a stream as that stream would encode it."""
    stream: TextIO = getattr(sys, name)
    data = BytesIO()
    caught = TextIOWrapper(data, encoding=stream.encoding, errors=stream.errors, newline="\n")
    setattr(sys, name, caught)

    def lines() -> list[str]:
        caught.flush()
        # Not splitlines: JSON holds as they are what that takes for the end of a line.
        text = data.getvalue().decode(stream.encoding, "replace")
        return text.removesuffix("\n").split("\n") if text else []

    try:
        yield lines
    finally:
        setattr(sys, name, stream)


class Lines:
    """For pipes: what was not there at the look before; of a document all, as one thing."""

    def __init__(self, *, document: bool = False) -> None:
        self._document = document
        self._before = Look([], [])

    def show(self, look: Look) -> None:
        """Write what is new."""
        for stream, lines, before in (
            (sys.stdout, look.out, self._before.out),
            (sys.stderr, look.err, self._before.err),
        ):
            whole = self._document and stream is sys.stdout and lines != before
            known = frozenset(() if whole else before)
            stream.write("".join(f"{line}\n" for line in lines if line not in known))
            stream.flush()
        self._before = look


class Picture:
    """For people: the new picture in the place of the one before."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._width = 0

    def show(self, look: Look) -> None:
        """Draw it, if it differs."""
        columns, lines = width(), _fitting(look, height() - 1)
        if (lines, columns) == (self._shown, self._width):
            return
        sys.stdout.write(self._back(columns) + "".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
        self._shown, self._width = lines, columns

    def _back(self, columns: int) -> str:
        """Take the picture before away."""
        if not self._shown:
            return ""
        if columns != self._width:  # the terminal has broken its lines anew
            return "\x1b[H\x1b[2J"
        return f"\x1b[{sum(map(_rows, self._shown))}F\x1b[J"


def _fitting(look: Look, rows: int) -> list[str]:
    """As much as fits, what is said at the end before what is listed."""
    left = rows - sum(map(_rows, look.err))
    if sum(map(_rows, look.out)) <= left:
        return [*look.out, *look.err]
    shown: list[str] = []
    for line in look.out:
        left -= _rows(line)
        if left < 1:
            break
        shown.append(line)
    return [*shown, f"… and {len(look.out) - len(shown)} more lines", *look.err]


def _rows(line: str) -> int:
    """Rows that a line takes on the terminal."""
    return max(1, -(-cell_width(_STYLE.sub("", line)) // width()))


def _is_dumb() -> bool:
    return os.environ.get("TERM") == "dumb"
