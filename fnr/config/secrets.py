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


def redaction_of(settings: Settings, *earlier: Settings) -> Redaction:
    """Hides what is secret by its shape, what [redact] describes, and values of secret names.

    earlier: settings whose secret values are hidden as well.
    """
    from fnr.policy.redaction import Redaction  # noqa: PLC0415 - RE2, which few commands need

    return Redaction(settings.redact, secret_values(settings, *earlier))


def is_secret(name: str, patterns: Iterable[str]) -> bool:
    """Does the name of an environment variable say that its value is secret? In either case."""
    return any(fnmatchcase(name.upper(), pattern.upper()) for pattern in patterns)


def secret_values(*settings: Settings) -> tuple[str, ...]:
    """The values that functions are given under secret names, longest first.

    Secret are names of [redact] env_keys, and those that say so themselves, like HF_TOKEN; under
    them may also be the path of a file that has the secret, and that is none.
    Longest first, because one may be a part of another.
    """
    found: set[str] = set()
    for one in settings:
        for function in one.functions.values():
            found.update(_secrets(function.env, one.redact_env_keys))
            found.update(_secrets(function.env_from_file, one.redact_env_keys))
    return tuple(sorted(found, key=lambda value: (-len(value), value)))


def _secrets(env: Mapping[str, str], patterns: Iterable[str]) -> list[str]:
    from fnr.policy.redaction import is_secret_name  # noqa: PLC0415 - RE2, as above

    return [
        value
        for name, value in env.items()
        if len(value) >= VALUE_CHARS_MIN
        and (is_secret(name, patterns) or (is_secret_name(name) and not _PATH.match(value)))
    ]
