"""One row per key of fnr.toml: what people may write there, and which setting it becomes.

Every reader takes the raw TOML value and returns the setting's value, or raises ValueError with
words for the operator, one text a mistake; `read_table` collects all problems of a table at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from fnr.config import breaker_words as words
from fnr.config.units import (
    duration_ms,
    format_duration,
    format_size,
    positive_duration,
    seconds,
    size_bytes,
    some_bytes,
)
from fnr.policy.task import BEAT_MS
from fnr.policy.toml_lines import KeyPath, Lines

MIB = 1 << 20


class Problem(Struct, frozen=True, kw_only=True):
    """Something wrong with the configuration; where: "FILE:LINE" or "env NAME"."""

    where: str
    message: str


class Key(Struct, frozen=True):
    """One key: the setting it becomes, how its value is read, and how it is shown again.

    typed: no text in TOML, so that the environment's 3, true and ["a"] mean what they mean there.
    """

    setting: str
    read: Callable[[Any], Any]
    show: Callable[[Any], Any] = lambda value: value
    typed: bool = False


class Report:
    """Collects problems and origins while the tables of one file are read.

    origins: dotted key -> "default" | "fnr.toml:12" | "env FNR_LOG_LEVEL" | "flag".
    """

    def __init__(self, file: str, lines: Lines) -> None:
        self.file = file
        self.lines = lines
        self._numbered: list[tuple[int, Problem]] = []
        self.origins: dict[str, str] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All of them, in the order of the file's lines."""
        return tuple(problem for _line, problem in sorted(self._numbered, key=lambda item: item[0]))

    def problem(self, path: KeyPath, message: str) -> None:
        """Note something wrong with a key."""
        line = self.lines.of(path)
        self._note(line, f"{self.file}:{line}", f"{dotted(path)}: {message}")

    def problem_elsewhere(self, where: str, message: str) -> None:
        """Note something wrong that no line of the file is to blame for."""
        self._note(1 << 30, where, message)

    def _note(self, line: int, where: str, message: str) -> None:
        found = (line, Problem(where=where, message=message))
        # A text with two wrong braces, or the same wrong name twice, is one mistake to mend.
        if found not in self._numbered:
            self._numbered.append(found)

    def found(self, path: KeyPath) -> None:
        """Note that the file sets a key."""
        self.origins[dotted(path)] = f"{self.file.rpartition('/')[2]}:{self.lines.of(path)}"


def dotted(path: KeyPath) -> str:
    """A key path as it is written in TOML."""
    return ".".join(part if re.fullmatch(r"[\w-]+", part) else f'"{part}"' for part in path)


def read_table(
    report: Report, path: KeyPath, table: object, keys: Mapping[str, Key]
) -> dict[str, Any]:
    """The settings of one table; what cannot be read is reported and left out."""
    if not isinstance(table, dict):
        report.problem(path, "must be a table")
        return {}
    settings = {}
    for name, value in table.items():
        here = (*path, name)
        key = keys.get(name)
        if key is None:
            report.problem(here, unknown_key(name, keys))
            continue
        try:
            settings[key.setting] = key.read(value)
        except ValueError as error:
            for words in error.args:
                report.problem(here, words)
        else:
            report.found(here)
    return settings


def unknown_key(name: str, known: Iterable[str]) -> str:
    """Words for a key that does not exist, with the nearest that does."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return "unknown key" + (f", did you mean {nearest[0]!r}?" if nearest else "")


# ── readers ──────────────────────────────────────────────────────────────────


def text(value: object) -> str:
    """Any text without a NUL, which no program and no file name can take."""
    if not isinstance(value, str):
        raise ValueError(f"must be text in quotes, got {_shown(value)}")
    if "\0" in value:
        raise ValueError("must not contain a NUL character")
    return value


def beats(value: object) -> int:
    """A duration in which a worker gives a sign of life, in ms."""
    found = duration_ms(value)
    if found < BEAT_MS:
        raise ValueError(f'must be at least "1s", because beats come once a second, got "{value}"')
    return found


def mebibytes(value: object) -> int:
    """A size in MiB, rounded up."""
    return -(-size_bytes(value) // MIB)


def some_mebibytes(value: object) -> int:
    """A size in MiB, at least one."""
    found = mebibytes(value)
    if found < 1:
        raise ValueError(f'must be more than 0, got "{value}"')
    return found


def room(value: object) -> tuple[str, int]:
    """Room on a disk: an absolute path and MiB, of "/path:10GiB"."""
    path, _, size = text(value).rpartition(":")
    if not path.startswith("/"):
        raise ValueError(f'must be written like "/path:10GiB", got {_shown(value)}')
    return path, some_mebibytes(size)


def whole(low: int, high: int) -> Callable[[object], int]:
    """A reader of whole numbers within bounds."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"must be a whole number, got {_shown(value)}")
        if not low <= value <= high:
            raise ValueError(f"must be {low} to {high}, got {value}")
        return value

    return read


def number(low: float, high: float) -> Callable[[object], float]:
    """A reader of numbers within bounds."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"must be a number, got {_shown(value)}")
        if not low <= value <= high:
            raise ValueError(f"must be {low} to {high}, got {value}")
        return float(value)

    return read


def one_of(*words: str) -> Callable[[object], str]:
    """A reader of one word out of few."""

    def read(value: object) -> str:
        if value not in words or not isinstance(value, str):
            raise ValueError(f"must be {' or '.join(words)}, got {_shown(value)}")
        return value

    return read


def on_or_off(value: object) -> bool:
    """True or false, and nothing that looks like it."""
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, got {_shown(value)}")
    return value


def texts(value: object) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list):
        raise ValueError(f"must be a list of texts, got {_shown(value)}")
    return each(value, text)


def each(values: Iterable[Any], read: Callable[[Any], str]) -> tuple[str, ...]:
    """Every value of a list, read; ValueError has what is wrong with each one that cannot be."""
    found: list[str] = []
    wrong: tuple[str, ...] = ()
    for value in values:
        try:
            found.append(read(value))
        except ValueError as error:
            wrong += error.args
    if wrong:
        raise ValueError(*wrong)
    return tuple(found)


def patterns(value: object) -> tuple[str, ...]:
    """Regular expressions that RE2 takes."""
    return each(value, _pattern) if isinstance(value, list) else texts(value)


def _pattern(value: object) -> str:
    from fnr.policy.redaction import (  # noqa: PLC0415 - 4 ms that only those who redact need
        BadRedactPatternError,
        check_redact_pattern,
    )

    pattern = text(value)
    try:
        check_redact_pattern(pattern)
    except BadRedactPatternError as error:
        raise ValueError(f"{pattern!r} cannot be used: {error}") from None
    return pattern


def _shown(value: object) -> str:
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return shown if len(shown) <= 60 else shown[:59] + "…"


# ── tables ───────────────────────────────────────────────────────────────────


def _duration(setting: str, read: Callable[[object], int] = duration_ms) -> Key:
    return Key(setting, read, format_duration)


def _count(setting: str, low: int, high: int) -> Key:
    return Key(setting, whole(low, high), typed=True)


def _mebibytes(setting: str, read: Callable[[object], int] = mebibytes) -> Key:
    return Key(setting, read, lambda count: format_size(count * MIB))


DAEMON_KEYS = {
    "drain_timeout": _duration("drain_timeout_ms"),
    "queue_max": _count("queue_max", 1, 1_000_000_000),
    "clients_max": _count("clients_max", 1, 100_000),
    "disk_free_min": _mebibytes("disk_free_min_mib"),
    "kernel_log": Key("kernel_log", text),
    "restart_delay": _duration("restart_delay_base_ms"),
    "restart_delay_max": _duration("restart_delay_max_ms", positive_duration),
}
STORE_KEYS = {
    "keep_done": _duration("keep_done_ms"),
    "keep_cancelled": _duration("keep_cancelled_ms"),
    "keep_incidents": _duration("keep_incidents_ms"),
    "incidents_quiet": _duration("incidents_quiet_ms", positive_duration),
    "keep_telemetry": _duration("keep_telemetry_ms"),
    "reserve": _mebibytes("reserve_mib"),
}
LOG_KEYS = {
    "level": Key("level", one_of("debug", "info", "warning", "error")),
    "format": Key("format", one_of("text", "json")),
    "file_size": Key("file_bytes_max", some_bytes, format_size),
    "files": _count("files_max", 1, 1_000),
    "worker_file_size": Key("worker_bytes_max", some_bytes, format_size),
}
RULES_KEYS = {
    "text_model": Key("text_model", on_or_off, typed=True),
}
CHAOS_KEYS = {
    "enabled": Key("enabled", on_or_off, typed=True),
    "protect": Key("protect", texts, list, typed=True),
    "duration_max": _duration("duration_max_ms", positive_duration),
    "stop_failures": _count("stop_failures", 1, 1_000_000),
    "stop_letters": _count("stop_letters", 1, 1_000_000),
    "stop_queue": _count("stop_queue", 1, 1_000_000_000),
    "stop_disk_free": _mebibytes("stop_disk_free_mib"),
    "stop_load": Key("stop_load", number(0.1, 10_000), typed=True),
}
REDACT_KEYS = {
    "patterns": Key("redact", patterns, list),
    "env_keys": Key("redact_env_keys", texts, list),
}
RETRY_KEYS = {
    "max": _count("retries_max", 0, 1_000_000),
    "unknown_max": _count("unknown_max", 0, 1_000_000),
    "waits_max": _count("waits_max", 0, 1_000_000),
    "deaths_max": _count("deaths_max", 1, 1_000_000),
    "delay": _duration("delay_base_ms"),
    "delay_max": _duration("delay_max_ms"),
    "factor": Key("factor", number(1, 1_000)),
    "jitter": Key("jitter", number(0, 1)),
    "wait": _duration("wait_ms"),
    "per_window": _count("per_window", 0, 1_000),
    "window": _duration("window_ms", positive_duration),
}
BUDGET_KEYS = {
    "budget": _duration("initial_ms"),
    "budget_max": _duration("max_ms", positive_duration),
    "budget_share": Key("share", number(0, 1)),
}
# Of [functions.NAME.retry.CATEGORY]: what differs for one category.
CATEGORY_RETRY_KEYS = {
    "max": _count("max", 0, 1_000_000),
    "delay": RETRY_KEYS["delay"],
    "delay_max": RETRY_KEYS["delay_max"],
    "factor": RETRY_KEYS["factor"],
    "jitter": RETRY_KEYS["jitter"],
    "wait": RETRY_KEYS["wait"],
}
BREAKER_KEYS = {
    "failures": _count("failures_max", 1, 1_000),
    "window": Key("window", words.some_of, words.show_some_of),
    "gradual": Key("gradual", on_or_off),
    "forget": _duration("forget_ms", positive_duration),
    "open": _duration("open_ms", positive_duration),
    "open_max": _duration("open_max_ms", positive_duration),
    "trials": _count("trials", 1, 100),
    "call_max": _duration("call_max_ms", positive_duration),
    "errors": Key("errors", texts, list),
    "probe": Key("probe", words.health_probe, words.show_health_probe),
    "probe_every": _duration("probe_every_ms", positive_duration),
    "probe_timeout": _duration("probe_timeout_ms", positive_duration),
    "shadow": Key("shadow", on_or_off),
}
LIMIT_KEYS = {
    "memory": _mebibytes("memory_mib", some_mebibytes),
    "cpu_time": Key("cpu_time_s", seconds, lambda count: format_duration(count * 1_000)),
    "files": _count("files", 16, 10_000_000),
    "file_size": _mebibytes("file_size_mib", some_mebibytes),
}
WORKERS_KEYS = {
    "min": _count("workers_min", 0, 10_000),
    "max": _count("workers_max", 1, 10_000),
}
COMFYUI_KEYS = {
    "comfyui": Key("comfyui", words.service_name),
    "url": Key("url", words.base_url),
    "workflow": Key("workflow", text),
    "save_to": Key("save_to", text),
}
FUNCTION_KEYS = {
    "python": Key("python", text),
    **COMFYUI_KEYS,
    "command": Key("command", texts, list),
    "stdin": Key("stdin", text),
    "result": Key("result", text),
    "idle_timeout": _duration("idle_timeout_ms", positive_duration),
    "max_tasks_per_worker": _count("max_tasks_per_worker", 1, 1_000_000_000),
    "window": _count("window", 0, 1_000),
    "timeout": _duration("timeout_ms", positive_duration),
    "progress_timeout": _duration("progress_timeout_ms", positive_duration),
    "hang_timeout": _duration("hang_timeout_ms", beats),
    "grace": _duration("grace_ms"),
    "on_daemon_exit": Key("on_daemon_exit", one_of("keep", "kill")),
    "gpus": _count("gpus", 0, 64),
    "services": Key("services", words.service_names, list),
    "vram": _mebibytes("vram_mib", some_mebibytes),
    "memory": _mebibytes("memory_mib", some_mebibytes),
    "cpus": _count("cpus", 1, 10_000),
    "disk": Key("disk", room, lambda found: f"{found[0]}:{format_size(found[1] * MIB)}"),
    "env_file": Key("env_file", text),
    "cwd": Key("cwd", text),
    "user": Key("user", text),
    "nice": _count("nice", -20, 19),
    "undo_before_retry": Key("undo_before_retry", on_or_off, typed=True),
    "undo_tries": _count("undo_tries_max", 1, 100),
    "undo_timeout": _duration("undo_timeout_ms", positive_duration),
    "undo_within": Key("undo_within", texts, list),
}
# Keys of a function that are tables themselves, or may be.
FUNCTION_TABLES = ("workers", "retry", "degrade", "limits", "env", "input", "nodes", "undo")
