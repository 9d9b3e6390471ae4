"""`fnr gpu`: list."""

from __future__ import annotations

from fnr.api.resource_requests import GpuLine, ListGpus
from fnr.cli.group import examples, group
from fnr.cli.here import here
from fnr.cli.render import Column, Listing, show_list
from fnr.policy.condition import size_text

app = group("gpu", "GPUs: which there are, how they are, who has them.")


def _mib(mib: int | None) -> str:
    return "unknown" if mib is None else size_text(mib)


def _number(value: int | None, unit: str) -> str:
    return "unknown" if value is None else f"{value}{unit}"


def _holders(line: GpuLine) -> str:
    found = [
        one.function if one.kind == "gpu" else f"{one.function} {size_text(one.amount)}"
        for one in line.allocations
    ]
    return ", ".join(found)


GPUS: Listing[GpuLine] = Listing(
    schema="fnr.gpu.list/1",
    columns=(
        Column("GPU", lambda line: line.gpu.place, right=True),
        Column("UUID", lambda line: line.gpu.uuid, spare=True),
        Column("NAME", lambda line: line.gpu.name),
        Column("STATE", lambda line: line.unfit or "healthy", flexible=True),
        Column("FREE", lambda line: _mib(line.gpu.memory_free_mib), right=True),
        Column("MEMORY", lambda line: _mib(line.gpu.memory_total_mib), right=True),
        Column("BUSY", lambda line: _number(line.gpu.busy_percent, " %"), right=True, spare=True),
        Column("TEMP", lambda line: _number(line.gpu.temperature_c, " °C"), right=True, spare=True),
        Column("GIVEN TO", _holders, flexible=True),
    ),
    name=lambda line: line.gpu.uuid,
    empty="no GPUs",
)  # fmt: skip


@app.callback()
def _group() -> None:
    """With one command alone the group itself would be that command."""


@app.command("list", epilog=examples("fnr gpu list", "fnr gpu list -o json | jq '.items[].unfit'"))
def list_gpus() -> None:
    """List GPUs with their health, their free memory, and the functions that have them."""
    found = here().ask(ListGpus())
    extra: dict[str, object] = {"driver": found.driver, "missing": found.missing}
    show_list(GPUS, found.gpus, total=len(found.gpus), extra=extra)
    if found.missing:
        here().notice(f"notice: GPUs cannot be seen: {found.missing}")
