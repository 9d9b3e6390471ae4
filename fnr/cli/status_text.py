"""`fnr status` on one screen, from the answer as plain JSON values.

Works on dicts and imports nothing heavy, so that the fast path can use it.
"""

from __future__ import annotations

from fnr.cli.terminal import BOLD, DIM, GREEN, RED, YELLOW, duration, one_line, painted
from fnr.client.next_step import told_here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SCHEMA = "fnr.status/1"
EXIT_DOWN = 3
_STATES = ("running", "queued", "waiting", "dead", "done")
_COLOUR_OF = {"running": GREEN, "draining": YELLOW, "degraded": YELLOW, "down": RED}


def exit_code(status: dict[str, Any]) -> int:
    """0 when the daemon is there, 3 when it is down."""
    return EXIT_DOWN if status["state"] == "down" else 0


def for_people(
    status: dict[str, Any], *, now_ms: int, colour: bool, command: str, width: int
) -> str:
    """The screen. command: how `fnr` is called for this home. width: of the terminal."""
    state = status["state"]
    head = painted(state, _COLOUR_OF.get(state, RED), colour=colour)
    parts = [f"fnr {status['version']}", head]
    if status.get("started_at_ms"):
        parts.append(f"up {duration(max(0, now_ms - status['started_at_ms']))}")
    if status.get("pid"):
        parts.append(f"pid {status['pid']}")
    lines = [" · ".join([*parts, one_line(status["home"])])]
    lines += [
        f"! {one_line(told_here(problem, command))}" for problem in status.get("problems") or ()
    ]
    for one in status.get("limits") or ():
        lines.append(f"~ {one_line(one['what'])}: still served: {one_line(one['served'])}")
        lines.append(f"  not served: {one_line(one['refused'])}")
    if functions := status.get("functions"):
        lines += ["", *_table(functions, down=state == "down", colour=colour, width=width)]
    elif not status.get("problems"):
        lines += ["", f"no functions yet: {command} init writes an fnr.toml to begin with"]
    if breakers := status.get("breakers"):
        lines.append("")
        lines += [painted(one_line(words), YELLOW, colour=colour) for words in breakers.values()]
        lines.append(f"why: {command} breaker why {one_line(next(iter(breakers)))}")
    if letters := status.get("letters_open"):
        noun = "dead letter" if letters == 1 else "dead letters"
        lines += ["", painted(f"{letters} {noun}", RED, colour=colour)]
        lines[-1] += f" · {command} dlq list"
    return "\n".join(lines) + "\n"


def for_pipes(status: dict[str, Any], *, command: str) -> str:
    """Tab-separated: a line for the daemon, each function, breaker not closed, and problem."""
    down = status["state"] == "down"
    rows = [["daemon", status["state"], status["version"], status.get("pid") or "", status["home"]]]
    for function in status.get("functions") or ():
        counts = function["counts"]
        rows.append(
            [
                "function",
                function["function"],
                _state(function, down=down),
                function.get("workers", 0),
            ]
            + [counts.get(state, 0) for state in _STATES]
        )
    rows += [["breaker", name, words] for name, words in (status.get("breakers") or {}).items()]
    rows += [["problem", told_here(problem, command)] for problem in status.get("problems") or ()]
    rows += [
        ["limited", one["what"], one["served"], one["refused"]]
        for one in status.get("limits") or ()
    ]
    return "".join("\t".join(map(one_line, row)) + "\n" for row in rows)


def _table(functions: list[dict[str, Any]], *, down: bool, colour: bool, width: int) -> list[str]:
    """Where it is too wide each value has a line of its own, as in every list."""
    titles = ["FUNCTION", "STATE", "WORKERS", *(state.upper() for state in _STATES)]
    rows = [titles]
    for function in functions:
        counts = function["counts"]
        workers = f"{function.get('workers', 0)}/{function.get('workers_max', 0)}"
        rows.append(
            [one_line(function["function"]), _state(function, down=down), "-" if down else workers]
            + [str(counts.get(state, 0)) for state in _STATES]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    stacked = sum(widths) + 2 * (len(widths) - 1) > width
    lines = [] if stacked else [painted(_line(titles, widths), BOLD, colour=colour)]
    for function, row in zip(functions, rows[1:], strict=True):
        if stacked:
            indent = max(map(len, titles)) + 2
            text = [
                f"{title.lower():<{indent}}{cell}" for title, cell in zip(titles, row, strict=True)
            ]
        else:
            text = [_line(row, widths)]
        style, note = _note(function)
        lines += [painted(line, style, colour=colour) if style else line for line in text]
        lines += [f"  {note}"] if note else []
        lines += [""] if stacked else []
    return lines[:-1] if stacked else lines


def _note(function: dict[str, Any]) -> tuple[str, str]:
    """How its line is painted, and what stands below it."""
    if function.get("problem"):
        return RED, f"! {one_line(function['problem'])}"
    if function.get("paused_by"):
        return "", f"paused by {one_line(function['paused_by'])}"
    if function.get("holds"):
        return "", f"held back: {one_line('; '.join(function['holds'].values()))}"
    return ("", "") if sum(function["counts"].values()) else (DIM, "")


def _line(row: list[str], widths: list[int]) -> str:
    """Words to the left, numbers to the right."""
    cells = [
        cell.ljust(size) if column < 2 else cell.rjust(size)
        for column, (cell, size) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _state(function: dict[str, Any], *, down: bool) -> str:
    if function.get("problem"):
        return "broken"
    if function.get("paused"):
        return "paused"
    if function.get("holds"):
        return "held"
    if down:
        return "down"
    if function.get("kind") == "removed":
        return "removed"
    if function.get("busy"):
        return "busy"
    loading = function.get("starting")
    return "starting" if loading and loading == function.get("workers") else "ready"
