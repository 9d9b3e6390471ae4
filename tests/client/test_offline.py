"""Reads from the store's file: the daemon's own answers, nothing written, every bad file named."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from msgspec import to_builtins
from msgspec.structs import fields

from fnr.api.errors import BadData, NotFound, ProtocolMismatch, Refused, StorageError, UsageError
from fnr.api.incident_requests import ListErrors, ListIncidents
from fnr.api.letter_requests import ListLetters
from fnr.api.question import Read
from fnr.api.requests import GetStatus, GetStoreStats, GetTask, ListTasks, ListWorkers
from fnr.cli.status_text import for_people
from fnr.client import store_file
from fnr.client.connect import ask
from fnr.client.offline import answer_offline
from fnr.config.gone_file import WHY_GONE
from fnr.config.paths import Paths, find_paths
from fnr.host.clock import Clock
from fnr.host.process import pid_start
from fnr.policy.record import Page, Preview, WorkerRecord
from fnr.policy.task import Task
from fnr.store import workers
from fnr.store.accepting import accept
from fnr.store.connection import Store

IDS = [f"01JD000000000000000000000{n}" for n in "123"]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A home with three queued tasks in its store."""
    found = find_paths(str(tmp_path))
    Path(found.state_dir).mkdir()
    asyncio.run(fill(found.store_file))
    return found


async def fill(store_file: str) -> None:
    store = await Store.open(store_file)
    tasks = [
        (Task(task_id=task_id, function="render", created_at_ms=n), b'{"n":1}')
        for n, task_id in enumerate(IDS)
    ]
    await store.write(lambda tx: accept(tx, tasks))
    await store.close()


def test_every_read_has_an_answer_of_its_type(paths: Paths) -> None:
    answers = {kind.__name__: answer_offline(paths, kind()) for kind in reads_without_fields()}
    assert [task.task_id for task in answers["ListTasks"].items] == IDS[::-1]
    assert answers["ListTasks"].total == 3
    assert answers["ListLetters"] == Page(items=[], total=0)
    assert answers["ExportLetters"].items == []
    assert answers["GetLetterStats"] == answers["ListWorkers"] == answers["ListLogSpans"] == []
    assert answers["ListFunctions"][0].counts == {"queued": 3}
    assert answers["GetStoreStats"].tables["task"] == 3


def reads_without_fields() -> list[type[Read]]:  # type: ignore[type-arg]  # of any answer
    kinds = [kind for kind in Read.__subclasses__() if not any(f.required for f in fields(kind))]
    assert {ListTasks, ListLetters, ListErrors, ListIncidents} <= set(kinds)
    return kinds


def test_ids_may_be_abbreviated_as_far_as_they_are_unique(paths: Paths) -> None:
    assert answer_offline(paths, GetTask(task_id=IDS[0])).task.task_id == IDS[0]
    with pytest.raises(Refused, match="begins with"):
        answer_offline(paths, GetTask(task_id="01JD"))
    with pytest.raises(NotFound):
        answer_offline(paths, GetTask(task_id="01JX"))


def test_a_filter_that_does_not_parse_is_the_users_mistake(paths: Paths) -> None:
    with pytest.raises(UsageError, match="the filter was not understood"):
        answer_offline(paths, ListTasks(where="stat:dead"))


def test_a_filter_that_is_no_text_is_too(paths: Paths) -> None:
    with pytest.raises(BadData, match="not UTF-8"):
        ask(paths, ListTasks(where="message:\udcff"), notice=print)


def test_the_status_says_that_the_daemon_is_down(paths: Paths) -> None:
    status = answer_offline(paths, GetStatus())
    assert (status.state, status.pid, status.counts) == ("down", None, {"queued": 3})
    assert [(f.function, f.counts) for f in status.functions] == [("render", {"queued": 3})]


def test_the_status_knows_what_fnr_toml_declares_before_the_first_start(tmp_path: Path) -> None:
    (tmp_path / "fnr.toml").write_text('[functions.echo]\ncommand = ["echo"]\nworkers = 2\n')
    status = answer_offline(find_paths(str(tmp_path)), GetStatus())
    assert [(f.function, f.kind, f.workers_max) for f in status.functions] == [
        ("echo", "command", 2)
    ]
    assert "init writes" not in for_people(
        to_builtins(status), now_ms=0, colour=False, command="fnr", width=100
    )


def test_the_status_names_what_keeps_a_daemon_from_starting(paths: Paths) -> None:
    file = Path(paths.config_file)
    assert answer_offline(paths, GetStatus()).problems == [f"{file} is gone: {WHY_GONE}"]
    file.write_text("[functions")
    told = answer_offline(paths, GetStatus()).problems
    assert told == [f"{file} has mistakes, so that no daemon starts; fnr config check"]
    file.write_text("version = 1")
    assert answer_offline(paths, GetStatus()).problems == []


def test_a_worker_whose_process_has_ended_is_not_called_idle(paths: Paths) -> None:
    """The daemon that started it is gone as well, so nobody has noted its end."""
    boot_id, start = Clock().boot_id(), pid_start(os.getpid())
    assert start is not None

    def worker(name: str, pid_start: int, boot_id: str = boot_id) -> WorkerRecord:
        return WorkerRecord(
            worker_id=name, function="render", state="idle", boot_id=boot_id,
            pid=os.getpid(), pid_start=pid_start, started_at_ms=1,
        )  # fmt: skip

    async def remember() -> None:
        store = await Store.open(paths.store_file)
        for record in (worker("A", start), worker("B", start - 1), worker("C", start, "earlier")):
            await store.write(partial(workers.insert, record=record))
        await store.close()

    asyncio.run(remember())
    assert [one.worker_id for one in answer_offline(paths, ListWorkers())] == ["A"]
    found = answer_offline(paths, ListWorkers(gone=True))
    assert [one.state for one in found] == ["idle", "gone", "gone"]


def test_reading_changes_nothing(paths: Paths) -> None:
    before = {file: file.read_bytes() for file in Path(paths.state_dir).iterdir()}
    answer_offline(paths, ListTasks())
    after = {file: file.read_bytes() for file in Path(paths.state_dir).iterdir()}
    assert {f: b for f, b in after.items() if f.suffix == ".db"} == before


def test_without_a_store_lists_are_empty_and_a_task_is_not_found(tmp_path: Path) -> None:
    paths = find_paths(str(tmp_path))
    for kind in reads_without_fields():
        if kind is GetStoreStats:
            with pytest.raises(NotFound, match="no store yet"):
                answer_offline(paths, kind())
        else:
            found = answer_offline(paths, kind())
            assert found == Preview() or not (found.items if isinstance(found, Page) else found)
    with pytest.raises(NotFound, match="there is no task 01JD"):
        answer_offline(paths, GetTask(task_id="01JD"))
    assert answer_offline(paths, GetStatus()).functions == []


def newer(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()


def not_a_store(file: Path) -> None:
    file.write_bytes(b"not a database, and long enough to be looked at " * 100)


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "error", "exit_code"),
    [(newer, ProtocolMismatch, 69), (not_a_store, StorageError, 74), (empty, StorageError, 74)],
)
def test_a_file_that_cannot_be_read_is_said(
    paths: Paths, spoil: Callable[[Path], None], error: type[Exception], exit_code: int
) -> None:
    spoil(Path(paths.store_file))
    with pytest.raises(error) as caught:
        answer_offline(paths, ListTasks())
    assert caught.value.exit_code == exit_code  # type: ignore[attr-defined]  # an FnrError


def test_a_store_that_no_daemon_of_this_version_has_opened_is_named(paths: Paths) -> None:
    """Reads and the check found tables missing, as if it were damaged."""
    with sqlite3.connect(paths.store_file) as store:
        store.execute("PRAGMA user_version = 7")
    store.close()
    for asked in (lambda: answer_offline(paths, GetStatus()), lambda: store_file.check(paths)):
        with pytest.raises(ProtocolMismatch, match="older version") as told:
            asked()
        assert told.value.next_step == "fnr daemon start"
        assert "schema version 7" in told.value.why
