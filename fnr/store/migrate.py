"""Bring a store file to this version's schema, one file of schema/ per step, or refuse a newer one.

The version stands in `PRAGMA user_version` and is set in the transaction of its step, so a crash
leaves either the old schema or the new one.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from fnr.store.transaction import StoreNewer, StoreOlder

_STEP = re.compile(r"(telemetry_)?([0-9]{4})_?[a-z_]*\.sql")


def schema_steps(*, telemetry: bool = False) -> list[tuple[int, str]]:
    """Every step's version and statements, in order."""
    steps = []
    for file in (files("fnr.store") / "schema").iterdir():
        found = _STEP.fullmatch(file.name)
        if found and bool(found[1]) == telemetry:
            steps.append((int(found[2]), file.read_text(encoding="utf-8")))
    return sorted(steps)


def schema_version(connection: sqlite3.Connection) -> int:
    """The version a store file is at; 0 when it is empty."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def check_version(connection: sqlite3.Connection, *, telemetry: bool = False) -> int:
    """The file's version; raises StoreNewer when this program is too old for it."""
    version = schema_version(connection)
    newest = schema_steps(telemetry=telemetry)[-1][0]
    if version > newest:
        file = "telemetry.db" if telemetry else "it"
        raise StoreNewer(f"{file} has schema version {version}, this fnr knows {newest} at most")
    return version


def check_readable(connection: sqlite3.Connection) -> None:
    """Raise StoreNewer, or StoreOlder when no daemon of this version has opened it yet."""
    version, newest = check_version(connection), schema_steps()[-1][0]
    # 0: no store at all, as whoever reads of it will find.
    if 0 < version < newest:
        raise StoreOlder(f"the store has schema version {version}, this fnr reads {newest}")


@contextmanager
def as_of_today(connection: sqlite3.Connection) -> Iterator[None]:
    """The schema of today for as long as this lasts; the file keeps its own. Raises StoreNewer."""
    version = check_version(connection)
    connection.execute("BEGIN")
    try:
        for step, sql in schema_steps():
            for statement in split_statements(sql) if step > version else ():
                connection.execute(statement)
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def migrate(connection: sqlite3.Connection, *, telemetry: bool = False) -> int:
    """Apply what is missing; the version reached. Raises StoreNewer."""
    version = check_version(connection, telemetry=telemetry)
    for step, sql in schema_steps(telemetry=telemetry):
        if step > version:
            _apply(connection, step, sql)
            version = step
    return version


def _apply(connection: sqlite3.Connection, step: int, sql: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in split_statements(sql):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {step}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def split_statements(sql: str) -> list[str]:
    """The statements of a schema file; executescript would commit before its first one."""
    statements: list[str] = []
    gathered = ""
    for line in sql.splitlines(keepends=True):
        gathered += line
        if sqlite3.complete_statement(gathered):
            statements.append(gathered)
            gathered = ""
    return statements
