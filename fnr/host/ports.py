"""Which TCP ports of this host somebody listens on."""

from __future__ import annotations

from fnr.host.procfs import read_bytes

_LISTEN = b"0A"


def listening() -> frozenset[int] | None:
    """The ports; None when the kernel does not show them.

    Read and not tried: a port that is bound for a test is taken from whoever wants it.
    """
    tables = [read_bytes(f"/proc/net/{name}") for name in ("tcp", "tcp6")]
    if tables[0] is None:
        return None
    ports = set()
    for table in tables:
        for line in (table or b"").splitlines()[1:]:
            # sl local_address rem_address st …, and an address is "0100007F:1F90"
            _, local, _, state = line.split(None, 4)[:4]
            if state == _LISTEN:
                ports.add(int(local.rpartition(b":")[2], 16))
    return frozenset(ports)
