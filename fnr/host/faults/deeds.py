"""What the dead-man process does with each fault: begin, proof, undo, residue.

begin(injection)    do it. Raises OSError or Impossible; then whatever was done is undone.
proof(injection)    what shows that it is there; "" when nothing does.
undo(injection)     put everything right, from the record alone, however far `begin` came, and
                    as often as asked.
residue(injection)  what is left of it; "" when nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from fnr.host.faults import (
    config_broken,
    daemon_kill,
    disk_full,
    in_workers,
    output_read_only,
    proxied,
    store_locked,
    worker_kill,
    worker_stop,
)
from fnr.policy.chaos import Injection
from fnr.policy.faults import CATALOGUE, Acts

__all__ = ["FAULTS", "Deeds"]


class Deeds(Struct, frozen=True):
    """The four things that can be done with a fault."""

    begin: Callable[[Injection], None]
    proof: Callable[[Injection], str]
    undo: Callable[[Injection], None]
    residue: Callable[[Injection], str]


_IN_WORKERS = Deeds(in_workers.begin, in_workers.proof, in_workers.undo, in_workers.residue)

FAULTS: Mapping[str, Deeds] = {
    fault.name: _IN_WORKERS for fault in CATALOGUE.values() if fault.acts is not Acts.HOLDER
} | {
    name: Deeds(module.begin, module.proof, module.undo, module.residue)
    for name, module in (
        ("worker-kill", worker_kill),
        ("worker-stop", worker_stop),
        ("disk-full", disk_full),
        ("output-read-only", output_read_only),
        ("store-locked", store_locked),
        ("config-broken", config_broken),
        ("daemon-kill", daemon_kill),
        *((name, proxied) for name in CATALOGUE if name.startswith("service-")),
    )
}
