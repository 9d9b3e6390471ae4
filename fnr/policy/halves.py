"""Text of which something was left out: the words beside such a cut are halves, and go as well.

Half a secret looks like nothing that redaction knows, and the other half may be guessed.
"""

from __future__ import annotations

import re

# A word that is longer is no word, and stays.
_EDGE_CHARS_MAX = 400
# A name, a sign and its value: without their name most secrets look like any word.
_WORDS_BEHIND = 3
_MARK = re.compile("\n… ([0-9]{1,15}) characters left out …\n")
# The words of it, where a text is read by the line; no program has said them.
OUR_SIGN = "characters left out …"
OUR_LINE = r"(?:(?<=\n)|\A)… [0-9]{1,15} characters left out …(?:\n|\Z)"
_BETWEEN = re.compile(r"\s+|[,;&]")


def left_out(count: int) -> str:
    """What stands where so many characters are missing."""
    return f"\n… {count} characters left out …\n"


def without_halves(text: str, *, begins_whole: bool = True) -> str:
    """The text without the words that a cut has halved, counted with what was left out."""
    if not begins_whole:
        text = whole_behind(text)
    # Mostly there is no mark, and it costs one search.
    if _MARK.search(text) is None:
        return text
    first, *rest = _MARK.split(text)
    pieces, end = [], first
    for count, behind in zip(rest[::2], rest[1::2], strict=True):
        before, after = _whole_before(end), whole_behind(behind)
        missing = len(end) - len(before) + len(behind) - len(after)
        pieces += [before, left_out(int(count) + missing)]
        end = after
    return "".join([*pieces, end])


def whole_behind(text: str) -> str:
    """What follows a cut, from its first whole line on, or behind the first words."""
    edge = text[:_EDGE_CHARS_MAX]
    if "\n" in edge:
        return text[edge.index("\n") + 1 :]
    ends = [found.end() for found in _BETWEEN.finditer(edge)][:_WORDS_BEHIND]
    return text[ends[-1] :] if ends else text


def _whole_before(text: str) -> str:
    """What precedes a cut, up to the last word that is whole."""
    start = max(0, len(text) - _EDGE_CHARS_MAX)
    ends = [found.start() for found in _BETWEEN.finditer(text, start)]
    return text[: ends[-1]] if ends else text
