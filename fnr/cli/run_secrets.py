"""Hide in what commands of `fnr run` have printed also what they were given by --env.

Their tasks alone know of that; no settings tell of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fnr.api.errors import NotFound
from fnr.api.requests import GetTask, ListTasks
from fnr.cli.here import here
from fnr.client.without_secrets import RUNS_LATEST, given_secrets
from fnr.config.functions import RUN
from fnr.config.load import load

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction


class RunSecrets:
    """Who hides what the tasks it is asked about were given as well; asks once for each."""

    def __init__(self) -> None:
        self._values: dict[str, list[str]] = {}

    def of(self, task_id: str) -> Redaction:
        """For what a task has printed."""
        return here().redaction.knowing(self._values_of(task_id))

    def of_latest(self) -> Redaction:
        """For what the tasks print that run now, whichever of them it is."""
        found = here().ask(ListTasks(where=f"function:{RUN}", limit=RUNS_LATEST)).items
        return here().redaction.knowing(
            [value for task in found for value in self._values_of(task.task_id)]
        )

    def _values_of(self, task_id: str) -> list[str]:
        if task_id not in self._values:
            self._values[task_id] = _values_of(task_id)
        return self._values[task_id]


def _values_of(task_id: str) -> list[str]:
    try:
        detail = here().ask(GetTask(task_id=task_id))
    except NotFound:  # it was purged meanwhile
        return []
    return given_secrets(detail, load(here().paths).settings.redact_env_keys)
