"""How programs write a secret that is known: escaped, in a URL, base64 or hex, over lines."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from urllib.parse import quote, quote_plus

from fnr.policy.secret_keys import BLANK

# Fewer characters stand in base64, or over the end of a line, without meaning anything.
_TELLING_BYTES_MIN = 8
# Also as Python and JSON write one within a text.
_LINE_END = re.compile(rb"(?:\r?\n|(?:\\r)?\\n)[ \t]*")
# Of base64, the characters that say something of what stands before the secret, by its distance
# from a multiple of three bytes.
_BEFORE = (0, 2, 3)


def forms_of(value: str) -> list[bytes]:
    """A text as it is, and as programs write it; longest first."""
    raw = value.encode("utf-8", "surrogatepass")
    forms = {form.encode("utf-8", "surrogatepass") for form in _written(value)}
    coded = (*_in_base64(raw), raw.hex().encode(), raw.hex().upper().encode())
    forms.update(form for form in coded if len(form) >= _TELLING_BYTES_MIN)
    return sorted(forms, key=lambda form: (-len(form), form))


def _written(value: str) -> set[str]:
    """As Python and JSON write it, and as it stands in a URL."""
    shown = repr(value)[1:-1].replace("\\'", "'")
    return {
        value,
        shown,
        # Which quotes Python escapes is decided by all of the text that it writes.
        shown.replace("'", "\\'"),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        quote(value, safe="", errors="surrogatepass"),
        quote(value, errors="surrogatepass"),
        quote_plus(value, errors="surrogatepass"),
    }


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """In base64 by itself, as in a manifest, and within something longer, as behind a name."""
    for places in (None, b"-_"):
        yield b64encode(raw, places)
        for shift, first in enumerate(_BEFORE):
            padded = bytes(shift) + raw
            inner = b64encode(padded, places).rstrip(b"=")
            # The last character says something of what follows, unless the bytes come out even.
            yield inner[first : len(inner) - (len(padded) % 3 > 0)]


def hidden_over_lines(data: bytes, secrets: Sequence[bytes]) -> bytes:
    """The text without those that a line ends within, as in base64 and in what was wrapped."""
    telling = [secret for secret in secrets if len(secret) >= _TELLING_BYTES_MIN]
    ends = [found.span() for found in _LINE_END.finditer(data)] if telling else []
    if not ends:
        return data
    starts = [0, *(end for _, end in ends)]
    lines = [data[a:b] for a, b in zip(starts, [*(start for start, _ in ends), None], strict=True)]
    joined = b"".join(lines)
    places = [0, *accumulate(map(len, lines))]
    found: list[tuple[int, int]] = []
    for secret in telling:
        at = joined.find(secret)
        while at >= 0:
            found.append((at, at + len(secret)))
            at = joined.find(secret, at + len(secret))

    def place(at: int) -> int:
        """Where a byte of the joined lines stands in the text."""
        line = bisect_right(places, at, hi=len(lines)) - 1
        return starts[line] + at - places[line]

    pieces: list[bytes] = []
    end = 0
    for first, behind in sorted(found):
        start = place(first)
        if start >= end:
            pieces += [data[end:start], BLANK]
            end = place(behind - 1) + 1
    return b"".join([*pieces, data[end:]]) if pieces else data
