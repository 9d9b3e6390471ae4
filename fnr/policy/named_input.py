"""Which values of a task's input an error names: what is wrong with one is the submitter's to mend.

"No such file" is the deployment's fault when a model is missing and the submitter's when it is the
clip that this task asked for; only the input tells the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from fnr.policy.evidence import Evidence

LEAVES_MAX = 200
DEPTH_MAX = 5
VALUE_CHARS_MIN, VALUE_CHARS_MAX = 3, 1_000
WORDS_CHARS_MAX = 4_000
LINKS_MAX = 10
# One ordinary word stands in many errors by chance; such a value counts where it is quoted.
_TELLING = re.compile(r"[/\\.:@_\-\d]")
_TELLING_CHARS_MIN = 5
_QUOTES = ("'{}'", '"{}"', "`{}`", "‘{}’", "“{}”")


def with_named_input(evidence: Evidence, given: Mapping[str, Any]) -> Evidence:
    """The evidence that says which of these values it names."""
    return replace(evidence, named_input=named_keys(_words(evidence), given))


def named_keys(words: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys of the input whose values stand in the words; of nested ones "scene.path"."""
    if not words:
        return ()
    named = (key for key, value in _leaves(given) if _stands(value, words))
    return tuple(dict.fromkeys(named))


def _words(evidence: Evidence) -> str:
    """What was reported; the end of a program's log counts where no exception speaks."""
    said = [evidence.message, *(link.message for link in evidence.exceptions[:LINKS_MAX])]
    if not evidence.exceptions:
        said.append(evidence.stderr_tail[-WORDS_CHARS_MAX:])
    return "\n".join(words[:WORDS_CHARS_MAX] for words in dict.fromkeys(said))


def _leaves(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Texts of the input with their keys; those in a list have the key of the list."""
    left = LEAVES_MAX
    waiting: list[tuple[str, Any, int]] = [(key, value, 1) for key, value in given.items()][::-1]
    while waiting and left:
        key, value, depth = waiting.pop()
        if isinstance(value, str):
            left -= 1
            yield key, value.strip()
        elif depth < DEPTH_MAX and isinstance(value, dict):
            nested = [(f"{key}.{name}", one, depth + 1) for name, one in value.items()]
            waiting += nested[:LEAVES_MAX][::-1]
        elif depth < DEPTH_MAX and isinstance(value, list):
            waiting += [(key, one, depth + 1) for one in value[:LEAVES_MAX]][::-1]


def _stands(value: str, words: str) -> bool:
    return any(_has(words, name) for name in _names_of(value))


def _names_of(value: str) -> Iterator[str]:
    """What an error may call a value: all of it, the file of a path, the host of an address."""
    yield value
    if "://" in value:
        try:
            yield urlsplit(value).hostname or ""
        except ValueError:
            return
    elif "/" in value or "\\" in value:
        yield value.removeprefix("./")
        file = re.split(r"[/\\]", value.rstrip("/\\"))[-1]
        if "." in file.strip("."):
            yield file


def _has(words: str, name: str) -> bool:
    if not VALUE_CHARS_MIN <= len(name) <= VALUE_CHARS_MAX or name not in words:
        return False
    if any(quote.format(name) in words for quote in _QUOTES):
        return True
    if len(name) < _TELLING_CHARS_MIN or not _TELLING.search(name):
        return False
    # Not as a part of another word, nor of a longer file name.
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", words) is not None
