"""How every group of commands is set up, and what their commands have in common."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import typer
import typer.core

from fnr.api.errors import FnrError, Refused, UsageError, shortened
from fnr.api.requests import GetTask
from fnr.cli.here import here, say
from fnr.cli.terminal import is_terminal, one_line
from fnr.client.next_step import told_here
from fnr.config.units import duration_ms
from fnr.host.clock import is_ulid
from fnr.policy.record import PAGE_ITEMS_MAX, Page

TASK_ID_CHARS = 26
NAME_CHARS_MAX = 200


def group(
    name: str, summary: str, *, cls: type[typer.core.TyperGroup] | None = None
) -> typer.Typer:
    """A group of commands; markup stays off, so that [ID…] in a help text is what it looks like."""
    return typer.Typer(
        name=name,
        cls=cls,
        help=summary,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def read_ids(words: list[str]) -> list[str]:
    """Ids as typed; "-" stands for those on stdin: the first word of a line, ids behind it."""
    ids = []
    for word in words:
        ids += list(_ids_on_stdin()) if word == "-" else [word]
    return list(dict.fromkeys(ids))


def full_ids(words: list[str]) -> list[str]:
    """The whole ids that unique beginnings stand for."""
    return [
        word.upper()
        if len(word) == TASK_ID_CHARS
        else here().ask(GetTask(task_id=word)).task.task_id
        for word in read_ids(words)
    ]


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person; Refused when they decline, or when nobody is there to be asked."""
    if yes:
        return
    if not is_terminal(sys.stdin) or not is_terminal(sys.stderr):
        raise Refused(
            "not confirmed", why="nobody is at the terminal to be asked", next_step="add -y"
        )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Refused("not confirmed", why="declined")


def pages(
    fetch: Callable[[str | None, int], Page[Any]], *, limit: int, after: str | None
) -> Iterator[Page[Any]]:
    """Pages until `limit` items; fetch takes a cursor and a number of items."""
    left = limit
    while True:
        size = min(left, PAGE_ITEMS_MAX) if limit else PAGE_ITEMS_MAX
        page = fetch(after, size)
        yield page
        left -= len(page.items)
        after = page.next
        if after is None or (limit and left <= 0):
            return


def parse_duration(written: str | None, *, flag: str) -> int | None:
    """A duration in ms; UsageError names the flag."""
    if written is None:
        return None
    try:
        return duration_ms(written)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from error


def say_unchanged(unchanged: dict[str, str]) -> None:
    """Why some were left as they are, and exit 1, because not all that was asked for was done."""
    for name, said in unchanged.items():
        why = told_here(said, here().command)
        say(f"error: {shortened(one_line(name), NAME_CHARS_MAX)}: {shortened(why)}")
    if unchanged:
        raise typer.Exit(FnrError.exit_code)


def _ids_on_stdin() -> Iterator[str]:
    if is_terminal(sys.stdin):
        raise UsageError("- reads ids from standard input, and that is the terminal")
    for line in sys.stdin:
        if words := line.lstrip().partition("\t")[0].split():
            yield words[0]
        # Behind it stand the other columns of a table, or, as `echo $IDS` writes them, more ids.
        yield from itertools.takewhile(lambda word: is_ulid(word.upper()), words[1:])
