"""`fnr dlq edit`: give a dead letter's task another input; the original is kept."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Raw

from fnr.api.errors import BadData, FnrError, NotFound, Refused
from fnr.api.letter_requests import EditLetter
from fnr.api.question import Changed
from fnr.api.requests import GetTask
from fnr.cli.changes import show_changed
from fnr.cli.editor import visit
from fnr.cli.here import here, say
from fnr.cli.inputs import build_input, encoded, key_values, typed, with_quotes
from fnr.cli.options import InputFrom, TaskId
from fnr.policy.dead_letter import LetterState
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
    task_id, before = detail.task.task_id, bytes(detail.input)
    if detail.letter.state is not LetterState.OPEN:
        # Said now, and not after half an hour in the editor.
        raise Refused(
            f"the input of {task_id} was not changed",
            why=f"the letter is {detail.letter.state}; only open ones are edited",
            next_step=f"{here().command} dlq show {task_id}",
        )
    revision = detail.revisions[-1].revision
    if sets or input_from is not None:
        after = _said(before, sets or [], input_from)
        try:
            _put(task_id, before, after, revision=None if input_from is not None else revision)
        except BadData as error:
            raise with_quotes(error, sets or []) from error
        return
    draft = _draft(task_id, before)
    try:
        _put(task_id, before, _one_line(draft.read_bytes().strip()), revision=revision)
    except (FnrError, KeyboardInterrupt) as error:
        _keep(error, draft, again=f"{here().command} dlq edit {task_id} --input @{draft}")
        raise
    draft.unlink()


def _said(before: bytes, sets: list[str], input_from: str | None) -> bytes:
    """The input that the flags ask for."""
    if input_from is not None:
        return build_input(sets, input_from)
    values: dict[str, Any] = msgspec.json.decode(before)
    values |= {name: typed(value) for name, value in key_values(sets, flag="--set").items()}
    return encoded(values)


def _put(task_id: str, before: bytes, after: bytes, *, revision: int | None) -> None:
    """Hand over the new input, unless it says what the old one says.

    revision: of the old one, if there must be no later one.
    """
    if _canonical(after) == _canonical(before):
        if here().as_json:
            show_changed(Changed(), done="edited")
        else:
            here().notice("nothing changed")
        return
    changed = here().ask(EditLetter(task_id=task_id, input=Raw(after), revision=revision))
    show_changed(changed, done="edited")
    here().hint(f"{here().command} dlq replay {task_id}")


def _canonical(raw: bytes) -> bytes:
    """The same for inputs that say the same. Values would not do: to Python 1, 1.0 and true are."""
    return msgspec.json.encode(msgspec.json.decode(raw), order="sorted")


def _draft(task_id: str, before: bytes) -> Path:
    """A file with the input, after a visit to the editor."""
    fd, name = tempfile.mkstemp(prefix=f"fnr-{task_id}-", suffix=".json")
    file = Path(name)
    with os.fdopen(fd, "wb") as opened:
        opened.write(msgspec.json.format(before, indent=2) + b"\n")
    start = file.read_bytes()
    command = f"{here().command} dlq edit {task_id}"
    try:
        visit(file, next_step=f"EDITOR=nano {command}, or --set KEY=VALUE")
    except BaseException as error:
        # An editor that crashed, or was told to give up, may have written before.
        if not file.is_file() or file.read_bytes() == start:
            file.unlink(missing_ok=True)
        else:
            _keep(error, file, again=f"{command} --input @{file}")
        raise
    return file


def _one_line(written: bytes) -> bytes:
    problem = validate_input_json(written)
    if problem is not None:
        raise BadData("the new input was refused", why=problem)
    return msgspec.json.format(written, indent=-1)


def _keep(error: BaseException, draft: Path, *, again: str) -> None:
    """What somebody has typed is not lost with the answer that was not a yes."""
    say(f"your text is kept in {draft}")
    if isinstance(error, FnrError):
        error.next_step = error.next_step or again
