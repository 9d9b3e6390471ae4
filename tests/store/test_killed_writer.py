"""SIGKILL a real writer: what it was told is on disk is on disk, and the store is whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from store_values import is_whole

from fnr.policy.task import TaskState
from fnr.store import tasks
from fnr.store.connection import Store, read_only
from fnr.store.transaction import Reader

HERE = Path(__file__).parent


def start(store_file: Path, commits: int, phase: str) -> subprocess.Popen[bytes]:
    """The doomed process."""
    return subprocess.Popen(
        [sys.executable, str(HERE / "doomed_writer.py"), str(store_file), str(commits), phase],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(HERE)},
    )


def told_by(process: subprocess.Popen[bytes]) -> dict[str, list[TaskState]]:
    """The outside ledger of a process that is dead, or dies now: every state it was told."""
    assert process.stdout is not None
    told: dict[str, list[TaskState]] = {}
    for line in process.stdout:
        task_id, state = line.decode().split()
        told.setdefault(task_id, []).append(TaskState(state))
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return told


def check_nothing_was_lost(reader: Reader, told: dict[str, list[TaskState]]) -> None:
    """Everything told is there; what was told to have ended has not changed since."""
    assert told
    assert is_whole(reader)
    for task_id, states in told.items():
        task = tasks.get(reader, task_id)
        assert task is not None, f"{task_id} was told to be {states} and is gone"
        ended = [state for state in states if state in {TaskState.DONE, TaskState.DEAD}]
        assert len(ended) <= 1, f"{task_id} ended more than once: {states}"
        if ended:
            assert task.state is ended[0]


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("commits", [2, 3, 7, 20])
async def test_a_writer_that_dies_at_a_commit_loses_nothing_it_told(
    store_file: Path, commits: int, phase: str
) -> None:
    told = told_by(start(store_file, commits, phase))
    reader = read_only(store_file)
    check_nothing_was_lost(reader, told)
    reader.close()


@pytest.mark.parametrize("lines", [1, 40, 400])
async def test_a_writer_that_is_killed_under_load_loses_nothing_it_told(
    store_file: Path, lines: int
) -> None:
    """Method: kill it as soon as it has told so much; a new writer then goes on."""
    process = start(store_file, 0, "never")
    assert process.stdout is not None
    first = [process.stdout.readline().decode().split() for _ in range(lines)]
    process.kill()
    told = told_by(process)
    for task_id, state in reversed(first):
        told.setdefault(task_id, []).insert(0, TaskState(state))
    store = await Store.open(store_file)
    await store.close()
    reader = read_only(store_file)
    check_nothing_was_lost(reader, told)
    reader.close()
