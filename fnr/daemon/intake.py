"""Accept tasks: check what was asked for, store it, start it if somebody is free, then answer."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import msgspec

from fnr.api.errors import BadData, FnrError, NotFound, StorageError, TryAgain
from fnr.api.requests import (
    RefusedItem,
    Submit,
    SubmitMany,
    Submitted,
    SubmittedMany,
    TaskSpec,
)
from fnr.config.settings import FunctionSettings
from fnr.config.units import DURATION_MS_MAX, format_duration
from fnr.daemon.clients import Client, as_fnr_error
from fnr.daemon.dispatcher import Assignment, Dispatcher
from fnr.daemon.parts import Parts
from fnr.daemon.pool import Pool
from fnr.daemon.reserve import Reserve
from fnr.host.clock import is_ulid, ulid_ms
from fnr.host.failpoint import failpoint
from fnr.policy.counted import counted
from fnr.policy.input_types import check_input, validate_input_json
from fnr.policy.task import (
    KEY_CHARS_MAX,
    PRIORITY_DEFAULT,
    PRIORITY_MAX,
    PRIORITY_MIN,
    TAG_CHARS_MAX,
    TAGS_MAX,
    Claim,
    Task,
    WorkerIdentity,
)
from fnr.store import accepting, asked_before, tasks
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction

# Above this a batch runs in the commit thread, so that the loop goes on meanwhile.
HEAVY_TASKS_MIN = 500
ATOMIC_TASKS_MAX = 100_000
# No moment is later than a hundred years from 1970 on, leap days and all.
MOMENT_MS_MAX = 100 * 366 * 24 * 3_600_000
RETRIES_MAX = 1_000

_specs = msgspec.json.Decoder(TaskSpec)


@dataclass(slots=True)
class Accepting:
    """Tasks on their way into the store, and the claims that share their commit."""

    items: list[tuple[Task, bytes]]
    accepted: list[tuple[str, bool]] = field(default_factory=list)
    assignments: dict[str, list[Assignment]] = field(default_factory=dict)


class Intake:
    """Decides whether a task may come in, and brings it in."""

    def __init__(self, parts: Parts, dispatcher: Dispatcher, reserve: Reserve) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._reserve = reserve
        self.on_expiring: Callable[[], None] = _ignore
        # Why tasks of a function can never start; set by who gives them what they need.
        self.warning: Callable[[Pool | None], str] = _no_warning

    def submit(self, client: Client, request_id: int, request: Submit) -> None:
        """Accept one task and answer after its commit."""
        if self._parts.leaving and _may_be_asked_again(request.task):
            client.send_away()
            return
        try:
            self.check_open()
            item = self.task(request.task, submitter=client.submitter)
        except FnrError as error:
            self._refuse(client, request_id, request.task, error)
            return
        failpoint("submit-checked")
        work = Accepting([item])
        self._parts.store.post(
            partial(self._unit, work), partial(self._submitted, client, request_id, work)
        )

    async def submit_many(self, client: Client, request: SubmitMany) -> SubmittedMany:
        """Accept a batch; say of each refused item why."""
        if self._parts.leaving and request.items and _may_be_asked_again(_spec(request.items[0])):
            client.send_away()
            raise asyncio.CancelledError
        try:
            self.check_open()
        except FnrError:
            if (known := await self._all_known(request)) is None:
                raise
            return SubmittedMany(task_ids=known, duplicates=len(known))
        if request.atomic and len(request.items) > ATOMIC_TASKS_MAX:
            raise BadData(
                f"{len(request.items)} tasks are too many for one atomic batch",
                why=f"at most {ATOMIC_TASKS_MAX} fit into one transaction",
                next_step="fnr submit --jsonl without --atomic",
            )
        items: list[tuple[Task, bytes]] = []
        refused: list[RefusedItem] = []
        for index, raw in enumerate(request.items):
            try:
                items.append(self.task(_spec(raw), submitter=client.submitter))
            except FnrError as error:
                refused.append(RefusedItem(index=index, why=_in_short(error), code=error.code))
        if not items or (request.atomic and refused):
            return SubmittedMany(task_ids=[], refused=refused)
        failpoint("batch-checked")
        accepted = await self._store_many(items)
        return SubmittedMany(
            task_ids=[task_id for task_id, _ in accepted],
            refused=refused,
            duplicates=sum(duplicate for _, duplicate in accepted),
        )

    async def _store_many(self, items: list[tuple[Task, bytes]]) -> list[tuple[str, bool]]:
        accepted = await self._parts.store.write(
            lambda tx: self._accept(tx, items), heavy=len(items) >= HEAVY_TASKS_MIN
        )
        failpoint("batch-committed")
        for function in {task.function for task, _ in items}:
            self._dispatcher.due_now(function)
        if any(task.expires_at_ms is not None for task, _ in items):
            self.on_expiring()
        return accepted

    def _refuse(self, client: Client, request_id: int, spec: TaskSpec, refusal: FnrError) -> None:
        """Say why not, except to who asks again for what was accepted before: that needs no room.

        Its first answer may have gone with an earlier daemon.
        """
        if not _may_be_asked_again(spec):
            client.fail(request_id, refusal)
            return

        def looked(task_id: str | None, _: BaseException | None) -> None:
            if task_id is None:
                client.fail(request_id, refusal)
            else:
                client.answer(request_id, Submitted(task_id=task_id, duplicate=True))

        self._parts.store.post(lambda tx: asked_before.known(tx, spec.task_id, spec.key), looked)

    async def _all_known(self, request: SubmitMany) -> list[str] | None:
        """The ids of a batch that was accepted before; None if some of it was not."""
        try:
            specs = [_spec(item) for item in request.items]
            if not specs or not all(map(_may_be_asked_again, specs)):
                return None
            names = [(one.task_id, one.key) for one in specs]
            return await self._parts.store.write(lambda tx: asked_before.all_known(tx, names))
        except (BadData, StoreBusy, StoreFull, StoreIll):
            return None

    def check_open(self) -> None:
        """Raise unless new tasks may come in: not while ending, not on a full disk."""
        if not self._parts.accepting:
            raise TryAgain("the daemon is stopping", next_step="fnr daemon start")
        store = self._parts.store
        if store.state == "ill":
            raise as_fnr_error(StoreIll(store.trouble), self._parts.paths)
        if store.state == "full":
            why = "the disk is full"
            raise StorageError("the store takes no new tasks", why=why, next_step="fnr status")
        problem = self._reserve.look()
        if problem is not None:
            raise problem

    def task(self, spec: TaskSpec, *, submitter: str) -> tuple[Task, bytes]:
        """The task that was asked for and its input, or the error that says why not."""
        function = self._function(spec.function)
        raw = bytes(spec.input)
        problem = validate_input_json(raw)
        if problem is None and function.input:
            problem = check_input(function, msgspec.json.decode(raw))
        if problem is not None:
            raise BadData(
                f"the input of {spec.function} was refused",
                why=problem,
                next_step=f"fnr function show {spec.function}",
            )
        check_limits(spec)
        task_id = spec.task_id or self._parts.ulids.new()
        now_ms = self._parts.clock.now_ms()
        due_at_ms = spec.due_at_ms if spec.due_at_ms is not None else now_ms + (spec.delay_ms or 0)
        expires_at_ms = spec.expires_at_ms
        if spec.expires_ms is not None:
            expires_at_ms = now_ms + spec.expires_ms
        if expires_at_ms is not None and expires_at_ms <= now_ms:
            # Whoever is free would begin it in the very transaction that accepts it.
            late = format_duration(now_ms - expires_at_ms)
            raise BadData("the task was refused", why=f"it has expired {late} ago")
        task = Task(
            task_id=task_id,
            function=spec.function,
            priority=spec.priority,
            due_at_ms=max(due_at_ms, 0),
            # Never later than its id says: whoever looks for tasks of an age starts at an id.
            created_at_ms=min(now_ms, ulid_ms(task_id)),
            state_at_ms=now_ms,
            retries_max=spec.retries_max,
            timeout_ms=spec.timeout_ms,
            expires_at_ms=expires_at_ms,
            unique_key=spec.unique,
            tags=spec.tags,
            submitter=submitter,
            idempotency_key=spec.key,
            parent_id=spec.parent_id,
        )
        return task, raw

    def _function(self, name: str) -> FunctionSettings:
        function = self._parts.function(name)
        if function is None:
            near = difflib.get_close_matches(name, self._parts.settings.functions, n=1)
            raise NotFound(
                f"there is no function {name!r}",
                why=f"did you mean {near[0]}?" if near else "fnr.toml does not declare it",
                next_step="fnr function list",
            )
        return function

    def _accept(
        self,
        tx: Transaction,
        items: list[tuple[Task, bytes]],
        work: Accepting | None = None,
    ) -> list[tuple[str, bool]]:
        """Store the tasks unless their function's queue is full; who asks again gets its answer.

        work: begins with its task at once where that is possible.
        """
        queue_max = self._parts.settings.daemon.queue_max
        begin = None if work is None else partial(self._begin, work)
        accepted = accepting.accept(tx, items, begin)
        begun = {} if work is None else work.assignments
        fresh: dict[str, int] = {}
        for (task, _), (_, known) in zip(items, accepted, strict=True):
            if not known:
                fresh[task.function] = fresh.get(task.function, 0) + 1
        for function, count in fresh.items():
            queued = tasks.queued_count(tx, function) + (function in begun)
            if queued > queue_max:
                there = counted(queued - count, "task is", "tasks are")
                more = counted(count, "more does", "more do")
                raise TryAgain(
                    f"the queue of {function} is full",
                    why=f"{there} queued, {more} not fit: queue_max is {queue_max}",
                    next_step=f"fnr function show {function}",
                )
        return accepted

    def _begin(
        self, work: Accepting, task: Task, body: bytes
    ) -> tuple[Claim, WorkerIdentity] | None:
        taken = self._dispatcher.take_new(task, body)
        if taken is None:
            return None
        work.assignments[task.function] = [taken]
        return taken.claims[0], taken.worker.identity

    def _unit(self, work: Accepting, tx: Transaction) -> None:
        work.assignments = {}
        work.accepted = self._accept(tx, work.items, work)
        failpoint("submit-in-unit")
        now_ms = self._parts.clock.now_ms()
        for (task, _), (_, duplicate) in zip(work.items, work.accepted, strict=True):
            pool = self._dispatcher.pools.get(task.function)
            if pool is None or duplicate or task.function in work.assignments:
                continue
            pool.due_by(0 if task.due_at_ms <= now_ms else task.due_at_ms)
            work.assignments[task.function] = self._dispatcher.fill(tx, task.function)

    def _submitted(
        self, client: Client, request_id: int, work: Accepting, _: None, error: BaseException | None
    ) -> None:
        if error is not None:
            for function, assignments in work.assignments.items():
                self._dispatcher.abandon(assignments, function)
            client.fail(request_id, as_fnr_error(error, self._parts.paths))
            return
        failpoint("submit-committed")
        [(task, _body)], [(task_id, duplicate)] = work.items, work.accepted
        warning = self.warning(self._dispatcher.pools.get(task.function))
        answer = Submitted(task_id=task_id, duplicate=duplicate, warning=warning)
        # If a worker takes it, it is on the way while the client reads that it was accepted.
        if not (taken := any(work.assignments.values())):
            client.answer(request_id, answer)
        for function, assignments in work.assignments.items():
            self._dispatcher.deliver(assignments, function)
        if taken:
            client.answer(request_id, answer)
        failpoint("submit-answered")
        if task.expires_at_ms is not None:
            self.on_expiring()


def _no_warning(_: Pool | None) -> str:
    return ""


def _ignore() -> None:
    """Nobody watches expiries yet."""


def check_limits(spec: TaskSpec) -> None:
    """Raise BadData when a number is out of bounds or two options contradict each other."""
    if _is_bare(spec):
        return
    for problem in chain(_problems(spec), _time_problems(spec)):
        raise BadData("the task was refused", why=problem)


def _is_bare(spec: TaskSpec) -> bool:
    """Most tasks have an input, perhaps an id, and nothing else that could be wrong."""
    more = (
        spec.delay_ms, spec.due_at_ms, spec.timeout_ms, spec.expires_ms, spec.expires_at_ms,
        spec.unique, spec.retries_max, spec.key, spec.parent_id,
    )  # fmt: skip
    return (
        more == _NOTHING_MORE
        and not spec.tags
        and spec.priority == PRIORITY_DEFAULT
        and (spec.task_id is None or is_ulid(spec.task_id))
    )


_NOTHING_MORE = (None,) * 9


def _problems(spec: TaskSpec) -> Iterator[str]:
    if not PRIORITY_MIN <= spec.priority <= PRIORITY_MAX:
        yield f"priority must be {PRIORITY_MIN} to {PRIORITY_MAX}, got {spec.priority}"
    if spec.task_id is not None and not is_ulid(spec.task_id):
        yield f"task_id must be a ULID, got {spec.task_id!r}"
    if spec.parent_id is not None and not is_ulid(spec.parent_id):
        yield f"parent must be the whole id of a task, got {spec.parent_id!r}"
    if len(spec.tags) > TAGS_MAX:
        yield f"{len(spec.tags)} tags; at most {TAGS_MAX}"
    if any(len(key) + len(value) > TAG_CHARS_MAX for key, value in spec.tags.items()):
        yield f"a tag is longer than {TAG_CHARS_MAX} characters"
    if "" in spec.tags:
        yield "a tag has no name"
    for name, key in (("unique", spec.unique), ("idempotency", spec.key)):
        # An empty one is a variable that a script has not set: all of its tasks would be one.
        if key is not None and not 1 <= len(key) <= KEY_CHARS_MAX:
            yield f"a key ({name}) has 1 to {KEY_CHARS_MAX} characters, this one {len(key)}"
    texts = (spec.unique or "", spec.key or "", *spec.tags, *spec.tags.values())
    if any("\0" in text for text in texts):
        yield "a key or tag contains \\u0000, which cannot be stored as text"
    if spec.retries_max is not None and not 0 <= spec.retries_max <= RETRIES_MAX:
        yield f"retries must be 0 to {RETRIES_MAX}, got {spec.retries_max}"


def _time_problems(spec: TaskSpec) -> Iterator[str]:
    if spec.delay_ms is not None and spec.due_at_ms is not None:
        yield "a delay and a moment were both given"
    if spec.expires_ms is not None and spec.expires_at_ms is not None:
        yield "expiry was given twice"
    for name, value_ms, least_ms in (
        ("delay", spec.delay_ms, 0),
        ("timeout", spec.timeout_ms, 1),
        ("expiry", spec.expires_ms, 1),
    ):
        if value_ms is not None and not least_ms <= value_ms <= DURATION_MS_MAX:
            yield f"{name} must be {least_ms} ms to 100 years, got {value_ms} ms"
    for name, at_ms in (("due time", spec.due_at_ms), ("expiry", spec.expires_at_ms)):
        if at_ms is not None and not 0 <= at_ms <= MOMENT_MS_MAX:
            yield f"{name} must lie in the 100 years from 1970 on, got {at_ms} ms after it"


def _may_be_asked_again(spec: TaskSpec) -> bool:
    """Whether the next daemon can tell that it is the same task: it has an id or a key."""
    return (spec.task_id or spec.key) is not None


def _spec(raw: msgspec.Raw) -> TaskSpec:
    try:
        return _specs.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadData("not a task", why=str(error)) from error


def _in_short(error: FnrError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what
