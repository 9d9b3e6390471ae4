"""A throwaway home: a folder with a name short enough for sockets, and commands for it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from fnr.api.errors import ConfigError, FnrError, PermissionDenied, StorageError
from fnr.config.load import PLAIN_TABLES
from fnr.config.paths import SOCKET_PATH_BYTES_MAX, Paths, find_paths


class ThrowawayHome:
    """The folder, and how commands for it are called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths: Paths = find_paths(str(root), environ={})
        self.logs = Path(self.paths.log_dir)
        # By which its daemons are known from their first moment, before they hold any lock.
        self.mark = root.name

    def command(self, *words: str) -> list[str]:
        """A command line for this home that runs in this Python, whatever PATH says."""
        return [sys.executable, "-m", "fnr", "--home", str(self.root), *words]

    def typed(self, words: str) -> str:
        """The same as people type it."""
        return f"{self.paths.command} {words}"

    def remove(self) -> None:
        """Take everything away."""
        shutil.rmtree(self.root, ignore_errors=True)


def make_root(parent: str | None, *, whose: str) -> Path:
    """A new folder; whose: "fnr demo", for the words when there can be none."""
    try:
        return Path(tempfile.mkdtemp(prefix="fnr-", dir=_parent(parent, whose=whose)))
    except OSError as error:
        raise not_made(parent, error, whose=whose) from error


def _parent(asked: str | None, *, whose: str) -> str:
    """Where people want it, else the usual place, else where paths are short."""
    parent = asked or tempfile.gettempdir()
    # As long as the real name will be.
    longest = find_paths(f"{parent}/fnr-12345678", environ={}).worker_socket_file
    is_short = len(os.fsencode(longest)) <= SOCKET_PATH_BYTES_MAX
    if is_short and _is_text(parent):
        Path(parent).mkdir(parents=True, exist_ok=True)
        return parent
    if asked is None:
        return "/tmp"  # noqa: S108 - mkdtemp makes a folder there that is only ours
    if is_short:
        raise ConfigError(
            f"a home in {asked} cannot be described",
            why="its path is not UTF-8, and fnr.toml, which names folders in it, is",
            next_step=f"{whose} --home DIR, with another one",
        )
    raise ConfigError(
        f"{asked} is too long for the sockets of a home in it",
        why=f"{longest} has {len(os.fsencode(longest))} bytes; a Unix socket can have"
        f" {SOCKET_PATH_BYTES_MAX}",
        next_step=f"{whose} --home DIR, with a shorter one",
    )


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def environment() -> dict[str, str]:
    """Our environment without what would send our daemon to another home or change its settings."""
    tables = (f"FNR_{table.upper()}_" for table in PLAIN_TABLES)
    foreign = ("FNR_HOME", "FNR_CONFIG", "NOTIFY_", *tables)
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def not_made(parent: str | None, error: OSError, *, whose: str) -> FnrError:
    """A folder could not be made: why."""
    kind = PermissionDenied if isinstance(error, PermissionError) else StorageError
    where = parent or tempfile.gettempdir()
    return kind(
        f"a home cannot be made in {where}",
        why=str(error.strerror or error),
        next_step=f"{whose} --home DIR",
    )
