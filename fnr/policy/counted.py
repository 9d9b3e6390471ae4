"""How many of something there are, in words."""

from __future__ import annotations


def counted(number: int, noun: str, nouns: str = "") -> str:
    """ "1 task", "2 tasks"; nouns: of more than one, where an s is not enough."""
    return f"1 {noun}" if number == 1 else f"{number} {nouns or noun + 's'}"
