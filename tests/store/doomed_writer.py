"""A process that writes to a store until it is killed, and says what it was told is on disk.

Each line on stdout is a task id and the state it was told, written after the answer: an outside
ledger. Arguments: the store's file, how many COMMITs to live, and whether to die before or after
the last one ("never" lives until somebody else kills it).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable

from store_values import IDS, NOW_MS, PERMANENT, TRANSIENT, WORKER, accept, end, failure, new_task

from fnr.policy.verdict import Verdict, conclude
from fnr.store import tasks
from fnr.store.connection import Store
from fnr.store.transaction import Transaction

LANES = 3


def doom(commits: int, phase: str) -> Callable[[str], None]:
    """A commit hook that kills its own process."""
    left = commits

    def hook(now: str) -> None:
        nonlocal left
        if now == phase:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def say(task_id: str, state: str) -> None:
    """One line of the outside ledger, in one write so that it is never cut in half."""
    os.write(1, f"{task_id} {state}\n".encode())


async def lane(store: Store, number: int) -> None:
    """Accept, claim and settle for ever; every third task fails, every ninth for good."""
    turn = 0
    while True:
        turn += 1
        function = f"lane-{number}"
        task = new_task(function=function)
        await store.write(lambda tx, task=task: accept(tx, task))
        say(task.task_id, "queued")

        def run(tx: Transaction, function: str = function, turn: int = turn) -> list[Verdict]:
            verdicts = []
            for claimed in tasks.claim_due(
                tx, function=function, worker=WORKER, new_token=IDS.new, count_max=1,
                now_ms=NOW_MS + turn,
            ):  # fmt: skip
                if turn % 9 == 0:
                    verdict = failure(claimed, PERMANENT)
                elif turn % 3 == 0:
                    verdict = failure(claimed, TRANSIENT)
                else:
                    verdict = conclude(claimed.task, token=claimed.token, now_ms=NOW_MS + turn)
                end(tx, verdict)
                verdicts.append(verdict)
            return verdicts

        for verdict in await store.write(run):
            say(verdict.task.task_id, verdict.task.state)


async def main(file: str, commits: int, phase: str) -> None:
    """Write until killed."""
    store = await Store.open(file, commit_hook=doom(commits, phase))
    async with asyncio.TaskGroup() as group:
        for number in range(LANES):
            group.create_task(lane(store, number))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
