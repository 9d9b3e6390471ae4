"""Workers, functions, outbox, retention, log spans, statistics and readings."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from store_values import (
    ENDS,
    IDS,
    NOW_MS,
    VALIDATION,
    WORKER,
    Book,
    accept,
    bury,
    claim,
    end,
    is_whole,
    new_task,
    replay,
)

from fnr.host.limits import own_file_limit
from fnr.policy.record import WorkerRecord
from fnr.policy.replay import ReplayPlan, ReplayState
from fnr.policy.verdict import Effect, conclude
from fnr.store import (
    functions,
    ledger,
    letters,
    migrate,
    outbox,
    prune,
    replay_plans,
    tally,
    tasks,
    workers,
)
from fnr.store.connection import read_only
from fnr.store.reads import READS
from fnr.store.telemetry import Reading, Telemetry
from fnr.store.transaction import StoreNewer, Transaction

DAY_MS = 86_400_000


def started(**fields: object) -> WorkerRecord:
    """A worker that was just started."""
    record = WorkerRecord(
        worker_id=WORKER.worker_id, function="render", state="starting", boot_id="boot", pid=4242,
        pid_start=77, started_at_ms=NOW_MS, secret="s3cret", log_path="/logs/w", now_path="/run/n",
    )  # fmt: skip
    return msgspec.structs.replace(record, **fields)


# ── workers ──────────────────────────────────────────────────────────────────


def test_a_worker_is_remembered_until_it_ends(tx: Transaction) -> None:
    workers.insert(tx, started())
    [found] = workers.alive(tx)
    assert found == started(state="idle")
    accept(tx, new_task())
    claimed = claim(tx)
    [found] = workers.alive(tx)
    assert (found.state, found.task_id) == ("busy", claimed.task.task_id)
    workers.end(tx, WORKER.worker_id, at_ms=NOW_MS + 5, end="exit 0")
    workers.end(tx, WORKER.worker_id, at_ms=NOW_MS + 9, end="second word")
    assert workers.alive(tx) == []
    [gone] = READS["ListWorkers"](tx, function=None, gone=True)
    assert (gone.state, gone.end, gone.ended_at_ms) == ("gone", "exit 0", NOW_MS + 5)


def test_secrets_are_for_the_daemon_only(tx: Transaction) -> None:
    workers.insert(tx, started())
    assert workers.alive(tx)[0].secret == "s3cret"
    for gone in (False, True):
        assert [one.secret for one in READS["ListWorkers"](tx, function=None, gone=gone)] == [""]
    assert READS["ListWorkers"](tx, function="other", gone=True) == []


def test_workers_that_ended_are_forgotten_but_for_the_latest(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "GONE_KEPT_MAX", 3)
    for number in range(6):
        workers.insert(tx, started(worker_id=f"w{number}"))
        if number:
            workers.end(tx, f"w{number}", at_ms=NOW_MS + number, end="exit 0")
    assert workers.forget_oldest(tx, count_max=500) == 2
    found = workers.listed(tx, gone=True)
    assert [one.worker_id for one in found] == ["w0", "w5", "w4", "w3"]


# ── functions ────────────────────────────────────────────────────────────────


def test_a_function_stays_paused_until_it_is_resumed(tx: Transaction) -> None:
    assert functions.pause(tx, ["render", "upload"], by="uid 7", now_ms=NOW_MS) == [
        "render",
        "upload",
    ]
    assert functions.pause(tx, ["render"], by="another", now_ms=NOW_MS + 5) == []
    assert functions.paused(tx) == {"render": "uid 7", "upload": "uid 7"}
    functions.pause(tx, ["render"], by="another: GPU 1", now_ms=NOW_MS + 6, retell=True)
    since = tx.all("SELECT paused_by, paused_at_ms FROM function WHERE function = 'render'")
    assert since == [("another: GPU 1", NOW_MS)]
    assert functions.resume(tx, ["render", "nobody"]) == ["render"]
    assert functions.paused(tx) == {"upload": "uid 7"}


def test_functions_are_listed_with_their_counts(book: Book) -> None:
    tx = book.tx
    bury(tx)
    accept(tx, new_task(), new_task(function="upload"))
    functions.pause(tx, ["idle"], by="uid 7", now_ms=NOW_MS)
    book.commit()
    found = {one.function: one for one in READS["ListFunctions"](tx)}
    assert found["render"].counts == {"dead": 1, "queued": 1}
    assert found["upload"].counts == {"queued": 1}
    assert found["idle"].paused and found["idle"].paused_at_ms == NOW_MS


# ── outbox ───────────────────────────────────────────────────────────────────


def test_an_effect_stays_until_it_is_done(tx: Transaction) -> None:
    effect = Effect(key="k1", kind="notify", data={"text": "ü"})
    outbox.add(tx, effect, now_ms=NOW_MS)
    outbox.add(tx, Effect(key="k1", kind="notify", data={}), now_ms=NOW_MS + 1)
    outbox.add(tx, Effect(key="k2", kind="notify", data={}), now_ms=NOW_MS + 1)
    assert outbox.due(tx, now_ms=NOW_MS, count_max=9) == [effect]
    assert [one.key for one in outbox.due(tx, now_ms=NOW_MS + 60, count_max=9)] == ["k1", "k2"]
    outbox.done(tx, ["k2"])
    assert [one.key for one in outbox.due(tx, now_ms=NOW_MS + 60, count_max=9)] == ["k1"]


# ── retention ────────────────────────────────────────────────────────────────


def test_old_tasks_are_forgotten_in_steps_and_letters_are_kept(book: Book) -> None:
    tx = book.tx
    old_ms, new_ms = NOW_MS - 10 * DAY_MS, NOW_MS
    for at_ms in (old_ms, new_ms):
        for _ in range(3):
            accept(tx, new_task(created_at_ms=at_ms))
            claimed = claim(tx, now_ms=at_ms)
            end(tx, conclude(claimed.task, token=claimed.token, now_ms=at_ms))
        [cancelled] = accept(tx, new_task(created_at_ms=at_ms))
        tasks.ask_cancel(tx, cancelled, reason="", by="t", now_ms=at_ms)
    dead = bury(tx, created_at_ms=old_ms)
    rested = bury(tx, created_at_ms=old_ms)
    letters.resolve(tx, [rested], reason="x", by="t", now_ms=old_ms)
    [late] = accept(tx, new_task(created_at_ms=old_ms))
    claimed = claim(tx, now_ms=new_ms)
    end(tx, conclude(claimed.task, token=claimed.token, now_ms=new_ms))
    book.commit()

    assert [pruned.removed for pruned in rounds(book, count_max=2)] == [2, 2, 0]
    assert tally.counts(tx) == {"render": {"done": 4, "cancelled": 2, "dead": 1}}
    assert all(tasks.get(tx, kept) for kept in (dead, rested, late))


def test_a_round_ends_when_nothing_of_anything_is_left_to_forget(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker for each task, and a replay from a cron job each minute, are more than one step in
    ten minutes removes."""
    monkeypatch.setattr(workers, "GONE_KEPT_MAX", 1)
    for number in range(6):
        workers.insert(book.tx, started(worker_id=f"w{number}"))
        workers.end(book.tx, f"w{number}", at_ms=NOW_MS + number, end="max_tasks")
        replay_plans.add(
            book.tx,
            ReplayPlan(
                plan_id=IDS.new(),
                state=ReplayState.CANCELLED,
                state_at_ms=NOW_MS - 2 * DAY_MS,
                created_at_ms=NOW_MS - 2 * DAY_MS,
                created_by="ann",
            ),
        )
    assert rounds(book, count_max=2)[-1].removed == 0
    assert [one.worker_id for one in workers.listed(book.tx, gone=True)] == ["w5"]
    assert replay_plans.page(book.tx, active=False, after=None, limit=9).items == []


def test_a_step_that_has_taken_long_enough_leaves_the_rest_to_the_next(book: Book) -> None:
    """Old tasks may have inputs of 10 MiB each: five hundred of them took half a minute."""
    tx, old_ms = book.tx, NOW_MS - 10 * DAY_MS
    for function in ("render", "upload"):
        for _ in range(2):
            accept(tx, new_task(function=function, created_at_ms=old_ms))
            claimed = claim(tx, function=function, now_ms=old_ms)
            end(tx, conclude(claimed.task, token=claimed.token, now_ms=old_ms))
    book.commit()
    steps = rounds(book, count_max=9, enough=lambda: True)
    assert [pruned.removed for pruned in steps] == [1, 1, 1, 1]
    assert tally.counts(tx) == {}


def rounds(
    book: Book, *, count_max: int, enough: Callable[[], bool] = lambda: False
) -> list[prune.Pruned]:
    """The steps of one round: all that is older than a day."""
    steps: list[prune.Pruned] = []
    while not steps or steps[-1].more:
        steps.append(
            prune.prune_step(
                book.tx,
                done_before_ms=NOW_MS - DAY_MS,
                cancelled_before_ms=NOW_MS - DAY_MS,
                incidents_before_ms=NOW_MS - DAY_MS,
                count_max=count_max,
                places=steps[-1].places if steps else {},
                enough=enough,
            )
        )
        book.commit()
        assert is_whole(book.tx)
    assert steps[-1].places == {}
    return steps


def test_what_has_to_stay_keeps_nothing_behind_it_from_going(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More resolved letters than a step looks at stand before tasks that may go."""
    tx, old_ms = book.tx, NOW_MS - 10 * DAY_MS
    monkeypatch.setattr(prune, "LOOKED_AT_MAX", 3)
    rested = [bury(tx, created_at_ms=old_ms) for _ in range(7)]
    letters.resolve(tx, rested, reason="x", by="t", now_ms=old_ms)
    for function in ("render", "upload"):
        for cancelled in accept(
            tx, *(new_task(function=function, created_at_ms=old_ms + 1) for _ in range(4))
        ):
            tasks.ask_cancel(tx, cancelled, reason="", by="t", now_ms=old_ms + 1)
    book.commit()
    assert sum(pruned.removed for pruned in rounds(book, count_max=2)) == 8
    assert tally.counts(tx) == {"render": {"cancelled": 7}}


# ── where output stands ──────────────────────────────────────────────────────


def test_spans_of_a_task_are_its_attempts_in_order(tx: Transaction) -> None:
    workers.insert(tx, started())
    accept(tx, new_task())
    first = claim(tx)
    end(tx, ENDS["interrupted"](tx, first))
    second = claim(tx, now_ms=NOW_MS + 10)
    spans = READS["ListLogSpans"](
        tx, task_id=first.task.task_id[:20], function=None, since_ms=None, limit=9
    )
    assert [(one.token, one.log_from, one.log_to) for one in spans] == [
        (first.token, 0, 9),
        (second.token, 9, None),
    ]
    assert spans[1].log_path == "/logs/w"


def test_spans_of_a_function_are_the_latest_of_all_its_tasks(tx: Transaction) -> None:
    tokens = []
    for number in range(6):
        function = "render" if number % 2 else "upload"
        accept(tx, new_task(function=function))
        claimed = claim(tx, function=function, now_ms=NOW_MS + number * 1_000)
        end(tx, ENDS["done"](tx, claimed))
        tokens.append(claimed.token)

    def asked(**fields: object) -> list[str]:
        question = {"task_id": None, "function": "render", "since_ms": None, "limit": 9, **fields}
        return [one.token for one in READS["ListLogSpans"](tx, **question)]

    assert asked() == [tokens[1], tokens[3], tokens[5]]
    assert asked(limit=2) == [tokens[3], tokens[5]]
    assert asked(limit=2, before=tokens[3]) == [tokens[1]]
    assert asked(since_ms=NOW_MS + 2_500) == [tokens[3], tokens[5]]
    assert asked(function=None) == tokens
    assert asked(function="nobody") == []


# ── statistics ───────────────────────────────────────────────────────────────


def test_letters_are_counted_by_kind(book: Book) -> None:
    tx = book.tx
    bury(tx)
    bury(tx)
    bury(tx, VALIDATION, function="upload")
    replay(tx, bury(tx))
    for _ in range(2):
        found = READS["GetLetterStats"](tx, where="")
        assert [(one.function, one.category, one.cause, one.count) for one in found] == [
            ("render", "permanent", "permanent", 2),
            ("upload", "validation", "validation", 1),
        ]
        assert found[0].oldest_at_ms == found[0].newest_at_ms == NOW_MS + 5
        book.commit()
    by_words = READS["GetLetterStats"](tx, where="boom category:validation")
    assert [(one.function, one.count) for one in by_words] == [("upload", 1)]
    assert READS["GetLetterStats"](tx, where="state:replaying")[0].count == 1
    assert READS["GetLetterStats"](tx, where="function:nobody") == []


def test_the_store_knows_its_sizes(book: Book) -> None:
    bury(book.tx)
    accept(book.tx, new_task())
    book.commit()
    stats = READS["GetStoreStats"](book.tx)
    assert stats.tables["task"] == 2
    assert stats.tables["dead_letter"] == 1
    assert stats.tables["attempt"] == stats.tables["error"] == stats.tables["ledger"] == 1
    assert stats.schema_version == migrate.schema_steps()[-1][0]
    assert stats.wal_bytes == Path(f"{book.path}-wal").stat().st_size
    assert stats.store_bytes > 50_000
    assert stats.telemetry_bytes == 0
    assert stats.oldest_task_at_ms == NOW_MS


def test_everything_about_a_task_is_one_answer(tx: Transaction) -> None:
    task_id = bury(tx)
    detail = READS["GetTask"](tx, task_id=task_id.lower())
    assert detail.task.task_id == task_id
    assert bytes(detail.input) == b'{"frame":1}'
    assert bytes(detail.result) == b"null"
    assert len(detail.attempts) == len(detail.errors) == len(detail.ledger) == 1
    assert detail.letter is not None
    with pytest.raises(tasks.NoSuchId):
        READS["GetTask"](tx, task_id=IDS.new())


def test_an_answer_is_of_one_moment(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """Method: let the attempt end between two statements of the answer."""
    accept(book.tx, new_task())
    claimed = claim(book.tx)
    book.commit()
    original = ledger.of_task

    def of_task(tx: Transaction, task_id: str) -> object:
        end(book.tx, ENDS["done"](book.tx, claimed))
        book.commit()
        return original(tx, task_id)

    monkeypatch.setattr(ledger, "of_task", of_task)
    reader = read_only(book.path)
    detail = READS["GetTask"](reader, task_id=claimed.task.task_id)
    assert (detail.attempts[0].outcome, detail.ledger) == ("running", [])
    reader.close()


def test_exports_of_large_letters_come_in_small_pages(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fnr.store.reads.EXPORT_BYTES_MAX", 5)
    ids = {bury(tx) for _ in range(3)}
    found, after = [], None
    for _ in range(3):
        page = READS["ExportLetters"](tx, where="", after=after, limit=9)
        assert len(page.items) == 1
        found.append(page.items[0].letter.task_id)
        after = page.next
    assert after is None
    assert set(found) == ids


# ── readings ─────────────────────────────────────────────────────────────────


def reading(at_ms: int, value: float | None, name: str = "used_mib") -> Reading:
    """One reading of GPU 0."""
    return Reading(at_ms=at_ms, subject="gpu:0", name=name, value=value)


def unexpected(aside: str, why: str) -> None:
    """The file is whole."""
    raise AssertionError(aside, why)


def test_a_telemetry_file_of_a_newer_version_is_the_one_that_is_named(tmp_path: Path) -> None:
    """Who reads that readings cannot be kept shall not look for a newer store."""
    file = tmp_path / "telemetry.db"
    with closing(sqlite3.connect(file)) as newer:
        newer.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreNewer, match=r"telemetry\.db has schema version 999"):
        Telemetry(file, unexpected)


def test_readings_are_kept_and_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "telemetry.db"
    telemetry = Telemetry(file, unexpected)
    telemetry.add([])
    telemetry.add([reading(1, 10.0), reading(2, None), reading(2, 5.0, "watts")])
    telemetry.add([reading(2, 20.0), reading(3, 30.0)])
    telemetry.close()
    telemetry = Telemetry(file, unexpected)
    assert telemetry.series("gpu:0", "used_mib", since_ms=0, count_max=2) == [(2, 20.0), (3, 30.0)]
    assert telemetry.prune(before_ms=3, count_max=2) == 2
    assert telemetry.prune(before_ms=3, count_max=2) == 1
    assert telemetry.series("gpu:0", "used_mib", since_ms=0, count_max=9) == [(3, 30.0)]
    telemetry.close()


def test_a_damaged_file_of_readings_is_put_aside(tmp_path: Path) -> None:
    file = tmp_path / "telemetry.db"
    file.write_bytes(b"nothing that SQLite knows" * 400)
    told: list[str] = []
    telemetry = Telemetry(file, lambda *words: told.extend(words))
    telemetry.add([reading(1, 1.0)])
    telemetry.close()
    assert (tmp_path / "telemetry.db.damaged").exists()
    assert told == [f"{file}.damaged", "file is not a database"]


def test_a_file_of_readings_that_cannot_be_opened_just_now_stays_where_it_is(
    tmp_path: Path,
) -> None:
    file = tmp_path / "telemetry.db"
    telemetry = Telemetry(file, unexpected)
    telemetry.add([reading(1, 1.0)])
    telemetry.close()
    with own_file_limit(3), pytest.raises(sqlite3.OperationalError, match="unable to open"):
        Telemetry(file, unexpected)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    telemetry = Telemetry(file, unexpected)
    assert telemetry.series("gpu:0", "used_mib", since_ms=0, count_max=9) == [(1, 1.0)]
    telemetry.close()


@pytest.mark.parametrize("removed", ["telemetry.db*", "telemetry.db", "telemetry.db-*"])
def test_a_file_of_readings_that_is_removed_is_begun_anew(tmp_path: Path, removed: str) -> None:
    """It was written on without a name, for as long as the daemon ran."""
    file = tmp_path / "telemetry.db"
    telemetry = Telemetry(file, unexpected)
    telemetry.keep([reading(1, 1.0)], before_ms=0, count_max=9)
    for name in tmp_path.glob(removed):
        name.unlink()
    telemetry.keep([reading(2, 2.0)], before_ms=0, count_max=9)
    other = Telemetry(file, unexpected)
    assert (2, 2.0) in other.series("gpu:0", "used_mib", since_ms=0, count_max=9)
    other.close()
    telemetry.close()


def test_damage_that_shows_only_at_a_write_is_put_aside_too(tmp_path: Path) -> None:
    """The first page is whole, so that the file can be opened."""
    file = tmp_path / "telemetry.db"
    telemetry = Telemetry(file, unexpected)
    telemetry.keep([reading(1, 1.0)], before_ms=0, count_max=9)
    telemetry.close()
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"Z" * (len(whole) - 4096))
    told: list[str] = []
    telemetry = Telemetry(file, lambda *words: told.extend(words))
    telemetry.keep([reading(2, 2.0)], before_ms=0, count_max=9)
    assert telemetry.series("gpu:0", "used_mib", since_ms=0, count_max=9) == [(2, 2.0)]
    telemetry.close()
    assert told == [f"{file}.damaged", "database disk image is malformed"]
    assert (tmp_path / "telemetry.db.damaged").read_bytes()[4096:] == b"Z" * (len(whole) - 4096)
