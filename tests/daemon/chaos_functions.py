"""What the tests of faults run in workers."""

from __future__ import annotations

import select
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen


def rock(say: str = "", wait_for: str = "", port: int = 0, write: str = "") -> str:
    """Wait while a file is there, ask a service, write a file; whatever is asked for."""
    while wait_for and Path(wait_for).exists():
        select.poll().poll(10)
    if port:
        try:
            with urlopen(f"http://127.0.0.1:{port}/", timeout=1.0) as answer:
                answer.read()
        except HTTPError as error:
            error.close()
            raise
    if write:
        Path(write).write_text("written")
    return say
