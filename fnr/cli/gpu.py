"""`fnr gpu`: list, trust."""

from __future__ import annotations

from typing import Annotated

import typer

from fnr.api.resource_requests import GpuLine, ListGpus, TrustGpu
from fnr.cli.group import examples, group
from fnr.cli.here import here
from fnr.cli.options import Reason
from fnr.cli.render import Column, Listing, show_list, show_one
from fnr.cli.terminal import one_line
from fnr.cli.watching import watchable
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


@app.command("list", epilog=examples("fnr gpu list", "fnr gpu list -o json | jq '.items[].unfit'"))
@watchable
def list_gpus() -> None:
    """List GPUs with their health, their free memory, and the functions that have them."""
    found = here().ask(ListGpus())
    extra: dict[str, object] = {"driver": found.driver, "missing": found.missing}
    show_list(GPUS, found.gpus, total=len(found.gpus), extra=extra)
    if found.missing:
        here().notice(f"notice: GPUs cannot be seen: {found.missing}")


@app.command("trust", epilog=examples("fnr gpu trust 0 --reason 'reset and tested'"))
def trust_gpu(
    gpu: Annotated[
        str, typer.Argument(metavar="GPU", help="Its number or UUID, as `fnr gpu list` has it.")
    ],
    reason: Reason = "",
) -> None:
    """Give work to a GPU again after an Xid in the kernel log took it out of service."""
    line = here().ask(TrustGpu(gpu=gpu, reason=reason))
    words = f"GPU {line.gpu.place} is {one_line(line.unfit or 'healthy')}\n"
    show_one("fnr.gpu/1", line, lambda: words, name=line.gpu.uuid)
