"""Read the [breakers.NAME] tables: when calls to a service stop, and how they begin again.

Four breakers are always there. A key that a table leaves out has the number of the built-in of
that name, and for every other name the number of `default`.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from fnr.config.breaker_words import NAME, NAME_RULE
from fnr.config.keys import BREAKER_KEYS, Report, read_table
from fnr.config.settings import BreakerTable, FunctionSettings
from fnr.config.units import format_duration

DEFAULT = "default"
# More cannot be shown to workers.
BREAKERS_MAX = 500
# What went wrong on a GPU says nothing of a disk or a server.
NOT_OF_GPUS = ("-cuda/*", "-nccl/*", "-torch/*", "-xid/*", "-story/gpu-memory")
OF_GPUS = ("cuda/*", "nccl/*", "torch/*", "xid/*", "story/gpu-memory")
BUILT_IN: dict[str, BreakerTable] = {
    DEFAULT: BreakerTable(errors=NOT_OF_GPUS),
    "storage": BreakerTable(errors=NOT_OF_GPUS),
    "comfyui": BreakerTable(failures_max=3, open_ms=30_000),
    "gpu_allocation": BreakerTable(failures_max=2, open_ms=120_000, errors=OF_GPUS),
}


def read_breakers(report: Report, tables: object) -> dict[str, BreakerTable]:
    """Every breaker with a table, the built-in ones among them; problems are in the report."""
    if not isinstance(tables, dict):
        report.problem(("breakers",), "must be tables: [breakers.NAME]")
        return dict(BUILT_IN)
    if len(tables) > BREAKERS_MAX:
        report.problem(("breakers",), f"{len(tables)} breakers; at most {BREAKERS_MAX}")
    found = dict(BUILT_IN)
    # `default` first: the others are made from it.
    for name in sorted(tables, key=lambda name: name != DEFAULT):
        if not NAME.fullmatch(name):
            report.problem(("breakers", name), f"a name is {NAME_RULE}")
            continue
        basis = BUILT_IN.get(name) or found[DEFAULT]
        fields = read_table(report, ("breakers", name), tables[name], BREAKER_KEYS)
        table = replace(basis, **fields)
        if table.open_max_ms < table.open_ms:
            if "open_max_ms" in fields:
                longest = format_duration(table.open_max_ms)
                report.problem(
                    ("breakers", name, "open_max"),
                    f"{longest} is less than open, {format_duration(table.open_ms)}",
                )
            table = replace(table, open_max_ms=table.open_ms)
        found[name] = table
    return found


def names_in_use(
    breakers: dict[str, BreakerTable], functions: Iterable[FunctionSettings]
) -> list[str]:
    """Every breaker that has a table or a function that declares its service, in order."""
    declared = {name for function in functions for name in function.services}
    return sorted({*breakers, *declared})
