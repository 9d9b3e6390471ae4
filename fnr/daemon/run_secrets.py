"""Hide also what a command of `fnr run` was given with --env: its task alone knows of that."""

from __future__ import annotations

from fnr.config.functions import RUN
from fnr.config.secrets import secrets_in
from fnr.daemon.parts import Parts
from fnr.daemon.redact import Redactor
from fnr.policy.task import Task
from fnr.store.task_input import environment_in
from fnr.store.transaction import Transaction


def redactor_of(parts: Parts, tx: Transaction, task: Task) -> Redactor:
    """Who hides secrets in what an attempt at this task left behind."""
    if task.function != RUN:
        return parts.redactor
    values = secrets_in(environment_in(tx, task.task_id), parts.settings.redact_env_keys)
    return parts.redactor.knowing(values) if values else parts.redactor
