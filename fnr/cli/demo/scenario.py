"""The play: work on real files, strike in the middle, repair, replay, and hold all against all."""

from __future__ import annotations

import gzip
import hashlib
import platform
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from fnr.api.errors import Failed, TimedOut
from fnr.api.requests import RefusedItem, SubmittedMany
from fnr.cli.demo.accepted import Accepted, Role
from fnr.cli.demo.follower import Follower
from fnr.cli.demo.home import Home
from fnr.cli.demo.inputs import TASKS_PER_FILE, Source, Sources, troubles
from fnr.cli.demo.processes import ObjectStore
from fnr.cli.demo.proof import Witnesses, prove
from fnr.cli.demo.recoveries import Stage
from fnr.cli.demo.report import DeadRow, Figures, Recovered, dead_rows, failed_before, recovered
from fnr.cli.demo.strikes import Strikes
from fnr.cli.stage.interruptions import Interruptions
from fnr.cli.stage.processes import Daemon, Ran, run_command
from fnr.cli.stage.screen import Screen
from fnr.client.sdk import Client
from fnr.policy.counted import counted
from fnr.policy.dead_letter import DeadLetter
from fnr.policy.task import AttemptOutcome, Task, TaskState

# Everything together takes a minute on two cores; beyond this something hangs.
PATIENCE_MS = 300_000
# How long to rely on events alone before looking at the list.
QUIET_MS = 500
# Tasks asked about in one request.
CHUNK = 500
# What an operator would type: the storage is back, and wrong input stays where it is.
REPLAY_WHERE = "function:upload -category:validation"


class Scenario:
    """One run of the demo in a home of its own."""

    def __init__(
        self,
        home: Home,
        sources: Sources,
        *,
        seed: int,
        daemon: Daemon,
        store: ObjectStore,
        screen: Screen,
        interruptions: Interruptions,
    ) -> None:
        self._home = home
        self._interruptions = interruptions
        self._sources = sources
        self._seed = seed
        self._daemon = daemon
        self._store = store
        self._screen = screen
        self._client = Client(home.root, timeout="30s", reconnect="20s")
        self._follower = Follower(home.paths)
        self._accepted = Accepted(home.accepted)
        self._stage = Stage(home.root)
        self._troubles = troubles(home.trouble, sources.files[0])
        self._refused: list[RefusedItem] = []
        self._uploaded: set[str] = set()

    def run(self) -> Figures:
        """Play all acts."""
        try:
            self._follower.start()
            self._troubles += self._stage.set()
            self._submit()
            strikes = self._work()
            before = self._look()
            replayed, came_home = self._replay(before.letters)
            return self._report(before, self._look(), strikes, replayed, came_home)
        finally:
            self._stage.close()
            self._follower.stop()
            self._client.close()

    # ── first act: work ──────────────────────────────────────────────────────

    def _submit(self) -> None:
        for trouble in self._troubles:
            self._hand_over(
                trouble.function,
                [trouble.input],
                [Role(function=trouble.function, trouble=trouble)],
                priority=8,
                tags={"trouble": trouble.name},
            )
        files = self._sources.files
        self._hand_over(
            "digest",
            # The last one is refused: what is declared as text must be text.
            [*({"path": file.path} for file in files), {"path": 42}],
            [Role(function="digest", source=file) for file in files],
        )
        self._hand_over(
            "compress",
            [{"path": file.path, "output": file.path + ".gz"} for file in files],
            [Role(function="compress", source=file) for file in files],
        )
        count = len(self._accepted.roles)
        self._screen.say(
            f"{counted(count, 'task')} accepted, {len(self._refused)} refused at the door"
        )

    def _hand_over(
        self, function: str, inputs: list[dict[str, Any]], roles: list[Role], **options: Any
    ) -> None:
        """Submit, and note in our own list what was accepted."""
        answer: SubmittedMany = self._client.submit_many(function, inputs, **options)
        self._refused += answer.refused
        self._accepted.add(answer.task_ids, roles)

    def _work(self) -> Strikes:
        patients = [
            task_id
            for task_id, trouble in self._accepted.troubles().items()
            if trouble.function == "patient"
        ]
        strikes = Strikes(
            self._daemon,
            self._client,
            patients=patients,
            marks=self._home.marks,
            say=self._screen.say,
        )
        total = len(self._troubles) + TASKS_PER_FILE * len(self._sources.files)
        while True:
            ends = self._follower.ends()
            self._upload_what_is_compressed(ends)
            ended = sum(task_id in ends for task_id in self._accepted.roles)
            self._screen.progress(ended, total, words=_words(ends))
            strikes.strike(share=ended / total, ends=ends)
            if words := self._stage.play(self._client, self._accepted.troubles()):
                self._screen.say(words)
            if strikes.over and ended == len(self._accepted.roles) and not self._to_upload(ends):
                return strikes
            self._wait(ended, total)

    def _upload_what_is_compressed(self, ends: dict[str, str]) -> None:
        ready = self._to_upload(ends)
        if not ready:
            return
        self._hand_over(
            "upload",
            [{"path": source.path + ".gz", "key": source.key} for source in ready.values()],
            [Role(function="upload", source=source) for source in ready.values()],
        )
        self._uploaded |= ready.keys()

    def _to_upload(self, ends: dict[str, str]) -> dict[str, Source]:
        return {
            task_id: source
            for task_id, source in self._accepted.of("compress").items()
            if ends.get(task_id) == TaskState.DONE and task_id not in self._uploaded
        }

    def _wait(self, ended: int, total: int) -> None:
        if self._screen.elapsed_ms > PATIENCE_MS:
            raise TimedOut(
                "the demo does not come to an end",
                why=f"{ended} of {total} tasks ended after {self._screen.elapsed_ms} ms",
                next_step="fnr demo --keep, then look around in its home",
            )
        if not self._follower.wait(timeout_ms=QUIET_MS):
            self._follower.look(self._client)

    # ── second act: repair and replay ────────────────────────────────────────

    def _replay(self, letters: list[DeadLetter]) -> tuple[int, int]:
        """Repair the store and replay through the command line; how many went and came home."""
        self._store.repair()
        chosen = {
            letter.task_id
            for letter in letters
            if letter.function == "upload" and letter.category != "validation"
        }
        if not chosen:
            return 0, 0
        words = f"dlq replay --where '{REPLAY_WHERE}' -y"
        self._screen.say(f"the store is repaired; fnr {words}")
        self._screen.again()
        self._follower.forget(chosen)
        ran = self._run("dlq", "replay", "--where", REPLAY_WHERE, "-y", "-o", "json")
        replayed = ran.json().get("replayed")
        if ran.code != 0 or replayed != len(chosen):
            raise Failed(f"{replayed} of {len(chosen)} dead letters were replayed", why=ran.said)
        while left := chosen - self._follower.ends().keys():
            self._screen.progress(len(chosen) - len(left), len(chosen), words="replayed")
            self._wait(len(chosen) - len(left), len(chosen))
        ends = self._follower.ends()
        return len(chosen), sum(ends[task_id] == TaskState.DONE for task_id in chosen)

    # ── third act: the proof ─────────────────────────────────────────────────

    def _look(self) -> _Picture:
        """What fnr's store says now."""
        tasks = {task.task_id: task for task in self._client.tasks()}
        letters = list(self._client.letters())
        return _Picture(
            tasks=tasks,
            letters=letters,
            dead=dead_rows(letters, self._accepted.roles, home=str(self._home.root)),
            recovered=recovered(
                self._client.get(task.task_id)
                for task in tasks.values()
                if task.state is TaskState.DONE and failed_before(task)
            ),
        )

    def _report(
        self, before: _Picture, after: _Picture, strikes: Strikes, replayed: int, came_home: int
    ) -> Figures:
        ledger = self._store.ledger()
        findings = self._check()
        proof = prove(
            Witnesses(
                roles=self._accepted.roles,
                states={task_id: task.state for task_id, task in after.tasks.items()},
                letters=frozenset(letter.task_id for letter in after.letters),
                results=self._results(after.tasks),
                marks=(marks := read_marks(self._home.marks)),
                outcomes=self._outcomes(marks),
                objects=ledger.objects,
                contents={key: content_hash(self._store.read(key)) for key in ledger.objects},
                findings=findings,
            )
        )
        files = self._sources.files
        return Figures(
            ok=proof.holds,
            python=platform.python_version(),
            folder=self._sources.folder,
            files=len(files),
            files_found=self._sources.found,
            files_left_out=self._sources.left_out,
            source_bytes=sum(file.size_bytes for file in files),
            seed=self._seed,
            elapsed_ms=self._screen.elapsed_ms,
            accepted=len(self._accepted.roles),
            refused=[item.why for item in self._refused],
            done_before=before.count(TaskState.DONE),
            done=after.count(TaskState.DONE),
            dead=after.count(TaskState.DEAD),
            cancelled=after.count(TaskState.CANCELLED),
            recovered=before.recovered,
            recoveries=self._stage.look(self._client, self._accepted.troubles()),
            dead_before=before.dead,
            dead_after=after.dead,
            replayed=replayed,
            came_home=came_home,
            workers_killed=strikes.workers_killed,
            daemons_killed=strikes.daemons_killed,
            faults=ledger.faults,
            requests=ledger.requests,
            objects_stored=len(ledger.objects),
            proof=proof,
        )

    def _results(self, tasks: dict[str, Task]) -> dict[str, object]:
        wanted = [
            task_id
            for task_id in (*self._accepted.of("digest"), *self._accepted.of("compress"))
            if task_id in tasks and tasks[task_id].state is TaskState.DONE
        ]
        return {
            end.task.task_id: msgspec.json.decode(end.result)
            for chunk in _chunks(wanted)
            for end in self._client.wait_all(chunk, timeout="30s")
        }

    def _outcomes(self, marks: dict[str, list[str]]) -> dict[str, AttemptOutcome]:
        return {
            attempt.token: attempt.outcome
            for task_id, tokens in marks.items()
            if len(tokens) > 1
            for attempt in self._client.get(task_id).attempts
        }

    def _check(self) -> int:
        """How many broken invariants `fnr db check` finds."""
        ran = self._run("db", "check", "-o", "json")
        items = ran.json().get("items")
        found = len(items) if isinstance(items, list) else 1
        return found if ran.code == 0 or found else 1

    def _run(self, *words: str) -> Ran:
        return run_command(self._home, self._interruptions, *words)


class _Picture(msgspec.Struct, frozen=True, kw_only=True):
    """What fnr's store says at one moment."""

    tasks: dict[str, Task]
    letters: list[DeadLetter]
    dead: list[DeadRow]
    recovered: list[Recovered]

    def count(self, state: TaskState) -> int:
        return sum(task.state is state for task in self.tasks.values())


def read_marks(folder: Path) -> dict[str, list[str]]:
    """Task id -> tokens of the attempts that said that they had done its work."""
    return {
        file.name: file.read_text("ascii").splitlines()
        for file in folder.iterdir()
        if not file.suffix
    }


def content_hash(body: bytes) -> str:
    """SHA-256 of what an object unpacks to; "" when it does not."""
    try:
        return hashlib.sha256(gzip.decompress(body)).hexdigest()
    except (OSError, EOFError, zlib.error):
        return ""


def _words(ends: dict[str, str]) -> str:
    dead = sum(state == TaskState.DEAD for state in ends.values())
    return f"{dead} dead" if dead else ""


def _chunks(task_ids: list[str]) -> Iterable[list[str]]:
    return (task_ids[first : first + CHUNK] for first in range(0, len(task_ids), CHUNK))
