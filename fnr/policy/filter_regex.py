"""How the patterns of a filter are read: case ignored, and the dot matches line ends too."""

from __future__ import annotations

import re
from functools import lru_cache

PATTERN_CHARS_MAX = 500


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, ready to search with. Raises ValueError in words for people."""
    if len(pattern) > PATTERN_CHARS_MAX:
        raise ValueError(f"the pattern has more than {PATTERN_CHARS_MAX} characters")
    try:
        return re.compile(pattern, re.IGNORECASE | re.DOTALL)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
