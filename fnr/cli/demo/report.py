"""What happened, in figures: gathered from tasks and letters, shown as tables or as JSON."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from fnr.cli.columns import cell_width
from fnr.cli.demo.accepted import Role
from fnr.cli.demo.proof import Proof
from fnr.cli.demo.recoveries import BREAKER, MIB_SMALLER, MIB_TOO_MUCH, Recoveries
from fnr.cli.terminal import duration, one_line
from fnr.policy.dead_letter import DeadLetter
from fnr.policy.record import TaskDetail
from fnr.policy.task import Task

SCHEMA = "fnr.demo/1"
WHY_CHARS_MAX = 60
GOES_ON_DEEPER = 6
FLAWS_SHOWN_MAX = 5


class Recovered(Struct, frozen=True, kw_only=True):
    """Tasks that failed, and then were done, by the category and rule of their last failure."""

    category: str
    rule: str
    count: int


class DeadRow(Struct, frozen=True, kw_only=True):
    """Dead letters of one kind. trouble: name of the planned trouble; "" for ordinary work."""

    function: str
    category: str
    cause: str
    why: str
    count: int
    trouble: str = ""


class Figures(Struct, frozen=True, kw_only=True):
    """Everything that the demo reports.

    dead_before, dead_after: the dead letters before the repair and after the replay.
    done_before: how many were done before the repair. came_home: letters that the replay brought
    home. refused: tasks that were refused at the door, with the reason.
    """

    ok: bool
    python: str
    folder: str
    files: int
    files_found: int
    files_left_out: int
    source_bytes: int
    seed: int
    elapsed_ms: int
    accepted: int
    refused: list[str]
    done_before: int
    done: int
    dead: int
    cancelled: int
    recovered: list[Recovered]
    recoveries: Recoveries
    dead_before: list[DeadRow]
    dead_after: list[DeadRow]
    replayed: int
    came_home: int
    workers_killed: int
    daemons_killed: int
    faults: dict[str, int]
    requests: int
    objects_stored: int
    proof: Proof
    home: str | None = None


def recovered(details: Iterable[TaskDetail]) -> list[Recovered]:
    """Count done tasks that had failed before, most first."""
    counts: Counter[tuple[str, str]] = Counter()
    for detail in details:
        if detail.errors and detail.task.state == "done":
            last = detail.errors[-1].classification
            counts[last.category.value, last.rule] += 1
    return [
        Recovered(category=category, rule=rule, count=count)
        for (category, rule), count in counts.most_common()
    ]


def failed_before(task: Task) -> bool:
    """Whether an attempt at this task failed: only then are its details worth a look."""
    return bool(task.retries or task.unknowns or task.waits or task.deaths)


def dead_rows(
    letters: Iterable[DeadLetter], roles: Mapping[str, Role], *, home: str
) -> list[DeadRow]:
    """Group dead letters by what is wrong with them, most first; paths as within the home."""
    counts: Counter[tuple[str, str, str, str, str]] = Counter()
    for letter in letters:
        role = roles.get(letter.task_id)
        trouble = role.trouble.name if role and role.trouble else ""
        why = _short((letter.message or letter.reason).replace(f"{home}/", ""))
        counts[letter.function, letter.category.value, letter.cause.value, why, trouble] += 1
    return [
        DeadRow(
            function=function, category=category, cause=cause, why=why, trouble=trouble, count=count
        )
        for (function, category, cause, why, trouble), count in sorted(
            counts.items(), key=lambda item: (-item[1], item[0])
        )
    ]


def text(figures: Figures, *, width: int | None = None) -> str:
    """The report for people; width: of the terminal, if it is shown on one."""
    lines = [*_what_happened(figures), *_the_proof(figures)]
    if width is not None:
        lines = [part for line in lines for part in _in_width(line, width)]
    return "\n".join(lines) + "\n"


def _in_width(line: str, width: int) -> list[str]:
    """Columns that have no room go on below, deeper; the terminal would break them within words."""
    if cell_width(line) <= width:
        return [line]
    head, _, last = line.rpartition("  ")
    deeper = " " * GOES_ON_DEEPER
    below = textwrap.wrap(
        last,
        width,
        initial_indent=deeper if head.strip() else line[: -len(line.lstrip())],
        subsequent_indent=deeper,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [*_in_width(head.rstrip(), width), *below] if head.strip() else below


def _what_happened(figures: Figures) -> Iterator[str]:
    sampled = f" of {figures.files_found}" if figures.files < figures.files_found else ""
    files = "file" if figures.files_found == 1 else "files"
    left_out = ""
    if figures.files_left_out:
        left_out = f" {figures.files_left_out} too large or not to be read,"
    yield ""
    yield (
        f"{figures.files}{sampled} {files} of {figures.folder},{left_out}"
        f" {figures.source_bytes / 1_048_576:.1f} MiB, seed {figures.seed}"
    )
    yield from _table(
        "TASKS",
        [
            ("accepted", figures.accepted, f"{len(figures.refused)} more refused at the door"),
            ("done", figures.done, f"{figures.done_before} before the repair"),
            ("recovered", _sum(figures.recovered), "failed, were tried again, and are done"),
            ("brought home", figures.came_home, f"of {figures.replayed} replayed dead letters"),
            ("dead", figures.dead, "with a letter that keeps their whole input"),
            ("cancelled", figures.cancelled, ""),
        ],
    )
    yield from _table(
        "RECOVERED, BY CATEGORY",
        [(found.category, found.count, found.rule) for found in figures.recovered],
    )
    ways = figures.recoveries
    yield from _table(
        "RECOVERED IN OTHER WAYS",
        [
            ("waited", ways.waited, "for a port in use, and was woken when it was free"),
            ("degraded", ways.smaller, f"from {MIB_TOO_MUCH} to {MIB_SMALLER} MiB, its next way"),
            ("undone", ways.undone, "the file that a failed task had written is gone"),
            (f"breaker {BREAKER}", ways.opened, f"times open, {ways.closed} times closed again"),
        ],
    )
    yield from _table(
        "WHAT WENT WRONG ON PURPOSE",
        [
            ("SIGKILL to a worker", figures.workers_killed, ""),
            ("SIGKILL to the daemon", figures.daemons_killed, ""),
            *((name, count, "") for name, count in sorted(figures.faults.items())),
        ],
    )
    yield from _table(
        "DEAD LETTERS, BEFORE THE REPAIR AND AFTER THE REPLAY",
        [
            (row.function, row.count, after, f"{row.category}, {row.cause}", row.trouble, row.why)
            for row, after in _compared(figures.dead_before, figures.dead_after)
        ],
    )


def _the_proof(figures: Figures) -> Iterator[str]:
    proof = figures.proof
    rows: list[tuple[object, ...]] = [
        ("accepted ids held against the store", figures.accepted, _verdict(proof.lost, "lost")),
        ("marks of tasks done", "", _verdict(proof.done_twice, "done twice")),
        ("objects held against their sources", proof.objects_compared,
         _verdict(proof.wrong_objects + proof.not_stored, "wrong or not there")),
        ("objects stored", figures.objects_stored, _verdict(proof.stored_twice, "stored twice")),
        ("puts that came again", proof.puts_repeated, "stored nothing new"),
        ("fnr db check", "", _counted(proof.invariants_broken, "broken invariants")),
    ]  # fmt: skip
    if proof.work_repeated:
        rows.append(("work repeated", proof.work_repeated, "after a death on record"))
    yield from _table("PROOF", rows)
    for name, found in proof.flaws().items():
        if found:
            shown = " ".join(found[:FLAWS_SHOWN_MAX])
            yield one_line(f"FLAW {name} ({len(found)}): {shown}")
    yield ""
    took = duration(figures.elapsed_ms)
    if figures.ok:
        yield f"nothing lost, nothing done or stored twice, in {took}"
    else:
        yield f"NOT AS PROMISED, after {took}: see the flaws above"


def _verdict(flaws: Sequence[str], words: str) -> str:
    return _counted(len(flaws), words)


def _counted(count: int, words: str) -> str:
    return f"{count or 'none'} {words}"


def _compared(before: Sequence[DeadRow], after: Sequence[DeadRow]) -> Iterator[tuple[DeadRow, int]]:
    """Every kind of dead letter as it was before, with the count of after."""
    left = {_kind(row): row.count for row in after}
    for row in before:
        yield row, left.pop(_kind(row), 0)
    for row in after:
        if _kind(row) in left:
            yield msgspec.structs.replace(row, count=0), row.count


def _kind(row: DeadRow) -> tuple[str, ...]:
    return row.function, row.category, row.cause, row.why, row.trouble


def _table(title: str, rows: Sequence[tuple[object, ...]]) -> Iterator[str]:
    """A title and aligned columns; numbers to the right."""
    yield ""
    yield title
    if not rows:
        yield "  none"
        return
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row, shown in zip(rows, cells, strict=True):
        padded = (
            cell.rjust(width) if isinstance(value, int) or not cell else cell.ljust(width)
            for value, cell, width in zip(row, shown, widths, strict=True)
        )
        yield f"  {'  '.join(padded)}".rstrip()


def _sum(found: Iterable[Recovered]) -> int:
    return sum(row.count for row in found)


def _short(words: str) -> str:
    """One line of at most WHY_CHARS_MAX."""
    line = one_line(words).strip()
    return line if len(line) <= WHY_CHARS_MAX else line[: WHY_CHARS_MAX - 1] + "…"
