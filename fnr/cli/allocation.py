"""`fnr allocation`: list."""

from __future__ import annotations

from fnr.api.resource_requests import ListAllocations
from fnr.cli.group import examples, group
from fnr.cli.here import here
from fnr.cli.render import Column, Listing, show_list, since
from fnr.cli.watching import watchable
from fnr.policy.admission import Allocation
from fnr.policy.condition import size_text

app = group("allocation", "Allocations: what attempts and workers were given of the host.")


def _amount(one: Allocation) -> str:
    return str(one.amount) if one.kind in {"gpu", "cpus"} else size_text(one.amount)


def _of(one: Allocation) -> str:
    return str(one.capacity) if one.kind in {"gpu", "cpus"} else size_text(one.capacity)


ALLOCATIONS: Listing[Allocation] = Listing(
    schema="fnr.allocation.list/1",
    columns=(
        Column("FUNCTION", lambda one: one.function),
        Column("KIND", lambda one: one.kind),
        Column("AMOUNT", _amount, right=True),
        Column("OF", _of, right=True),
        Column("DEVICE", lambda one: one.device, flexible=True),
        since("SINCE", lambda one: one.since_at_ms),
        Column("OWNER", lambda one: "worker" if one.owner == one.worker_id else "attempt"),
        Column("WORKER", lambda one: one.worker_id),
    ),
    name=lambda one: one.owner,
    empty="nothing is given",
)  # fmt: skip


@app.callback()
def _group() -> None:
    """With one command alone the group itself would be that command."""


@app.command(
    "list",
    epilog=examples(
        "fnr allocation list", "fnr allocation list -o json | jq '.items[] | {function, amount}'"
    ),
)
@watchable
def list_allocations() -> None:
    """List what is given: to running attempts, and to workers that keep their GPU."""
    found = here().ask(ListAllocations())
    show_list(ALLOCATIONS, found, total=len(found))
