"""How states look: a sign and a colour for each, so that none is told by its colour alone."""

from __future__ import annotations

from msgspec import Struct


class Look(Struct, frozen=True):
    """A sign of one cell, and a style."""

    sign: str
    style: str


PLAIN = Look(" ", "")

# Tasks, letters, incidents, workers, functions, rules, breakers, plans and faults: a word of a
# state means the same wherever it stands.
LOOKS: dict[str, Look] = {
    "queued": Look("○", ""),
    "waiting": Look("◔", "yellow"),
    "running": Look("●", "green"),
    "done": Look("✓", "dim"),
    "dead": Look("✗", "red"),
    "cancelled": Look("–", "dim"),
    "open": Look("✗", "red"),
    "replaying": Look("↻", "green"),
    "resolved": Look("✓", "dim"),
    "new": Look("!", "bold red"),
    "regressed": Look("!", "bold red"),
    "ongoing": Look("●", "yellow"),
    "snoozed": Look("z", "dim"),
    "starting": Look("◔", "yellow"),
    "away": Look("?", "yellow"),
    "idle": Look("○", ""),
    "busy": Look("●", "green"),
    "leaving": Look("–", "dim"),
    "gone": Look("–", "dim"),
    "ready": Look("○", "green"),
    "paused": Look("‖", "yellow"),
    "held": Look("◔", "yellow"),
    "broken": Look("!", "bold red"),
    "draining": Look("◔", "yellow"),
    "degraded": Look("!", "bold yellow"),
    "down": Look("✗", "bold red"),
    "in force": Look("●", "green"),
    "not in force": Look("✗", "bold red"),
    "disabled": Look("–", "dim"),
    "never": Look("○", "dim"),
    "closed": Look("●", "green"),
    "half_open": Look("◔", "yellow"),
    "half-open": Look("◔", "yellow"),
    "forced_open": Look("✗", "bold red"),
    "forced_closed": Look("●", "yellow"),
    "shadow": Look("○", "yellow"),
    "active": Look("!", "bold red"),
    "reverted": Look("✓", "dim"),
    "failed": Look("✗", "bold red"),
    "stopped": Look("■", "yellow"),
    "planning": Look("○", ""),
    "canary": Look("◔", "yellow"),
    "finished": Look("✓", "dim"),
    "transient": Look("~", ""),
    "resource": Look("◔", "yellow"),
    "validation": Look("✎", "yellow"),
    "permanent": Look("✗", "red"),
    "unknown": Look("?", "yellow"),
    "pass": Look("✓", "green"),
    "fail": Look("✗", "bold red"),
    "invalid": Look("?", "yellow"),
    "unsafe": Look("!", "bold red"),
}


def look_of(state: str) -> Look:
    """The look of a state; a state nobody foresaw has its word and nothing else."""
    return LOOKS.get(state, PLAIN)


def signed(state: str) -> tuple[str, str]:
    """A state as a cell: its sign, its word, its style."""
    look = look_of(state)
    return f"{look.sign} {state}", look.style


BARS = " ▁▂▃▄▅▆▇█"


def spark(values: list[int], width: int) -> str:
    """The latest values as bars, the highest full; the lowest visible one is not empty."""
    shown = values[-width:]
    top = max(shown, default=0)
    if top == 0:
        return "▁" * len(shown)
    steps = len(BARS) - 1
    return "".join(BARS[max(1, -(-value * steps // top))] if value else "▁" for value in shown)
