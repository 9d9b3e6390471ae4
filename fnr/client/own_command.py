"""Run one of fnr's own commands for somebody who looks at something else, and hand back its words.

A face that shows the command which it stands for runs this very command: what was shown is what
is done, with the checks, the chunks and the words of the command line.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shlex
import sys
from collections.abc import Callable
from threading import Thread

from msgspec import Struct

from fnr.config.paths import Paths
from fnr.host.captured import KEPT_BYTES_MAX, Printed, run_captured

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
        return f"{paths.command} {shlex.join(self.words)}"


def run_own(
    paths: Paths,
    own: OwnCommand,
    *,
    timeout_ms: int = TIMEOUT_MS,
    kept_bytes_max: int = KEPT_BYTES_MAX,
    started: Callable[[Callable[[], None]], None] | None = None,
) -> Printed:
    """Run it to its end; blocks. Raises OSError if no process can be started."""
    env = {**os.environ, "FNR_CONFIG": paths.config_file, "NO_COLOR": "1"}
    if paths.home:
        env["FNR_HOME"] = paths.home
    return run_captured(
        # By flags, so that what it says to type next has them, too.
        [sys.executable, "-m", "fnr", *paths.flags, *own.words, *own.unasked],
        env=env,
        stdin=own.stdin.encode(),
        timeout_ms=timeout_ms,
        kept_bytes_max=kept_bytes_max,
        started=started,
    )


async def run_own_aside(
    paths: Paths,
    own: OwnCommand,
    *,
    timeout_ms: int = TIMEOUT_MS,
    kept_bytes_max: int = KEPT_BYTES_MAX,
    changes: bool = False,
) -> Printed | OSError:
    """Run it beside the event loop; a program that ends meanwhile does not wait for it.

    changes: it does something, so it is left to its end when nobody waits for it any more; what
    only asks is stopped then.
    """
    loop = asyncio.get_running_loop()
    left = False
    stops: list[Callable[[], None]] = []

    def started(stop: Callable[[], None]) -> None:
        stops.append(stop)
        if left:
            stop()

    done: asyncio.Future[Printed | OSError] = loop.create_future()

    def settle(result: Printed | OSError) -> None:
        if not done.done():
            done.set_result(result)

    def life() -> None:
        result: Printed | OSError
        try:
            result = run_own(
                paths, own, timeout_ms=timeout_ms, kept_bytes_max=kept_bytes_max, started=started
            )
        except OSError as error:
            result = error
        except ValueError as error:
            # A word that no command line can hold: NUL, half of a character.
            result = OSError(errno.EINVAL, f"the command cannot be written: {error}")
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result)

    Thread(target=life, name="own command", daemon=True).start()
    try:
        return await done
    except asyncio.CancelledError:
        left = not changes
        for stop in stops if left else ():
            stop()
        raise
