"""What a purge or resolve of letters, or a cancel of tasks, would do; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from fnr.policy.dead_letter import DeadLetter
from fnr.policy.filter import TASK_FIELDS, narrowed
from fnr.policy.record import Preview
from fnr.store import letters, tasks
from fnr.store.listing import LETTERS, TASKS, Listing
from fnr.store.paging import page
from fnr.store.transaction import Transaction

EXAMPLES_MAX = 5
LIVE = "state:queued,waiting,running"


def purge(
    tx: Transaction,
    *,
    task_ids: Sequence[str],
    where: str,
    open: bool,  # noqa: A002 - the request's own name
    after: str | None,
    limit: int,
    now_ms: int,
) -> Preview:
    """Which letters could be deleted now."""
    found, go_on = _letters(tx, task_ids, where, after=after, limit=limit, now_ms=now_ms)
    return _of_letters(found, partial(letters.purge_problem, tx, open_too=open), go_on)


def resolve(
    tx: Transaction,
    *,
    task_ids: Sequence[str],
    where: str,
    after: str | None,
    limit: int,
    now_ms: int,
) -> Preview:
    """Which letters could be put to rest now."""
    found, go_on = _letters(tx, task_ids, where, after=after, limit=limit, now_ms=now_ms)
    return _of_letters(found, letters.resolve_problem, go_on)


def cancel(
    tx: Transaction,
    *,
    task_ids: Sequence[str],
    where: str,
    after: str | None,
    limit: int,
    now_ms: int,
) -> Preview:
    """Which tasks could be cancelled now, at once or by stopping them."""
    ids, go_on = list(task_ids), None
    if where:
        live = narrowed(where, LIVE, fields=TASK_FIELDS)
        ids, go_on = _found(tx, TASKS, live, after=after, limit=limit, now_ms=now_ms)
    found = ((task_id, tasks.get(tx, task_id)) for task_id in dict.fromkeys(ids))
    return _sum(
        (
            (task_id, task.function if task else "", tasks.cancel_problem(task))
            for task_id, task in found
        ),
        go_on,
    )


def _letters(
    tx: Transaction,
    task_ids: Sequence[str],
    where: str,
    *,
    after: str | None,
    limit: int,
    now_ms: int,
) -> tuple[Iterable[tuple[str, DeadLetter | None]], str | None]:
    """Id and letter of those that are named or found, and where the next chunk begins."""
    ids, go_on = [tasks.find_id(tx, task_id) for task_id in task_ids], None
    if where:
        ids, go_on = _found(tx, LETTERS, where, after=after, limit=limit, now_ms=now_ms)
    return ((task_id, letters.get(tx, task_id)) for task_id in dict.fromkeys(ids)), go_on


def _of_letters(
    found: Iterable[tuple[str, DeadLetter | None]],
    problem: Callable[[DeadLetter | None], str | None],
    go_on: str | None,
) -> Preview:
    return _sum(
        (
            (task_id, letter.function if letter else "", problem(letter))
            for task_id, letter in found
        ),
        go_on,
    )


def _found(
    tx: Transaction, listing: Listing, where: str, *, after: str | None, limit: int, now_ms: int
) -> tuple[list[str], str | None]:
    found = page(
        tx, listing, where=where, after=after, limit=limit, now_ms=now_ms, looked_at_max=None
    )
    return [listing.item(row).task_id for row in found.rows], found.next


def _sum(looked_at: Iterable[tuple[str, str, str | None]], go_on: str | None) -> Preview:
    """looked_at: a task's id, its function, and why it would stay as it is, or None."""
    functions: dict[str, int] = {}
    blocked: dict[str, int] = {}
    examples: dict[str, list[str]] = {}
    for task_id, function, problem in looked_at:
        if problem is None:
            functions[function] = functions.get(function, 0) + 1
            continue
        blocked[problem] = blocked.get(problem, 0) + 1
        some = examples.setdefault(problem, [])
        if len(some) < EXAMPLES_MAX:
            some.append(task_id)
    return Preview(
        eligible=sum(functions.values()),
        functions=functions,
        blocked=blocked,
        examples=examples,
        next=go_on,
    )
