"""`fnr db`: check, stats, backup, restore, vacuum."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from fnr.api.errors import BadData, PermissionDenied, Refused, StorageError, UsageError
from fnr.api.requests import GetStoreStats
from fnr.cli.group import confirm, examples, group
from fnr.cli.here import here, say
from fnr.cli.options import Yes
from fnr.cli.render import (
    Column,
    Listing,
    clock_time,
    show_list,
    show_one,
    size_text,
    write,
    write_json,
)
from fnr.cli.terminal import one_line
from fnr.client import store_file
from fnr.policy.counted import counted
from fnr.policy.record import Finding, StoreStats

app = group("db", "The store: the one file that holds every task.")

FINDINGS: Listing[Finding] = Listing(
    schema="fnr.db.check/1",
    columns=(
        Column("INVARIANT", lambda finding: finding.invariant),
        Column("COUNT", lambda finding: finding.count, right=True),
        Column("WHAT", lambda finding: finding.what),
        Column("IDS", lambda finding: " ".join(finding.ids), flexible=True),
    ),
    name=lambda finding: finding.invariant,
    empty="good: every invariant holds",
)  # fmt: skip

# Whether it may be read is said by us, with the exit code for it.
File = Annotated[Path, typer.Argument(metavar="FILE", help="A file.", readable=False)]

Damaged = Annotated[
    bool,
    typer.Option("--damaged", help="Although fnr db check finds something in it."),
]


@app.command(epilog=examples("fnr db check", "fnr db check -o json"))
def check() -> None:
    """Check SQLite's integrity and fnr's invariants across tables; exit code 1 if one is broken.

    Every task in one legal state, every ended attempt with its decision, every dead letter with its
    full input, every count equal to the rows it counts. Works while the daemon runs.
    """
    store_file.require(here().paths)
    found = store_file.check(here().paths)
    show_list(FINDINGS, found, total=len(found))
    if found:
        raise typer.Exit(1)


@app.command(epilog=examples("fnr db stats"))
def stats() -> None:
    """Show the sizes of the files and the number of rows."""
    found = here().ask(GetStoreStats())
    show_one("fnr.db.stats/1", found, lambda: _stats_page(found), name=here().paths.store_file)


@app.command(epilog=examples("fnr db backup /backup/fnr-$(date +%F).db"))
def backup(file: File, damaged: Damaged = False) -> None:
    """Write a copy of the store, consistent, while the daemon runs; checked after writing."""
    if str(file) == "-":
        raise UsageError(
            "a backup is written to a file, not to standard output",
            why="it is checked where it lies",
            next_step="fnr db backup /backup/fnr.db",
        )
    store_file.require(here().paths)
    if file.exists():
        raise Refused(f"{file} exists already", why="a backup overwrites nothing")
    if _is_of_store(file):
        raise Refused(f"{file} is a file of the store itself", why="SQLite would write over it")
    if not file.absolute().parent.is_dir():
        raise StorageError(f"{file} cannot be written", why=f"there is no folder {file.parent}")
    size_bytes, findings = store_file.backup(here().paths, file, damaged=damaged)
    if here().as_json:
        written = {"file": str(file), "bytes": size_bytes, "findings": findings}
        write_json({"schema": "fnr.db.backup/1", **written})
        return
    write(f"{file}\n")
    here().notice(f"{size_text(size_bytes)} written and checked")
    if findings:
        broken = ", ".join(sorted({finding.invariant for finding in findings}))
        say(f"the copy is as damaged as the store: {broken}")


@app.command(
    epilog=examples("fnr daemon stop --drain && fnr db restore /backup/fnr.db && fnr daemon start")
)
def restore(file: File, yes: Yes = False, damaged: Damaged = False) -> None:
    """Put a backup in the store's place; the store of before is kept beside it.

    The daemon must be stopped. Tasks accepted after the backup are only in the old file, and so is
    what workers still run: drain them before.
    """
    if not file.exists():
        raise BadData(f"there is no file {file}")
    if not file.is_file():
        raise BadData(f"{file} cannot be restored", why="it is no regular file")
    if not os.access(file, os.R_OK):
        raise PermissionDenied(f"{file} cannot be restored", why="you may not read it")
    store_file.refuse_while_running(here().paths, "restored")
    if running := store_file.still_running(here().paths):
        say(
            f"still running of this store: {counted(running, 'attempt')}; with another one the"
            " daemon ends what runs, and tries again what that one says is not done"
        )
    confirm(f"Replace {here().paths.store_file} with {file}?", yes=yes)
    kept = store_file.restore(here().paths, file, damaged=damaged)
    if here().as_json:
        replaced = None if kept is None else str(kept)
        restored = {"file": here().paths.store_file, "replaced": replaced}
        write_json({"schema": "fnr.db.restore/1", **restored})
        return
    write(f"{here().paths.store_file}\n")
    if kept:
        say(f"the store of before is {kept}")


@app.command(epilog=examples("fnr daemon stop && fnr db vacuum && fnr daemon start"))
def vacuum() -> None:
    """Give the space of deleted rows back to the disk; the daemon must be stopped.

    Until it is done it takes twice the room of what is left, beside the store.
    """
    store_file.require(here().paths)
    store_file.refuse_while_running(here().paths, "vacuumed")
    before_bytes, after_bytes = store_file.vacuum(here().paths)
    if here().as_json:
        sizes = {"bytes_before": before_bytes, "bytes_after": after_bytes}
        write_json({"schema": "fnr.db.vacuum/1", **sizes})
    else:
        write(f"{size_text(before_bytes)} -> {size_text(after_bytes)}\n")


def _is_of_store(file: Path) -> bool:
    """Would SQLite take it for a part of the store, though it is not there now?"""
    paths = here().paths
    # Where a link leads to the store, SQLite keeps its log beside the store, not beside the link.
    stores = (paths.store_file, paths.telemetry_file)
    parts = {
        os.path.realpath(f"{store}{suffix}")
        for store in (*stores, *map(os.path.realpath, stores))
        for suffix in ("", "-wal", "-shm", "-journal")
    }
    return os.path.realpath(file) in parts


def _stats_page(stats: StoreStats) -> str:
    rows = [
        ("store", f"{size_text(stats.store_bytes)}, of which {size_text(stats.free_bytes)} free"),
        ("log (WAL)", size_text(stats.wal_bytes)),
        ("telemetry", size_text(stats.telemetry_bytes)),
        ("schema", f"version {stats.schema_version}, SQLite {stats.sqlite_version}"),
    ]
    if stats.oldest_task_at_ms is not None:
        rows.append(("oldest task", clock_time(stats.oldest_task_at_ms)))
    rows += [(f"{name} rows", str(count)) for name, count in stats.tables.items()]
    return "".join(f"{name + ':':<20}{one_line(value)}\n" for name, value in rows)
