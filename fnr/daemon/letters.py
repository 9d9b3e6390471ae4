"""What operators do with dead letters: replay, edit, resolve, purge, take over from a file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec import structs

from fnr.api.errors import BadData, NotFound, Refused, UsageError
from fnr.api.letter_requests import (
    EditLetter,
    ImportLetters,
    LetterFile,
    PurgeLetters,
    ReplayLetters,
    ReplayReport,
    ResolveLetters,
)
from fnr.api.question import Changed
from fnr.api.requests import RefusedItem, SubmittedMany
from fnr.daemon.clients import Client
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.parts import Parts
from fnr.daemon.reader import Reader
from fnr.host.clock import is_ulid
from fnr.host.failpoint import failpoint
from fnr.policy.input_types import check_input, validate_input_json
from fnr.policy.replay import ReplayOrder
from fnr.store import letter_files, letters, replay_preview
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction
from fnr.store.reads import select_letter_ids
from fnr.store.tasks import find_id

CHUNK_MAX = 1_000
EXAMPLES_MAX = 5
# How long others wait for a step of a purge, or of an import.
STEP_MS_MAX = 50

T = TypeVar("T")
_files = msgspec.json.Decoder(LetterFile)
_objects = msgspec.json.Decoder(dict[str, Any])


class Letters:
    """Every change of dead letters goes through one unit per chunk."""

    def __init__(self, parts: Parts, dispatcher: Dispatcher, reader: Reader) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._reader = reader
        self.on_imported: Callable[[], None] = _nobody

    async def replay(self, client: Client, request: ReplayLetters) -> ReplayReport:
        """Put a chunk of letters back, or say what would happen."""
        if not request.all and not request.where.strip() and not request.task_ids:
            raise UsageError("say which letters: ids, a filter, or all of them")
        now_ms = self._parts.clock.now_ms()
        ids, after = await self._chosen(request)
        if request.dry_run:
            return await self._preview(ids, after, order=request.order)

        def unit(tx: Transaction) -> ReplayReport:
            back, blocked = letters.replay(
                tx,
                ids,
                by=client.submitter,
                now_ms=now_ms,
                function_known=lambda name: self._parts.function(name) is not None,
                input_problem=self._input_problem,
            )
            failpoint("replay-in-unit")
            return _report(dict(back), blocked, after, replayed=len(back))

        report = await self._parts.store.write(unit)
        failpoint("replay-committed")
        for function in report.functions:
            self._dispatcher.due_now(function)
        return report

    async def _preview(
        self, ids: list[str], after: str | None, *, order: ReplayOrder
    ) -> ReplayReport:
        found = await self._reader.read(
            lambda tx: replay_preview.preview(
                tx,
                ids,
                order=order,
                function_known=lambda name: self._parts.function(name) is not None,
                input_problem=self._input_problem,
            )
        )
        report = _report(found.eligible, found.blocked, after)
        return structs.replace(report, takers=found.takers)

    async def edit(self, client: Client, request: EditLetter) -> Changed:
        """Check the new input like a submitted one, and keep the old."""
        raw = bytes(request.input)
        now_ms = self._parts.clock.now_ms()

        def unit(tx: Transaction) -> str:
            task_id = find_id(tx, request.task_id)
            letter = letters.get(tx, task_id)
            if letter is None:
                raise NotFound(f"task {task_id} has no dead letter", next_step="fnr dlq list")
            problem = validate_input_json(raw) or self._input_problem(letter.function, raw)
            if problem is not None:
                raise BadData("the new input was refused", why=problem)
            refused = letters.edit_input(
                tx, task_id, raw, by=client.submitter, revision=request.revision, now_ms=now_ms
            )
            if refused:
                raise Refused(f"the input of {task_id} was not changed", why=refused)
            failpoint("edit-in-unit")
            return task_id

        return Changed(changed=[await self._parts.store.write(unit)])

    async def resolve(self, client: Client, request: ResolveLetters) -> Changed:
        """Put a chunk of letters to rest."""
        now_ms = self._parts.clock.now_ms()
        _check_chosen(request)
        ids, after = await self._chosen(request)

        def unit(tx: Transaction) -> Changed:
            changed, unchanged = letters.resolve(
                tx, ids, reason=request.reason, by=client.submitter, now_ms=now_ms
            )
            failpoint("letters-changed-in-unit")
            return Changed(changed=changed, unchanged=unchanged, next=after)

        return await self._parts.store.write(unit)

    async def purge(self, _: Client, request: PurgeLetters) -> Changed:
        """Delete a chunk of letters, in steps: what belongs to one may be of any size."""
        _check_chosen(request)
        ids, after = await self._chosen(request)
        left = [*dict.fromkeys(ids)]
        changed = Changed(next=after)
        while left:
            try:
                gone, refused = await self._parts.store.write(
                    partial(self._purge_step, left, open_too=request.open)
                )
            except (StoreFull, StoreIll, StoreBusy) as error:
                if not changed.changed:
                    raise
                # The answer must name those that are gone for good.
                changed.unchanged.update(dict.fromkeys(left, f"not deleted: {error}"))
                break
            changed.changed.extend(gone)
            changed.unchanged.update(refused)
            over = {*gone, *refused}
            left = [task_id for task_id in left if task_id not in over]
        return changed

    def _purge_step(
        self, ids: list[str], tx: Transaction, *, open_too: bool
    ) -> tuple[list[str], dict[str, str]]:
        until_ms = self._parts.clock.boot_ms() + STEP_MS_MAX
        found = letters.purge(
            tx, ids, open_too=open_too, enough=lambda: self._parts.clock.boot_ms() >= until_ms
        )
        failpoint("letters-changed-in-unit")
        return found

    async def take_over(self, _: Client, request: ImportLetters) -> SubmittedMany:
        """Import exported letters; one that is bad does not spoil the others."""
        refused: list[RefusedItem] = []
        good: list[tuple[int, LetterFile]] = []
        for index, raw in enumerate(request.items):
            try:
                file = _files.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                refused.append(RefusedItem(index=index, why=f"not a dead letter: {error}"))
                continue
            if strange := _strange_ids(file):
                refused.append(RefusedItem(index=index, why=f"{strange[0]!r} in it is no id"))
            else:
                good.append((index, file))

        taken, not_taken = await self._take_over(good)
        self.on_imported()
        return SubmittedMany(task_ids=taken, refused=refused + not_taken)

    async def _take_over(
        self, files: list[tuple[int, LetterFile]]
    ) -> tuple[list[str], list[RefusedItem]]:
        """In steps; one by one if the store cannot hold a value of one of them."""
        taken: list[str] = []
        refused: list[RefusedItem] = []
        left, count_max = files, len(files)
        while left:
            index = left[0][0]
            try:
                some, not_taken = await self._parts.store.write(
                    partial(self._import_step, left[:count_max])
                )
            except (StoreFull, StoreIll, StoreBusy) as error:
                if not taken:
                    raise
                # The answer must name those that were taken over.
                refused += [RefusedItem(index=at, why=f"not imported: {error}") for at, _ in left]
                break
            except Exception as error:
                why = letter_files.impossible(error)
                if why is None:
                    raise
                if count_max > 1:
                    count_max = 1
                    continue
                some, not_taken = [], [RefusedItem(index=index, why=why)]
            taken += some
            refused += not_taken
            left = left[len(some) + len(not_taken) :]
        return taken, refused

    def _import_step(
        self, files: list[tuple[int, LetterFile]], tx: Transaction
    ) -> tuple[list[str], list[RefusedItem]]:
        """Those before it has taken too long, the first always."""
        until_ms = self._parts.clock.boot_ms() + STEP_MS_MAX
        taken: list[str] = []
        refused: list[RefusedItem] = []
        for index, file in files:
            why = letter_files.import_one(
                tx, file.letter, file.detail, schema=file.schema, now_ms=self._parts.clock.now_ms()
            )
            if why is None:
                taken.append(file.letter.task_id)
            else:
                refused.append(RefusedItem(index=index, why=why))
            if self._parts.clock.boot_ms() >= until_ms:
                break
        failpoint("import-in-unit")
        return taken, refused

    async def _chosen(
        self, request: ReplayLetters | ResolveLetters | PurgeLetters
    ) -> tuple[list[str], str | None]:
        """The ids of one chunk, and where the next begins; a filter may look at many rows."""
        if request.task_ids:
            prefixes = request.task_ids
            return await self._reader.read(lambda tx: [find_id(tx, p) for p in prefixes]), None
        limit = min(request.limit, CHUNK_MAX)
        now_ms = self._parts.clock.now_ms()
        return await self._reader.read(
            lambda tx: select_letter_ids(
                tx, where=request.where, after=request.after, limit=limit, now_ms=now_ms
            )
        )

    def _input_problem(self, function: str, raw: bytes) -> str | None:
        return input_problem(self._parts, function, raw)


def _check_chosen(request: ResolveLetters | PurgeLetters) -> None:
    if bool(request.task_ids) == bool(request.where.strip()):
        raise UsageError("say which letters: ids or a filter, and not both")


def _strange_ids(file: LetterFile) -> list[str]:
    """What no fnr has given as an id: nobody could type it, and {task_id} would be any path."""
    detail = file.detail
    ids = [
        detail.task.task_id,
        detail.task.parent_id or detail.task.task_id,
        *(attempt.token for attempt in detail.attempts),
        *(error.error_id for error in detail.errors),
    ]
    return [one for one in ids if not is_ulid(one)]


def input_problem(parts: Parts, function: str, raw: bytes) -> str | None:
    """What the function's declared input says against this one; None: nothing."""
    settings = parts.function(function)
    if settings is None or not settings.input:
        return None
    return check_input(settings, _objects.decode(raw))


def _report(
    back: dict[str, str], blocked: dict[str, str], after: str | None, *, replayed: int = 0
) -> ReplayReport:
    report = ReplayReport(eligible=len(back), replayed=replayed, next=after)
    for function in back.values():
        report.functions[function] = report.functions.get(function, 0) + 1
    for task_id, why in blocked.items():
        report.blocked[why] = report.blocked.get(why, 0) + 1
        examples = report.examples.setdefault(why, [])
        if len(examples) < EXAMPLES_MAX:
            examples.append(task_id)
    return report


def _nobody() -> None:
    """Nobody has asked to hear of imports yet."""
