"""Load the settings: default < file < environment < flag, with the origin of every key.

Nothing is raised for a bad file: every problem is listed, each with its file and line, so that an
operator repairs it in one go. Settings that could not be read keep their defaults.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from fnr.config.alerts import ALERT_KEYS, read_alerts
from fnr.config.breakers import read_breakers
from fnr.config.functions import builtin_canary, builtin_run, read_functions
from fnr.config.keys import (
    BREAKER_KEYS,
    CHAOS_KEYS,
    DAEMON_KEYS,
    FUNCTION_KEYS,
    FUNCTION_TABLES,
    LOG_KEYS,
    REDACT_KEYS,
    RULES_KEYS,
    STORE_KEYS,
    Key,
    Problem,
    Report,
    read_table,
    unknown_key,
)
from fnr.config.paths import Paths
from fnr.config.settings import DaemonSettings, LogSettings, RuleSettings, Settings, StoreSettings
from fnr.config.whole_file import read_whole
from fnr.policy.chaos import CANARY, ChaosSettings
from fnr.policy.toml_lines import Lines

VERSION = 1
FILE_BYTES_MAX = 4 * 1024 * 1024
# Tables whose keys can be set as FNR_TABLE_KEY and as flags.
PLAIN_TABLES: dict[str, dict[str, Key]] = {
    "daemon": DAEMON_KEYS,
    "store": STORE_KEYS,
    "log": LOG_KEYS,
    "rules": RULES_KEYS,
    "chaos": CHAOS_KEYS,
}
# Tables that only the file can hold.
_FILE_TABLES = ("redact", "functions", "breakers", "alerts")
# Where the problem with a value of the command line is.
FLAG = "flag"
_TOP_KEYS = ("version", *PLAIN_TABLES, *_FILE_TABLES)
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")
_AT_END = " (at end of document)"


class Loaded(Struct, frozen=True, kw_only=True):
    """The settings, where each key came from, and everything that is wrong with them.

    origins: dotted key -> "default" | "fnr.toml:12" | "env FNR_LOG_LEVEL" | "flag".
    """

    settings: Settings
    origins: dict[str, str]
    problems: tuple[Problem, ...]


def load(
    paths: Paths,
    *,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
) -> Loaded:
    """Load fnr.toml and what overrides it; flags: dotted key -> text, like "log.level"."""
    text, data, problems = _read_file(paths)
    report = Report(paths.config_file, Lines(text))
    for problem in problems:
        report.problem_elsewhere(problem.where, problem.message)
    _check_top(report, data)

    fields = {
        name: read_table(report, (name,), data.get(name, {}), keys)
        for name, keys in PLAIN_TABLES.items()
    }
    redact = read_table(report, ("redact",), data.get("redact", {}), REDACT_KEYS)
    breakers = read_breakers(report, data.get("breakers", {}))
    functions = read_functions(report, data.get("functions", {}), breakers)
    alerts = read_alerts(report, data.get("alerts", {}))
    functions["run"] = builtin_run(os.cpu_count() or 1)

    _override_from_environ(report, fields, os.environ if environ is None else environ)
    _override_from_flags(report, fields, flags or {})
    if fields["chaos"].get("enabled"):
        functions.setdefault(CANARY, builtin_canary())
    settings = Settings(
        daemon=DaemonSettings(**fields["daemon"]),
        store=StoreSettings(**fields["store"]),
        log=LogSettings(**fields["log"]),
        rules=RuleSettings(**fields["rules"]),
        chaos=ChaosSettings(**fields["chaos"]),
        functions=functions,
        breakers=breakers,
        alerts=alerts,
        **redact,
    )
    _check_together(report, settings)
    return Loaded(
        settings=settings,
        origins=_all_origins(report.origins, functions, breakers, alerts),
        problems=report.problems,
    )


def _read_file(paths: Paths) -> tuple[str, dict[str, Any], list[Problem]]:
    """The text and the data of the file, both empty when it cannot be used."""
    file = paths.config_file
    try:
        raw = read_whole(file, bytes_max=FILE_BYTES_MAX)
    except FileNotFoundError:
        # Only a file that somebody asked for must be there, or one that a link stands for.
        asked_for = file != f"{paths.config_dir}/fnr.toml" or Path(file).is_symlink()
        missing = [Problem(where=file, message="there is no such file")] if asked_for else []
        return "", {}, missing
    except OSError as error:
        return "", {}, [Problem(where=file, message=f"cannot be read: {error.strerror}")]
    except ValueError as error:
        return "", {}, [Problem(where=file, message=str(error))]
    try:
        # Editors of Windows put a mark before the text.
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
        return text, tomllib.loads(text), []
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return "", {}, [Problem(where=f"{file}:{line}", message="not UTF-8")]
    # Not only TOMLDecodeError: tomllib lets through what Python says of a number with thousands of
    # digits.
    except ValueError as error:
        why = str(error).partition("; use sys.")[0]
        return "", {}, [_syntax_problem(file, why, line_count=len(text.splitlines()))]
    except RecursionError:
        return "", {}, [Problem(where=file, message="nested too deeply")]


def _syntax_problem(file: str, words: str, *, line_count: int) -> Problem:
    if words.endswith(_AT_END):
        what = words.removesuffix(_AT_END)
        return Problem(
            where=f"{file}:{line_count}", message=f"not TOML: {what}: the file ends here"
        )
    place = _PLACE.search(words)
    where = f"{file}:{place[1]}:{place[2]}" if place else file
    return Problem(where=where, message=f"not TOML: {_PLACE.sub('', words)}")


def _check_top(report: Report, data: dict[str, Any]) -> None:
    for name in data:
        if name not in _TOP_KEYS:
            report.problem((name,), unknown_key(name, _TOP_KEYS))
    version = data.get("version", VERSION)
    if version != VERSION or type(version) is not int:
        report.problem(("version",), f"this fnr reads version {VERSION}, not {version!r}")


def _override_from_environ(
    report: Report, fields: dict[str, dict[str, Any]], environ: Mapping[str, str]
) -> None:
    names = {
        f"FNR_{table}_{key}".upper(): (table, key)
        for table, keys in PLAIN_TABLES.items()
        for key in keys
    }
    prefixes = tuple(f"FNR_{table}_".upper() for table in PLAIN_TABLES)
    file_prefixes = tuple(f"FNR_{table}_".upper() for table in _FILE_TABLES)
    for name in sorted(environ):
        if name in names:
            table, key = names[name]
            if environ[name]:
                _override(report, fields[table], table, key, environ[name], origin=f"env {name}")
        elif name.startswith(prefixes):
            report.problem_elsewhere(f"env {name}", _unknown_variable(name, names))
        elif name.startswith(file_prefixes):
            report.problem_elsewhere(f"env {name}", "only fnr.toml can set this")
        elif name.startswith("FNR_") and _is_mistyped(name, names):
            report.problem_elsewhere(f"env {name}", _unknown_variable(name, names))


def _is_mistyped(name: str, known: Iterable[str]) -> bool:
    """Is it one of these but for a slip, FNR_DEAMON_QUEUE_MAX? Other FNR_ names are not ours."""
    return bool(difflib.get_close_matches(name, known, n=1, cutoff=0.9))


def _unknown_variable(name: str, known: Iterable[str]) -> str:
    return unknown_key(name, known).replace("key", "variable", 1)


def _override_from_flags(
    report: Report, fields: dict[str, dict[str, Any]], flags: Mapping[str, str]
) -> None:
    for name, value in flags.items():
        table, _, key = name.partition(".")
        assert key in PLAIN_TABLES.get(table, {}), name
        _override(report, fields[table], table, key, value, origin=FLAG)


def _override(
    report: Report, fields: dict[str, Any], table: str, name: str, written: str, *, origin: str
) -> None:
    key = PLAIN_TABLES[table][name]
    try:
        fields[key.setting] = key.read(_toml_value(written) if key.typed else written)
    except ValueError as error:
        for words in error.args:
            report.problem_elsewhere(origin, f"{table}.{name}: {words}")
    else:
        report.origins[f"{table}.{name}"] = origin


def _toml_value(written: str) -> object:
    """What a text would be in the file; what is nothing there stays the text, to be refused."""
    try:
        return tomllib.loads(f"value = {written}")["value"]
    except (ValueError, RecursionError):
        return written


def _check_together(report: Report, settings: Settings) -> None:
    daemon = settings.daemon
    if daemon.restart_delay_base_ms > daemon.restart_delay_max_ms:
        report.problem(
            ("daemon", "restart_delay"),
            f"{daemon.restart_delay_base_ms} ms is more than restart_delay_max,"
            f" {daemon.restart_delay_max_ms} ms",
        )


def _all_origins(
    found: dict[str, str],
    functions: Mapping[str, object],
    breakers: Mapping[str, object],
    alerts: Mapping[str, object],
) -> dict[str, str]:
    """Every key with its origin: what nobody set is a default."""
    known = [f"{table}.{key}" for table, keys in PLAIN_TABLES.items() for key in keys]
    known += [f"redact.{key}" for key in REDACT_KEYS]
    for name in breakers:
        known += [f"breakers.{name}.{key}" for key in BREAKER_KEYS]
    for name in alerts:
        known += [f"alerts.{name}.{key}" for key in ALERT_KEYS]
    for name in functions:
        known += [f"functions.{name}.{key}" for key in (*FUNCTION_KEYS, *FUNCTION_TABLES)]
    return dict.fromkeys(known, "default") | found
