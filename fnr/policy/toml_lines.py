"""On which line of a TOML text each key stands, which tomllib does not tell.

The scanner expects text that tomllib has accepted, so it only has to follow headers, keys and
where a value ends. Keys inside an inline table stand on the line of the key that holds it. Of
several [[rule]] the first is ("rule", "0"), and ("rule",) stands for it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

KeyPath = tuple[str, ...]

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*\[(\[?)\s*({_DOTTED})\s*\]\]?")
_ASSIGN = re.compile(rf"\s*({_DOTTED})\s*=")
_PART = re.compile(_KEY)
# What decides where a value ends: strings, brackets, comments.
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|'
    r"'''.*?'''|"
    r'"(?:[^"\\\n]|\\.)*"|'
    r"'[^'\n]*'|#[^\n]*|[\[\]{}]|\n",
    re.DOTALL,
)


class Lines:
    """Line numbers of a TOML text's keys."""

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        for path, line in _keys(text):
            # [a.b] is where `a` stands too, unless it has a header of its own before.
            for length in range(1, len(path) + 1):
                self._lines.setdefault(path[:length], line)

    def of(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest thing that holds it; 1 when nothing does."""
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return line
        return 1


def array_of(text: str, key: str) -> tuple[int, int] | None:
    """Where the brackets of a top-level array stand: the first, and the last."""
    found = re.compile(rf"^[ \t]*{re.escape(key)}[ \t]*=[ \t]*\[", re.MULTILINE)
    for match in found.finditer(text, 0, top_end(text)):
        return match.end() - 1, text.rindex("]", match.end(), _value_end(text, match.end() - 1))
    return None


def top_end(text: str) -> int:
    """Where the first table begins: keys of the file itself stand before it."""
    position = 0
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        if _HEADER.match(text, position, end):
            return position
        assign = _ASSIGN.match(text, position, end)
        position = (_value_end(text, assign.end()) if assign else end) + 1
    return len(text)


def strings_of(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where strings stand, with their quotes, that are no part of a comment."""
    for token in _TOKEN.finditer(text, start, end):
        if token[0][0] in "\"'":
            yield token.span()


def _keys(text: str) -> Iterator[tuple[KeyPath, int]]:
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    position, line = 0, 1
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        if header := _HEADER.match(text, position, end):
            table = _numbered(_path(header[2]), counts, one_more=bool(header[1]))
            yield table, line
            after = end
        elif assign := _ASSIGN.match(text, position, end):
            yield table + _path(assign[1]), line
            after = _value_end(text, assign.end())
        else:
            after = end
        line += text.count("\n", position, after) + 1
        position = after + 1


def _numbered(path: KeyPath, counts: dict[KeyPath, int], *, one_more: bool) -> KeyPath:
    """The path with the number of each array of tables in it, which is that of its last table."""
    full: KeyPath = ()
    for place, part in enumerate(path):
        full += (part,)
        if one_more and place == len(path) - 1:
            counts[full] = counts.get(full, -1) + 1
        if full in counts:
            full += (str(counts[full]),)
    return full


def _value_end(text: str, start: int) -> int:
    """Where the line ends on which the value that begins at `start` ends."""
    depth, position = 0, start
    while token := _TOKEN.search(text, position):
        if token[0] == "\n" and depth == 0:
            return token.start()
        depth += (token[0] in "[{") - (token[0] in "]}")
        position = token.end()
    return len(text)


def _path(dotted: str) -> KeyPath:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in _PART.findall(dotted))
