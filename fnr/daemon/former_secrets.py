"""Blank out in the logs of workers what was secret until a reload.

Whoever reads a log hides what is secret by the settings of that moment; nobody knows later what
was secret before. So that is written over in the files themselves.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from fnr.config.secrets import longest_first, secrets_in
from fnr.daemon.parts import Parts, log
from fnr.daemon.worker_process import WorkerProcess
from fnr.host import worker_log
from fnr.host.procfs import environ_of


class FormerSecrets:
    """Looks after all logs when something is no longer secret by the settings, and after the log
    of each worker that ends, because it may have printed it since.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._blanked: tuple[str, ...] = ()

    def reloaded(self) -> None:
        """fnr.toml was read again, or a worker was taken over that knows more than it says."""
        former = self._parts.redactor.former
        if not {*former} <= {*self._blanked}:
            self._blanked = former
            self._start(None)

    def ended(self, worker: WorkerProcess) -> None:
        """A worker is gone."""
        if self._parts.redactor.former:
            self._start([Path(worker.log_path)])

    def learn(self, worker: WorkerProcess) -> None:
        """A worker of an earlier daemon has what was secret when it was started."""
        given = environ_of(worker.identity.pid)
        # What the daemon itself was started with is no function's secret.
        own = {name: value for name, value in given.items() if os.environ.get(name) != value}
        values = secrets_in(own, self._parts.settings.redact_env_keys)
        self._parts.redactor = self._parts.redactor.knowing(values)

    def _start(self, files: Sequence[Path] | None) -> None:
        former = longest_first(self._parts.redactor.former)
        words = [value.encode("utf-8", "surrogateescape") for value in former]
        self._parts.start(self._blank(files, words), what="blanking out former secrets")

    async def _blank(self, files: Sequence[Path] | None, words: list[bytes]) -> None:
        count = await asyncio.to_thread(_blank, self._parts.paths.log_dir, files, words)
        if count:
            log.info("former secrets blanked out", extra={"logs": count})


def _blank(log_dir: str, files: Sequence[Path] | None, words: list[bytes]) -> int:
    count = 0
    for file in Path(log_dir).glob("*/*.log") if files is None else files:
        try:
            count += worker_log.blank(str(file), words)
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("a log may hold a former secret: %s", error, extra={"path": str(file)})
    return count
