"""Errors gather in incidents as they are settled; people and time move those."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from store_values import (
    BOOM,
    IDS,
    NOW_MS,
    PERMANENT,
    TRANSIENT,
    WORKER,
    Book,
    accept,
    bury,
    claim,
    end,
    failure,
    is_whole,
    new_task,
    replay,
)

from fnr.policy.evidence import Evidence, ExceptionFact
from fnr.policy.filter import ERROR_FIELDS, INCIDENT_FIELDS, parse
from fnr.policy.filter_match import matches
from fnr.policy.incident import Incident, IncidentState, acked, resolved, snoozed
from fnr.policy.record import CorrectedError, ErrorRecord
from fnr.policy.rules import Category
from fnr.policy.verdict import conclude
from fnr.store import (
    corrections,
    errors,
    incidents,
    ledger,
    letter_files,
    letters,
    prune,
    rule_counts,
    tasks,
)
from fnr.store.ids import AmbiguousId, NoSuchId
from fnr.store.reads import READS
from fnr.store.transaction import Transaction

DAY_MS = 24 * 3_600_000


def said(message: str) -> Evidence:
    """Evidence of an exception that says so."""
    return Evidence(
        message=f"OSError: {message}", exceptions=(ExceptionFact(type="OSError", message=message),)
    )


def only(tx: Transaction) -> Incident:
    """The only incident."""
    [found] = READS["ListIncidents"](tx, where="state:*", after=None, limit=10).items
    incident: Incident = found
    return incident


def corrected(tx: Transaction) -> list[CorrectedError]:
    """What people have said, latest first."""
    found = READS["ListCorrections"](tx, since_ms=0, after=None, limit=100)
    assert found.next is None
    return list(found.items)


def by_hand(tx: Transaction, move: Any, *ids: str) -> tuple[list[str], dict[str, str]]:
    """Move incidents; by default the only one."""
    return incidents.change(tx, ids or [only(tx).incident_id], move)


def resolve(tx: Transaction, now_ms: int = NOW_MS + 10) -> None:
    """Put the only incident to rest."""
    by_hand(tx, lambda one: resolved(one, by="ann", reason="fixed", now_ms=now_ms))


def ask(tx: Transaction, name: str, **fields: Any) -> list[Any]:
    """Every item of a list, page by page."""
    found: list[Any] = []
    after = None
    while True:
        page = READS[name](tx, after=after, limit=3, now_ms=NOW_MS + DAY_MS, **fields)
        found += page.items
        after = page.next
        if after is None:
            return found


# ── errors gather ────────────────────────────────────────────────────────────


@pytest.mark.unmeasured
def test_ten_thousand_errors_of_one_cause_are_one_incident(book: Book) -> None:
    tx = book.tx
    count = 10_000
    [task_id] = accept(tx, new_task())
    tx.many(
        """
        INSERT INTO attempt (token, task_id, number, worker_id, boot_id, pid, pid_start,
                             started_at_ms, outcome, ended_at_ms)
        VALUES (?, ?, ?, ?, 'b', 1, 1, 1, 'failed', 2)
        """,
        [(f"{n:026}", task_id, n + 1, WORKER.worker_id) for n in range(count)],
    )
    for number in range(count):
        message = f"request {number} to 10.0.0.{number % 255}:{1024 + number} took {number} ms"
        errors.add(
            tx,
            ErrorRecord(
                error_id=IDS.new(), task_id=task_id, token=f"{number:026}", function="render",
                at_ms=NOW_MS + number, evidence=said(message), classification=TRANSIENT,
            ),
            live=True,
        )  # fmt: skip
    incident = only(tx)
    assert (incident.count, incident.functions) == (count, {"render": count})
    assert (incident.first_at_ms, incident.last_at_ms) == (NOW_MS, NOW_MS + count - 1)
    assert incident.title == "OSError: request # to <addr> took <time>"


def test_two_causes_are_two_incidents_and_each_knows_its_errors(book: Book) -> None:
    tx = book.tx
    for word in ("full", "slow", "full"):
        bury(tx, evidence=said(f"the disk is {word}"))
    book.commit()
    assert is_whole(tx)
    found = ask(tx, "ListIncidents", where="")
    assert sorted(one.count for one in found) == [1, 2]
    for one in found:
        lines = ask(tx, "ListErrors", where=f"incident:{one.incident_id}")
        assert len(lines) == one.count
        assert {line.incident_id for line in lines} == {one.incident_id}


def test_an_error_that_is_not_committed_leaves_no_incident(book: Book) -> None:
    accept(book.tx, new_task())
    claimed = claim(book.tx)
    book.commit()
    end(book.tx, failure(claimed))
    book.roll_back()
    assert not ask(book.tx, "ListIncidents", where="state:*")


def test_a_resolved_incident_that_fails_again_has_regressed(book: Book) -> None:
    tx = book.tx
    bury(tx)
    resolve(tx, NOW_MS + 1)
    assert ask(tx, "ListIncidents", where="") == []
    bury(tx)
    incident = only(tx)
    assert (incident.state, incident.regressions, incident.count) == ("regressed", 1, 2)
    moves = incidents.detail(tx, incident.incident_id).moves
    assert [(move.before, move.after) for move in moves] == [
        ("new", "resolved"),
        ("resolved", "regressed"),
    ]
    book.commit()
    assert is_whole(tx)


def test_what_fails_after_the_clock_was_set_back_opens_an_incident_again(book: Book) -> None:
    tx = book.tx
    bury(tx)
    resolve(tx, NOW_MS + DAY_MS)
    bury(tx)
    incident = only(tx)
    assert (incident.state, incident.count) == ("regressed", 2)
    latest = tx.one("SELECT max(error_id) FROM error")
    assert latest is not None and incident.last_error_id == latest[0]
    assert [one.incident_id for one in ask(tx, "ListIncidents", where="")] == [incident.incident_id]
    book.commit()
    assert is_whole(tx)


# ── people ───────────────────────────────────────────────────────────────────


def test_people_move_incidents_and_their_names_are_kept(book: Book) -> None:
    tx = book.tx
    bury(tx)
    by_hand(tx, lambda one: acked(one, by="ann", reason="", now_ms=NOW_MS + 20))
    assert (only(tx).state, only(tx).acked_by) == ("ongoing", "ann")
    until_ms = NOW_MS + 5_000
    by_hand(tx, lambda one: snoozed(one, until_ms=until_ms, by="bo", reason="r", now_ms=NOW_MS))
    assert (only(tx).state, only(tx).snoozed_until_ms) == ("snoozed", until_ms)
    assert incidents.next_snooze_end_ms(tx) == until_ms
    resolve(tx)
    assert only(tx).state_by == "ann"
    [why] = by_hand(tx, lambda one: resolved(one, by="x", reason="", now_ms=1))[1].values()
    assert why == "it is resolved already"
    book.commit()
    assert is_whole(tx)


def test_what_a_second_person_says_of_an_incident_is_kept_too(book: Book) -> None:
    tx = book.tx
    bury(tx)
    by_hand(tx, lambda one: acked(one, by="ann", reason="on it", now_ms=NOW_MS + 1))
    by_hand(tx, lambda one: acked(one, by="bo", reason="disk is ordered", now_ms=NOW_MS + 2))
    found = READS["GetIncident"](tx, incident_id=only(tx).incident_id)
    assert (found.incident.state_by, found.incident.reason) == ("bo", "disk is ordered")
    assert [(move.at_ms, move.after, move.by, move.why) for move in found.moves] == [
        (NOW_MS + 1, "ongoing", "ann", "on it"),
        (NOW_MS + 2, "ongoing", "bo", "disk is ordered"),
    ]
    book.commit()
    assert is_whole(tx)


def test_an_incident_is_found_by_a_beginning_and_by_its_errors(tx: Transaction) -> None:
    bury(tx)
    incident = only(tx)
    full = incident.incident_id
    for word in (full, full[:6], full.removeprefix("2:")[:4], incident.last_error_id):
        assert incidents.find_id(tx, word) == full
    for word in ("", "zz", "9:", "%", "2:ffffffffff"):
        with pytest.raises(NoSuchId, match="no incident"):
            incidents.find_id(tx, word)
    bury(tx, evidence=said("another"))
    with pytest.raises(AmbiguousId, match="several incidents"):
        incidents.find_id(tx, "2:")


def test_the_beginning_of_very_many_errors_is_no_incident(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All 200,000 errors of a bad night were looked at, and the daemon did nothing else."""
    ids = [errors.last_id(tx, bury(tx)) or "" for _ in range(3)]
    begin = next(ids[0][:end] for end in range(26, 0, -1) if ids[2].startswith(ids[0][:end]))
    assert ids[1].startswith(begin)
    assert incidents.find_id(tx, begin) == only(tx).incident_id
    monkeypatch.setattr(incidents, "ERRORS_OF_PREFIX_MAX", 2)
    with pytest.raises(AmbiguousId, match="several errors"):
        incidents.find_id(tx, begin)
    assert incidents.find_id(tx, ids[1]) == only(tx).incident_id


def test_a_filter_takes_the_beginning_of_an_incidents_id_as_commands_do(tx: Transaction) -> None:
    """As README and help write it; it had found nothing, and `dlq replay` had nothing to do."""
    bury(tx)
    bury(tx, evidence=said("another"))
    one, other = ask(tx, "ListIncidents", where="")
    begin = one.incident_id[:8]
    assert not other.incident_id.startswith(begin)
    assert ask(tx, "ListIncidents", where=f"id:{begin}") == [one]
    found = ask(tx, "ListErrors", where=f"incident:{begin}")
    assert [error.error_id for error in found] == [one.last_error_id]
    assert len(ask(tx, "ListLetters", where=f"incident:{begin}")) == 1


def test_similar_incidents_are_those_that_share_parts(tx: Transaction) -> None:
    for message in ("the disk is full", "the disk is slow", "'k'"):
        bury(tx, evidence=said(message), function="render")
    bury(tx, evidence=said("the disk is full"), function="upload")
    own = next(one for one in ask(tx, "ListIncidents", where="full") if one.function == "render")
    found = READS["ListSimilar"](tx, incident_id=own.incident_id, limit=2)
    assert [one.incident.title for one in found] == [
        "OSError: the disk is full",
        "OSError: the disk is slow",
    ]
    assert found[0].shared == ["exceptions", "line"]
    assert 1 > found[0].likeness > found[1].likeness > 0


# ── time ─────────────────────────────────────────────────────────────────────


def test_a_snooze_ends_at_its_time(book: Book) -> None:
    tx = book.tx
    bury(tx)
    by_hand(tx, lambda one: snoozed(one, until_ms=NOW_MS + 9, by="a", reason="", now_ms=NOW_MS))
    assert incidents.age(tx, now_ms=NOW_MS + 8, count_max=9) == []
    [awake] = incidents.age(tx, now_ms=NOW_MS + 9, count_max=9)
    assert awake.state is IncidentState.ONGOING
    assert incidents.next_snooze_end_ms(tx) is None
    book.commit()
    assert is_whole(tx)


def test_a_snooze_that_nobody_has_ended_hides_an_incident_no_longer_than_its_time(
    tx: Transaction,
) -> None:
    """Method: no daemon has looked since, as when it is down."""
    bury(tx)
    by_hand(tx, lambda one: snoozed(one, until_ms=NOW_MS + 9, by="a", reason="", now_ms=NOW_MS))

    def listed(where: str, *, now_ms: int) -> list[IncidentState]:
        found = READS["ListIncidents"](tx, where=where, after=None, limit=9, now_ms=now_ms)
        return [incident.state for incident in found.items]

    assert listed("", now_ms=NOW_MS + 8) == []
    assert listed("", now_ms=NOW_MS + 9) == [IncidentState.SNOOZED]
    assert listed("message~^OSError OR boom", now_ms=NOW_MS + 9) == [IncidentState.SNOOZED]
    assert listed("state:ongoing", now_ms=NOW_MS + 9) == []


def test_an_incident_rests_when_its_tasks_have_recovered_and_it_was_quiet(book: Book) -> None:
    tx = book.tx
    later_ms = NOW_MS + DAY_MS
    [task_id] = accept(tx, new_task())
    end(tx, failure(claim(tx), TRANSIENT))
    quiet = {"quiet_before_ms": later_ms, "count_max": 9}
    assert incidents.quiet(tx, **quiet) == [], "its task is still queued"
    claimed = claim(tx, now_ms=later_ms)
    end(tx, conclude(claimed.task, token=claimed.token, now_ms=later_ms))
    assert incidents.quiet(tx, quiet_before_ms=NOW_MS, count_max=9) == [], "it was not quiet"
    [found] = incidents.quiet(tx, **quiet)
    now = {"quiet_ms": 1_000, "now_ms": later_ms}
    assert incidents.rest(tx, [found, "2:gone"], quiet_before_ms=NOW_MS, **now) == 0
    assert incidents.rest(tx, [found], quiet_before_ms=later_ms - 1_000, **now) == 1
    assert incidents.rest(tx, [found], quiet_before_ms=later_ms - 1_000, **now) == 0
    assert only(tx).state is IncidentState.RESOLVED
    assert tasks.get(tx, task_id) is not None
    book.commit()
    assert is_whole(tx)


def test_an_incident_with_an_open_letter_does_not_rest(tx: Transaction) -> None:
    task_id = bury(tx)
    later = {"quiet_before_ms": NOW_MS + DAY_MS, "count_max": 9}
    assert incidents.quiet(tx, **later) == []
    letters.resolve(tx, [task_id], reason="x", by="t", now_ms=NOW_MS)
    assert len(incidents.quiet(tx, **later)) == 1


def test_only_resolved_incidents_without_errors_are_forgotten(book: Book) -> None:
    tx = book.tx

    def step() -> int:
        prune.prune_step(
            tx, done_before_ms=0, cancelled_before_ms=0, incidents_before_ms=NOW_MS + DAY_MS,
            count_max=9, places={}, enough=lambda: False,
        )  # fmt: skip
        return len(ask(tx, "ListIncidents", where="state:*"))

    task_id = bury(tx)
    assert step() == 1
    resolve(tx)
    assert step() == 1, "its error is still there"
    letters.resolve(tx, [task_id], reason="x", by="t", now_ms=NOW_MS)
    letters.purge(tx, [task_id])
    assert step() == 0
    book.commit()
    assert is_whole(tx)


# ── errors and corrections ───────────────────────────────────────────────────


def test_the_detail_of_an_error_has_all_that_explains_it(tx: Transaction) -> None:
    task_id = bury(tx)
    error_id = errors.last_id(tx, task_id)
    assert error_id is not None
    for word in (error_id, error_id.lower(), task_id):
        detail = READS["GetError"](tx, error_id=word)
        assert detail.error.error_id == error_id
    assert detail.task.task_id == task_id
    assert detail.attempt is not None
    assert detail.attempt.token == detail.error.token
    assert detail.incident == only(tx)
    assert detail.fingerprint.key == detail.error.incident_id
    assert [row.decision.action for row in detail.decisions] == ["bury"]
    with pytest.raises(NoSuchId, match="no error"):
        READS["GetError"](tx, error_id="zz")


def test_a_correction_stands_beside_the_classification_and_in_the_ledger(book: Book) -> None:
    tx = book.tx
    task_id = bury(tx, PERMANENT)
    changed = corrections.reclassify(
        tx, task_id, Category.TRANSIENT, why="the proxy", by="ann", now_ms=NOW_MS + 50
    )
    error = errors.last(tx, task_id)
    assert error is not None
    assert changed == (error.error_id, None)
    assert error.classification.category is Category.PERMANENT
    assert error.correction is not None
    assert (error.correction.category, error.correction.author) == ("transient", "ann")
    row = ledger.of_task(tx, task_id)[-1]
    assert (row.decision.action, row.decision.decided_by) == ("reclassify", "ann")
    assert "from permanent to transient: the proxy" in row.decision.why
    assert READS["GetError"](tx, error_id=task_id).decisions[-1] == row
    [line] = ask(tx, "ListErrors", where="category:transient was:permanent")
    assert (line.category, line.was) == ("transient", "permanent")
    book.commit()
    assert is_whole(tx)


def test_a_correction_can_be_changed_and_taken_back(tx: Transaction) -> None:
    task_id = bury(tx, PERMANENT)

    def say(category: Category) -> str | None:
        return corrections.reclassify(tx, task_id, category, why="", by="a", now_ms=NOW_MS)[1]

    assert say(Category.PERMANENT) == "it is permanent already"
    assert say(Category.TRANSIENT) is None
    assert say(Category.TRANSIENT) == "it is transient already"
    assert say(Category.VALIDATION) is None
    assert [one.correction.category for one in corrected(tx)] == ["validation"]
    assert say(Category.PERMANENT) is None
    assert corrected(tx) == []


def test_corrections_outlive_their_errors_with_the_evidence(tx: Transaction) -> None:
    task_id = bury(tx)
    corrections.reclassify(tx, task_id, Category.RESOURCE, why="w", by="ann", now_ms=NOW_MS)
    letters.purge(tx, [task_id], open_too=True)
    [kept] = corrected(tx)
    assert (kept.task_id, kept.function, kept.evidence) == (task_id, "render", BOOM)
    assert kept.classification.category is Category.PERMANENT


def test_what_was_said_of_a_forgotten_error_can_be_changed_and_taken_back(tx: Transaction) -> None:
    """It taught for ever: no error had the id that `fnr rules suggest` named."""
    task_id = bury(tx, PERMANENT)
    error_id = errors.last_id(tx, task_id)
    assert error_id is not None
    corrections.reclassify(tx, task_id, Category.RESOURCE, why="", by="a", now_ms=NOW_MS)
    letters.purge(tx, [task_id], open_too=True)

    def say(category: Category) -> tuple[str, str | None]:
        return corrections.reclassify(tx, error_id[:20], category, why="w", by="b", now_ms=NOW_MS)

    assert say(Category.RESOURCE) == (error_id, "it is resource already")
    assert say(Category.TRANSIENT) == (error_id, None)
    [kept] = corrected(tx)
    assert (kept.correction.category, kept.correction.author) == ("transient", "b")
    assert say(Category.PERMANENT) == (error_id, None)
    assert corrected(tx) == []
    assert [count.corrected for count in rule_counts.counts(tx)] == [0]
    for prefix in (error_id, ""):
        with pytest.raises(NoSuchId):
            corrections.reclassify(tx, prefix, Category.RESOURCE, why="", by="a", now_ms=NOW_MS)


def test_only_the_latest_corrections_are_kept(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corrections, "KEPT_MAX", 2)
    for number in range(4):
        task_id = bury(tx)
        corrections.reclassify(
            tx, task_id, Category.RESOURCE, why=str(number), by="a", now_ms=NOW_MS + number
        )
    assert [one.correction.why for one in corrected(tx)] == ["3", "2"]


def test_an_exported_letter_brings_its_incident_and_correction_along(book: Book) -> None:
    tx = book.tx
    task_id = bury(tx)
    corrections.reclassify(tx, task_id, Category.RESOURCE, why="w", by="ann", now_ms=NOW_MS)
    letter = letters.get(tx, task_id)
    assert letter is not None
    exported = letter_files.export_one(tx, letter)
    other = Book()
    assert letter_files.import_one(other.tx, letter, exported.detail, now_ms=NOW_MS) is None
    other.commit()
    assert is_whole(other.tx)
    assert errors.of_task(other.tx, task_id) == errors.of_task(tx, task_id)
    assert replace(only(other.tx)) == only(tx)
    other.close()


def test_a_replayed_task_that_fails_the_same_way_stays_in_its_incident(book: Book) -> None:
    tx = book.tx
    task_id = bury(tx)
    replay(tx, task_id)
    end(tx, failure(claim(tx, now_ms=NOW_MS + 200), now_ms=NOW_MS + 300))
    assert only(tx).count == 2
    book.commit()
    assert is_whole(tx)


# ── lists ────────────────────────────────────────────────────────────────────

TERMS = st.sampled_from(
    [
        "category:permanent", "category:transient", "was:permanent", "function:render", "slow",
        "function:up*", "message~d.sk", "-message~full", "age>1h", "since:2h", "exit:3", "rule:x*",
        "strategy:dead_letter", "killed:*", "id:01", "task:01",
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def many() -> Any:
    """Errors of several kinds."""
    book = Book()
    for number in range(20):
        bury(
            book.tx,
            PERMANENT,
            function=("render", "upload")[number % 2],
            evidence=said(("disk full", "disk slow", "net down")[number % 3]),
        )
    last = errors.last_id(book.tx, bury(book.tx))
    assert last is not None
    corrections.reclassify(book.tx, last, Category.TRANSIENT, why="", by="a", now_ms=NOW_MS)
    book.commit()
    yield book
    book.close()


@given(terms=st.lists(TERMS, max_size=3), word=st.sampled_from([" ", " OR "]))
def test_a_list_of_errors_holds_exactly_what_its_filter_says(
    many: Book, terms: list[str], word: str
) -> None:
    where = word.join(terms)
    expr = parse(where, fields=ERROR_FIELDS)
    expected = []
    for row in many.connection.execute("SELECT error_id FROM error ORDER BY 1 DESC").fetchall():
        error = errors.get(many.tx, row[0])
        assert error is not None
        named = error.classification
        record = {
            "id": error.error_id, "task": error.task_id, "function": error.function,
            "incident": error.incident_id, "was": named.category, "rule": named.rule,
            "category": error.correction.category if error.correction else named.category,
            "strategy": named.strategy, "message": error.evidence.message, "at": error.at_ms,
            "exit": error.evidence.exit_code, "signal": None, "killed": None,
        }  # fmt: skip
        if matches(expr, record, NOW_MS + DAY_MS):
            expected.append(error.error_id)
    assert [line.error_id for line in ask(many.tx, "ListErrors", where=where)] == expected


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("", 7),
        ("state:new", 7),
        ("state:resolved", 0),
        ("state:*", 7),
        ("count>3", 2),
        ("function:render", 4),
        ("message~slow", 2),
        ("disk OR boom", 5),
        ("category:permanent age<3d", 7),
        ("regressions>0", 0),
        ("acked:ann", 0),
    ],
)
def test_a_list_of_incidents_can_be_filtered(many: Book, where: str, count: int) -> None:
    parse(where, fields=INCIDENT_FIELDS)
    assert len(ask(many.tx, "ListIncidents", where=where)) == count
