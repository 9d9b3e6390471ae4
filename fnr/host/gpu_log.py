"""What the kernel log says of GPUs: in a container too, where it counts processes differently."""

from __future__ import annotations

from collections import deque

from fnr.host.kernel_records import KernelRecords
from fnr.policy.gpu_words import GpuWord, word_of

# A card that is falling apart says the same thousands of times; the newest words decide.
_WORDS_MAX = 5_000


class GpuLog:
    """Reads the log from the oldest record there is, only when asked."""

    def __init__(self, path: str) -> None:
        self._records = KernelRecords(path)
        self._words: deque[GpuWord] = deque(maxlen=_WORDS_MAX)

    @property
    def trouble(self) -> str:
        """Why the log says nothing, in words; "" when it can be read."""
        return self._records.trouble

    def words(self) -> list[GpuWord]:
        """All that was said so far, oldest first."""
        for at_us, text in self._records.new():
            if text.startswith(b"NVRM: ") and (
                word := word_of(text.decode(errors="replace"), at_us)
            ):
                self._words.append(word)
        return [*self._words]

    def close(self) -> None:
        """Give the file descriptor back."""
        self._records.close()
