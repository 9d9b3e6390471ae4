"""`fnr status` on one screen, from the answer as plain JSON values.

Works on dicts and imports nothing heavy, so that the fast path can use it.
"""

from __future__ import annotations

from fnr.cli.terminal import BOLD, DIM, GREEN, RED, YELLOW, duration, one_line, painted

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


def for_people(status: dict[str, Any], *, now_ms: int, colour: bool, command: str) -> str:
    """The screen. command: how `fnr` is called for this home."""
    state = status["state"]
    head = painted(state, _COLOUR_OF.get(state, RED), colour=colour)
    parts = [f"fnr {status['version']}", head]
    if status.get("started_at_ms"):
        parts.append(f"up {duration(max(0, now_ms - status['started_at_ms']))}")
    if status.get("pid"):
        parts.append(f"pid {status['pid']}")
    lines = [" · ".join([*parts, one_line(status["home"])])]
    lines += [f"! {one_line(problem)}" for problem in status.get("problems") or ()]
    for one in status.get("limits") or ():
        lines.append(f"~ {one_line(one['what'])}: still served: {one_line(one['served'])}")
        lines.append(f"  not served: {one_line(one['refused'])}")
    if functions := status.get("functions"):
        lines += ["", *_table(functions, down=state == "down", colour=colour)]
    else:
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


def for_pipes(status: dict[str, Any]) -> str:
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
    rows += [["problem", problem] for problem in status.get("problems") or ()]
    rows += [
        ["limited", one["what"], one["served"], one["refused"]]
        for one in status.get("limits") or ()
    ]
    return "".join("\t".join(map(one_line, row)) + "\n" for row in rows)


def _table(functions: list[dict[str, Any]], *, down: bool, colour: bool) -> list[str]:
    rows = [["FUNCTION", "STATE", "WORKERS", *(state.upper() for state in _STATES)]]
    for function in functions:
        counts = function["counts"]
        workers = f"{function.get('workers', 0)}/{function.get('workers_max', 0)}"
        rows.append(
            [one_line(function["function"]), _state(function, down=down), "-" if down else workers]
            + [str(counts.get(state, 0)) for state in _STATES]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(_cells(row, widths)).rstrip() for row in rows]
    lines[0] = painted(lines[0], BOLD, colour=colour)
    for index, function in enumerate(functions, start=1):
        if function.get("problem"):
            lines[index] = painted(lines[index], RED, colour=colour)
            lines[index] += f"\n  ! {one_line(function['problem'])}"
        elif function.get("paused_by"):
            lines[index] += f"\n  paused by {one_line(function['paused_by'])}"
        elif function.get("holds"):
            whys = "; ".join(function["holds"].values())
            lines[index] += f"\n  held back: {one_line(whys)}"
        elif not sum(function["counts"].values()):
            lines[index] = painted(lines[index], DIM, colour=colour)
    return lines


def _cells(row: list[str], widths: list[int]) -> list[str]:
    """Words to the left, numbers to the right."""
    return [
        cell.ljust(size) if column < 2 else cell.rjust(size)
        for column, (cell, size) in enumerate(zip(row, widths, strict=True))
    ]


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
