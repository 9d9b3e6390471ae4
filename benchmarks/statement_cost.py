"""Row 9: what a statement costs on the event loop, and through aiosqlite; for decision 0001."""

from __future__ import annotations

import asyncio
import importlib.util
import sqlite3
import time
from pathlib import Path

from figures import Line
from plan import Plan

POINT = "SELECT body FROM item WHERE id = ?"
CHANGE = "UPDATE item SET body = ? WHERE id = ?"
ITEMS = 1_000


def statement_cost(plan: Plan) -> list[Line]:
    """One point SELECT with its row, and one UPDATE within an open transaction, in µs each.

    fnr's column: sqlite3 called directly by the coroutine, as fnr's store does. Huey has no part
    in this; the cost through aiosqlite, one await for each call, is in the note. Nothing is
    committed, because a COMMIT costs both the same. Left out unless aiosqlite is installed.
    """
    if importlib.util.find_spec("aiosqlite") is None:
        return []
    file = plan.folder / "statements.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, body TEXT)")
        connection.executemany("INSERT INTO item VALUES (?, 'x')", [(n,) for n in range(ITEMS)])
    connection.close()
    direct = [asyncio.run(_direct_us(file, plan.statements)) for _ in range(plan.runs)]
    hopped = [asyncio.run(_aiosqlite_us(file, plan.statements)) for _ in range(plan.runs)]
    return [
        Line(
            section="statements",
            what=what,
            unit="µs",
            fnr=[run[index] for run in direct],
            note=f"{min(run[index] for run in hopped):.0f}–"
            f"{max(run[index] for run in hopped):.0f} µs through aiosqlite",
        )
        for index, what in enumerate(("one SELECT on the loop", "one UPDATE on the loop"))
    ]


async def _direct_us(file: Path, count: int) -> tuple[float, float]:
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute("BEGIN")
        from_ns = time.perf_counter_ns()
        for number in range(count):
            connection.execute(POINT, (number % ITEMS,)).fetchone()
        select_ns = time.perf_counter_ns() - from_ns
        from_ns = time.perf_counter_ns()
        for number in range(count):
            connection.execute(CHANGE, ("y", number % ITEMS))
        update_ns = time.perf_counter_ns() - from_ns
        connection.execute("ROLLBACK")
    finally:
        connection.close()
    return select_ns / count / 1e3, update_ns / count / 1e3


async def _aiosqlite_us(file: Path, count: int) -> tuple[float, float]:
    import aiosqlite

    async with aiosqlite.connect(file, isolation_level=None) as connection:
        await connection.execute("BEGIN")
        from_ns = time.perf_counter_ns()
        for number in range(count):
            cursor = await connection.execute(POINT, (number % ITEMS,))
            await cursor.fetchone()
        select_ns = time.perf_counter_ns() - from_ns
        from_ns = time.perf_counter_ns()
        for number in range(count):
            await connection.execute(CHANGE, ("y", number % ITEMS))
        update_ns = time.perf_counter_ns() - from_ns
        await connection.execute("ROLLBACK")
    return select_ns / count / 1e3, update_ns / count / 1e3
