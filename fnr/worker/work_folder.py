"""The folder of one attempt at a command: empty at its start, and gone at its end."""

from __future__ import annotations

import os

from fnr.host.other_user import remove_tree


class WorkFolder:
    """Made anew for each attempt.

    path: where the next one is, or the one that runs has it. A command may leave there what we may
    not remove, as a container does that runs as another user; then the next one is elsewhere.
    """

    def __init__(self, spool_dir: str, worker_id: str) -> None:
        self._first = f"{spool_dir}/{worker_id}"
        self._left = 0
        self.path = f"{self._first}.work"

    def make(self) -> None:
        """Raises OSError."""
        os.makedirs(self.path, mode=0o700)  # noqa: PTH103 - pathlib costs 8 ms

    def remove(self) -> bool:
        """Whatever stands there by now; False where it cannot be removed."""
        remove_tree(self.path)
        if not os.path.lexists(self.path):
            return True
        self._left += 1
        self.path = f"{self._first}.{self._left}.work"
        return False
