"""Run client_program.py in processes of their own, and several of them at the same moment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from client_program import WARM_UP_SUBMITS

PROGRAM = [sys.executable, str(Path(__file__).with_name("client_program.py"))]
PATIENCE_S = 300


def submit_rate_per_s(
    system: str, *, count: int, clients: int, env: Mapping[str, str], what: str = "submit"
) -> tuple[float, int]:
    """Tasks per second over all clients, from the first submit to the last answer; and how many.

    The clients are connected and warm; they are told to go one after the other within about
    0.1 ms, so with many of them the figure includes the ragged start and end.
    """
    each = count // clients
    started = [_start(system, what, each, env) for _ in range(clients)]
    for client in started:
        assert client.stdout is not None
        if client.stdout.readline() != "ready\n":
            raise RuntimeError(f"a {system} client did not start")
    for client in started:
        assert client.stdin is not None
        client.stdin.write("go\n")
        client.stdin.flush()
    spans = [_answer(client) for client in started]
    from_ns = min(span["from_ns"] for span in spans)
    to_ns = max(span["to_ns"] for span in spans)
    return each * clients * 1e9 / (to_ns - from_ns), (each + WARM_UP_SUBMITS) * clients


def latencies_ms(
    system: str, *, count: int, env: Mapping[str, str], what: str = "latency"
) -> list[float]:
    """How long each of `count` tasks took at the client, one at a time."""
    took_ms: list[float] = _answer(_start(system, what, count, env))["took_ms"]
    return took_ms


def _start(system: str, what: str, count: int, env: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, system, what, str(count)],
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _answer(client: subprocess.Popen[str]) -> Any:
    out, _ = client.communicate(timeout=PATIENCE_S)
    if client.returncode:
        raise RuntimeError(f"a client ended with exit code {client.returncode}")
    return json.loads(out)
