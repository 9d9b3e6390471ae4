"""Settings as people write them in fnr.toml: durations and sizes with their units again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from fnr.config.alerts import ALERT_KEYS
from fnr.config.keys import (
    BREAKER_KEYS,
    BUDGET_KEYS,
    CATEGORY_RETRY_KEYS,
    COMFYUI_KEYS,
    FUNCTION_KEYS,
    LIMIT_KEYS,
    REDACT_KEYS,
    RETRY_KEYS,
    WORKERS_KEYS,
    Key,
)
from fnr.config.load import PLAIN_TABLES, Loaded
from fnr.config.secrets import ALWAYS_SECRET, redaction_of, says_secret
from fnr.config.settings import AlertTable, BreakerTable, FunctionSettings, Settings
from fnr.policy.degrade import Rung
from fnr.policy.retry import RetryPolicy

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction

HIDDEN = "***"
_PLACEHOLDER = re.compile(r"\{\w+\}")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One key: its value as written in fnr.toml, and where it came from."""

    key: str
    value: Any
    origin: str


def all_settings(loaded: Loaded) -> Iterator[Setting]:
    """Every key of every table, defaults included."""
    settings, origins = loaded.settings, _origins_with_tables(loaded)
    redaction = redaction_of(settings)
    for table, keys in PLAIN_TABLES.items():
        for name, value in _written(getattr(settings, table), keys).items():
            yield _setting(origins, f"{table}.{name}", value)
    for name, value in _written(settings, REDACT_KEYS).items():
        yield _setting(origins, f"redact.{name}", value)
    for name, breaker in settings.breakers.items():
        for key, value in breaker_table(breaker, redaction).items():
            yield _setting(origins, f"breakers.{name}.{key}", value)
    for channel in settings.alerts.values():
        for key, value in alert_table(channel, redaction).items():
            yield _setting(origins, f"alerts.{channel.name}.{key}", value)
    for function in settings.functions.values():
        written = function_table(function, redaction, names=settings.redact_env_keys)
        for name, value in written.items():
            yield _setting(origins, f"functions.{function.name}.{name}", value)


def declared_functions(loaded: Loaded) -> frozenset[str]:
    """The functions of the file, without those that are built in."""
    return frozenset(
        name
        for name in loaded.settings.functions
        if any(
            loaded.origins.get(f"functions.{name}.{kind}", "default") != "default"
            for kind in ("python", "comfyui", "command")
        )
    )


def function_table(
    function: FunctionSettings, redaction: Redaction, *, names: Sequence[str] = ()
) -> dict[str, object]:
    """A [functions.NAME] table, without secrets; what is not set and has no default is left out.

    names: further ones of environment variables whose values are hidden, with * and ?.
    """
    table = _written(function, FUNCTION_KEYS)
    if function.kind != "python":
        table.pop("python", None)
    if function.kind != "comfyui":
        for key in COMFYUI_KEYS:
            table.pop(key, None)
    if function.kind != "command":
        for key in ("command", "stdin", "result"):
            table.pop(key, None)
    if function.nodes:
        table["nodes"] = function.nodes
    table["workers"] = _written(function, WORKERS_KEYS)
    table["retry"] = _patience(function.retry)
    if function.degrade:
        table["degrade"] = [_rung(rung) for rung in function.degrade]
    if limits := _written(function.limits, LIMIT_KEYS):
        table["limits"] = limits
    if function.env:
        patterns = (*ALWAYS_SECRET, *names)
        table["env"] = {
            name: HIDDEN if says_secret(name, value, patterns) else value
            for name, value in function.env.items()
        }
    if function.undo:
        table["undo"] = list(function.undo)
    table = _without_secrets(table, redaction)
    if function.input:
        # Names and types: `password = "str?"` is neither a password nor to be hidden.
        table["input"] = function.input
    return table


def breaker_table(breaker: BreakerTable, redaction: Redaction) -> dict[str, object]:
    """A [breakers.NAME] table with every number that is in force, without secrets in its probe."""
    written = {key: value for key, value in _written(breaker, BREAKER_KEYS).items() if value != ""}
    return _without_secrets(written, redaction)


def alert_table(channel: AlertTable, redaction: Redaction) -> dict[str, object]:
    """An [alerts.NAME] table; of a webhook's path nobody knows whether it is a secret."""
    written = {
        key: value
        for key, value in _written(channel, ALERT_KEYS).items()
        if value not in ("", [], {})
    }
    if channel.webhook:
        parts = urlsplit(channel.webhook)
        written["webhook"] = f"{parts.scheme}://{parts.netloc}/{HIDDEN}"
    return _without_secrets(written, redaction)


def _without_secrets(table: dict[str, object], redaction: Redaction) -> dict[str, object]:
    """What is shown of settings is pasted into chats: arguments and URLs have passwords, too."""
    return {key: _hidden(value, redaction) for key, value in table.items()}


def _hidden(value: object, redaction: Redaction) -> Any:
    if isinstance(value, str):
        return redaction.text(value)
    if isinstance(value, Mapping):
        return {key: _hidden(item, redaction) for key, item in value.items()}
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        hidden = msgspec.json.decode(redaction.json(msgspec.json.encode(value)))
        # What follows --password is one, but not a place that an input is put in.
        pairs = zip(value, hidden, strict=True)
        return [given if _PLACEHOLDER.fullmatch(given) else shown for given, shown in pairs]
    if isinstance(value, list | tuple):
        return [_hidden(item, redaction) for item in value]
    return value


def _patience(policy: RetryPolicy) -> dict[str, object]:
    written = _written(policy, RETRY_KEYS) | _written(policy.budget, BUDGET_KEYS)
    for category, own in policy.by_category.items():
        written[category] = _written(own, CATEGORY_RETRY_KEYS)
    return written


def _rung(rung: Rung) -> dict[str, object]:
    written: dict[str, object] = {"when": [*rung.when]}
    if rung.set:
        written["set"] = rung.set
    if rung.function:
        written["function"] = rung.function
    return written


def toml_value(value: object) -> str:
    """A value as TOML writes it, on one line."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_toml_key(key)} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _written(settings: Settings | msgspec.Struct, keys: Mapping[str, Key]) -> dict[str, object]:
    found = {}
    for name, key in keys.items():
        value = getattr(settings, key.setting)
        if value is not None:
            found[name] = key.show(value)
    return found


def _setting(origins: Mapping[str, str], key: str, value: object) -> Setting:
    return Setting(key=key, value=value, origin=origins.get(key, "default"))


def _origins_with_tables(loaded: Loaded) -> dict[str, str]:
    """Those of every key; a table that nobody wrote itself is from where its first key is.

    Made once: to look through all keys for each one took minutes with ten thousand functions.
    """
    found = dict(loaded.origins)
    for name, origin in loaded.origins.items():
        table, dot, _ = name.rpartition(".")
        while dot:
            if found.get(table, "default") == "default":
                found[table] = origin
            table, dot, _ = table.rpartition(".")
    return found


def _toml_key(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() else json.dumps(key)
