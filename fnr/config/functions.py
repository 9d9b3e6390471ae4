"""Read the [functions.NAME] tables: what can be run, with which means and which patience."""

from __future__ import annotations

import os
import pwd
import re
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from fnr.config.env_file import read_env_file
from fnr.config.keys import (
    FUNCTION_KEYS,
    FUNCTION_TABLES,
    LIMIT_KEYS,
    WORKERS_KEYS,
    Report,
    read_table,
    unknown_key,
)
from fnr.config.ladder import check_ladders, read_ladder
from fnr.config.patience import read_patience
from fnr.config.settings import FunctionSettings, LimitSettings
from fnr.config.undo_steps import read_undo
from fnr.config.workflows import read_workflow_keys, refuse_workflow
from fnr.policy.chaos import CANARY
from fnr.policy.input_types import INPUT_TYPES
from fnr.policy.retry import RetryPolicy
from fnr.policy.toml_lines import KeyPath

RUN = "run"
KINDS = ("python", "command", "comfyui")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PYTHON = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
# As the worker reads templates: a name in braces, doubled braces for themselves, nothing else.
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_.-]*)\}|[{}]")
# What the worker adds to the input.
_OWN_PLACEHOLDERS = frozenset({"task_id", "attempt", "workdir"})


def builtin_canary() -> FunctionSettings:
    """The function of drills; nobody has to declare it."""
    return FunctionSettings(
        name=CANARY,
        kind="python",
        python="fnr.worker.canary:canary",
        workers_min=0,
        workers_max=8,
        timeout_ms=10_000,
        grace_ms=500,
        limits=LimitSettings(memory_mib=512),
        # Nobody's work: it may try again soon.
        retry=RetryPolicy(
            retries_max=6,
            unknown_max=3,
            waits_max=20,
            deaths_max=6,
            delay_max_ms=2_000,
            wait_ms=1_000,
        ),
    )


def builtin_run(cpu_count: int) -> FunctionSettings:
    """The function behind `fnr run`: any command, given with the task, tried once."""
    return FunctionSettings(
        name=RUN,
        kind="run",
        workers_min=0,
        workers_max=max(2, cpu_count),
        # Never a second command waiting behind one that may take hours; and what is printed after
        # the claim is then this command's output.
        window=1,
        retry=RetryPolicy(retries_max=0, unknown_max=0, waits_max=0),
    )


def read_functions(
    report: Report, tables: object, breakers: Collection[str]
) -> dict[str, FunctionSettings]:
    """Every function that can be read; the others are reported and left out.

    breakers: names of those that have a table.
    """
    if not isinstance(tables, dict):
        report.problem(("functions",), "must be tables: [functions.NAME]")
        return {}
    functions, ladders = {}, {}
    for name, table in tables.items():
        path = ("functions", name)
        before = len(report.problems)
        if problem := _name_problem(name):
            report.problem(path, problem)
        function = _Reader(report, path, table).function()
        ladders[name] = function.degrade
        if len(report.problems) == before:
            functions[name] = function
    check_ladders(report, ladders, known=tables.__contains__, breakers=_breakers(tables, breakers))
    return functions


def _breakers(tables: Mapping[str, Any], declared: Collection[str]) -> Collection[str] | None:
    """Every breaker that there can be; None where a Python function may guard calls by any name."""
    found = [table for table in tables.values() if isinstance(table, dict)]
    if any("python" in table for table in found):
        return None
    services = [[*_list(table.get("services")), table.get("comfyui")] for table in found]
    used = (name for names in services for name in names)
    return {*declared, *(name for name in used if isinstance(name, str))}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _name_problem(name: str) -> str | None:
    if name == RUN:
        return "'run' is built in: it is what `fnr run` uses; choose another name"
    if not _NAME.fullmatch(name):
        return (
            "a function's name is 1 to 64 of a-z, 0-9, _ and -, and begins with a letter or digit"
        )
    return None


class _Reader:
    """Reads one [functions.NAME] table."""

    def __init__(self, report: Report, path: KeyPath, table: object) -> None:
        self.report = report
        self.path = path
        self.table: dict[str, Any] = table if isinstance(table, dict) else {}
        if not isinstance(table, dict):
            report.problem(path, "must be a table")
        self.folder = Path(report.file).parent

    def function(self) -> FunctionSettings:
        """The function, as far as it could be read; problems are in the report."""
        plain = {key: value for key, value in self.table.items() if key in FUNCTION_KEYS}
        fields = read_table(self.report, self.path, plain, FUNCTION_KEYS)
        for name in self.table:
            if name not in FUNCTION_KEYS and name not in FUNCTION_TABLES:
                known = (*FUNCTION_KEYS, *FUNCTION_TABLES)
                self.problem(name, unknown_key(name, known))
        kind = self._kind(fields)
        fields |= self._workers()
        fields["input"] = self._input()
        fields["env"] = self._env()
        fields["limits"] = LimitSettings(**self._table("limits", LIMIT_KEYS))
        fields["retry"] = read_patience(
            self.report, (*self.path, "retry"), self.table.get("retry", {})
        )
        fields["degrade"] = read_ladder(
            self.report, (*self.path, "degrade"), self.table.get("degrade", []), fields["input"]
        )
        self._check_needs(fields)
        self._check_command(kind, fields)
        if kind == "comfyui":
            fields |= read_workflow_keys(
                self.report, self.path, self.table, fields, place=self._place
            )
        else:
            refuse_workflow(self.report, self.path, self.table)
        if "undo" in self.table:
            fields["undo"] = read_undo(
                self.report,
                (*self.path, "undo"),
                self.table["undo"],
                kind=kind,
                check_text=lambda key, text: self._check_placeholders(key, text, fields["input"]),
            )
        self._resolve_paths(fields)
        self._check_user(fields)
        return FunctionSettings(name=self.path[1], kind=kind, **fields)

    def problem(self, key: str, message: str) -> None:
        self.report.problem((*self.path, key) if key else self.path, message)

    def _table(self, key: str, keys: dict[str, Any]) -> dict[str, Any]:
        if key not in self.table:
            return {}
        return read_table(self.report, (*self.path, key), self.table[key], keys)

    def _kind(self, fields: dict[str, Any]) -> str:
        given = [kind for kind in KINDS if kind in self.table]
        if len(given) != 1:
            why = f"has both {' and '.join(given)}" if given else f"has none of {', '.join(KINDS)}"
            self.problem("", f"{why}: exactly one says what to run")
        python = fields.get("python")
        if python is not None and not _PYTHON.fullmatch(python):
            self.problem("python", f'must be "package.module:callable", got "{python}"')
        if "command" in fields and not (fields["command"] and fields["command"][0]):
            self.problem("command", 'must name a program: ["ffmpeg", "-i", "{input}"]')
        return given[0] if given else "python"

    def _workers(self) -> dict[str, int]:
        value = self.table.get("workers")
        if value is None:
            return {}
        path = (*self.path, "workers")
        if not isinstance(value, dict):
            try:
                count = WORKERS_KEYS["max"].read(value)
            except ValueError as error:
                self.problem("workers", f"{error}; write 2 or {{ min = 1, max = 2 }}")
                return {}
            self.report.found(path)
            return {"workers_min": count, "workers_max": count}
        fields = read_table(self.report, path, value, WORKERS_KEYS)
        high = fields.setdefault("workers_max", max(1, fields.get("workers_min", 1)))
        low = fields.setdefault("workers_min", min(1, high))
        if low > high:
            self.problem("workers", f"min {low} is more than max {high}")
        return fields

    def _check_needs(self, fields: dict[str, Any]) -> None:
        """What is given to each attempt cannot be given to those that wait in a worker's window."""
        counted = [key for key in ("memory", "cpus", "disk") if key in self.table]
        on_gpu = fields.get("gpus") or fields.get("vram_mib")
        if not counted and not (on_gpu and "python" not in self.table):
            return
        if fields.get("window", 0) > 1:
            needs = " and ".join(counted or ["a GPU"])
            self.problem("window", f"must be 1 where {needs} is given to each attempt")
        fields["window"] = 1

    def _input(self) -> dict[str, str]:
        declared = self.table.get("input", {})
        if not isinstance(declared, dict):
            self.problem("input", 'must be a table: { width = "int", path = "str" }')
            return {}
        for name, kind in declared.items():
            path = (*self.path, "input", name)
            if not isinstance(kind, str) or kind.removesuffix("?") not in INPUT_TYPES:
                known = ", ".join(INPUT_TYPES)
                self.report.problem(path, f'must be one of {known}, with "?" behind if optional')
            else:
                self.report.found(path)
        return declared

    def _env(self) -> dict[str, str]:
        env = self.table.get("env", {})
        if not isinstance(env, dict):
            self.problem("env", 'must be a table: { NAME = "value" }')
            return {}
        for name, value in env.items():
            path = (*self.path, "env", name)
            if not _ENV_NAME.fullmatch(name):
                self.report.problem(path, "is no name for an environment variable")
            elif not isinstance(value, str) or "\0" in value:
                self.report.problem(path, "must be text in quotes, without NUL characters")
            else:
                self.report.found(path)
        return env

    def _check_command(self, kind: str, fields: dict[str, Any]) -> None:
        result = fields.get("result", "")
        if kind != "command":
            for key in ("stdin", "result"):
                if fields.get(key):
                    self.problem(key, "is for commands; a Python function takes and returns values")
            if kind == "comfyui" and "progress_timeout_ms" in fields:
                why = "is for Python functions: ComfyUI does not say how far it is; set timeout"
                self.problem("progress_timeout", why)
            return
        if result not in {"", "stdout", "json"} and not re.match("file:.", result):
            self.problem("result", f'must be "stdout", "json" or "file:PATH", got "{result}"')
        named = {found[1] for found in _PLACEHOLDER.finditer(result)}
        if "workdir" in named - fields["input"].keys():
            self.problem("result", "{workdir} is removed when the attempt ends, the result with it")
        if "progress_timeout_ms" in fields:
            why = "is for Python functions: a command has no progress to report; set timeout"
            self.problem("progress_timeout", why)
        for key in ("command", "stdin", "result"):
            texts = fields.get(key, ())
            for text in (texts,) if isinstance(texts, str) else texts:
                self._check_placeholders(key, text, fields["input"])

    def _check_placeholders(self, key: str, text: str, declared: dict[str, str]) -> None:
        for found in _PLACEHOLDER.finditer(text):
            name = found[1]
            if name is None:
                if len(found[0]) == 1:
                    self.problem(
                        key, f"{text!r} has a single brace; write {{{{ and }}}} for braces"
                    )
            elif name in _OWN_PLACEHOLDERS or not declared:
                continue
            elif name not in declared:
                self.problem(key, f"{{{name}}} is not among the declared input")
            elif str(declared[name]).endswith("?"):
                self.problem(key, f"{{{name}}} is optional input, and a command needs every value")

    def _resolve_paths(self, fields: dict[str, Any]) -> None:
        for key in ("cwd", "env_file"):
            if written := fields.get(key):
                fields[key] = self._place(key, written)
        if folders := fields.get("undo_within"):
            # By their real names, as the paths of steps are.
            places = (self._place("undo_within", folder) for folder in folders)
            fields["undo_within"] = tuple(os.path.realpath(place) for place in places if place)
        if cwd := fields.get("cwd"):
            self._check_folder("cwd", cwd)
        if env_file := fields.get("env_file"):
            try:
                fields["env_from_file"] = read_env_file(env_file)
            except OSError as error:
                self.problem("env_file", f"{env_file}: {error.strerror}")
            except ValueError as error:
                for problem in error.args:
                    self.problem("env_file", f"{env_file}: {problem}")

    def _place(self, key: str, written: str) -> str | None:
        """Relative to fnr.toml, or to the home that a ~ stands for."""
        place = os.path.expanduser(written)  # noqa: PTH111 - pathlib raises for an unknown home
        if place.startswith("~"):
            self.problem(key, f"{written}: whose home that is, nobody here knows")
            return None
        try:
            os.fsencode(place)
        except UnicodeEncodeError as error:
            self.problem(key, f"{written}: no name in a locale of {error.encoding}")
            return None
        return str(self.folder / place)

    def _check_folder(self, key: str, folder: str) -> None:
        try:
            # Not is_dir: that raises, or calls missing what nobody can look at.
            there = stat.S_ISDIR(Path(folder).stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            there = False
        except OSError as error:
            self.problem(key, f"{folder}: {error.strerror}")
            return
        if not there:
            self.problem(key, f"there is no folder {folder}")

    def _check_user(self, fields: dict[str, Any]) -> None:
        user = fields.get("user")
        root = os.geteuid() == 0
        if user is not None:
            try:
                uid = pwd.getpwnam(user).pw_uid
            except KeyError:
                self.problem("user", f"there is no user {user!r} on this host")
            else:
                if not root and uid != os.geteuid():
                    self.problem("user", f"only root can start workers as {user!r}")
        if fields.get("nice", 0) < 0 and not root:
            self.problem("nice", "only root can go below 0")
