"""Which values must not be seen: those of environment variables whose names say so.

`[redact] env_keys` lists names with * and ?, like "*TOKEN*". What functions are given under such
a name is hidden wherever it turns up: in settings that are shown, and in evidence before it is
stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from fnr.config.settings import Settings

# Hidden in what is shown, whatever [redact] says: `config show` is pasted into chats.
ALWAYS_SECRET = ("*TOKEN*", "*SECRET*", "*PASSWORD*", "*PASSWD*", "*CREDENTIAL*", "*API_KEY*")
# A shorter value turns up in innocent text by chance, and hiding it there would garble evidence.
VALUE_CHARS_MIN = 6


def is_secret(name: str, patterns: Iterable[str]) -> bool:
    """Does the name of an environment variable say that its value is secret? In either case."""
    return any(fnmatchcase(name.upper(), pattern.upper()) for pattern in patterns)


def secret_values(settings: Settings) -> tuple[str, ...]:
    """The values that functions are given under secret names, longest first.

    Longest first, because one may be a part of another.
    """
    found: set[str] = set()
    for function in settings.functions.values():
        found.update(_secrets(function.env, settings.redact_env_keys))
        found.update(_secrets(function.env_from_file, settings.redact_env_keys))
    return tuple(sorted(found, key=lambda value: (-len(value), value)))


def _secrets(env: Mapping[str, str], patterns: Iterable[str]) -> list[str]:
    return [
        value
        for name, value in env.items()
        if len(value) >= VALUE_CHARS_MIN and is_secret(name, patterns)
    ]
