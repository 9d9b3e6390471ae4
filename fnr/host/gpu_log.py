"""What the kernel log says of GPUs: in a container too, where it counts processes differently."""

from __future__ import annotations

from collections import deque

from fnr.host.kernel_records import KernelRecords
from fnr.policy.gpu_words import GpuWord, is_last_word, takes_back, why_against, word_of

# Of one GPU: a card that is falling apart says the same thousands of times.
_WORDS_MAX = 500


class GpuLog:
    """Reads the log from the oldest record there is, only when asked."""

    def __init__(self, path: str) -> None:
        self._records = KernelRecords(path)
        self._words: dict[str, deque[GpuWord]] = {}

    @property
    def trouble(self) -> str:
        """Why the log says nothing, in words; "" when it can be read."""
        return self._records.trouble

    def words(self) -> list[GpuWord]:
        """All that was said so far and may still count, of each GPU oldest first."""
        for at_us, text in self._records.new():
            if text.startswith(b"NVRM: ") and (
                word := word_of(text.decode(errors="replace"), at_us)
            ):
                self._keep(word)
        return [word for words in self._words.values() for word in words]

    def _keep(self, word: GpuWord) -> None:
        """Programs that fail cause Xids without end: they must not push out the one that counts."""
        if not word.pci:  # the driver was loaded anew
            self._words.clear()
            return
        words = self._words.setdefault(word.pci, deque(maxlen=_WORDS_MAX))
        while words and takes_back(word, words[-1]):
            words.pop()
        if is_last_word(word):
            words.clear()
        if is_last_word(word) or why_against(word):
            words.append(word)

    def close(self) -> None:
        """Give the file descriptor back."""
        self._records.close()
