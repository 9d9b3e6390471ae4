"""A day in the life of a daemon, written so that it may die at any moment of it.

Everything that the day hears accepted goes into an outside ledger. Whatever got no answer is
asked again the next day under the same idempotency key, as a careful client would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from live_home import FUNCTIONS, LiveHome

from fnr.api import requests as ask
from fnr.api.errors import DaemonDown, FnrError, TryAgain
from fnr.api.incident_requests import (
    AckIncidents,
    ListErrors,
    ReclassifyErrors,
    ResolveIncidents,
    SnoozeIncidents,
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
        ("fail", "fail", 1, ""),
        ("flaky", "fail_until", 1, "cpus = 1"),
        ("hang", "block_on", 1, 'timeout = "50ms"\nwindow = 3'),
        ("victim", "noop", 1, ""),
        ("gone", "no_such_function", "{ min = 0, max = 1 }", ""),
    )
)


class DaemonDied(Exception):
    """The daemon is gone, as it was meant to be."""


@dataclass
class BusyDay:
    """Asks for everything that a daemon can be asked; remembers what was accepted.

    accepted: idempotency key -> task id. marked: keys of tasks that leave a line in `marks`.
    """

    home: LiveHome
    marks: Path
    gate: Path
    accepted: dict[str, str] = field(default_factory=dict)
    marked: set[str] = field(default_factory=set)
    day: int = 0

    def live(self) -> None:
        """One day; raises DaemonDied when the daemon does."""
        self.day += 1
        steps: list[Callable[[], None]] = [
            self._one_by_one, self._in_a_batch, self._failures, self._expiry, self._cancels,
            self._timeouts, self._letters, self._replays, self._incidents, self._workers,
            self._reload,
            self._wait_for_marks,
        ]  # fmt: skip
        for step in steps:
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

    def _submit(self, function: str, given: dict[str, Any], key: str, **more: Any) -> str | None:
        if key in self.accepted:
            return self.accepted[key]
        spec = ask.TaskSpec(
            function=function, input=msgspec.Raw(msgspec.json.encode(given)), key=key, **more
        )
        answer = self.ask(ask.Submit(task=spec))
        if answer is not None:
            self.accepted[key] = answer.task_id
        return answer.task_id if answer else None

    def _mark(self, key: str, **more: Any) -> str | None:
        self.marked.add(key)
        return self._submit("mark", {"path": str(self.marks), "line": key}, key, **more)

    def _one_by_one(self) -> None:
        for number in range(3):
            self._mark(f"one-{self.day}-{number}", priority=number + 1)
        self._mark(f"late-{self.day}", delay_ms=30)

    def _in_a_batch(self) -> None:
        keys = [f"many-{self.day}-{number}" for number in range(6)]
        self.marked.update(keys)
        items = [
            msgspec.Raw(
                msgspec.json.encode(
                    {
                        "function": "mark",
                        "key": key,
                        "input": {"path": str(self.marks), "line": key},
                    }
                )
            )
            for key in keys
        ]
        answer = self.ask(ask.SubmitMany(items=items))
        if answer is not None:
            self.accepted |= dict(zip(keys, answer.task_ids, strict=True))

    def _failures(self) -> None:
        self._submit("fail", {"kind": "ValueError"}, f"invalid-{self.day}")
        self._submit("fail", {"kind": "MemoryError"}, f"memory-{self.day}")
        self._submit("gone", {}, f"gone-{self.day}")
        tries = self.marks.with_name(f"tries-{self.day}")
        self._submit("flaky", {"path": str(tries), "times": 2}, f"flaky-{self.day}")
        self._wait(f"invalid-{self.day}", f"memory-{self.day}", f"flaky-{self.day}")
        self._wait(f"gone-{self.day}")

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
        for key in keys:
            self._submit("hang", {"fifo": str(self.gate)}, key, retries_max=0)
        self._wait(*keys)

    def _letters(self) -> None:
        letters = self.ask(ask.ListLetters(limit=50))
        if letters is None or not letters.items:
            return
        first, *rest = [letter.task_id for letter in letters.items]
        self.ask(ask.EditLetter(task_id=first, input=msgspec.Raw(b'{"kind": "KeyError"}')))
        self.ask(ask.ReplayLetters(task_ids=[first]))
        exported = self.ask(ask.ExportLetters(limit=5))
        if rest:
            self.ask(ask.ResolveLetters(task_ids=rest[:1], reason="seen"))
        if exported is not None:
            lines = [msgspec.Raw(msgspec.json.encode(item)) for item in exported.items]
            self.ask(ask.ImportLetters(items=lines))

    def _replays(self) -> None:
        """One plan by ids, one by a filter; all end or are taken up by the next day's daemon."""
        letters = self.ask(ask.ListLetters(limit=2))
        if letters is not None and letters.items:
            self._replay(StartReplay(task_ids=[letter.task_id for letter in letters.items]))
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
        errors = self.ask(ListErrors(limit=1))
        if errors is None or not errors.items:
            return
        [error] = errors.items
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

    def _wait_for_marks(self) -> None:
        self._wait(*[key for key in self.marked if key in self.accepted])

    def _wait(self, *keys: str) -> None:
        ids = [self.accepted[key] for key in keys if key in self.accepted]
        if ids:
            self.ask(ask.WaitTasks(task_ids=ids, timeout_ms=20_000))
