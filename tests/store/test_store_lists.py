"""Lists: whatever the filter, the pages together hold exactly what filter_match says, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_values import (
    ENDS,
    IDS,
    NOW_MS,
    PERMANENT,
    RESOURCE,
    TRANSIENT,
    VALIDATION,
    Book,
    accept,
    bury,
    claim,
    end,
    new_task,
    replay,
)

from fnr.policy.evidence import Evidence
from fnr.policy.filter import DEPTH_MAX, LETTER_FIELDS, TASK_FIELDS, FilterError, parse
from fnr.policy.filter_match import matches
from fnr.policy.record import Page
from fnr.policy.retry import RetryPolicy
from fnr.policy.verdict import decide
from fnr.store import errors, letters, log_spans, paging, tasks
from fnr.store.reads import READS, select_letter_ids, select_task_ids
from fnr.store.transaction import Transaction

LATER_MS = NOW_MS + 3_600_000
FUNCTIONS = ("render", "render-hd", "upload")
WAYS = (PERMANENT, VALIDATION, RESOURCE, TRANSIENT)
MESSAGES = ("Out of memory on GPU 0", "HTTP 503", "100% full_disk\\", "", "ÄÖ timed out")


def fill(tx: Transaction, count: int = 60) -> None:
    """Tasks of every state, letters of every kind, spread over an hour."""
    for number in range(count):
        at_ms = NOW_MS + number * 60_000
        function = FUNCTIONS[number % len(FUNCTIONS)]
        task = new_task(
            function=function, created_at_ms=at_ms, priority=1 + number % 10,
            tags={"drill": "yes"} if number % 4 == 0 else {"who": f'o"{number % 3}'},
            submitter=f"uid {number % 2}", unique_key=f"key-{number}" if number % 5 == 0 else None,
        )  # fmt: skip
        accept(tx, task)
        way = number % 12
        if way == 0:
            continue
        claimed = claim(tx, function=function, now_ms=at_ms)
        if way == 1:
            continue
        if way < 6:
            names = ("done", "retry", "wait", "interrupted", "returned")
            end(tx, ENDS[names[way - 2]](tx, claimed))
            if way == 4:
                tasks.ask_cancel(tx, task.task_id, reason="x", by="t", now_ms=at_ms)
            tx.run("UPDATE task SET due_at_ms = ? WHERE task_id = ?", (2**50, task.task_id))
            continue
        end(tx, _death(claimed, number, at_ms))
        if way == 10:
            replay(tx, task.task_id, now_ms=at_ms)
            tx.run("UPDATE task SET due_at_ms = ? WHERE task_id = ?", (2**50, task.task_id))
        if way == 11:
            letters.resolve(tx, [task.task_id], reason="old", by="t", now_ms=at_ms)


def _death(claimed: Any, number: int, at_ms: int) -> Any:
    evidence = Evidence(
        message=MESSAGES[number % len(MESSAGES)],
        exit_code=number % 3 if number % 2 else None,
        signal=9 if number % 7 == 0 else None,
    )
    return decide(
        claimed.task, evidence, WAYS[number % 4], token=claimed.token,
        policy=RetryPolicy(retries_max=0, waits_max=0, unknown_max=0), now_ms=at_ms + 7,
        fraction=0.5,
    )  # fmt: skip


@pytest.fixture(scope="module")
def full() -> Iterator[Book]:
    """One store for all filters; nothing here writes."""
    book = Book()
    fill(book.tx)
    book.commit()
    yield book
    book.close()


def task_records(tx: Transaction) -> dict[str, dict[str, Any]]:
    """Every task as filter_match reads it, newest first."""
    found = {}
    for (task_id,) in tx._connection.execute("SELECT task_id FROM task ORDER BY 1 DESC"):
        task, error = tasks.get(tx, task_id), errors.last(tx, task_id)
        letter = letters.get(tx, task_id)
        assert task is not None
        found[task_id] = {
            "id": task_id, "function": task.function, "state": task.state, "at": task.created_at_ms,
            "priority": task.priority, "attempts": task.attempts, "retries": task.retries,
            "replays": task.replays, "reason": task.reason, "tags": task.tags,
            "submitter": task.submitter, "unique": task.unique_key,
            "cause": letter.cause if letter else None,
            "category": error.classification.category if error else None,
            "rule": error.classification.rule if error else None,
            "message": (error.evidence.message or error.classification.matched) if error else None,
            "exit": error.evidence.exit_code if error else None,
            "signal": error.evidence.signal if error else None,
        }  # fmt: skip
    return found


def letter_records(tx: Transaction) -> dict[str, dict[str, Any]]:
    """Every letter as filter_match reads it, latest first."""
    found = {}
    by_task = task_records(tx)
    ids = tx._connection.execute(
        "SELECT died_at_ms, task_id FROM dead_letter ORDER BY 1 DESC, 2 DESC"
    ).fetchall()
    for _, task_id in ids:
        letter = letters.get(tx, task_id)
        assert letter is not None
        found[task_id] = by_task[task_id] | {
            "state": letter.state, "at": letter.died_at_ms, "attempts": letter.attempts,
            "replays": letter.replays, "reason": letter.reason, "message": letter.message,
            "cause": letter.cause, "category": letter.category,
        }  # fmt: skip
    return found


def walk(
    read: Callable[..., Page[Any]], where: str, limit: int
) -> tuple[list[str], list[Page[Any]]]:
    """Every id that the pages of a list hold, and the pages."""
    ids, pages, after = [], [], None
    while True:
        page = read(where=where, after=after, limit=limit, now_ms=LATER_MS)
        pages.append(page)
        ids += [item.task_id for item in page.items]
        after = page.next
        if after is None:
            return ids, pages
        assert len(pages) < 200


# ── values of filters ────────────────────────────────────────────────────────

SHARED = [
    "", "function:render", "function:render*", "function:*d", "-function:render", "function~HD$",
    "category:resource", "category:transient,permanent -function:upload", "cause:exhausted",
    "rule:of-the-test", "-rule:of-the-test", "message~'memory|503'", "memory", "MEMORY", "100%",
    "'full_disk\\\\'", "full-disk", "ÄÖ", "äö", "attempts>1", "attempts>=1 attempts<3",
    "priority:3,7", "-priority:3", "age<30m", "age>30m", "since:20m", "until:20m", "at>=2023-11-14",
    "tag:drill", "-tag:drill", "tag.drill:yes", "tag.who:'o\"1'", "tag.who:*1", "tag:yes",
    "tag.who~O", "submitter:'uid 1'", "unique:key-10", "unique:key-1*", "-unique:key-10", "exit:0",
    "-exit:0", "exit>0", "signal:KILL", "replays>0", "reason:*x*", "retries:0",
    "function:render OR category:resource", "(function:render OR exit:1) -tag:drill priority>4",
    "function:nobody", "message~zzz", "function:render,upload attempts:1 memory",
    "(state:open OR function:x) OR exit:0", "id:0", "-id:0",
]  # fmt: skip
OF_TASKS = ["state:dead", "state:queued,waiting", "-state:done function:render", "state:*e*"]
OF_LETTERS = ["state:resolved", "state:replaying,resolved", "state:*", "-state:open exit:1"]


def expected(records: dict[str, dict[str, Any]], where: str, fields: Any) -> list[str]:
    """What filter_match says."""
    expr = parse(where, fields=fields)
    return [task_id for task_id, one in records.items() if matches(expr, one, LATER_MS)]


@pytest.mark.parametrize("limit", [1, 7, 1_000])
@pytest.mark.parametrize("where", [one for one in SHARED if "state:open" not in one] + OF_TASKS)
def test_the_pages_of_tasks_hold_what_the_filter_means(full: Book, where: str, limit: int) -> None:
    ids, pages = walk(lambda **asked: READS["ListTasks"](full.tx, **asked), where, limit)
    assert ids == expected(task_records(full.tx), where, TASK_FIELDS)
    assert pages[0].total in {None, len(ids)}


@pytest.mark.parametrize("limit", [1, 7, 1_000])
@pytest.mark.parametrize("where", SHARED + OF_LETTERS)
def test_the_pages_of_letters_hold_what_the_filter_means(
    full: Book, where: str, limit: int
) -> None:
    ids, pages = walk(lambda **asked: READS["ListLetters"](full.tx, **asked), where, limit)
    meant = where if "state" in where else f"({where}) state:open" if where else "state:open"
    assert ids == expected(letter_records(full.tx), meant, LETTER_FIELDS)
    assert pages[0].total in {None, len(ids)}


def nested(end: str, *, sign: str = "") -> str:
    """A condition as deep as a filter may be."""
    for level in range(DEPTH_MAX):
        end = f"(attempts>{level % 3} {('OR', 'AND')[level % 2]} {sign}{end})"
    return end


@pytest.mark.parametrize(
    "where",
    [
        " ".join(["memory"] * 500),
        " ".join(["y"] * 1_900),
        " OR ".join(["memory", *(f"a{n}" for n in range(400))]),
        f"tag:drill,{','.join(f'{n}' for n in range(900))}",
        "(exit:1 OR memory OR x) -".join(["attempts>0 "] * 100),
        nested("-tag:drill"),
        nested("memory", sign="-"),
    ],
    ids=["long words", "short words", "either", "tags", "pairs", "deep", "deep and turned"],
)
def test_a_filter_as_large_as_it_may_be_holds_what_it_means(full: Book, where: str) -> None:
    """SQLite has room for less: for expressions of 1,000 levels, and for 40 brackets or so."""
    ids, _ = walk(lambda **asked: READS["ListTasks"](full.tx, **asked), where, 13)
    assert ids == expected(task_records(full.tx), where, TASK_FIELDS)
    ids, _ = walk(lambda **asked: READS["ListLetters"](full.tx, **asked), where, 13)
    letters_there = letter_records(full.tx).items()
    still_open = {task_id: one for task_id, one in letters_there if one["state"] == "open"}
    assert ids == expected(still_open, where, LETTER_FIELDS)


@pytest.mark.parametrize("limit", [1, 7, 1_000])
@pytest.mark.parametrize("where", ["", "function:render", "tag:drill", "message~'memory|503'"])
def test_a_list_read_backwards_is_the_same_list(full: Book, where: str, limit: int) -> None:
    """Method: from its end to its beginning, page by page; each page keeps the list's order."""
    for name in ("ListTasks", "ListLetters"):
        ids, _ = walk(lambda name=name, **asked: READS[name](full.tx, **asked), where, 1_000)
        found: list[str] = []
        after: str | None = None
        while True:
            page = READS[name](
                full.tx, where=where, after=after, limit=limit, backwards=True, now_ms=LATER_MS
            )
            found = [one.task_id for one in page.items] + found
            after = page.next
            if after is None:
                break
        assert found == ids


def test_what_stands_before_a_row_is_found_without_its_page(full: Book) -> None:
    rows = READS["ListTasks"](full.tx, where="", after=None, limit=20, now_ms=LATER_MS).items
    before = READS["ListTasks"](
        full.tx, where="", after=rows[10].task_id, limit=3, backwards=True, now_ms=LATER_MS
    )
    assert before.items == rows[7:10]
    assert before.next == rows[7].task_id


CONDITIONS = st.sampled_from([one for one in SHARED if one and "state" not in one])


@settings(max_examples=60)
@given(parts=st.lists(CONDITIONS, min_size=2, max_size=3), word=st.sampled_from([" ", " OR "]))
def test_combined_filters_hold_what_they_mean(full: Book, parts: list[str], word: str) -> None:
    where = word.join(f"({part})" for part in parts)
    ids, _ = walk(lambda **asked: READS["ListTasks"](full.tx, **asked), where, 13)
    assert ids == expected(task_records(full.tx), where, TASK_FIELDS)
    ids, _ = walk(lambda **asked: READS["ListLetters"](full.tx, **asked), where, 13)
    assert ids == expected(letter_records(full.tx), f"({where}) state:open", LETTER_FIELDS)


@pytest.mark.parametrize(
    "where",
    [
        "message~zzz",
        "message~memory",
        "exit:0",
        "tag:drill",
        "state:dead,cancelled message~'50|mem'",
    ],
)
def test_a_page_that_had_to_look_at_too_much_goes_on_in_the_next(
    full: Book, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: let a page look at hardly anything; together the pages are the same."""
    monkeypatch.setattr(paging, "CHUNK_MIN", 3)
    monkeypatch.setattr(paging.page, "__kwdefaults__", {"looked_at_max": 3, "backwards": False})
    ids, pages = walk(lambda **asked: READS["ListTasks"](full.tx, **asked), where, 2)
    assert ids == expected(task_records(full.tx), where, TASK_FIELDS)
    assert any(len(page.items) < 2 and page.next is not None for page in pages)
    assert select_task_ids(full.tx, where=where, after=None, limit=999, now_ms=LATER_MS) == ids


@pytest.mark.parametrize(
    "where", ["", "function:render", "state:dead", "state:dead function:upload"]
)
def test_counted_lists_know_their_total(full: Book, where: str) -> None:
    page = READS["ListTasks"](full.tx, where=where, after=None, limit=1, now_ms=LATER_MS)
    assert page.total == len(expected(task_records(full.tx), where, TASK_FIELDS))


def test_letters_are_selected_in_chunks(full: Book) -> None:
    first, after = select_letter_ids(full.tx, where="", after=None, limit=5, now_ms=LATER_MS)
    second, end_of_list = select_letter_ids(
        full.tx, where="", after=after, limit=999, now_ms=LATER_MS
    )
    assert end_of_list is None
    assert first + second == expected(letter_records(full.tx), "state:open", LETTER_FIELDS)


def test_a_list_sees_what_its_own_transaction_did(book: Book) -> None:
    """The tally of the commit is not written yet, and the kinds come from it."""
    task_id = bury(book.tx, function="new-here")
    ids, _ = select_letter_ids(
        book.tx, where="function:new-here", after=None, limit=5, now_ms=LATER_MS
    )
    assert ids == [task_id]


@pytest.mark.parametrize(
    ("read", "where", "after"),
    [
        ("ListTasks", "nonsense:1", None),
        ("ListTasks", "state:open", None),
        ("ListLetters", "state:queued", None),
        ("ListLetters", "", "not-a-cursor"),
        ("ListLetters", "", f"{2**63}-01JD"),
        ("ListTasks", "", "two-parts"),
    ],
)
def test_what_makes_no_sense_is_refused(
    full: Book, read: str, where: str, after: str | None
) -> None:
    with pytest.raises(FilterError):
        READS[read](full.tx, where=where, after=after, limit=5, now_ms=LATER_MS)


def test_a_new_row_does_not_move_the_pages_behind_the_cursor(book: Book) -> None:
    accept(book.tx, *(new_task() for _ in range(6)))
    ids, _ = walk(lambda **asked: READS["ListTasks"](book.tx, **asked), "", 100)
    first = READS["ListTasks"](book.tx, where="", after=None, limit=3, now_ms=LATER_MS)
    accept(book.tx, new_task())
    rest = READS["ListTasks"](book.tx, where="", after=first.next, limit=9, now_ms=LATER_MS)
    assert [task.task_id for task in [*first.items, *rest.items]] == ids


def test_an_unknown_cursor_only_says_where_to_go_on(book: Book) -> None:
    """The task a cursor names may have been purged meanwhile."""
    accept(book.tx, new_task())
    page = READS["ListTasks"](book.tx, where="", after=IDS.new(), limit=3, now_ms=LATER_MS)
    assert len(page.items) == 1


def test_what_a_function_printed_is_found_behind_any_number_of_others(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that had run before 100,000 attempts of others it was said that it printed nothing."""
    monkeypatch.setattr(log_spans, "CHUNK", 1)
    monkeypatch.setattr(log_spans, "ATTEMPTS_LOOKED_AT_MAX", 2)
    tokens = []
    for function in ("rare", "rare", "often", "rare", "often", "often"):
        accept(tx, new_task(function=function))
        tokens.append(claim(tx, function=function).token)
        tx.run("UPDATE attempt SET log_path = 'a.log' WHERE token = ?", (tokens[-1],))
    for token, log_to in zip(tokens[:3], (9, 5, 5), strict=True):
        tx.run("UPDATE attempt SET log_from = 5, log_to = ? WHERE token = ?", (log_to, token))

    def page(limit: int, before: str | None = None, function: str | None = "rare") -> list[str]:
        found = log_spans.spans(
            tx, task_id=None, function=function, since_ms=None, limit=limit, before=before
        )
        return [span.token for span in found]

    assert page(5) == [tokens[0], tokens[3]]
    assert page(1) == [tokens[3]]
    assert page(1, before=tokens[3]) == [tokens[0]]
    assert page(1, before=tokens[0]) == page(1, function="nobody") == []
    assert page(5, function="often") == [tokens[4], tokens[5]]
    assert page(5, function=None) == [tokens[4], tokens[5]]
