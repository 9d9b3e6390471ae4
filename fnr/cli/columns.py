"""Rows in columns that fit the terminal; where they cannot, one value a line instead.

Nothing is left out silently: only columns that may give way are cropped, visibly, and a terminal
that is too narrow even for that gets every value on a line of its own. Cells are plain text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence

GAP = 2
FLEXIBLE_MIN = 20
# With no more an id, a function, a state, an age and a message still have room on 80 columns.
FLEXIBLE_LEAST = 14

Paint = Callable[[int, int, str], str]


def in_columns(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: frozenset[int],
    flexible: frozenset[int],
    spare: frozenset[int],
    width: int,
    paint: Paint,
    titles_too: bool = True,
) -> Iterator[str]:
    """Lines of a table; the first is the titles, unless it goes on under those of the page before.

    right, flexible, spare: indexes of columns: to be aligned right, to be cropped if need be, to be
    left out if that is not enough. paint(row, column, text) adds colour; row -1 is the titles.
    """
    widths = _widths(titles, rows)
    shown = _shown(titles, widths, flexible=flexible, spare=spare, width=width)
    if not shown:
        yield from _stacked(titles, rows, width=width, paint=paint)
        return
    last = shown[-1]
    for index, row in enumerate([titles, *rows], start=-1):
        if index < 0 and not titles_too:
            continue
        cells = []
        for column in shown:
            text = cropped(row[column], widths[column])
            space = " " * (widths[column] - cell_width(text))
            painted = paint(index, column, text)
            if column in right:
                cells.append(space + painted)
            else:
                cells.append(painted if column == last else painted + space)
        yield (" " * GAP).join(cells).rstrip(" ")


def cell_width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_char_width, text))


def cropped(text: str, width: int) -> str:
    """The text, or as much of it as fits with "…" behind."""
    if cell_width(text) <= width:
        return text
    return text[: _fitting(text, width - 1)].rstrip() + "…"


def _fitting(text: str, width: int) -> int:
    """How many of its characters have room."""
    used = 0
    for count, character in enumerate(text):
        used += _char_width(character)
        if used > width:
            return count
    return len(text)


def _wrapped(text: str, width: int) -> Iterator[str]:
    """Lines that have room each, broken between words where there are any."""
    while text:
        end = max(_fitting(text, width), 1)
        if end < len(text):
            end = text.rfind(" ", 1, end + 1) if " " in text[1 : end + 1] else end
        yield text[:end].rstrip(" ")
        text = text[end:].lstrip(" ")


def _char_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _widths(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [
        max(cell_width(title), max((cell_width(row[column]) for row in rows), default=0))
        for column, title in enumerate(titles)
    ]


def _shown(
    titles: Sequence[str],
    widths: list[int],
    *,
    flexible: frozenset[int],
    spare: frozenset[int],
    width: int,
) -> list[int]:
    """The columns that fit, with the widths of flexible ones cut down; none when none would do."""
    shown = list(range(len(widths)))

    def bounded(floor: int) -> list[int]:
        return [
            min(size, max(floor, cell_width(title))) if column in flexible else size
            for column, (title, size) in enumerate(zip(titles, widths, strict=True))
        ]

    def over(sizes: list[int]) -> int:
        return sum(sizes[column] for column in shown) + GAP * (len(shown) - 1) - width

    good, least = bounded(FLEXIBLE_MIN), bounded(FLEXIBLE_LEAST)
    for column in sorted(spare, reverse=True):
        if over(good) > 0:
            shown.remove(column)
    if over(least) > 0:
        return []
    for sizes in (good, least):
        for column in sorted(flexible, key=lambda index: -widths[index]):
            if column in shown:
                widths[column] -= min(max(over(widths), 0), widths[column] - sizes[column])
    return shown


def _stacked(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, width: int, paint: Paint
) -> Iterator[str]:
    indent = max(map(len, titles)) + 2
    for index, row in enumerate(rows):
        for column, (title, cell) in enumerate(zip(titles, row, strict=True)):
            if not cell:
                continue
            lines = list(_wrapped(cell, max(width - indent, FLEXIBLE_MIN)))
            yield f"{title.lower():<{indent}}" + paint(index, column, lines[0])
            yield from (" " * indent + line for line in lines[1:])
        yield ""
