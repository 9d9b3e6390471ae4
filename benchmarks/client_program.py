"""A client process of its own: submits to fnr or to Huey and says how long it took, as JSON.

client_program.py fnr|huey submit COUNT    waits for a line on stdin between ready and go
client_program.py fnr|huey latency COUNT   one task at a time, with pauses in between
client_program.py fnr asleep COUNT         submits as a client that never looks before it sleeps
client_program.py fnr call COUNT           the same, by Client.call
"""

from __future__ import annotations

import json
import os
import random  # noqa: TID251 - seeded pauses: every run and both systems wait alike
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from worked_tasks import PAYLOAD

if TYPE_CHECKING:
    from fnr.client.sdk import Client

HOME_ENV = "FNR_BENCH_HOME"
WARM_UP_SUBMITS = 10
PAUSE_FROM_S, PAUSE_TO_S = 0.005, 0.035
# Huey's client looks for a result in the store; 5 ms is far more often than its default.
HUEY_POLL_S = 0.005

Submit = Callable[[], Any]
Result = Callable[[Any], Any]


def fnr_client() -> Client:
    """fnr.Client over the socket."""
    from fnr.client.sdk import Client

    return Client(os.environ[HOME_ENV], timeout="60s")


def fnr_calls() -> tuple[Submit, Result]:
    """Submit a task, wait for its result."""
    client = fnr_client()
    return (lambda: client.submit("noop", PAYLOAD)), client.result


def huey_calls() -> tuple[Submit, Result]:
    """Enqueue a task, wait for its result: Huey writes the store itself, and polls it."""
    from huey_tasks import noop

    def result(handle: Any) -> Any:
        return handle.get(blocking=True, backoff=1, max_delay=HUEY_POLL_S, timeout=60)

    return (lambda: noop(**PAYLOAD)), result


def submit(enqueue: Submit, count: int) -> dict[str, int]:
    """When the first submit began and the last one was answered; connected and warm before."""
    for _ in range(WARM_UP_SUBMITS):
        enqueue()
    print("ready", flush=True)
    sys.stdin.readline()
    from_ns = time.monotonic_ns()
    for _ in range(count):
        enqueue()
    return {"from_ns": from_ns, "to_ns": time.monotonic_ns()}


def pauses_s(count: int) -> list[float]:
    """How idle a system is before each task."""
    dice = random.Random(1)
    return [dice.uniform(PAUSE_FROM_S, PAUSE_TO_S) for _ in range(count)]


def latency(once: Callable[[], Any], count: int) -> dict[str, list[float]]:
    """From before the submit until the result is in hand, in ms, for each task."""
    for _ in range(WARM_UP_SUBMITS):
        once()
    took_ms = []
    for pause_s in pauses_s(count):
        time.sleep(pause_s)
        from_ns = time.perf_counter_ns()
        once()
        took_ms.append((time.perf_counter_ns() - from_ns) / 1e6)
    return {"took_ms": took_ms}


def main(system: str, what: str, count: str) -> None:
    """Do it and print it."""
    if what == "call":
        client = fnr_client()
        print(json.dumps(latency(lambda: client.call("noop", PAYLOAD), int(count))))
        return
    if what == "asleep":
        from fnr.client import eager

        eager.ROW_MIN = eager.ROW_MAX = sys.maxsize
        what = "submit"
    enqueue, result = {"fnr": fnr_calls, "huey": huey_calls}[system]()
    if what == "submit":
        print(json.dumps(submit(enqueue, int(count))))
    else:
        print(json.dumps(latency(lambda: result(enqueue()), int(count))))


if __name__ == "__main__":
    main(*sys.argv[1:])
