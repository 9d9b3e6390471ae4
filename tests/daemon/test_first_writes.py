"""A daemon that cannot write what it has to write first says so, as anybody on a full disk."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fnr.api.errors import StorageError
from fnr.config.paths import find_paths
from fnr.config.settings import Settings
from fnr.daemon import main
from fnr.host.lock import hold_lock
from fnr.store.connection import StoreFull


def test_a_store_that_has_no_room_for_the_first_writes_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> int:
        raise StoreFull("database or disk is full")

    monkeypatch.setattr(main.Daemon, "serve", full)
    paths = find_paths(str(tmp_path))
    main.make_folders(paths)
    lock = hold_lock(paths.lock_file)
    try:
        with pytest.raises(StorageError) as raised:
            asyncio.run(main._serve(paths, Settings(), Settings, lock, ()))
    finally:
        lock.release()
    assert raised.value.exit_code == 74
    assert "MiB free" in raised.value.why
