"""What the demo does to its own processes while they work: SIGKILL to workers and to the daemon.

Each strike waits for its moment, which is a fact (so much is done, that task has begun) and never
a time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fnr.api.requests import ListWorkers
from fnr.cli.demo.functions import BEGUN_SUFFIX
from fnr.cli.stage.processes import Daemon, kill_worker
from fnr.client.sdk import Client
from fnr.policy.record import WorkerRecord

# Shares of the work that are done when a strike is due.
WORKER_FROM, WORKER_UNTIL = 0.2, 0.9
DAEMON_FROM = 0.4


class Strikes:
    """Four strikes, each once.

    patients: tasks that wait to be killed, the first under the first daemon, the second under the
    next, which has to have adopted its worker by then. marks: where they note that they have begun.
    """

    def __init__(
        self,
        daemon: Daemon,
        client: Client,
        *,
        patients: list[str],
        marks: Path,
        say: Callable[[str], None],
    ) -> None:
        self.workers_killed = 0
        self.daemons_killed = 0
        self._daemon = daemon
        self._client = client
        self._patients = patients
        self._marks = marks
        self._say = say
        self._due = [self._first_patient, self._busy_upload, self._restart, self._second_patient]

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return not self._due

    def strike(self, *, share: float, ends: dict[str, str]) -> None:
        """Do what is due now; share: of the work that is done; ends: how tasks ended so far."""
        while self._due and self._due[0](share, ends):
            self._due.pop(0)

    def _first_patient(self, _: float, ends: dict[str, str]) -> bool:
        return self._kill_patient(self._patients[0], ends)

    def _second_patient(self, _: float, ends: dict[str, str]) -> bool:
        return self._kill_patient(self._patients[1], ends)

    def _busy_upload(self, share: float, _: dict[str, str]) -> bool:
        """A worker amid real work: what it was storing is stored once all the same."""
        if share < WORKER_FROM:
            return False
        busy = [worker for worker in self._workers("upload") if worker.task_id]
        return share >= WORKER_UNTIL or any(self._kill(worker) for worker in busy[:1])

    def _restart(self, share: float, ends: dict[str, str]) -> bool:
        """SIGKILL the daemon amid the load; workers go on, and the next daemon adopts them."""
        if share < DAEMON_FROM:
            return False
        if self._patients[1] not in ends and not self._has_begun(self._patients[1]):
            return False
        busy = sum(worker.task_id is not None for worker in self._workers(None))
        pid = self._daemon.kill()
        self.daemons_killed += 1
        self._client.close()
        self._say(f"SIGKILL to the daemon (pid {pid}); busy workers: {busy}")
        self._daemon.start()
        self._say(f"the next daemon answers (pid {self._daemon.pid})")
        return True

    def _kill_patient(self, task_id: str, ends: dict[str, str]) -> bool:
        if task_id in ends:
            return True
        if not self._has_begun(task_id):
            return False
        worker = next((each for each in self._workers("patient") if each.task_id == task_id), None)
        return worker is not None and self._kill(worker)

    def _has_begun(self, task_id: str) -> bool:
        """Whether a patient waits to be killed; it left a file before."""
        return (self._marks / f"{task_id}{BEGUN_SUFFIX}").exists()

    def _kill(self, worker: WorkerRecord) -> bool:
        if not kill_worker(worker.pid, worker.pid_start):
            return False
        self.workers_killed += 1
        self._say(f"SIGKILL to a worker of {worker.function} (pid {worker.pid}) amid its task")
        return True

    def _workers(self, function: str | None) -> list[WorkerRecord]:
        return self._client.ask(ListWorkers(function=function))
