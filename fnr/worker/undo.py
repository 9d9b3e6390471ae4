"""Say how to undo what the function is about to do; each call returns when that is on disk.

    step = fnr.undo.remove_file("/data/out.png")     # first this
    write("/data/out.png")                           # then the act

If the task fails for good or is cancelled, fnr carries the steps out, the newest first; if it
succeeds they are dropped. A step must be harmless when its act never happened. They may be recorded
in coroutines, threads and forked processes of the function alike while their attempt runs, daemon
or no daemon. An error here means that nothing is recorded: do not go on with the act.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from fnr.policy.json_numbers import as_builtin, number_lost
from fnr.policy.nesting import is_deeper_than
from fnr.policy.raw_json import raw_problem
from fnr.policy.task import RESULT_DEPTH_MAX
from fnr.policy.undo import DATA_BYTES_MAX, KINDS, Line
from fnr.worker.undo_journal import Journal, UndoLimitError

__all__ = [
    "Recorded",
    "UndoLimitError",
    "call",
    "cancel_task",
    "command",
    "http_delete",
    "record",
    "recorded",
    "release",
    "remove_file",
]

_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_URL = re.compile(r"https?://[^\s/]+\S*")
_VARIABLE = re.compile(r"[^\s=\0]+")


class _Place:
    """Where steps go: a worker's journal, a test's list, or nowhere."""

    journal: Journal | None = None
    listener: Callable[[str, dict[str, Any]], None] | None = None
    warned = False


class Recorded:
    """A step on disk; say more about it as its act goes on."""

    def __init__(self, name: str = "") -> None:
        self._name = name

    def done(self, **receipt: Any) -> None:
        """Keep what came of the act (an id, a checksum) for whoever looks at the step later."""
        self._amend(Line(id=self._name, receipt=receipt))

    def drop(self) -> None:
        """Take the step back: what was done is to stay, whatever becomes of the task."""
        self._amend(Line(id=self._name, drop=True))

    def _amend(self, line: Line) -> None:
        if self._name and _Place.journal is not None:
            _check_size(line.receipt)
            _Place.journal.amend(line)


# ── what can be undone ───────────────────────────────────────────────────────


def remove_file(path: str | os.PathLike[str]) -> Recorded:
    """Remove the file that is about to be written.

    A file that is there already and stays as it is belongs to somebody else and is left alone.
    """
    return record("remove_file", remove_file_data(path, within=_within()))


def http_delete(url: str, *, headers_env: Mapping[str, str] | None = None) -> Recorded:
    """DELETE what is about to be uploaded; 404 and 410 are as good as 200.

    headers_env: header → name of the environment variable that holds its value, so that no secret
    is stored: {"Authorization": "UPLOAD_TOKEN"}.
    """
    given = dict(headers_env) if isinstance(headers_env, Mapping) else headers_env or {}
    return record("http_delete", {"url": url, "headers_env": given})


def release(allocation: str) -> Recorded:
    """Give an allocation of the host's resources back."""
    return record("release", {"allocation": allocation})


def cancel_task(task_id: str) -> Recorded:
    """Cancel a task that this one has submitted, or is about to under this id."""
    return record("cancel_task", {"task_id": task_id})


def command(argv: Sequence[str]) -> Recorded:
    """Run a program, without a shell, with this function's folder, user and environment."""
    # A text is a sequence, too: of its letters.
    return record("command", {"argv": argv if isinstance(argv, str) else list(argv)})


def call(function: str, data: Any = None) -> Recorded:
    """Call "package.module:function" with data (JSON), in a process of its own."""
    return record("call", {"function": function, "data": data})


def record(kind: str, data: dict[str, Any]) -> Recorded:
    """Write one step of any kind; raises ValueError when it could never be carried out."""
    if problem := problem_with(kind, data):
        raise ValueError(f"fnr.undo.{kind}: {problem}")
    _check_size(data)
    if _Place.listener is not None:
        _Place.listener(kind, data)
        return Recorded()
    if _Place.journal is None:
        _warn(kind)
        return Recorded()
    return Recorded(_Place.journal.add(kind, data))


def problem_with(kind: str, data: dict[str, Any]) -> str:
    """Why a step could never be carried out; "" when it can."""
    if kind not in KINDS:
        return f"no such kind of step; there are {', '.join(KINDS)}"
    needed = {
        "remove_file": ("path", _path_problem),
        "http_delete": ("url", _url_problem),
        "release": ("allocation", _text_problem),
        "cancel_task": ("task_id", _text_problem),
        "command": ("argv", _argv_problem),
        "call": ("function", _function_problem),
    }
    name, problem_of = needed[kind]
    return problem_of(data.get(name)) or _headers_problem(data.get("headers_env") or {})


def remove_file_data(path: str | os.PathLike[str], *, within: Sequence[str] = ()) -> dict[str, Any]:
    """What a remove_file step holds; raises ValueError for a path that must not be removed."""
    written = os.fspath(path)
    if problem := _path_problem(written):
        raise ValueError(f"fnr.undo.remove_file: {problem}")
    written = os.path.abspath(written)  # noqa: PTH100 - pathlib costs 8 ms
    folder, name = os.path.split(written)
    # The folder by its real name, so that a link changed meanwhile does not lead elsewhere. Not
    # the file's own: a link is removed, never what it points to.
    place = os.path.join(os.path.realpath(folder), name)  # noqa: PTH118 - pathlib costs 8 ms
    if problem := outside(place, within):
        raise ValueError(f"fnr.undo.remove_file: {problem}")
    data: dict[str, Any] = {"path": place}
    if (found := look_at(place)) is not None:
        data["before"] = found
    return data


def outside(path: str, within: Sequence[str]) -> str:
    """Why a path is none that a step may remove; "" when it may. No folders: anywhere."""
    if not within or any(path.startswith(folder.rstrip("/") + "/") for folder in within):
        return ""
    return f"{path} is outside of {', '.join(within)} (undo_within)"


def look_at(path: str) -> list[int] | None:
    """What tells whether a file is still the same and unchanged; None when there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns]


# ── where steps go ───────────────────────────────────────────────────────────


def set_journal(journal: Journal | None) -> None:
    """Say where steps go; for the worker only."""
    _Place.journal = journal


@contextmanager
def recorded() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Collect (kind, data) of steps in a list instead; for tests of functions."""
    steps: list[tuple[str, dict[str, Any]]] = []
    with told_to(lambda kind, data: steps.append((kind, data))):
        yield steps


@contextmanager
def told_to(listener: Callable[[str, dict[str, Any]], None]) -> Iterator[None]:
    """Tell (kind, data) of steps to somebody instead."""
    before = _Place.listener
    _Place.listener = listener
    try:
        yield
    finally:
        _Place.listener = before


def _within() -> tuple[str, ...]:
    return () if _Place.journal is None else _Place.journal.within


def _warn(kind: str) -> None:
    if _Place.warned:
        return
    _Place.warned = True
    import warnings  # noqa: PLC0415 - only outside a worker

    warnings.warn(
        f"fnr.undo.{kind}() records nothing here: this program is not run by an fnr worker",
        RuntimeWarning,
        stacklevel=4,
    )


# ── what makes no sense ──────────────────────────────────────────────────────


def _check_size(data: dict[str, Any] | None) -> None:
    deep = f"an undo step is nested deeper than {RESULT_DEPTH_MAX} levels"
    try:
        encoded = msgspec.json.encode(data, enc_hook=as_builtin)
    except RecursionError:
        raise ValueError(deep) from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"an undo step is JSON: {error}") from error
    if is_deeper_than(RESULT_DEPTH_MAX, encoded):
        raise ValueError(deep)
    if problem := raw_problem(data, encoded):
        raise ValueError(f"an undo step is JSON, and this one holds {problem}")
    if number := number_lost(data, encoded):
        raise ValueError(f"an undo step is JSON, and that has no {number}")
    if (size := len(encoded)) > DATA_BYTES_MAX:
        raise UndoLimitError(f"an undo step of {size} bytes; at most {DATA_BYTES_MAX} are taken")


def _text_problem(value: object) -> str:
    if not isinstance(value, str) or not value:
        return f"must be text, got {value!r}"
    return ""


def _path_problem(value: object) -> str:
    if problem := _text_problem(value):
        return problem
    assert isinstance(value, str)
    if "\0" in value:
        return "a path cannot hold a NUL character"
    return "must name a file" if value.endswith(("/", "/.", "/..")) or value in "..." else ""


def _url_problem(value: object) -> str:
    if not isinstance(value, str) or not _URL.fullmatch(value):
        return f"must be an http or https URL, got {value!r}"
    return ""


def _headers_problem(value: object) -> str:
    # What is wrong is not shown: it may be the secret itself that should have stayed outside.
    if isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(variable, str) and _VARIABLE.fullmatch(variable)
        for name, variable in value.items()
    ):
        return ""
    return 'headers_env names a variable for each header: {"Authorization": "UPLOAD_TOKEN"}'


def _argv_problem(value: object) -> str:
    if not isinstance(value, list) or not value or not value[0]:
        return "must name a program: ['rm', '-f', path]"
    if not all(isinstance(word, str) and "\0" not in word for word in value):
        return "is a list of texts without NUL characters"
    return ""


def _function_problem(value: object) -> str:
    if not isinstance(value, str) or not _FUNCTION.fullmatch(value):
        return f"must be 'package.module:function', got {value!r}"
    return ""
