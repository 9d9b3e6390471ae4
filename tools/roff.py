"""Turns our Markdown into the requests of man(7): headings, paragraphs, lists, tables, code.

Only what docs/ uses; a table becomes a list of its first column with the others below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

# What stands below the name in a table's row: from the row's cells and the table's titles.
ShowRow = Callable[[list[str], list[str]], str]

_INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<bold>.+?)\*\*|\*(?P<italic>[^*\s][^*]*)\*"
    r"|\[(?P<words>(?:`[^`]*`|[^\]`])+)\]\((?P<link>[^)]+)\)"
)


def escape(text: str) -> str:
    """Text as it is, for a line of its own."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    text = "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in text)
    return rf"\&{text}" if text.startswith((".", "'")) else text


def inline(text: str) -> str:
    """Markdown within a line."""
    shown, end = "", 0
    for found in _INLINE.finditer(text):
        shown += _piece(text[end : found.start()]) + _styled(found)
        end = found.end()
    shown += _piece(text[end:])
    return rf"\&{shown}" if shown.startswith((".", "'")) else shown


def _piece(text: str) -> str:
    return escape(text).removeprefix(r"\&")


def _styled(found: re.Match[str]) -> str:
    if found["code"]:
        return rf"\fB{_piece(found['code'])}\fR"
    if found["bold"]:
        return rf"\fB{_piece(found['bold'])}\fR"
    if found["italic"]:
        return rf"\fI{_piece(found['italic'])}\fR"
    words = _plain(found["words"])
    if found["link"].startswith("http"):
        return _piece(f"{words} <{found['link']}>")
    return _piece(words)


def _plain(text: str) -> str:
    return text.replace("`", "")


def from_markdown(text: str, show_row: Callable[[str], ShowRow] | None = None) -> list[str]:
    """The lines of a page's body; the title is left out.

    show_row: how rows are shown below the heading that it is given, if not as they are.
    """
    lines: list[str] = []
    heading = ""
    for block in _blocks(text):
        first = block[0]
        if first.startswith("#"):
            heading = first.lstrip("# ")
            if not first.startswith("# "):
                request = ".SH" if first.startswith("## ") else ".SS"
                lines.append(f"{request} {escape(_plain(heading))}")
        elif first.startswith("```"):
            lines += [".PP", ".nf", ".RS 4", *map(escape, block[1:-1]), ".RE", ".fi"]
        elif first.startswith("|"):
            lines += _table(block, (show_row or _own_way)(heading))
        elif first.startswith("- ") or re.match(r"\d+\. ", first):
            lines += _list(block)
        else:
            lines += [".PP", inline(" ".join(block))]
    return [line for index, line in enumerate(lines) if not _idle(lines, index)]


def _idle(lines: list[str], index: int) -> bool:
    """A paragraph request right behind a heading does nothing, and groff's checkers say so."""
    return lines[index] == ".PP" and (index == 0 or lines[index - 1].startswith((".SH", ".SS")))


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            if not fenced and block:
                yield block
                block = []
            fenced = not fenced
            block.append(line)
            if not fenced:
                yield block
                block = []
        elif fenced or (line.strip() and not line.startswith("#")):
            block.append(line)
        else:
            if block:
                yield block
            block = []
            if line.startswith("#"):
                yield [line]
    if block:
        yield block


def _list(block: list[str]) -> list[str]:
    items: list[tuple[str, str]] = []
    for line in block:
        if found := re.match(r"(-|\d+\.) (.*)", line):
            items.append((r"\(bu" if found[1] == "-" else found[1], found[2]))
        else:
            mark, words = items[-1]
            items[-1] = (mark, f"{words} {line.strip()}")
    return [part for mark, words in items for part in (f".IP {mark} 4", inline(words))]


def _table(block: list[str], show: ShowRow) -> list[str]:
    titles, _, *rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in block]
    lines = []
    for row in rows:
        lines += [".TP", inline(row[0]), show(row, titles)]
    return lines


def _own_way(_: str) -> ShowRow:
    def show(row: list[str], titles: list[str]) -> str:
        if len(row) == 2:
            return inline(row[1]) or r"\&"
        named = [f"{title}: {cell}" for title, cell in zip(titles[1:], row[1:], strict=True)]
        return inline("; ".join(named))

    return show
