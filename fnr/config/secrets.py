"""What must not be seen: secrets by their shape, by [redact], by the name of their variable.

`[redact] env_keys` lists names with * and ?, like "*TOKEN*". What functions are given under such
a name is hidden wherever it turns up: in settings that are shown, and in evidence before it is
stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from fnr.config.settings import Settings

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction

# Hidden in what is shown, whatever [redact] says: `config show` is pasted into chats.
ALWAYS_SECRET = ("*TOKEN*", "*SECRET*", "*PASSWORD*", "*PASSWD*", "*CREDENTIAL*", "*API_KEY*")
_PATH = re.compile(r"[~.]{0,2}/")
# A shorter value turns up in innocent text by chance, and hiding it there would garble evidence.
VALUE_CHARS_MIN = 6
# Of a secret of several lines: a shorter one is a bracket, or a word. A key of 4096 bits has 52.
LINE_CHARS_MIN = 16
LINES_MAX = 60


def redaction_of(settings: Settings, former: Iterable[str] = ()) -> Redaction:
    """Hides what is secret by its shape, what [redact] describes, and values of secret names.

    former: values that were secret until a reload.
    """
    from fnr.policy.redaction import Redaction  # noqa: PLC0415 - RE2, which few commands need

    return Redaction(settings.redact, longest_first({*secret_values(settings), *former}))


def is_secret(name: str, patterns: Iterable[str]) -> bool:
    """Does the name of an environment variable say that its value is secret? In either case."""
    return any(fnmatchcase(name.upper(), pattern.upper()) for pattern in patterns)


def secret_values(settings: Settings) -> tuple[str, ...]:
    """The values that functions are given under secret names, longest first.

    Secret are names of [redact] env_keys, and those that say so themselves, like HF_TOKEN; under
    them may also be the path of a file that has the secret, and that is none.
    """
    found: set[str] = set()
    for function in settings.functions.values():
        found.update(secrets_in(function.env, settings.redact_env_keys))
        found.update(secrets_in(function.env_from_file, settings.redact_env_keys))
    return longest_first(found)


def longest_first(values: Iterable[str]) -> tuple[str, ...]:
    """In the order in which they are looked for, because one may be a part of another."""
    return tuple(sorted(values, key=lambda value: (-len(value), value)))


def says_secret(name: str, value: str, patterns: Iterable[str]) -> bool:
    """Does an environment variable's name say that this value is secret, and no file's path?"""
    from fnr.policy.redaction import is_secret_name  # noqa: PLC0415 - RE2, as above

    return is_secret(name, patterns) or (is_secret_name(name) and not _PATH.match(value))


def secrets_in(env: Mapping[str, str], patterns: Iterable[str]) -> list[str]:
    """The values of an environment that stand under secret names, and what they consist of."""
    return [
        part
        for name, value in env.items()
        if len(value) >= VALUE_CHARS_MIN and says_secret(name, value, patterns)
        for part in (value, *_lines(value))
    ]


def _lines(value: str) -> list[str]:
    """Of a private key, or a file of credentials, each line: so logs have it."""
    lines = [line.strip() for line in value.splitlines()[:LINES_MAX]]
    # The first and the last line of a key are those of every key.
    telling = (line for line in lines if not line.startswith("-----"))
    return [line for line in telling if len(line) >= LINE_CHARS_MIN and line != value]
