"""Show answers: tables to people, tab-separated rows to pipes, JSON to programs.

Text from outside (messages, names, tags) goes through `one_line` or `block`, and nothing here
knows a markup: `[rank0]:` in an error stays what it is, and ESC moves no cursor.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import msgspec

from fnr.api.errors import StorageError
from fnr.cli.columns import in_columns
from fnr.cli.here import here
from fnr.cli.json_text import json_bytes, json_text
from fnr.cli.terminal import BOLD, one_line, painted, width
from fnr.client.instants import age, clock_time, in_time, moment
from fnr.policy.record import Page

__all__ = [
    "CELL_CHARS_MAX",
    "Column",
    "Listing",
    "age",
    "clock_time",
    "in_time",
    "moment",
    "show_list",
    "show_one",
    "show_pages",
    "since",
    "write",
    "write_json",
]

Item = TypeVar("Item")

# Longer than any screen is wide; an error message can have 4,000 characters.
CELL_CHARS_MAX = 300


class Column(msgspec.Struct, Generic[Item], frozen=True):
    """One column: its title, what stands in it for people, and in a pipe when that differs.

    flexible: is cropped when the terminal is narrow. spare: is left out there; pipes get it.
    """

    title: str
    cell: Callable[[Item], object]
    plain: Callable[[Item], object] | None = None
    right: bool = False
    flexible: bool = False
    spare: bool = False
    style: Callable[[Item], str] | None = None


class Listing(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """How a list of something is shown.

    schema: "fnr.task.list/1". name: what -o name prints of an item. empty: said when there is none.
    """

    schema: str
    columns: tuple[Column[Item], ...]
    name: Callable[[Item], str]
    empty: str


def show_list(
    listing: Listing[Item],
    items: Iterable[Item],
    *,
    total: int | None = None,
    next_page: str | None = None,
    extra: dict[str, object] | None = None,
) -> None:
    """Show a list in the form that was asked for; extra: further keys of the JSON answer."""
    show_pages(listing, [Page(items=list(items), total=total, next=next_page)], extra=extra)


def show_pages(
    listing: Listing[Item],
    pages: Iterable[Page[Item]],
    *,
    extra: dict[str, object] | None = None,
) -> None:
    """Show pages as they come, so that a million rows need the memory of a thousand."""
    output = here().output
    if output == "json":
        _json_list(listing, pages, extra or {})
        return
    shown, titled, last = 0, False, Page[Item](items=[])
    for last in pages:
        if output == "jsonl":
            for item in last.items:
                write_json(item)
        elif output == "name":
            write("".join(f"{one_line(listing.name(item))}\n" for item in last.items))
        elif here().plain:
            write("".join(_plain_row(listing, item) for item in last.items))
        elif last.items:
            titled = _table(listing, last.items, titles=not titled) or titled
        shown += len(last.items)
    if output == "table":
        _footer(listing, shown, last)


def show_one(schema: str, value: object, people: Callable[[], str], *, name: str) -> None:
    """Show one thing: its JSON with the schema in front, its name, or the words for people."""
    output = here().output
    if output in {"json", "jsonl"}:
        fields = msgspec.json.decode(json_bytes(value), type=dict[str, msgspec.Raw])
        write_json({"schema": schema, **fields}, pretty=output == "json")
    elif output == "name":
        write(f"{one_line(name)}\n")
    else:
        write(people())


def write(text: str) -> None:
    """Data, on stdout."""
    sys.stdout.write(text)


def write_while_read(text: str) -> None:
    """Data, on stdout, until nobody reads it any more: what a command does besides goes on."""
    try:
        write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        drop_output()


def drop_output() -> None:
    """Nobody reads stdout any more: what is still to be written goes nowhere, without an error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def telling_of(task_id: str) -> Iterator[None]:
    """A task is accepted, also where its id cannot be written: else it would be submitted again."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()  # or what could not be written would be in the way again
        raise StorageError(
            f"task {task_id} is accepted, but its id cannot be written",
            why=error.strerror or str(error),
            next_step=f"{here().command} task show {task_id}",
        ) from error


def write_json(value: object, *, pretty: bool = False) -> None:
    """A value as JSON: one line, or indented when somebody is looking."""
    raw = json_bytes(value)
    if pretty and not here().plain:
        raw = msgspec.json.format(raw, indent=2)
    write(json_text(raw, sys.stdout) + "\n")
    if here().output == "jsonl":
        sys.stdout.flush()  # so that `| head` and `| jq` see it now


# ── cells ────────────────────────────────────────────────────────────────────


def since(title: str, at_ms: Callable[[Item], int | None], *, spare: bool = False) -> Column[Item]:
    """A column with an age for people and the instant for programs."""
    return Column(
        title,
        lambda item: age(at_ms(item)),
        lambda item: moment(at_ms(item)),
        right=True,
        spare=spare,
    )


# ── forms ────────────────────────────────────────────────────────────────────


def _json_list(
    listing: Listing[Item], pages: Iterable[Page[Item]], extra: dict[str, object]
) -> None:
    items: list[Item] = []
    last = Page[Item](items=[])
    for last in pages:
        items += last.items
    answer: dict[str, object] = {"schema": listing.schema, "items": items}
    answer |= {"total": last.total, "next": last.next, **extra}
    write_json(answer, pretty=True)


def _plain_row(listing: Listing[Item], item: Item) -> str:
    cells = (one_line((column.plain or column.cell)(item)) for column in listing.columns)
    return "\t".join(cells) + "\n"


def _table(listing: Listing[Item], items: list[Item], *, titles: bool) -> bool:
    """Show a page; True if it has titles above it, which one value a line has not."""
    columns, titled = listing.columns, False

    def paint(row: int, column: int, text: str) -> str:
        nonlocal titled
        titled = titled or row < 0
        style = columns[column].style
        code = BOLD if row < 0 else style(items[row]) if style else ""
        return painted(text, code, colour=here().colour and bool(code))

    lines = in_columns(
        [column.title for column in columns],
        [[_cell(column, item) for column in columns] for item in items],
        right=frozenset(i for i, column in enumerate(columns) if column.right),
        flexible=frozenset(i for i, column in enumerate(columns) if column.flexible),
        spare=frozenset(i for i, column in enumerate(columns) if column.spare),
        width=width(),
        paint=paint,
        titles_too=titles,
    )
    write("".join(f"{line}\n" for line in lines))
    return titled


def _cell(column: Column[Item], item: Item) -> str:
    cell = one_line(column.cell(item))
    return cell if len(cell) <= CELL_CHARS_MAX else cell[: CELL_CHARS_MAX - 1] + "…"


def _footer(listing: Listing[Item], shown: int, last: Page[Item]) -> None:
    """What is not on the screen is said, never left out silently."""
    if shown == 0:
        here().notice(listing.empty)
    elif last.next is not None:
        of_all = f" of {last.total}" if last.total is not None else ""
        here().notice(f"{shown}{of_all} shown; --limit 0 for all, or --after {last.next}")


def size_text(size_bytes: int) -> str:
    """A size for people: "3.4 MiB"."""
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
