"""Read a file of NAME=value lines, as `env_file` in fnr.toml names it.

Understands what people paste into such files: comments, `export`, single and double quotes. It
expands nothing, so a `$` in a password stays a `$`.
"""

from __future__ import annotations

import re

from fnr.config.whole_file import read_whole

FILE_BYTES_MAX = 4 * 1024 * 1024
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*"|'[^']*')\s*(?:#.*)?""")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def read_env_file(path: str) -> dict[str, str]:
    """The variables of a file; OSError when it cannot be read, ValueError naming a bad line."""
    variables = {}
    text = read_whole(path, bytes_max=FILE_BYTES_MAX).decode("utf-8-sig")
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        found = _LINE.fullmatch(stripped)
        if not found:
            raise ValueError(f"line {number} is not NAME=value")
        variables[found[1]] = _value(found[2], number)
    return variables


def _value(written: str, number: int) -> str:
    if not written or written[0] not in "\"'":
        value = re.split(r"\s+#", written, maxsplit=1)[0]
    elif quoted := _QUOTED.fullmatch(written):
        value = quoted[1][1:-1]
        if written[0] == '"':
            value = re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), value)
    else:
        raise ValueError(f"line {number}: the quote is not closed")
    if "\0" in value:
        raise ValueError(f"line {number} contains a NUL character")
    return value
