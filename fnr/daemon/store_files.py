"""Why the store's files cannot be written, as far as the system can be asked."""

from __future__ import annotations

from fnr.config.paths import Paths
from fnr.host.limits import words_of_file_size

# A page with its frame in the log: what SQLite adds at least.
PAGE_BYTES = 4_120


def why_ill(paths: Paths, words: object) -> str:
    """What SQLite says, for which a limit on the size of files is an I/O error, and that limit."""
    for file in (f"{paths.store_file}-wal", paths.store_file):
        if met := words_of_file_size(file, more_bytes=PAGE_BYTES):
            return f"{words}: {met}"
    return str(words)
