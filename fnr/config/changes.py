"""What differs between two readings of fnr.toml, by the names that the file has for it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec

import fnr
from fnr.config.keys import REDACT_KEYS, Key
from fnr.config.load import PLAIN_TABLES
from fnr.config.settings import FunctionSettings, Settings

# What is looked at only when the daemon starts.
RESTART_KEYS = frozenset(
    {"daemon.kernel_log", "log.format", "log.file_size", "log.files", "store.reserve"}
)


def changed_keys(old: Settings, new: Settings) -> list[str]:
    """What differs outside of [functions]: "daemon.queue_max", "redact.patterns", "breakers.db"."""
    found = [f"breakers.{name}" for name in _differing(old.breakers, new.breakers)]
    for table, keys in PLAIN_TABLES.items():
        found += _of_table(table, keys, getattr(old, table), getattr(new, table))
    found += _of_table("redact", REDACT_KEYS, old, new)
    return sorted(found)


def mark_of(settings: FunctionSettings) -> str:
    """The same for two readings of a function's table as long as nothing of it differs.

    In front of it stands the version of fnr whose worker is made of it.
    """
    text = msgspec.json.encode(settings, order="deterministic")
    return f"{fnr.__version__}:{blake2b(text, digest_size=16).hexdigest()}"


def _of_table(table: str, keys: dict[str, Key], old: Any, new: Any) -> Iterator[str]:
    for name, key in keys.items():
        if getattr(old, key.setting) != getattr(new, key.setting):
            yield f"{table}.{name}"


def _differing(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for name in old.keys() | new.keys():
        if old.get(name) != new.get(name):
            yield name
