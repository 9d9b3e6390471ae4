"""The writer: nothing is told before it is on disk, and one caller's failure is only its own."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from store_values import NOW_MS, accept, contents, is_whole, new_task
from writer_probes import Commits, count_of, writes

from fnr.store import checkpointer, connection, pace, tasks
from fnr.store.batch import nothing
from fnr.store.beginning import ALONE_MIN, LOOK_EVERY, Company
from fnr.store.connection import Store, StoreIll, StoreNewer, read_only
from fnr.store.telemetry import Telemetry
from fnr.store.transaction import Reader, Transaction


def wal_size(store_file: Path) -> int | None:
    """How large the log is; None when there is none."""
    wal = Path(f"{store_file}-wal")
    return wal.stat().st_size if wal.exists() else None


# ── group commit ─────────────────────────────────────────────────────────────


async def test_a_result_is_told_only_when_it_is_on_disk(
    watched: tuple[Store, Commits],
) -> None:
    """Method: hold the COMMIT, look with a second connection, let it go on."""
    store, commits = watched
    commits.may_go_on.clear()
    answer = asyncio.ensure_future(store.write(writes(new_task())))
    await commits.under_way.wait()
    with_other_eyes = read_only(store.path)
    assert count_of(with_other_eyes) == 0
    assert not answer.done()
    commits.may_go_on.set()
    await answer
    assert count_of(with_other_eyes) == 1
    with_other_eyes.close()


async def test_the_writer_is_read_through_only_while_all_it_has_written_is_on_disk(
    watched: tuple[Store, Commits],
) -> None:
    """Method: hold the COMMIT, and ask then."""
    store, commits = watched
    assert store.at_rest is not None and not store.busy
    commits.may_go_on.clear()
    answer = asyncio.ensure_future(store.write(writes(new_task())))
    await commits.under_way.wait()
    assert store.busy and store.at_rest is None
    commits.may_go_on.set()
    await answer


async def test_what_comes_while_a_commit_is_under_way_shares_the_next(
    watched: tuple[Store, Commits],
) -> None:
    store, commits = watched
    commits.may_go_on.clear()
    answers = [asyncio.ensure_future(store.write(writes(new_task())))]
    await commits.under_way.wait()
    answers += [asyncio.ensure_future(store.write(writes(new_task()))) for _ in range(50)]
    await asyncio.sleep(0)
    commits.may_go_on.set()
    await asyncio.wait(answers)
    assert commits.count == 2


async def test_what_a_socket_brings_before_the_commit_shares_it(
    watched: tuple[Store, Commits],
) -> None:
    """Method: the first unit writes to a pipe whose reader posts the second."""
    store, commits = watched
    read_fd, write_fd = os.pipe()
    loop = asyncio.get_running_loop()
    second: asyncio.Future[BaseException | None] = loop.create_future()

    def heard() -> None:
        loop.remove_reader(read_fd)
        store.post(writes(new_task()), lambda _, error: second.set_result(error))

    loop.add_reader(read_fd, heard)
    await store.write(lambda _: os.write(write_fd, b"x"))
    assert await second is None
    assert commits.count == 1
    os.close(read_fd)
    os.close(write_fd)


@pytest.mark.parametrize(("quick_s", "here"), [(60.0, True), (0.0, False)])
async def test_only_a_quick_disk_is_waited_for_on_the_loop(
    store_file: Path, monkeypatch: pytest.MonkeyPatch, quick_s: float, here: bool
) -> None:
    monkeypatch.setattr(pace, "QUICK_COMMIT_S", quick_s)
    monkeypatch.setattr(pace, "HANGING_COMMIT_S", 60.0)
    threads: list[int] = []
    store = await Store.open(
        store_file, commit_hook=lambda _: threads.append(threading.get_ident())
    )
    for _ in range(pace.COMMITS + 1):
        await store.write(writes(new_task()))
    assert threading.get_ident() not in threads[: 2 * pace.COMMITS]
    assert (threads[-1] == threading.get_ident()) == here
    much = [new_task() for _ in range(connection.QUICK_CHANGES_MAX)]
    await store.write(lambda tx: accept(tx, *much))
    assert threads[-1] != threading.get_ident()
    await store.close()


def test_who_comes_alone_is_not_kept_waiting_for_company() -> None:
    company = Company()
    for _ in range(ALONE_MIN):
        assert company.is_likely()
        company.came()
        company.part()
    # Now and then it looks all the same, and somebody who is found is waited for again.
    looks = [company.is_likely() for _ in range(LOOK_EVERY)]
    assert looks.count(True) == 1
    company.came()
    company.came()
    company.part()
    assert company.is_likely()


async def test_nothing_opens_no_transaction_and_comes_behind_what_was_posted(
    watched: tuple[Store, Commits],
) -> None:
    store, commits = watched
    order: list[str] = []
    await store.write(nothing)
    assert commits.count == 0
    store.post(lambda tx: accept(tx, new_task()), lambda *_: order.append("first"))
    store.post(nothing, lambda *_: order.append("nothing"))
    await store.write(lambda tx: accept(tx, new_task()))
    assert (order, commits.count) == (["first", "nothing"], 1)


async def test_nothing_fails_with_the_transaction_that_it_stands_behind(store_file: Path) -> None:
    refuses = False

    def hook(phase: str) -> None:
        if refuses and phase == "before":
            raise sqlite3.OperationalError("no")

    store = await Store.open(store_file, commit_hook=hook)
    refuses = True
    ends: list[BaseException | None] = []
    store.post(writes(new_task()), lambda _, error: ends.append(error))
    store.post(nothing, lambda _, error: ends.append(error))
    with pytest.raises(sqlite3.OperationalError):
        await store.write(writes(new_task()))
    assert [type(error) for error in ends] == [sqlite3.OperationalError] * 2
    refuses = False
    await store.close()


# ── batches ──────────────────────────────────────────────────────────────────


async def test_a_batch_is_bounded(
    watched: tuple[Store, Commits], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, commits = watched
    monkeypatch.setattr(connection, "BATCH_UNITS_MAX", 10)
    await asyncio.wait([asyncio.ensure_future(store.write(writes(new_task()))) for _ in range(25)])
    assert commits.count == 3


async def test_units_run_in_the_order_they_were_posted(store: Store) -> None:
    order: list[int] = []
    answers = [
        asyncio.ensure_future(
            store.write(lambda _, number=number: order.append(number), heavy=number % 3 == 0)
        )
        for number in range(20)
    ]
    await asyncio.wait(answers)
    assert order == list(range(20))


async def test_heavy_units_leave_the_loop_alone(store: Store) -> None:
    """Their statements run where the COMMITs do; everybody else's on the loop."""
    here = threading.get_ident()
    assert await store.write(lambda _: threading.get_ident()) == here
    assert await store.write(lambda _: threading.get_ident(), heavy=True) != here


async def test_a_failing_unit_is_undone_alone(store: Store, reader: Reader) -> None:
    good, bad, also_good = new_task(), new_task(), new_task()

    def fails(tx: Transaction) -> None:
        accept(tx, bad)
        raise ValueError("mine")

    answers = await asyncio.gather(  # noqa: TID251 - the three must be posted in one go
        store.write(writes(good)),
        store.write(fails),
        store.write(writes(also_good)),
        return_exceptions=True,
    )
    assert answers[0] == good.task_id
    assert isinstance(answers[1], ValueError)
    assert answers[2] == also_good.task_id
    assert {row[0] for row in reader.all("SELECT * FROM task ORDER BY 1, 2")} == {
        good.task_id,
        also_good.task_id,
    }
    assert is_whole(reader)


@pytest.mark.parametrize("failing", [0, 1, 2])
async def test_what_others_counted_stands_when_a_unit_of_their_batch_fails(
    store: Store, reader: Reader, failing: int
) -> None:
    """Method: each unit is posted while the one before it runs, so that it joins its batch."""
    answers: list[BaseException | None] = []
    all_told = asyncio.Event()

    def told(_: object, error: BaseException | None) -> None:
        answers.append(error)
        if len(answers) == 3:
            all_told.set()

    def run(tx: Transaction, number: int) -> None:
        if number < 2:
            store.post(lambda tx: run(tx, number + 1), told)
        accept(tx, new_task())
        if number == failing:
            raise ValueError("mine")

    store.post(lambda tx: run(tx, 0), told)
    await all_told.wait()
    assert [error is not None for error in answers] == [number == failing for number in range(3)]
    assert count_of(reader) == 2
    assert is_whole(reader)


@pytest.mark.parametrize("heavy", [True, False])
async def test_a_failing_unit_on_its_own_leaves_nothing(
    store: Store, reader: Reader, heavy: bool
) -> None:
    def fails(tx: Transaction) -> None:
        accept(tx, new_task())
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await store.write(fails, heavy=heavy)
    await store.write(writes(new_task()))
    assert count_of(reader) == 1
    assert is_whole(reader)


async def test_a_unit_that_breaks_the_schema_is_undone_alone(store: Store) -> None:
    def breaks(tx: Transaction) -> None:
        accept(tx, new_task())
        tx.run("INSERT INTO meta (key, value) VALUES ('k', NULL)")

    answers = await asyncio.gather(  # noqa: TID251 - posted in one go
        store.write(writes(new_task())),
        store.write(breaks),
        store.write(writes(new_task())),
        return_exceptions=True,
    )
    assert isinstance(answers[1], sqlite3.IntegrityError)
    assert len(await store.write(lambda tx: tx.all("SELECT * FROM task ORDER BY 1, 2"))) == 2


async def test_a_unit_that_stops_iterating_does_not_leave_its_caller_waiting(store: Store) -> None:
    """A future refuses StopIteration."""

    def stops(_: Transaction) -> None:
        next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        await store.write(stops)


async def test_giving_up_the_wait_does_not_give_up_the_write(store: Store, reader: Reader) -> None:
    waiting = asyncio.ensure_future(store.write(writes(new_task())))
    await asyncio.sleep(0)
    waiting.cancel()
    await store.write(lambda _: None)
    assert count_of(reader) == 1


async def test_counts_are_seen_before_and_after_their_commit(store: Store, reader: Reader) -> None:
    def accepts(tx: Transaction) -> int:
        accept(tx, new_task(), new_task())
        return tasks.queued_count(tx, "render")

    assert await store.write(accepts) == 2
    assert tasks.queued_count(reader, "render") == 2


async def test_a_count_that_drifted_is_set_right_instead_of_stopping_the_work(
    store: Store, reader: Reader
) -> None:
    """A mistake of ours in a count must not make every claim fail."""
    first, second = new_task(), new_task()
    await store.write(lambda tx: accept(tx, first, second))
    await store.write(lambda tx: tx.run("UPDATE tally SET count = 0 WHERE state = 'queued'"))
    await store.write(
        lambda tx: tasks.ask_cancel(tx, first.task_id, reason="", by="t", now_ms=NOW_MS)
    )
    assert is_whole(reader)


# ── opening and closing ──────────────────────────────────────────────────────


async def test_closing_commits_what_waits_and_refuses_what_comes(store_file: Path) -> None:
    store = await Store.open(store_file)
    answers = [asyncio.ensure_future(store.write(writes(new_task()))) for _ in range(5)]
    await asyncio.sleep(0)
    await store.close()
    assert all(answer.done() and answer.exception() is None for answer in answers)
    with pytest.raises(StoreIll, match="closed"):
        await store.write(writes(new_task()))
    await store.close()
    assert wal_size(store_file) is None


async def test_a_store_of_a_newer_version_is_refused_and_left_alone(store_file: Path) -> None:
    with sqlite3.connect(store_file) as newer:
        newer.execute("PRAGMA user_version = 999")
    newer.close()
    with pytest.raises(StoreNewer, match="999"):
        await Store.open(store_file)
    with sqlite3.connect(store_file) as newer:
        assert newer.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    newer.close()


@pytest.fixture
def aunt(store_file: Path) -> Path:
    """Something else where the store should be."""
    store_file.write_bytes(b"this is a letter to my aunt, and no database at all" * 100)
    return store_file


async def test_a_file_that_is_no_store_is_refused(aunt: Path) -> None:
    with pytest.raises(StoreIll, match="not a database"):
        await Store.open(aunt)


async def test_the_store_is_durable_and_checks_its_references(store: Store) -> None:
    def pragmas(tx: Transaction) -> list[Any]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [tx.all(f"PRAGMA {name}")[0][0] for name in names]

    assert await store.write(pragmas) == ["wal", 2, 1]


async def test_what_is_deleted_is_not_written_once_more(store: Store) -> None:
    """A build that fills it with zeros wrote 800 MiB to forget 400 tasks with large inputs."""
    large = "x" * 4 * 1024 * 1024
    await store.write(lambda tx: tx.run("INSERT INTO meta VALUES ('large', ?)", (large,)))
    await store.write(lambda tx: tx.run("DELETE FROM meta WHERE key = 'large'"))
    assert (wal_size(store.path) or 0) < 6 * 1024 * 1024


async def test_a_log_that_has_grown_is_used_again(store: Store) -> None:
    """It is moved into the file beside the writer, then written again from its start."""
    body = b'{"x":"' + b"x" * 200_000 + b'"}'
    while (wal_size(store.path) or 0) <= checkpointer.LOG_BYTES_MAX:
        await store.write(lambda tx: accept(tx, *(new_task() for _ in range(10)), body=body))
    while (wal_size(store.path) or 0) > checkpointer.LOG_BYTES_MAX:
        await store.write(writes(new_task()))
    await store.write(lambda tx: accept(tx, *(new_task() for _ in range(10)), body=body))
    assert wal_size(store.path) == checkpointer.LOG_BYTES_MAX


async def test_where_room_is_scarce_the_log_is_moved_within_a_commit_as_ever(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass takes room before it gives some back: that of the COMMITs that are still to come."""
    monkeypatch.setattr(checkpointer, "ROOM_BYTES_MIN", 1 << 62)
    passes: list[object] = []
    really = checkpointer.Checkpointer._pass

    def counted(self: checkpointer.Checkpointer) -> sqlite3.Error | None:
        passes.append(self)
        return really(self)

    monkeypatch.setattr(checkpointer.Checkpointer, "_pass", counted)
    body = b'{"x":"' + b"x" * 200_000 + b'"}'
    sizes = []
    for _ in range(24):
        await store.write(lambda tx: accept(tx, *(new_task() for _ in range(10)), body=body))
        sizes.append(wal_size(store.path) or 0)
    assert passes == []
    assert 16 * 1024 * 1024 < max(sizes) < 20 * 1024 * 1024


async def test_a_pass_that_fails_is_made_again_while_nothing_is_under_way(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An I/O error of the file is noticed there, and the store is opened anew."""
    states: list[str] = []
    back = asyncio.Event()

    def trouble(state: str, _why: str) -> None:
        states.append(state)
        if state == "ok":
            back.set()

    store.on_trouble(trouble)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    passes = [error, error]
    really = checkpointer.Checkpointer._pass
    monkeypatch.setattr(
        checkpointer.Checkpointer, "_pass", lambda self: passes.pop() if passes else really(self)
    )
    monkeypatch.setattr(checkpointer, "LOG_BYTES_MAX", 0)
    await store.write(writes(new_task()))
    await back.wait()
    assert states == ["ill", "ok"]
    await store.write(writes(new_task()))


async def test_a_mistake_in_a_callback_is_not_the_next_callers(store: Store) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    mistakes: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: mistakes.append(context))

    def fails(_result: object, _error: object) -> None:
        raise ZeroDivisionError

    store.post(lambda _: None, fails)
    store.post(lambda _: None, lambda _result, _error: told.put_nowait("second"))
    assert await told.get() == "second"
    assert isinstance(mistakes[0]["exception"], ZeroDivisionError)


# ── readers ──────────────────────────────────────────────────────────────────


async def test_a_reader_sees_one_moment(store: Store, reader: Reader) -> None:
    await store.write(writes(new_task()))
    with reader.snapshot():
        assert count_of(reader) == 1
        await store.write(writes(new_task()))
        assert count_of(reader) == 1
    assert count_of(reader) == 2


async def test_a_reader_cannot_write(store: Store, reader: Reader) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.run("DELETE FROM meta WHERE key = ''")
    assert await store.write(contents)


def test_a_store_that_is_not_there_is_not_made_by_reading(store_file: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        read_only(store_file)
    assert not store_file.exists()


async def test_a_new_store_is_for_nobody_else_to_read_whatever_its_folder_is(
    store_file: Path,
) -> None:
    store = await Store.open(store_file)
    await store.write(writes(new_task()))
    readings = Telemetry(store_file.with_name("telemetry.db"), print)
    modes = {file.name: file.stat().st_mode & 0o077 for file in store_file.parent.iterdir()}
    readings.close()
    await store.close()
    logs = ("fnr.db-wal", "fnr.db-shm", "telemetry.db-wal", "telemetry.db-shm")
    assert modes == dict.fromkeys(("fnr.db", "telemetry.db", *logs), 0)


async def test_a_store_without_its_log_can_be_read_where_nothing_can_be_written(
    store_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: refuse the ordinary way in, as a folder without write permission does."""
    store = await Store.open(store_file)
    await store.write(writes(new_task()))
    await store.close()
    original = sqlite3.connect

    def connect(name: str, **options: Any) -> sqlite3.Connection:
        if "immutable" not in name:
            raise sqlite3.OperationalError("unable to open database file")
        return original(name, **options)

    monkeypatch.setattr(sqlite3, "connect", connect)
    reader = read_only(store_file)
    assert count_of(reader) == 1
    reader.close()
