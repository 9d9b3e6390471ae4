"""What both clients do with requests and answers: keys, sums, results, what may be asked twice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from fnr.api.errors import DaemonDown, Failed, FnrError, TimedOut
from fnr.api.incident_requests import (
    AckIncidents,
    ReclassifyErrors,
    ResolveIncidents,
    SnoozeIncidents,
)
from fnr.api.letter_requests import EditLetter, ReplayLetters, ReplayReport, ResolveLetters
from fnr.api.question import Changed, Read, Request
from fnr.api.requests import (
    CancelTasks,
    GetStatus,
    PauseFunction,
    ResumeFunction,
    Submit,
    SubmitMany,
    SubmittedMany,
    TaskSpec,
    WaitTasks,
)
from fnr.client.connect import SLACK_MS, ConnectionLost
from fnr.client.next_step import for_here
from fnr.config.paths import Paths
from fnr.config.units import format_duration
from fnr.host.clock import Ulids
from fnr.policy.dead_letter import SHARED_KEY, KeyTaker
from fnr.policy.record import ENDS_MAX, Preview, TaskEnd
from fnr.policy.replay import MOVING_REPLAYS, ReplayPlan
from fnr.policy.task import TaskState

Asked = TypeVar("Asked", bound=Request[Any])

EXAMPLES_MAX = 5
# Changed in one transaction, within a tenth of a second.
CHUNK_IDS = 500
LOOK_S, LOOK_S_MAX = 0.01, 0.5

# Asking these twice ends where asking once does.
_REPEATABLE = (
    Read,
    GetStatus,
    WaitTasks,
    CancelTasks,
    EditLetter,
    PauseFunction,
    ResolveLetters,
    ResumeFunction,
    AckIncidents,
    SnoozeIncidents,
    ResolveIncidents,
    ReclassifyErrors,
    # Its items carry ids: `with_ids`.
    SubmitMany,
)


class TaskFailed(Failed):
    """A task did not end as done; `end` tells how it did."""

    def __init__(self, end: TaskEnd) -> None:
        super().__init__(
            f"task {end.task.task_id} is {end.task.state}",
            why=end.message or end.task.reason,
            next_step=f"fnr task history {end.task.task_id}",
        )
        self.end = end

    def __reduce__(self) -> tuple[object, ...]:
        """As a pool of processes hands it on: made anew from `end`, as it was made at first."""
        return type(self), (self.end,), self.__dict__


def repeatable(request: Request[Any]) -> bool:
    """May this be sent again when nobody knows whether the first one arrived?"""
    if isinstance(request, Submit):
        return (request.task.task_id or request.task.key) is not None
    return isinstance(request, _REPEATABLE)


def is_put_back(plan: ReplayPlan) -> bool:
    """Has every letter of it had its turn, or does nothing more happen by itself?"""
    return plan.state not in MOVING_REPLAYS or (plan.frozen_at_ms is not None and not plan.left)


def pauses_s() -> Iterator[float]:
    """How long to wait between looks at something that is soon over, or not for a long time."""
    return (min(LOOK_S * 1.5**number, LOOK_S_MAX) for number in count())


def with_ids(specs: Iterable[TaskSpec], ulids: Ulids) -> Iterator[TaskSpec]:
    """The same tasks, each with the id that it is to have."""
    for spec in specs:
        yield replace(spec, task_id=ulids.new())


def result_of(end: TaskEnd) -> Any:
    """What the function returned; TaskFailed if the task is dead or cancelled."""
    if end.task.state is not TaskState.DONE:
        raise TaskFailed(end)
    return msgspec.json.decode(end.result)


def further_ends(request: WaitTasks, known: int) -> WaitTasks:
    """The question for the ends that come behind so many; they are there already."""
    return replace(request, task_ids=request.task_ids[known : known + ENDS_MAX])


def rest_of(request: Asked, *, waited_ms: int) -> Asked:
    """The same question to the next daemon: of a wait, what is left of its time."""
    if waited_ms and isinstance(request, WaitTasks) and request.timeout_ms is not None:
        return replace(request, timeout_ms=max(0, request.timeout_ms - waited_ms))
    return request


@contextmanager
def in_one_wait(request: Request[Any]) -> Iterator[None]:
    """Several questions are one wait to who asked."""
    try:
        yield
    except TimedOut as error:
        if isinstance(request, WaitTasks):
            error.why = f"waited {format_duration(request.timeout_ms or 0)}"
        raise


def patience_with(request: Request[Any], patience_ms: int, *, waited_ms: int) -> int:
    """How long a daemon that went away is waited for: no longer than a wait itself may take."""
    rest = rest_of(request, waited_ms=waited_ms)
    if isinstance(rest, WaitTasks) and rest.timeout_ms is not None:
        return min(patience_ms, rest.timeout_ms)
    return patience_ms


def answer_ms(request: Request[Any], timeout_ms: int, *, waited_ms: int) -> int:
    """How long a daemon that says nothing is listened to: hardly longer than a wait may take."""
    left_ms = patience_with(request, timeout_ms, waited_ms=waited_ms)
    return min(timeout_ms, left_ms + SLACK_MS)


def unanswered(error: DaemonDown, request: Request[Any], *, waited_ms: int) -> FnrError:
    """The daemon went away with a question and did not come back."""
    if patience_with(request, 1, waited_ms=waited_ms) == 0:
        return time_is_up(error)
    why = f"{error.why}; whether it acted on the request before is not known"
    return ConnectionLost(error.what, why=why, next_step=error.next_step, details=error.details)


def time_is_up(error: FnrError | None = None) -> TimedOut:
    """A wait has ended without a daemon that could say how things are."""
    return TimedOut(
        "the time is up, and the daemon away",
        next_step="fnr daemon status" if error is None else error.next_step,
        details=() if error is None else (error.why,),
    )


class Says(ABC):
    """Adds to what an error says. Every submit goes through two of these: generators cost more."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if error is not None:
            self.add_to(error)

    @abstractmethod
    def add_to(self, error: BaseException) -> None:
        """Say more."""


class says_where(Says):  # noqa: N801 - read behind `with`
    """What an error says to type next is typed for this home."""

    __slots__ = ("_paths",)

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def add_to(self, error: BaseException) -> None:
        """Name the home."""
        if isinstance(error, FnrError):
            error.next_step = for_here(error.next_step, self._paths)


class says_which(Says):  # noqa: N801 - read behind `with`
    """An error that leaves open how a task is, or if it was accepted, tells its id to look by."""

    __slots__ = ("_accepted", "_task_id")

    def __init__(self, task_id: str, *, accepted: bool = False) -> None:
        self._task_id = task_id
        self._accepted = accepted

    def add_to(self, error: BaseException) -> None:
        """Name the task."""
        if isinstance(error, ConnectionLost | TimedOut) and self._task_id not in error.next_step:
            sure = "it was accepted and" if self._accepted else "if it was accepted, it"
            error.details += (f"{sure} is task {self._task_id}",)


@contextmanager
def says_which_many(request: SubmitMany) -> Iterator[None]:
    """The same of a batch: its tasks have their ids already, in this order."""
    try:
        yield
    except (ConnectionLost, TimedOut) as error:
        first, last = (_id_of(request.items[place]) for place in (0, -1))
        words = f"if these {len(request.items)} were accepted, they are {first} to {last}"
        error.details += (words,)
        raise


def _id_of(item: Raw) -> str:
    return str(msgspec.json.decode(item)["task_id"])


@contextmanager
def says_how_far(total: Callable[[], SubmittedMany]) -> Iterator[None]:
    """An error in the middle of a batch tells which tasks before it are accepted."""
    try:
        yield
    except BaseException as error:  # also one of the program's own, while it makes the inputs
        if ids := total().task_ids:
            words = f"{len(ids)} before that are accepted, {ids[0]} to {ids[-1]}"
            if isinstance(error, FnrError):
                error.details += (words,)
            else:
                error.add_note(words)
        raise


def add_many(total: SubmittedMany, more: SubmittedMany, *, offset: int) -> SubmittedMany:
    """Two answers as one, the second's indexes counted from `offset`."""
    return SubmittedMany(
        task_ids=total.task_ids + more.task_ids,
        refused=total.refused + [replace(item, index=item.index + offset) for item in more.refused],
        duplicates=total.duplicates + more.duplicates,
    )


def in_chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    """Ids for one request each: while one is carried out nobody else's task is accepted."""
    for start in range(0, len(ids), CHUNK_IDS):
        yield list(ids[start : start + CHUNK_IDS])


def previews(request: ReplayLetters) -> list[ReplayLetters]:
    """The questions that a dry run begins with: of ids a chunk at a time."""
    some = in_chunks([*dict.fromkeys(request.task_ids)])
    return [replace(request, task_ids=ids) for ids in some] or [request]


def add_changed(total: Changed, more: Changed) -> Changed:
    """Both of them."""
    return Changed(
        changed=[*total.changed, *more.changed], unchanged={**total.unchanged, **more.unchanged}
    )


def add_report(total: ReplayReport, more: ReplayReport) -> ReplayReport:
    """Two reports as one."""
    # Of two letters with one unique key only one can go, whichever pages they stand on.
    takers, late = total.takers | more.takers, ReplayReport(eligible=0)
    for key in total.takers.keys() & more.takers.keys():
        both = (total.takers[key], more.takers[key])
        takers[key], other = sorted(both, key=lambda taker: (taker.rank, taker.task_id))
        late = _plus(late, _blocked(other))
    return replace(_plus(_plus(total, more), late), takers=takers)


def _blocked(late: KeyTaker) -> ReplayReport:
    """What a report is more, and less, when another letter takes the key of this one."""
    return ReplayReport(
        eligible=-1,
        blocked={SHARED_KEY: 1},
        examples={SHARED_KEY: [late.task_id]},
        functions={late.function: -1},
    )


def _plus(one: ReplayReport, other: ReplayReport) -> ReplayReport:
    functions = _sum(one.functions, other.functions)
    return ReplayReport(
        eligible=one.eligible + other.eligible,
        replayed=one.replayed + other.replayed,
        blocked=_sum(one.blocked, other.blocked),
        examples=_examples(one.examples, other.examples),
        functions={name: count for name, count in functions.items() if count},
    )


def add_preview(total: Preview, more: Preview) -> Preview:
    """Two chunks as one."""
    return Preview(
        eligible=total.eligible + more.eligible,
        functions=_sum(total.functions, more.functions),
        blocked=_sum(total.blocked, more.blocked),
        examples=_examples(total.examples, more.examples),
    )


def _examples(one: dict[str, list[str]], other: dict[str, list[str]]) -> dict[str, list[str]]:
    return {
        reason: [*one.get(reason, []), *other.get(reason, [])][:EXAMPLES_MAX]
        for reason in one | other
    }


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in one | other}
