"""One output stream of a command: its end in memory, all of it in the log, whole if wanted.

Memory stays bounded whatever the program prints.
"""

from __future__ import annotations

from fnr.policy.evidence import TAIL_BYTES_MAX
from fnr.policy.halves import whole_behind
from fnr.policy.log_record import encode_lines, encode_part
from fnr.policy.task import RESULT_BYTES_MAX
from fnr.worker.foreign_text import clean
from fnr.worker.own_log import OwnLog

# A line that does not end is shown after this long: a progress bar, a prompt.
PART_MS = 100
_PART_BYTES_MAX = 32 * 1024


class StreamCapture:
    """stdout or stderr of one attempt.

    size_bytes: how much was printed. part_since_ms: since when a line waits for its end (boot
    clock); None when none does.
    """

    def __init__(self, stream: str, log: OwnLog, *, whole: bool = False) -> None:
        self.size_bytes = 0
        self.part_since_ms: int | None = None
        self._stream = stream
        self._log = log
        self._whole = bytearray() if whole else None
        self._tail = bytearray()
        self._part = b""

    def take(self, chunk: bytes, *, now_ms: int, at_ms: int) -> None:
        """More output. now_ms: boot clock; at_ms: Unix time, for the log."""
        self.size_bytes += len(chunk)
        self._tail += chunk
        if len(self._tail) > 2 * TAIL_BYTES_MAX:
            del self._tail[:-TAIL_BYTES_MAX]
        if self._whole is not None and self.size_bytes <= RESULT_BYTES_MAX:
            self._whole += chunk
        lines, newline, rest = chunk.rpartition(b"\n")
        if newline:
            self._log.write(
                encode_lines(self._part + lines + newline, at_ms=at_ms, stream=self._stream)
            )
            self._part, self.part_since_ms = rest, now_ms if rest else None
        else:
            self._part += rest
            self.part_since_ms = now_ms if self.part_since_ms is None else self.part_since_ms
        if len(self._part) > _PART_BYTES_MAX:
            self.flush(at_ms=at_ms)
        self._log.keep_bounded()

    def flush_if_due(self, *, now_ms: int, at_ms: int) -> None:
        """Log the begun line if it has waited long enough for its end."""
        if self.part_since_ms is not None and now_ms >= self.part_since_ms + PART_MS:
            self.flush(at_ms=at_ms)

    def flush(self, *, at_ms: int) -> None:
        """Log what there is of a line."""
        if self._part:
            self._log.write(encode_part(self._part, at_ms=at_ms, stream=self._stream))
        self._part, self.part_since_ms = b"", None

    @property
    def tail(self) -> str:
        """The last 64 KiB."""
        return clean(self._tail[-TAIL_BYTES_MAX:].decode("utf-8", "replace"), TAIL_BYTES_MAX)

    @property
    def whole(self) -> bytes | None:
        """Everything, if it was asked for and is not over the limit of a result."""
        if self._whole is None or self.size_bytes > RESULT_BYTES_MAX:
            return None
        return bytes(self._whole)

    @property
    def last_line(self) -> str:
        """The last line that is not blank: mostly what went wrong."""
        data = bytes(self._tail[-TAIL_BYTES_MAX:])
        if b"\nException ignored " in data:
            from fnr.policy.last_words import before_ignored  # noqa: PLC0415 - few have any

            data = before_ignored(data)
        lines = data.split(b"\n")
        last = next((line for line in reversed(lines) if line.strip()), b"")
        # A progress bar rewrites one line; what it shows last stands behind the last return.
        shown = last.rstrip().rpartition(b"\r")[2].decode("utf-8", "replace")
        if last is lines[0] and self.size_bytes > TAIL_BYTES_MAX:
            shown = whole_behind(shown)
        if _is_of_stack(shown):
            from fnr.policy.last_words import above_stack  # noqa: PLC0415 - few print a stack last

            shown = above_stack(data.decode("utf-8", "replace")) or shown
        if "{" in shown or "=" in shown:
            from fnr.policy.structured_log import in_words  # noqa: PLC0415 - few print records

            shown = in_words(shown) or shown
        return clean(shown, 1_000)


def _is_of_stack(line: str) -> bool:
    """May this last line be one of a stack, so that what was said stands above that?"""
    inner = line.lstrip()
    return (
        inner.startswith(("at ", "... ", "Node.js v", "note: ", "--- End of inner", "+---"))
        or inner == "}"
        or ".go:" in inner
        or (inner is not line and inner[:1].isdigit())
    )
