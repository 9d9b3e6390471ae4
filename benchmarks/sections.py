"""The sections of the benchmark, and how all of them are measured one after the other."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

import breakers
import classify
import drain
import idle
import latency
import limits
import machine
import million
import recovery
import replaying
import statement_cost
import status_command
import submitting
import tui
import waiting
import wraps
from death import death
from figures import Line, spread_text
from plan import Plan

SECTIONS: dict[str, Callable[[Plan], list[Line]]] = {
    "limits": limits.limits,
    "drain": drain.one_in_flight,
    "window": drain.windows,
    "failing": drain.failing,
    "submit": submitting.submitting,
    "latency": latency.latency,
    "death": death,
    "idle": idle.idle,
    "status": status_command.status,
    "million": million.million,
    "tui": tui.tui,
    "replay": replaying.replaying,
    "waiting": waiting.waiting,
    "naming": classify.naming,
    "wraps": wraps.wraps,
    "recovery": recovery.recovery,
    "breakers": breakers.breakers,
    "statements": statement_cost.statement_cost,
}


def measure(plan: Plan, names: Sequence[str]) -> tuple[list[Line], list[machine.Noise]]:
    """The lines of these sections, and how busy others kept the machine before each."""
    # Started programs compile into our folder, once, and not beside the sources: an installed
    # program is compiled, too.
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(plan.python_cache))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    lines: list[Line] = []
    heard: list[machine.Noise] = []
    for name in names:
        noise = machine.listen()
        heard.append(noise)
        say(f"{name}: {noise}" + ("  WARNING: high" if noise.spoils else ""))
        for line in SECTIONS[name](plan):
            say(f"  {line.what}: {spread_text(line.fnr)} {line.unit}")
            lines.append(line)
    return lines, heard


def say(words: str) -> None:
    """What is going on, for whoever watches; the table alone goes to stdout."""
    print(words, file=sys.stderr, flush=True)
