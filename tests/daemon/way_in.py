"""Start a program where every user can enter the folders named, without opening them on the host.

python way_in.py FOLDER... -- PROGRAM: in mounts of its own, started by `unshare -m`. A folder on
the way that others cannot enter is covered by an empty one, in which only what was named is there.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path


def closed_above(path: Path) -> Path | None:
    """The uppermost folder above path that others cannot enter."""
    for folder in reversed(path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def main() -> None:
    """Make the mounts, then be the program."""
    split = sys.argv.index("--")
    covered: dict[Path, list[tuple[Path, int]]] = {}
    for name in dict.fromkeys(sys.argv[1:split]):
        if (closed := closed_above(Path(name))) is not None:
            held = os.open(name, os.O_PATH | os.O_CLOEXEC)
            covered.setdefault(closed, []).append((Path(name), held))
    for closed, inside in covered.items():
        mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(closed))
        for place, held in inside:
            place.mkdir(parents=True, exist_ok=True)
            mount("--no-canonicalize", "--bind", f"/proc/{os.getpid()}/fd/{held}", str(place))
    os.execv(sys.argv[split + 1], sys.argv[split + 1 :])


def mount(*words: str) -> None:
    """Only in here, because the mounts are our own."""
    subprocess.run(["mount", *words], check=True)


if __name__ == "__main__":
    main()
