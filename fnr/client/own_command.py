"""Run one of fnr's own commands for somebody who looks at something else, and hand back its words.

A face that shows the command which it stands for runs this very command: what was shown is what
is done, with the checks, the chunks and the words of the command line.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from threading import Thread

from msgspec import Struct

from fnr.client.connect import command
from fnr.config.paths import Paths
from fnr.host.captured import Printed, run_captured

TIMEOUT_MS = 10 * 60_000


class OwnCommand(Struct, frozen=True, kw_only=True):
    """A command of fnr: its words behind `fnr`, and what it reads from standard input.

    unasked: words that only say yes to what somebody has already been asked; people who paste the
    command are asked again.
    """

    words: tuple[str, ...]
    stdin: str = ""
    unasked: tuple[str, ...] = ()

    def shown(self, paths: Paths) -> str:
        """As people would paste it."""
        return f"{command(paths)} {shlex.join(self.words)}"


def run_own(paths: Paths, own: OwnCommand, *, timeout_ms: int = TIMEOUT_MS) -> Printed:
    """Run it to its end; blocks. Raises OSError if no process can be started."""
    env = {**os.environ, "FNR_CONFIG": paths.config_file, "NO_COLOR": "1"}
    if paths.home:
        env["FNR_HOME"] = paths.home
    return run_captured(
        [sys.executable, "-m", "fnr", *own.words, *own.unasked],
        env=env,
        stdin=own.stdin.encode(),
        timeout_ms=timeout_ms,
    )


async def run_own_aside(
    paths: Paths, own: OwnCommand, *, timeout_ms: int = TIMEOUT_MS
) -> Printed | OSError:
    """Run it beside the event loop; a program that ends meanwhile does not wait for it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Printed | OSError] = loop.create_future()

    def settle(result: Printed | OSError) -> None:
        if not done.done():
            done.set_result(result)

    def life() -> None:
        result: Printed | OSError
        try:
            result = run_own(paths, own, timeout_ms=timeout_ms)
        except OSError as error:
            result = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result)

    Thread(target=life, name="own command", daemon=True).start()
    return await done
