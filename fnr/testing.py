"""Run a function as a worker would, without daemon and worker: for the tests of function authors.

    import fnr.testing

    def test_render():
        outcome = fnr.testing.run(render, {"scene": "a.blend"})
        assert outcome.result == {"frames": 3}

The input is checked and goes through JSON, the result too; whatever the function raises becomes
evidence, gets its category from the rules that come with fnr, and what would follow is decided by
the same code. What it reported on the way is recorded. Nothing is caught that a worker would not
catch, and nothing of this needs a home.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar, copy_context
from functools import cache
from threading import Lock
from typing import Any

import msgspec
from msgspec import Struct

from fnr.api.errors import BadData
from fnr.client.specs import input_json
from fnr.config.rule_files import shipped_rules
from fnr.host.clock import Clock
from fnr.policy.classify import classify
from fnr.policy.evidence import Evidence, Phase
from fnr.policy.input_types import validate_input_json
from fnr.policy.json_numbers import as_builtin
from fnr.policy.named_input import with_named_input
from fnr.policy.retry import RetryPolicy
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import Classification
from fnr.policy.task import Task, TaskState
from fnr.policy.undo import STEPS_MAX
from fnr.policy.verdict import Decision, decide
from fnr.worker import sdk, undo
from fnr.worker.breakers import check_name
from fnr.worker.capture import capture
from fnr.worker.outcome import encode_result, refused_input
from fnr.worker.python_function import find
from fnr.worker.signature import signature_of
from fnr.worker.undo_journal import TOO_MANY_STEPS

# Not real ids, and of the length of one.
TASK_ID = f"{'TASK':0<26}"
ATTEMPT_ID = f"{'ATTEMPT':0<26}"


class Reported(Struct, frozen=True, kw_only=True):
    """One call of fnr.progress."""

    done: float
    total: float | None = None
    stage: str = ""
    preview: str = ""


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of it.

    result:         the return value as JSON gives it back; None when it failed.
    error:          the exception itself. evidence, classification, decision: what fnr would make
                    of it, the decision for the first attempt with the default numbers.
    progress, checkpoints: what was reported, in order. undo: (kind, data) of the steps that
                    fnr.undo recorded; none of them is carried out.
    """

    result: Any = None
    error: BaseException | None = None
    evidence: Evidence | None = None
    classification: Classification | None = None
    decision: Decision | None = None
    progress: tuple[Reported, ...] = ()
    checkpoints: tuple[Any, ...] = ()
    undo: tuple[tuple[str, dict[str, Any]], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the attempt succeeded."""
        return self.evidence is None

    @property
    def category(self) -> str:
        """What a failure would be called; "" after a success."""
        return self.classification.category.value if self.classification is not None else ""

    @property
    def message(self) -> str:
        """The headline of a failure; "" after a success."""
        return self.evidence.message if self.evidence is not None else ""


def run(
    function: Callable[..., Any] | str,
    given: Mapping[str, Any] | None = None,
    *,
    attempt: int = 1,
    checkpoint: Any = None,
    cancelled: bool = False,
    open_breakers: Collection[str] = (),
) -> Outcome:
    """Run one attempt of a function, or of "package.module:callable", with this input.

    attempt, checkpoint: as if earlier attempts had been, and had left that behind.
    cancelled: what fnr.cancelled() answers. open_breakers: services that refuse guarded calls.
    Raises BadData for what no client could submit.
    """
    raw = input_json(dict(given or {}))
    if why := validate_input_json(raw):
        raise BadData("the input would be refused", why=why)
    arguments = msgspec.json.decode(raw)
    host = _Recorder(
        attempt=attempt, checkpoint=checkpoint, cancelled=cancelled, refusing=open_breakers
    )
    with _stage.with_one_more(host):
        result, error, evidence = _attempt(function, arguments)
    if evidence is not None:
        evidence = with_named_input(evidence, given or {})
    outcome = Outcome(
        result=result,
        error=error,
        evidence=evidence,
        progress=tuple(host.progress),
        checkpoints=tuple(host.checkpoints),
        undo=tuple(host.undo),
    )
    if evidence is None:
        return outcome
    classification = classify(evidence, _rules())
    return msgspec.structs.replace(
        outcome,
        classification=classification,
        decision=_decision(evidence, classification, attempt=attempt),
    )


class _Recorder:
    """The worker's side of the SDK, remembering instead of telling a daemon."""

    def __init__(
        self, *, attempt: int, checkpoint: Any, cancelled: bool, refusing: Collection[str]
    ) -> None:
        self._refusing = refusing
        self.progress: list[Reported] = []
        self.checkpoints: list[Any] = []
        self.undo: list[tuple[str, dict[str, Any]]] = []
        self._cancelled = cancelled
        self._attempt = sdk.AttemptInfo(
            task_id=TASK_ID,
            number=attempt,
            token=ATTEMPT_ID,
            key=TASK_ID,
            checkpoint=msgspec.json.decode(msgspec.json.encode(checkpoint, enc_hook=as_builtin)),
        )

    def report_progress(self, done: float, total: float | None, stage: str, preview: str) -> None:
        self.progress.append(Reported(done=done, total=total, stage=stage, preview=preview))

    def keep_checkpoint(self, body: bytes) -> bool:
        self.checkpoints.append(msgspec.json.decode(body))
        return True

    def guard(
        self,
        service: str,
        ignore: tuple[type[BaseException], ...],  # noqa: ARG002 - nothing is counted here
    ) -> sdk.Guarded:
        check_name(service)
        if service in self._refusing:
            raise sdk.BreakerOpen(service, "open", 1.0)
        return self

    def end(self, error: BaseException | None) -> None:
        """A guarded call has ended, which nobody counts."""

    def is_cancelled(self) -> bool:
        return self._cancelled

    def running_attempt(self) -> sdk.AttemptInfo:
        return self._attempt


# Of which attempt the code at hand is; a thread that was begun plainly does not know.
_here: ContextVar[_Recorder] = ContextVar("here")


class _Stage:
    """Where attempts run, several at a time if a test has threads; each is told its own."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._recorders: list[_Recorder] = []
        self._before = ExitStack()

    @contextmanager
    def with_one_more(self, recorder: _Recorder) -> Iterator[None]:
        """Have what is reported here go to this one, until its attempt is over."""
        with self._lock:
            if not self._recorders:
                self._before.callback(sdk.set_host, sdk.host())
                self._before.enter_context(undo.told_to(self._add_step))
                sdk.set_host(self)
            self._recorders.append(recorder)
        here = _here.set(recorder)
        try:
            yield
        finally:
            _here.reset(here)
            with self._lock:
                self._recorders.remove(recorder)
                if not self._recorders:
                    self._before.close()

    @property
    def _recorder(self) -> _Recorder:
        found = _here.get(None)
        return self._recorders[-1] if found is None else found

    def _add_step(self, kind: str, data: dict[str, Any]) -> None:
        steps = self._recorder.undo
        if len(steps) == STEPS_MAX:
            raise undo.UndoLimitError(TOO_MANY_STEPS)
        steps.append((kind, data))

    def report_progress(self, done: float, total: float | None, stage: str, preview: str) -> None:
        self._recorder.report_progress(done, total, stage, preview)

    def keep_checkpoint(self, body: bytes) -> bool:
        return self._recorder.keep_checkpoint(body)

    def guard(self, service: str, ignore: tuple[type[BaseException], ...]) -> sdk.Guarded:
        return self._recorder.guard(service, ignore)

    def is_cancelled(self) -> bool:
        return self._recorder.is_cancelled()

    def running_attempt(self) -> sdk.AttemptInfo:
        return self._recorder.running_attempt()


_stage = _Stage()


def _attempt(
    function: Callable[..., Any] | str, arguments: dict[str, Any]
) -> tuple[Any, BaseException | None, Evidence | None]:
    """The result, or the exception and its evidence, phase by phase as in a worker."""
    phase = Phase.IMPORT
    try:
        called = find(function) if isinstance(function, str) else function
        signature = signature_of(called)
        phase = Phase.RUN
        if mismatch := signature.mismatch(arguments):
            return None, None, refused_input(TypeError, mismatch)
        value = called(**arguments)
        if inspect.isawaitable(value):
            value = _awaited(value)
        phase = Phase.RESULT
        return msgspec.json.decode(encode_result(value)), None, None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it raises is its failure
        evidence = capture(error, phase=phase, now_ms=Clock().now_ms())
        refused = sdk.refusal(error)
        return None, error, evidence if refused is None else refused.told(evidence)


def _awaited(value: Awaitable[Any]) -> Any:
    import asyncio  # noqa: PLC0415 - only async functions need it

    async def whole() -> Any:
        return await value

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(whole())
    # The test is a coroutine itself, and no loop runs within another.
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(copy_context().run, asyncio.run, whole()).result()


@cache
def _rules() -> RuleSet:
    return RuleSet(shipped=shipped_rules())


def _decision(evidence: Evidence, found: Classification, *, attempt: int) -> Decision:
    task = Task(
        task_id=TASK_ID,
        function="function",
        state=TaskState.RUNNING,
        owner=ATTEMPT_ID,
        attempts=attempt,
        retries=attempt - 1,
        unknowns=attempt - 1,
        waits=attempt - 1,
    )
    verdict = decide(
        task, evidence, found, token=ATTEMPT_ID, policy=RetryPolicy(), now_ms=0, fraction=0.5
    )
    return verdict.decision
