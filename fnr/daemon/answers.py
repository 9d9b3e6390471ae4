"""One answer per request; what is longer than a few lines is in a file of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import structs

from fnr.api import (
    alert_requests,
    breaker_requests,
    chaos_requests,
    incident_requests,
    replay_requests,
    resource_requests,
    undo_requests,
)
from fnr.api import requests as ask
from fnr.api.any_request import AnyRequest
from fnr.api.errors import FnrError, NotFound, Refused, UsageError, no_such_id
from fnr.api.letter_requests import (
    EditLetter,
    ImportLetters,
    PurgeLetters,
    ReplayLetters,
    ResolveLetters,
)
from fnr.api.question import REASON_CHARS_MAX, Changed
from fnr.daemon.breaker_answers import BreakerAnswers
from fnr.daemon.cancelling import Cancelling
from fnr.daemon.chaos import Chaos
from fnr.daemon.chaos_rest import DrillRest
from fnr.daemon.clients import Client
from fnr.daemon.crew import Crew
from fnr.daemon.incidents import Incidents
from fnr.daemon.letters import Letters
from fnr.daemon.overview import Overview
from fnr.daemon.pausing import Pausing
from fnr.daemon.reader import Reader
from fnr.daemon.replays import Replays
from fnr.daemon.resource_answers import ResourceAnswers
from fnr.daemon.undo_operators import UndoOperators
from fnr.daemon.waiting import Waiting
from fnr.daemon.worker_process import WorkerProcess
from fnr.policy.evidence import KilledBy
from fnr.policy.record import WorkerRecord
from fnr.store.connection import StoreFull
from fnr.store.cursor import CURSOR_WORDS, BadCursor
from fnr.store.ids import AmbiguousId, NoSuchId
from fnr.store.reads import READS, BadFilter

Handler = Callable[[Client, Any], Awaitable[object]]


class Answers:
    """Maps each kind of request to what answers it."""

    def __init__(self, crew: Crew, reader: Reader) -> None:
        self._crew = crew
        self._parts = crew.parts
        self._reader = reader
        self._overview = Overview(crew, reader)
        waiting = Waiting(crew.parts, reader)
        crew.ending.let_go = waiting.close
        cancelling = Cancelling(crew.parts, crew.supervisor, crew.stopper, reader)
        pausing = Pausing(crew)
        letters = Letters(crew.parts, crew.dispatcher, reader)
        breakers = BreakerAnswers(crew.parts, crew.breakers, crew.breaker_probes)
        self.incidents = Incidents(crew.parts, reader)
        undo = UndoOperators(crew.parts, crew.undoing)
        crew.undoing.acts["cancel_task"] = cancelling.undo
        cancelling.on_cancelled = crew.undoing.look
        # What came with a letter may need an operator.
        letters.on_imported = crew.undoing.look
        self.chaos = Chaos(crew, reader, DrillRest(crew.parts, cancelling, pausing, reader))
        resources = ResourceAnswers(crew, reader)
        self.replays = Replays(crew.parts, crew.dispatcher, reader, crew.breakers)
        self._handlers: dict[type, Handler] = {
            ask.GetStatus: self._status,
            ask.SubmitMany: crew.intake.submit_many,
            ask.CancelTasks: cancelling.cancel,
            ask.PauseFunction: pausing.pause,
            ask.ResumeFunction: pausing.resume,
            ask.ListWorkers: self._workers,
            ask.RestartWorkers: self._restart_workers,
            ask.StopWorkers: self._stop_workers,
            ReplayLetters: letters.replay,
            EditLetter: letters.edit,
            ResolveLetters: letters.resolve,
            PurgeLetters: letters.purge,
            ImportLetters: letters.take_over,
            incident_requests.AckIncidents: self.incidents.ack,
            incident_requests.SnoozeIncidents: self.incidents.snooze,
            incident_requests.ResolveIncidents: self.incidents.resolve,
            incident_requests.ReclassifyErrors: self.incidents.reclassify,
            undo_requests.RetryUndo: undo.retry,
            undo_requests.SkipUndo: undo.skip,
            chaos_requests.InjectFault: self.chaos.inject,
            chaos_requests.ListDrills: self.chaos.listed,
            chaos_requests.ListScores: self.chaos.scores,
            chaos_requests.AbortDrills: self.chaos.abort,
            alert_requests.TestAlerts: crew.alerting.test,
            breaker_requests.ForceBreakers: breakers.force,
            breaker_requests.ResetBreakers: breakers.reset,
            breaker_requests.ProbeBreaker: breakers.probe,
            replay_requests.StartReplay: self.replays.begin,
            replay_requests.PauseReplays: self.replays.pause,
            replay_requests.ResumeReplays: self.replays.resume,
            replay_requests.CancelReplays: self.replays.cancel,
            ask.ReloadConfig: self._reload,
            ask.StopDaemon: self._stop,
            resource_requests.ListGpus: resources.gpus,
            resource_requests.TrustGpu: resources.trust,
            resource_requests.ExplainWait: resources.wait,
        }
        self.submit = crew.intake.submit
        self.wait = waiting.wait

    async def answer(self, client: Client, request: AnyRequest) -> object:
        """The answer, or raise FnrError."""
        handler = self._handlers.get(type(request))
        request = self._without_secrets(request)
        try:
            if handler is not None:
                return await self._ask(handler, client, request)
            return await self._read(request)
        except NoSuchId as error:
            raise no_such_id(str(error), noun=error.noun) from error
        except AmbiguousId as error:
            raise Refused(str(error), why="the prefix fits several ids") from error
        except BadFilter as error:
            raise as_usage_error(error) from error

    def _without_secrets(self, request: AnyRequest) -> AnyRequest:
        """Why operators do something is kept, and shown to everybody."""
        hide = self._parts.redactor.text
        said = {name: getattr(request, name, "") for name in ("reason", "why")}
        for words in said.values():
            if len(words) > REASON_CHARS_MAX:
                raise UsageError(
                    "the reason is too long",
                    why=f"{len(words)} characters; at most {REASON_CHARS_MAX} are kept",
                )
        hidden = {name: hide(words) for name, words in said.items() if words}
        return structs.replace(request, **hidden) if hidden else request

    async def _ask(self, handler: Handler, client: Client, request: AnyRequest) -> object:
        """Ask once more if the disk was full: by then the reserve has made room, and what tidies
        up (cancel, resolve, purge) must work on the very day it is needed.
        """
        try:
            return await handler(client, request)
        except StoreFull:
            if isinstance(request, ask.SubmitMany | ImportLetters):
                raise
            return await handler(client, request)

    async def _read(self, request: AnyRequest) -> object:
        """Reads are the store's own, the same that the offline client runs."""
        read = READS[type(request).__name__]
        fields = structs.asdict(request)
        now_ms = self._parts.clock.now_ms()
        return await self._reader.read(lambda tx: read(tx, now_ms=now_ms, **fields))

    async def _status(self, _: Client, __: ask.GetStatus) -> ask.Status:
        return await self._overview.status()

    async def _workers(self, _: Client, request: ask.ListWorkers) -> list[WorkerRecord]:
        return await self._overview.workers(request)

    async def _restart_workers(self, client: Client, request: ask.RestartWorkers) -> Changed:
        return self._dismiss(client, request.workers, now=request.now, respawn=True)

    async def _stop_workers(self, client: Client, request: ask.StopWorkers) -> Changed:
        return self._dismiss(client, request.workers, now=request.now, respawn=False)

    def _dismiss(self, client: Client, names: list[str], *, now: bool, respawn: bool) -> Changed:
        """Workers by id prefix or by function; now: interrupt, which costs no attempt."""
        reason = KilledBy.RESTART if respawn else KilledBy.OPERATOR
        chosen = {w.worker_id: w for name in names for w in self._workers_named(name)}
        for worker in chosen.values():
            why = f"{'restarted' if respawn else 'stopped'} by {client.submitter}"
            self._crew.supervisor.dismiss(worker, why, respawn=respawn)
            if now:
                self._crew.stopper.kill_worker(worker, reason, why)
        return Changed(changed=sorted(chosen))

    def _workers_named(self, name: str) -> list[WorkerProcess]:
        pool = self._crew.supervisor.pools.get(name)
        if pool is not None:
            return [*pool.workers.values()]
        found = [
            worker
            for worker_id, worker in self._crew.supervisor.workers.items()
            if name and worker_id.startswith(name.upper())
        ]
        if len(found) > 1:
            raise Refused(f"{name!r} fits {len(found)} workers", next_step="fnr worker list")
        if not found:
            raise NotFound(f"there is no worker or function {name!r}", next_step="fnr worker list")
        return found

    async def _reload(self, _: Client, __: ask.ReloadConfig) -> ask.ReloadReport:
        return await self._crew.reload.reload()

    async def _stop(self, _: Client, request: ask.StopDaemon) -> bool:
        ending = self._crew.ending
        if request.now:
            self._parts.loop.call_soon(ending.hurry)
        elif request.drain:
            self._parts.loop.call_soon(ending.drain)
        else:
            self._parts.loop.call_soon(ending.leave)
        return True


def as_usage_error(error: BadFilter) -> FnrError:
    """A filter that does not parse, or a cursor of another list, for people."""
    if isinstance(error, BadCursor):
        return UsageError(str(error), why=CURSOR_WORDS)
    return UsageError(f"the filter was not understood: {error}", next_step="fnr help filters")
