"""Three tasks that recover in other ways than by a retry, and what became of them.

One waits for a port that the demo holds, one goes on in a smaller way, and of one that fails for
good what it had done is undone. What the storage's breaker did meanwhile is counted too.
"""

from __future__ import annotations

import socket
from pathlib import Path

from msgspec import Struct

from fnr.api.breaker_requests import ListBreakerMoves
from fnr.cli.demo.inputs import Trouble
from fnr.client.sdk import Client
from fnr.policy.breaker import BreakerState
from fnr.policy.task import TaskState

PORT, SMALLER, UNDONE = "port in use", "too large for its limit", "fails after it wrote a file"
BREAKER = "storage"
MIB_TOO_MUCH, MIB_SMALLER = 4_096, 16


class Recoveries(Struct, frozen=True, kw_only=True):
    """waited: tasks that waited for the port and are done. smaller: done in a smaller way.

    undone: files that a failed task had written, and that are gone. opened: how often the breaker
    of the storage opened; closed: how often it closed again.
    """

    waited: int = 0
    smaller: int = 0
    undone: int = 0
    opened: int = 0
    closed: int = 0


class Stage:
    """What these tasks need, and the demo's part in their recovery."""

    def __init__(self, folder: Path) -> None:
        self._written = folder / "published"
        self._held: socket.socket | None = None

    def set(self) -> list[Trouble]:
        """Take the port; the three tasks."""
        self._held = socket.create_server(("127.0.0.1", 0))
        port = self._held.getsockname()[1]
        return [
            Trouble(name=PORT, function="listen", input={"port": port}, comes_home=True),
            Trouble(name=SMALLER, function="roomy", input={"mib": MIB_TOO_MUCH}, comes_home=True),
            Trouble(name=UNDONE, function="publish", input={"path": str(self._written)}),
        ]

    def play(self, client: Client, troubles: dict[str, Trouble]) -> str:
        """Give the port back once a task waits for it; the line to say, or ""."""
        if self._held is None:
            return ""
        [task_id] = [key for key, trouble in troubles.items() if trouble.name == PORT]
        if not client.get(task_id).task.waits:
            return ""
        port = self._held.getsockname()[1]
        self.close()
        return f"port {port} is free again, and a task waits for it"

    def close(self) -> None:
        """Hold the port no longer."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def look(self, client: Client, troubles: dict[str, Trouble]) -> Recoveries:
        """What became of them."""
        tasks = {
            trouble.name: client.get(task_id).task
            for task_id, trouble in troubles.items()
            if trouble.name in {PORT, SMALLER, UNDONE}
        }
        moves = client.ask(ListBreakerMoves(name=BREAKER, limit=1_000))
        return Recoveries(
            waited=int(tasks[PORT].state is TaskState.DONE and tasks[PORT].waits > 0),
            smaller=int(tasks[SMALLER].state is TaskState.DONE and bool(tasks[SMALLER].degraded)),
            undone=int(tasks[UNDONE].state is TaskState.DEAD and not self._written.exists()),
            opened=sum(move.after is BreakerState.OPEN for move in moves),
            closed=sum(move.after is BreakerState.CLOSED for move in moves),
        )
