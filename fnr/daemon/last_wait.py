"""Run the daemon's loop to its end, and wait no longer than it takes for what does not end.

A thread that asks a disk which does not answer cannot be ended by anybody, and Python would wait
for it before the process may go: the home would be held by a daemon that does nothing any more.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fnr.daemon.parts import log
from fnr.host.clock import Clock

LAST_WAIT_MS = 2_000


def run_to_the_end(work: Coroutine[Any, Any, int]) -> int:
    """Like asyncio.run. What hangs when the work is done is named in the log, and goes with us."""
    threads = ThreadPoolExecutor(thread_name_prefix="loop")
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(threads)
        code = runner.run(_with_the_rest(work))
        threads.shutdown(wait=False, cancel_futures=True)
        if hanging := _hanging():
            log.warning("ending without waiting any longer", extra={"for": hanging})
            # Everything is in order on disk; the kernel takes back the lock.
            os._exit(code)
    return code


async def _with_the_rest(work: Coroutine[Any, Any, int]) -> int:
    """Do the work; then nobody else may begin anything."""
    code = await work
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    if rest:
        await asyncio.wait(rest, timeout=LAST_WAIT_MS / 1_000)
    return code


def _hanging() -> list[str]:
    """Names of threads that do not end although they have nothing more to do."""
    clock = Clock()
    give_up_at_ms = clock.boot_ms() + LAST_WAIT_MS
    ours = threading.current_thread()
    others = [one for one in threading.enumerate() if one is not ours and not one.daemon]
    for thread in others:
        thread.join(max(0, give_up_at_ms - clock.boot_ms()) / 1_000)
    return [thread.name for thread in others if thread.is_alive()]
