"""`fnr dlq edit`: give a dead letter's task another input; the original is kept."""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Raw

from fnr.api.errors import BadData, NotFound, Refused, UsageError
from fnr.api.requests import EditLetter, GetTask
from fnr.cli.changes import show_changed
from fnr.cli.here import here, say
from fnr.cli.inputs import build_input, key_values, typed
from fnr.cli.options import InputFrom, TaskId
from fnr.host.foreground import run_in_foreground
from fnr.policy.input_types import validate_input_json


def edit(
    task_id: TaskId,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one value; may be repeated."),
    ] = None,
    input_from: InputFrom = None,
) -> None:
    """Change the input of a dead letter's task: in $EDITOR, or with --set or --input.

    The new input is checked before it is taken, and the original is kept beside it.
    """
    detail = here().ask(GetTask(task_id=task_id), offline=False)
    if detail.letter is None:
        raise NotFound(f"task {detail.task.task_id} has no dead letter")
    before = bytes(detail.input)
    if input_from is not None:
        after = build_input(sets or [], input_from)
    elif sets:
        values: dict[str, Any] = msgspec.json.decode(before)
        values |= {name: typed(value) for name, value in key_values(sets, flag="--set").items()}
        after = msgspec.json.encode(values)
    else:
        after = _edited(detail.task.task_id, before)
    if msgspec.json.decode(after) == msgspec.json.decode(before):
        here().notice("nothing changed")
        return
    changed = here().ask(EditLetter(task_id=detail.task.task_id, input=Raw(after)))
    show_changed(changed, done="edited")
    here().hint(f"{here().command} dlq replay {detail.task.task_id}")


def _edited(task_id: str, before: bytes) -> bytes:
    """The input after a visit to the editor; what is wrong with it is kept in the file."""
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    fd, name = tempfile.mkstemp(prefix=f"fnr-{task_id}-", suffix=".json")
    file = Path(name)
    with os.fdopen(fd, "wb") as opened:
        opened.write(msgspec.json.format(before, indent=2) + b"\n")
    try:
        code = run_in_foreground([*words, name])
    except OSError as error:
        file.unlink()
        raise UsageError(
            f"the editor {words[0]!r} cannot be started",
            why=str(error.strerror),
            next_step=f"EDITOR=nano fnr dlq edit {task_id}, or --set KEY=VALUE",
        ) from error
    after = file.read_bytes().strip()
    if code != 0:
        file.unlink()
        raise Refused("nothing was changed", why=f"the editor ended with exit code {code}")
    problem = validate_input_json(after)
    if problem is not None:
        say(f"your text is kept in {name}")
        raise BadData(
            "the new input was refused",
            why=problem,
            next_step=f"{here().command} dlq edit {task_id} --input @{name}",
        )
    file.unlink()
    return msgspec.json.format(after, indent=-1)
