"""`fnr chaos proxy`: stand in front of a service, so that faults can be injected between."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from fnr.api.errors import FnrError, PermissionDenied, Refused, UsageError
from fnr.cli.here import here

PORT_MAX = 65_535


def proxy(
    listen: Annotated[
        int, typer.Option("--listen", metavar="N", min=1, max=PORT_MAX, help="Port on loopback.")
    ],
    upstream: Annotated[
        str, typer.Option("--upstream", metavar="HOST:PORT", help="The service itself.")
    ],
) -> None:
    """Forward a port on loopback to a service until Ctrl-C, for faults to act on.

    Point your functions at the port, and the service's faults can be injected with
    --set port=PORT. Without a fault it only forwards.
    """
    import asyncio  # noqa: PLC0415 - for this one of the commands that load this file

    from fnr.host.faults.proxy import Proxy  # noqa: PLC0415 - as above

    host, _, port = upstream.rpartition(":")
    if not host or not (port.isdecimal() and 0 < int(port) <= PORT_MAX):
        raise UsageError(f"--upstream takes HOST:PORT, not {upstream!r}")
    folder = Path(here().paths.chaos_dir) / "proxies"
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    try:
        with suppress(KeyboardInterrupt):
            stands = Proxy((host, int(port)), folder)
            asyncio.run(stands.serve([listen], announce=sys.stdout.fileno()))
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        raise _not_listening(listen, error.errno) from error


def _not_listening(port: int, number: int) -> FnrError:
    """asyncio's own words hold the address and the reason twice."""
    what, why = f"port {port} of loopback cannot be listened on", os.strerror(number)
    if number == errno.EACCES:
        return PermissionDenied(what, why=f"{why}; low ports are root's")
    return Refused(what, why=why, next_step=f"ss -ltnp 'sport = :{port}'")
