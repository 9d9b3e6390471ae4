"""How much of everything a run measures: all of it, or just enough to see that it works."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Counts of one benchmark run.

    folder: everything that is written lies under it.
    python_cache: where started programs keep compiled modules, so that the first one pays;
                  PYTHONPYCACHEPREFIX names another place.
    """

    folder: Path
    huey: bool = True
    runs: int = 3
    warm_up_tasks: int = 300
    drain_tasks: int = 5_000
    alike_tasks: int = 1_500
    window_tasks: int = 20_000
    submit_tasks: int = 5_000
    submit_clients: int = 8
    jsonl_tasks: int = 100_000
    latency_tasks: int = 300
    kills: int = 24
    idle_s: float = 20.0
    idle_settle_s: float = 3.0
    status_starts: int = 15
    million_tasks: int = 1_000_000
    million_asks: int = 200
    letters: int = 1_000_000
    letter_submits: int = 1_000
    statements: int = 5_000
    commits: int = 400
    errors: int = 200
    breaker_calls: int = 100_000
    breaker_openings: int = 50
    failing_tasks: tuple[int, ...] = (50, 500)
    recovery_timeout_ms: int = 600_000
    waiting_tasks: int = 10_000
    wakes: int = 10

    @property
    def python_cache(self) -> Path:
        return self.folder / "pycache"


def full(folder: Path, *, huey: bool) -> Plan:
    """The counts that the figures in README.md were measured with."""
    return Plan(folder=folder, huey=huey)


def quick(folder: Path, *, huey: bool) -> Plan:
    """Tiny counts: shows that everything runs; the figures mean nothing."""
    return Plan(
        folder=folder,
        huey=huey,
        runs=1,
        warm_up_tasks=20,
        drain_tasks=200,
        alike_tasks=100,
        window_tasks=400,
        submit_tasks=80,
        submit_clients=2,
        jsonl_tasks=1_000,
        latency_tasks=10,
        kills=2,
        idle_s=0.5,
        idle_settle_s=0.0,
        status_starts=3,
        million_tasks=4_000,
        million_asks=10,
        letters=4_000,
        letter_submits=20,
        statements=100,
        commits=20,
        errors=20,
        breaker_calls=500,
        breaker_openings=2,
        failing_tasks=(20,),
        recovery_timeout_ms=60_000,
        waiting_tasks=50,
        wakes=1,
    )
