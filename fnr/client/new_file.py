"""Write a new file whole or not at all, and onto the disk, whoever ends us in the middle of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from fnr.host.at_once import ends_at_once
from fnr.host.disk import fsync_folder
from fnr.host.process import pid_start
from fnr.store.drafts import appear, draft_beside, forget_own_drafts


def write_new(to: Path, chunks: Iterable[bytes]) -> int:
    """How many chunks were written, for its owner alone. Raises FileExistsError, OSError."""
    if os.path.lexists(to):
        raise FileExistsError(f"{to} exists already")
    count = 0
    with (
        ends_at_once(partial(forget_own_drafts, to)),
        draft_beside(to, lambda pid: pid_start(pid) is not None) as draft,
    ):
        with draft.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
                count += 1
            file.flush()
            os.fsync(file.fileno())
        appear(draft, to)
        fsync_folder(str(to.parent))
    return count
