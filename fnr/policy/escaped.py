"""Words that were escaped on their way into a message: as JSON or a literal of Python, or as HTML.

A service quotes what another one said, a logger keeps a record on one line, a page shows it: what
was two lines is then one with `\\n` in it, and what stood in quotes has `&quot;` around it.
"""

from __future__ import annotations

import html
import re

_ENTITY = re.compile(r"&(?:lt|gt|quot|amp|apos|nbsp|#\d{2,5}|#[xX][0-9A-Fa-f]{2,5});")
# One backslash, or more where it was escaped more than once. What a line begins with, so that
# `C:\new` is none.
_LINE_END = re.compile(r"\\{1,4}n(?=[ \t\\A-Z\[\"'}>\-]|[a-z]+:|\Z)")
_LINE_ENDS_MIN = 2
_ESCAPE = re.compile(r"\\{1,4}([nrt\"'/])")
_MEANT = {"n": "\n", "r": "", "t": "\t"}


def unescaped(words: str) -> str | None:
    """What the words were before; None if they are as they were."""
    plain = words
    if "&" in plain and _ENTITY.search(plain):
        plain = html.unescape(plain)
    if "\\" in plain and _lines_are_escaped(plain):
        plain = _ESCAPE.sub(lambda escape: _MEANT.get(escape[1], escape[1]), plain)
    return None if plain == words else plain


def _lines_are_escaped(words: str) -> bool:
    ends = len(_LINE_END.findall(words))
    return ends >= _LINE_ENDS_MIN and ends > words.count("\n")
