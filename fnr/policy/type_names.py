"""Which of many patterns of names fit a name, where * stands for anything.

Most patterns begin or end with their only star, so they are looked up and not tried one by one.
"""

from __future__ import annotations

from collections.abc import Iterable

NAME_CHARS_MAX = 300
_REMEMBERED_MAX = 2_048


def fits_name(pattern: str, name: str) -> bool:
    """Does the name fit? In time proportional to its length, however many stars there are."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == name
    if not name.startswith(first):
        return False
    *middle, last = rest
    position = len(first)
    for part in middle:
        position = name.find(part, position)
        if position < 0:
            return False
        position += len(part)
    return name.endswith(last) and len(name) - len(last) >= position


class NamePatterns:
    """Patterns with stars, by how they can be looked up."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._endings: dict[str, str] = {}
        self._beginnings: dict[str, str] = {}
        self._others: list[str] = []
        self._remembered: dict[str, frozenset[str]] = {}
        for pattern in dict.fromkeys(patterns):
            if pattern.startswith("*") and pattern.count("*") == 1:
                self._endings[pattern[1:]] = pattern
            elif pattern.endswith("*") and pattern.count("*") == 1:
                self._beginnings[pattern[:-1]] = pattern
            else:
                self._others.append(pattern)

    def fitting(self, name: str) -> frozenset[str]:
        """All patterns that the name fits."""
        name = name[:NAME_CHARS_MAX]
        known = self._remembered.get(name)
        if known is None:
            if len(self._remembered) >= _REMEMBERED_MAX:
                self._remembered.clear()
            known = self._remembered[name] = frozenset(self._search(name))
        return known

    def _search(self, name: str) -> Iterable[str]:
        for cut in range(len(name) + 1):
            if name[cut:] in self._endings:
                yield self._endings[name[cut:]]
            if name[:cut] in self._beginnings:
                yield self._beginnings[name[:cut]]
        yield from (pattern for pattern in self._others if fits_name(pattern, name))
