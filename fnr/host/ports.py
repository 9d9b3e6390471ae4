"""Which TCP ports of this host somebody listens on.

Asked and not tried: a port that is bound for a test is taken from whoever wants it. The kernel is
asked for listening sockets alone; /proc/net/tcp, the way without that, costs a walk through a table
as large as the memory (10 ms on an idle host), whoever is in it.
"""

from __future__ import annotations

import socket
import struct

from fnr.host.procfs import read_bytes

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_AND_DUMP = 0x301
_DONE = 3
_ERROR = 2
_LISTEN_STATE = 10
_HEADER = struct.Struct("=IHHII")
# family, protocol, extensions, padding, states, and a socket id that matches any
_REQUEST = struct.Struct("=BBBBI48x")
_PORT_AT = _HEADER.size + 4
_ANSWER_BYTES_MAX = 1 << 16
_PATIENCE_S = 1.0
_LISTEN_TEXT = b"0A"


def listening() -> frozenset[int] | None:
    """The ports; None when the kernel does not show them."""
    try:
        return frozenset(_asked(socket.AF_INET) | _asked(socket.AF_INET6))
    except (OSError, struct.error):
        return _read()


def _asked(family: int) -> set[int]:
    """By sock_diag; raises OSError where there is none."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(_PATIENCE_S)
        body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << _LISTEN_STATE)
        size = _HEADER.size + len(body)
        kernel.send(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _REQUEST_AND_DUMP, 1, 0) + body)
        ports: set[int] = set()
        while _take(kernel.recv(_ANSWER_BYTES_MAX), ports):
            pass
        return ports


def _take(answer: bytes, ports: set[int]) -> bool:
    """Add what a piece of the answer says; False when it was the last one."""
    at = 0
    while at < len(answer):
        size, kind, *_ = _HEADER.unpack_from(answer, at)
        if kind == _DONE:
            return False
        if kind == _ERROR or size < _HEADER.size:
            raise OSError("the kernel does not answer about sockets")
        ports.add(int.from_bytes(answer[at + _PORT_AT : at + _PORT_AT + 2], "big"))
        at += (size + 3) & ~3
    return True


def _read() -> frozenset[int] | None:
    tables = [read_bytes(f"/proc/net/{name}") for name in ("tcp", "tcp6")]
    if tables[0] is None:
        return None
    ports = set()
    for table in tables:
        for line in (table or b"").splitlines()[1:]:
            # sl local_address rem_address st …, and an address is "0100007F:1F90"
            _, local, _, state = line.split(None, 4)[:4]
            if state == _LISTEN_TEXT:
                ports.add(int(local.rpartition(b":")[2], 16))
    return frozenset(ports)
