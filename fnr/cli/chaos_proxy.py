"""`fnr chaos proxy`: stand in front of a service, so that faults can be injected between."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from fnr.api.errors import UsageError
from fnr.cli.here import here
from fnr.host.foreground import run_in_foreground


def proxy(
    listen: Annotated[
        int, typer.Option("--listen", metavar="N", min=1, max=65_535, help="Port on loopback.")
    ],
    upstream: Annotated[
        str, typer.Option("--upstream", metavar="HOST:PORT", help="The service itself.")
    ],
) -> None:
    """Forward a port on loopback to a service until Ctrl-C, for faults to act on.

    Point your functions at the port, and the service's faults can be injected with
    --set port=PORT. Without a fault it only forwards.
    """
    host, _, port = upstream.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f"--upstream takes HOST:PORT, not {upstream!r}")
    folder = Path(here().paths.chaos_dir) / "proxies"
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    command = [sys.executable, "-m", "fnr.host.faults.proxy"]
    command += [str(listen), upstream, str(folder), str(os.getpid())]
    raise typer.Exit(run_in_foreground(command))
