"""What is wrong now and lasts until somebody, or fnr itself, has mended it."""

from __future__ import annotations

from fnr.daemon.breakers import Breakers
from fnr.daemon.parts import Parts
from fnr.daemon.supervisor import Supervisor
from fnr.policy.alert import Alert
from fnr.policy.breaker import BreakerState

# Nothing is kept, or nothing new is taken.
_CRITICAL = ("store", "disk")
# What goes on without harm to tasks.
_MILD = ("telemetry", "reserve")
# Told of by themselves.
_OWN = ("undo", "alerts.")


def lasting(parts: Parts, breakers: Breakers, supervisor: Supervisor) -> list[Alert]:
    """An alert for each."""
    return [
        *_problems(parts),
        *(
            Alert(
                about=f"breaker:{name}",
                kind="breaker",
                severity="alert",
                title=f"the breaker of {name} is open",
                detail=breakers.cause(name),
                next_step=f"{parts.paths.command} breaker why {name}",
                standing=True,
            )
            for name in breakers.names()
            if (found := breakers.get(name)) is not None
            and found.state in {BreakerState.OPEN, BreakerState.HALF_OPEN}
        ),
        *(
            Alert(
                about=f"function:{pool.name}",
                kind="function",
                severity="alert",
                title=f"{pool.name} cannot run",
                detail=pool.problem,
                function=pool.name,
                next_step=f"{parts.paths.command} function show {pool.name}",
                standing=True,
            )
            for pool in supervisor.pools.values()
            if pool.problem
        ),
    ]


def _problems(parts: Parts) -> list[Alert]:
    found = []
    for key, words in parts.problems.items():
        if key.startswith(_OWN):
            continue
        severity = "critical" if key in _CRITICAL else "warning" if key in _MILD else "alert"
        found.append(
            Alert(
                about=f"problem:{key}",
                kind="problem",
                severity=severity,
                title=words,
                next_step=f"{parts.paths.command} status",
                standing=True,
            )
        )
    return found
