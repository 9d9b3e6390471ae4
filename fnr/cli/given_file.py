"""Files that a command line names: one that cannot be read ends every command alike."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from fnr.api.errors import BadData, FnrError, PermissionDenied


@contextmanager
def opened(source: str, *, called: str = "") -> Iterator[IO[bytes]]:
    """A file, or for "-" what is piped in; called: how an error names it."""
    if source == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115 - closed below; only the opening may fail
    except OSError as error:
        raise unreadable(called or source, error) from error
    with file:
        yield file


def unreadable(what: object, error: OSError) -> FnrError:
    """Nothing there, or no file; or one that the reader may not have."""
    kind = PermissionDenied if isinstance(error, PermissionError) else BadData
    return kind(f"{what} cannot be read", why=error.strerror or str(error))
