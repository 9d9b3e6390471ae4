"""Read a file of NAME=value lines, as `env_file` in fnr.toml names it.

Understands what people paste into such files: comments, `export`, single and double quotes. It
expands nothing, so a `$` in a password stays a `$`.
"""

from __future__ import annotations

import re

from fnr.config.whole_file import read_whole

FILE_BYTES_MAX = 4 * 1024 * 1024
_LINE_END = re.compile(r"\r\n|\n|\r")
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(\s*)(.*)")
_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*"|'[^']*')\s*(?:#.*)?""")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def read_env_file(path: str) -> dict[str, str]:
    """The variables of a file; OSError when it cannot be read, ValueError(*every bad line)."""
    raw = read_whole(path, bytes_max=FILE_BYTES_MAX)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {bad} is not UTF-8") from error
    variables, problems = {}, []
    # A value may hold what else str.splitlines() takes for the end of a line, such as U+2028.
    for number, line in enumerate(_LINE_END.split(text), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        found = _LINE.fullmatch(stripped)
        try:
            if not found:
                raise ValueError(f"line {number} is not NAME=value")
            # Behind a space a # begins a comment, also where nothing stands before it.
            nothing = found[2] and found[3].startswith("#")
            variables[found[1]] = "" if nothing else _value(found[3], number)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError(*problems)
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
