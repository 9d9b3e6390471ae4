"""The end of a worker's log, and what is written behind it while somebody looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fnr.client.log_lines import LogLines
from fnr.host.worker_log import read_span
from fnr.policy.log_record import LogRecord

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction

FIRST_BYTES = 64 * 1024
# At one look; a worker that writes faster is shown its end.
LOOK_BYTES = 256 * 1024


class LogTail:
    """One worker's log, from its end on. left_out: something stands in it that was not read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.left_out = False
        self._position: int | None = None
        self._lines = LogLines(None)

    def news(self, redaction: Redaction) -> list[LogRecord]:
        """The records that were written since the last look, without secrets; first the latest.

        Raises OSError if the log may not be read.
        """
        size = _size_of(self.path)
        position = self._position
        whole = True
        if position is None:
            position = max(0, size - FIRST_BYTES)
            whole = position == 0
        elif size < position or size - position > LOOK_BYTES:
            self._lines = LogLines(None)
            position = max(0, size - LOOK_BYTES)
            whole = position == 0
        self.left_out = self.left_out or not whole
        data = read_span(self.path, position, size)
        self._position = size
        self._lines.redaction = redaction
        records = list(self._lines.feed(data))
        # The first line may have lost its beginning.
        return records if whole else records[1:]


def _size_of(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return 0
