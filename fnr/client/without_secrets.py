"""What is shown of a task, without secrets: they are kept, or nothing could run again, or back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import DecodeError, Raw, Struct, json
from msgspec.structs import replace

from fnr.config.functions import RUN
from fnr.config.secrets import secrets_in
from fnr.policy.record import TaskDetail
from fnr.policy.task import Task
from fnr.policy.undo import Step

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction

# Of those whose output is shown while they run: more at once there are hardly.
RUNS_LATEST = 32


class _Run(Struct):
    env: dict[str, str] | None = None


def without_secrets(detail: TaskDetail, redaction: Redaction) -> TaskDetail:
    """The same, with what is secret in its inputs, its tags, and in how to undo it, hidden."""
    return replace(
        detail,
        task=task_without_secrets(detail.task, redaction),
        input=Raw(redaction.json(detail.input)),
        revisions=[
            replace(revision, body=Raw(redaction.json(revision.body)))
            for revision in detail.revisions
        ],
        undo=[step_without_secrets(step, redaction) for step in detail.undo],
    )


def has_words(task: Task) -> bool:
    """Has it tags or keys of the submitter's own words?"""
    return bool(task.tags or task.unique_key or task.idempotency_key)


def task_without_secrets(task: Task, redaction: Redaction) -> Task:
    """The same, with what is secret in its tags and its keys hidden."""
    if not has_words(task):
        return task
    tags = redaction.json(json.encode(task.tags))
    unique, key = (
        word and redaction.text(word) for word in (task.unique_key, task.idempotency_key)
    )
    return replace(task, tags=json.decode(tags), unique_key=unique, idempotency_key=key)


def given_secrets(detail: TaskDetail, names: Sequence[str]) -> list[str]:
    """What a command of `fnr run` was given as a secret by --env; no settings tell of it.

    names: of environment variables that are secret besides, with * and ?.
    """
    if detail.task.function != RUN:
        return []
    try:
        given = json.decode(detail.input, type=_Run)
    except DecodeError:  # its worker has refused it
        return []
    return secrets_in(given.env or {}, names)


def step_without_secrets(step: Step, redaction: Redaction) -> Step:
    """The same, with what is secret in its program's arguments, its URL and its receipt hidden."""
    hidden = [json.decode(redaction.json(json.encode(one))) for one in (step.data, step.receipt)]
    return replace(step, data=hidden[0], receipt=hidden[1])
