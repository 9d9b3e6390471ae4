"""What is shown of a task, without secrets: they are kept, or nothing could run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Raw
from msgspec.structs import replace

from fnr.policy.record import TaskDetail

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction


def without_secrets(detail: TaskDetail, redaction: Redaction) -> TaskDetail:
    """The same, with what is secret in its input, and in the inputs that it had, hidden."""
    return replace(
        detail,
        input=Raw(redaction.json(detail.input)),
        revisions=[
            replace(revision, body=Raw(redaction.json(revision.body)))
            for revision in detail.revisions
        ],
    )
