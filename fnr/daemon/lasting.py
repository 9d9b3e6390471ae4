"""What is wrong now and lasts until somebody, or fnr itself, has mended it."""

from __future__ import annotations

from msgspec import Struct

from fnr.daemon.breakers import Breakers
from fnr.daemon.gpus import Gpus
from fnr.daemon.parts import Parts
from fnr.daemon.supervisor import Supervisor
from fnr.policy.alert import Alert
from fnr.policy.breaker import BreakerState
from fnr.policy.gpu import unfit

# Nothing is kept, or nothing new is taken.
_CRITICAL = ("store", "disk")
# What goes on without harm to tasks.
_MILD = ("telemetry", "reserve")
# Told of by themselves.
_OWN = ("undo", "alerts.")


class Lasting(Struct, frozen=True, kw_only=True):
    """An alert for each. unknown: kinds of which nobody can say now what lasts."""

    alerts: list[Alert]
    unknown: frozenset[str] = frozenset()


def lasting(parts: Parts, breakers: Breakers, supervisor: Supervisor, gpus: Gpus) -> Lasting:
    """As it is now; of GPUs as they were read last."""
    found = [*_problems(parts), *_of_breakers(parts, breakers), *_of_functions(parts, supervisor)]
    if gpus.report.missing:
        return Lasting(alerts=found, unknown=frozenset({"gpu"}))
    return Lasting(alerts=[*found, *_of_gpus(parts, gpus)])


def _of_breakers(parts: Parts, breakers: Breakers) -> list[Alert]:
    return [
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
    ]


def _of_functions(parts: Parts, supervisor: Supervisor) -> list[Alert]:
    return [
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
    ]


def _of_gpus(parts: Parts, gpus: Gpus) -> list[Alert]:
    return [
        Alert(
            about=f"gpu:{gpu.uuid}",
            kind="gpu",
            severity="alert",
            title=f"GPU {gpu.place} gets no work",
            detail=why,
            next_step=f"{parts.paths.command} gpu list",
            standing=True,
        )
        for gpu in gpus.report.gpus
        if (why := unfit(gpu))
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
