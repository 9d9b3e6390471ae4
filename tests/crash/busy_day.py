"""A day in the life of a daemon, written so that it may die at any moment of it.

Everything that the day hears accepted goes into an outside ledger. Whatever got no answer is
asked again the next day under the same idempotency key, as a careful client would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from live_home import FUNCTIONS, LiveHome

from fnr.api import requests as ask
from fnr.api.breaker_requests import ResetBreakers
from fnr.api.errors import DaemonDown, FnrError, TryAgain
from fnr.api.incident_requests import (
    AckIncidents,
    ListErrors,
    ReclassifyErrors,
    ResolveIncidents,
    SnoozeIncidents,
)
from fnr.api.letter_requests import (
    EditLetter,
    ExportLetters,
    ImportLetters,
    ListLetters,
    ReplayLetters,
    ResolveLetters,
)
from fnr.api.replay_requests import (
    ListReplayEntries,
    PauseReplays,
    ResumeReplays,
    StartReplay,
)
from fnr.policy.replay import EntryState, ReplayOptions, ReplayPlan
from fnr.policy.rules import Category

TOML = """
[daemon]
drain_timeout = "5s"
restart_delay = "10ms"

[breakers.storage]
failures = 1
open = "1h"
open_max = "1d"
""" + "".join(
    f"""
[functions.{name}]
python = "worked_functions:{target}"
cwd = "{FUNCTIONS}"
grace = "100ms"
workers = {workers}
retry = {{ delay = "5ms", delay_max = "10ms", wait = "20ms", waits_max = 1 }}
{extra}
"""
    for name, target, workers, extra in (
        ("mark", "mark", 2, ""),
        ("victim", "noop", 1, ""),
        ("fail", "fail", "{ min = 0, max = 1 }", ""),
        ("flaky", "fail_until", "{ min = 0, max = 1 }", "cpus = 1"),
        ("hang", "block_on", "{ min = 0, max = 1 }", 'timeout = "50ms"\nwindow = 3'),
        ("gone", "no_such_function", "{ min = 0, max = 1 }", ""),
        ("half", "mark_in_two_lives", "{ min = 0, max = 1 }", ""),
        ("aside", "mark_unless", "{ min = 0, max = 1 }", ""),
        (
            "stored",
            "mark_unless",
            "{ min = 0, max = 1 }",
            """
services = ["storage"]
degrade = [{ when = ["breaker:storage"], function = "aside", set = { bad = "" } }]
""",
        ),
    )
)


# Methods of BusyDay, in the order of a whole day: what is asked last finds letters and errors.
WORKS = (
    "invalid", "retries", "unloadable", "breakers", "checkpoints", "expiry", "cancels", "timeouts",
    "letters", "replays", "incidents", "workers", "reload",
)  # fmt: skip


class DaemonDied(Exception):
    """The daemon is gone, as it was meant to be."""


@dataclass
class BusyDay:
    """Asks for everything that a daemon can be asked; remembers what was accepted.

    accepted: idempotency key -> task id. unanswered: what was asked and got no answer.
    marked: keys of tasks that leave a line in `marks`.
    """

    home: LiveHome
    marks: Path
    gate: Path
    accepted: dict[str, str] = field(default_factory=dict)
    marked: set[str] = field(default_factory=set)
    unanswered: dict[str, ask.TaskSpec] = field(default_factory=dict)
    day: int = 0

    def live(self, works: Sequence[str] = WORKS) -> None:
        """One day with its crowd and these works; raises DaemonDied when the daemon does."""
        self.day += 1
        todo = [getattr(self, f"_{work}") for work in works]
        for step in (self._ask_again, self._one_by_one, self._in_a_batch, *todo, self._see_marks):
            self._alive()
            step()

    def ask(self, request: Any) -> Any:
        """A question whose refusal is fine and whose silence means death."""
        try:
            return self.home.ask(request)
        except TryAgain:
            return None
        except (DaemonDown, OSError) as error:
            raise DaemonDied from error
        except FnrError:
            self._alive()
            return None

    def _alive(self) -> None:
        assert self.home.process is not None
        if self.home.process.poll() is not None:
            raise DaemonDied

    def _spec(self, function: str, given: dict[str, Any], key: str, **more: Any) -> ask.TaskSpec:
        spec = ask.TaskSpec(
            function=function, input=msgspec.Raw(msgspec.json.encode(given)), key=key, **more
        )
        self.unanswered[key] = spec
        return spec

    def _was_accepted(self, key: str, task_id: str) -> None:
        self.accepted[key] = task_id
        del self.unanswered[key]

    def _submit(self, function: str, given: dict[str, Any], key: str, **more: Any) -> str | None:
        answer = self.ask(ask.Submit(task=self._spec(function, given, key, **more)))
        if answer is None:
            return None
        self._was_accepted(key, answer.task_id)
        task_id: str = answer.task_id
        return task_id

    def _ask_again(self) -> None:
        for key, spec in list(self.unanswered.items()):
            answer = self.ask(ask.Submit(task=spec))
            if answer is not None:
                self._was_accepted(key, answer.task_id)

    def _mark(self, key: str, *, function: str = "mark", bad: str = "", **more: Any) -> None:
        given = {"path": str(self.marks), "line": key} | ({"bad": bad} if bad else {})
        self.marked.add(key)
        self._submit(function, given, key, **more)

    # ── the crowd of every day ───────────────────────────────────────────────

    def _one_by_one(self) -> None:
        for number in range(3):
            self._mark(f"one-{self.day}-{number}", priority=number + 1)
        self._mark(f"late-{self.day}", delay_ms=30)

    def _in_a_batch(self) -> None:
        given = {f"many-{self.day}-{number}": "mark" for number in range(6)}
        self.marked.update(given)
        self._submit_many(
            [
                self._spec(function, {"path": str(self.marks), "line": key}, key)
                for key, function in given.items()
            ]
        )

    def _submit_many(self, specs: list[ask.TaskSpec]) -> None:
        items = [msgspec.Raw(msgspec.json.encode(spec)) for spec in specs]
        answer = self.ask(ask.SubmitMany(items=items))
        if answer is not None:
            for spec, task_id in zip(specs, answer.task_ids, strict=True):
                assert spec.key is not None
                self._was_accepted(spec.key, task_id)

    # ── works ────────────────────────────────────────────────────────────────

    def _invalid(self) -> None:
        """One attempt, one error, one incident, one dead letter, one effect."""
        self._submit("fail", {"kind": "ValueError"}, f"invalid-{self.day}")
        self._wait(f"invalid-{self.day}")

    def _retries(self) -> None:
        self._submit("fail", {"kind": "MemoryError"}, f"memory-{self.day}")
        tries = self.marks.with_name(f"tries-{self.day}")
        self._submit("flaky", {"path": str(tries), "times": 2}, f"flaky-{self.day}")
        self._wait(f"memory-{self.day}", f"flaky-{self.day}")

    def _unloadable(self) -> None:
        # One carries the error; what was left behind it by a daemon that died would be that one.
        self.ask(ask.CancelTasks(where="function:gone state:queued"))
        self._submit("gone", {}, f"gone-{self.day}")
        # One that another had carried it for, until that was cancelled, waits for a repair.
        while not any(one.problem for one in self.ask(ask.GetStatus()).functions):
            pass

    def _breakers(self) -> None:
        """The first of these opens the breaker; with it open, all go to another function."""
        self.ask(ResetBreakers(names=["storage"]))
        keys = [f"stored-{self.day}-{number}" for number in range(3)]
        bad = self.marks.with_name("bad")
        bad.touch()
        for key in keys:
            self._mark(key, function="stored", bad=str(bad))
        self._wait(*keys)
        self.ask(ResetBreakers(names=["storage"]))

    def _checkpoints(self) -> None:
        key = f"half-{self.day}"
        self._mark(key, function="half")
        self._wait(key)

    def _expiry(self) -> None:
        self._submit("victim", {}, f"expired-{self.day}", delay_ms=60_000, expires_ms=1)
        self._wait(f"expired-{self.day}")

    def _cancels(self) -> None:
        task_id = self._submit("victim", {}, f"cancelled-{self.day}", delay_ms=3_600_000)
        if task_id:
            self.ask(ask.CancelTasks(task_ids=[task_id]))
        self.ask(ask.CancelTasks(where="function:victim tag:none"))

    def _timeouts(self) -> None:
        # The second waits in the worker's window, and goes back when the first is ended with it.
        keys = [f"hang-{self.day}-{number}" for number in range(2)]
        given = {"fifo": str(self.gate)}
        self._submit_many([self._spec("hang", given, key, retries_max=0) for key in keys])
        self._wait(*keys)

    def _letters_of(self, function: str, count: int) -> list[str]:
        """So many open letters; whatever the days before left, there are enough."""
        read = ListLetters(where=f"function:{function}", limit=count)
        letters = self.ask(read)
        for number in range(len(letters.items), count):
            self._submit(function, {"kind": "ValueError"}, f"letter-{self.day}-{number}")
            self._wait(f"letter-{self.day}-{number}")
            letters = self.ask(read)
        return [letter.task_id for letter in letters.items]

    def _letters(self) -> None:
        first, second = self._letters_of("fail", 2)
        self.ask(EditLetter(task_id=first, input=msgspec.Raw(b'{"kind": "KeyError"}')))
        self.ask(ReplayLetters(task_ids=[first]))
        exported = self.ask(ExportLetters(limit=5))
        self.ask(ResolveLetters(task_ids=[second], reason="seen"))
        lines = [msgspec.Raw(msgspec.json.encode(item)) for item in exported.items]
        self.ask(ImportLetters(items=lines))

    def _replays(self) -> None:
        """One plan by ids, one by a filter; all end or are taken up by the next day's daemon."""
        self._replay(StartReplay(task_ids=self._letters_of("fail", 2)))
        plan = self._replay(StartReplay(where="function:fail", options=ReplayOptions(canary=1)))
        if plan is not None:
            self.ask(PauseReplays(plan_ids=[plan.plan_id]))
            self.ask(ResumeReplays(plan_ids=[plan.plan_id]))

    def _replay(self, request: StartReplay) -> ReplayPlan | None:
        plan: ReplayPlan | None = self.ask(request)
        if plan is not None:
            live = self.ask(ListReplayEntries(plan_id=plan.plan_id, state=EntryState.LIVE))
            ids = [entry.task_id for entry in live.items] if live is not None else []
            if ids:
                self.ask(ask.WaitTasks(task_ids=ids, timeout_ms=20_000))
        return plan

    def _incidents(self) -> None:
        [error] = self.ask(ListErrors(limit=1)).items
        other = Category.RESOURCE if self.day % 2 else Category.TRANSIENT
        self.ask(ReclassifyErrors(error_ids=[error.error_id], category=other))
        ids = [error.incident_id]
        self.ask(AckIncidents(incident_ids=ids))
        self.ask(SnoozeIncidents(incident_ids=ids, for_ms=10))
        self.ask(ResolveIncidents(incident_ids=ids))

    def _workers(self) -> None:
        self.ask(ask.RestartWorkers(workers=["victim"]))
        key = f"victim-{self.day}"
        self._submit("victim", {}, key)
        self._wait(key)

    def _reload(self) -> None:
        idle = '\n[functions.extra]\ncommand = ["true"]\nworkers = { min = 0, max = 1 }\n'
        self.home.write(TOML + (idle if self.day % 2 else ""))
        self.ask(ask.ReloadConfig())

    def _see_marks(self) -> None:
        self._wait(*[key for key in self.marked if key in self.accepted])

    def _wait(self, *keys: str) -> None:
        ids = [self.accepted[key] for key in keys if key in self.accepted]
        if ids:
            self.ask(ask.WaitTasks(task_ids=ids, timeout_ms=20_000))
