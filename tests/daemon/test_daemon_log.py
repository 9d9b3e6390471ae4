"""The daemon's own log in a file: how many files there are at most."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from fnr.config.settings import LogSettings
from fnr.daemon.logs import set_up


@pytest.mark.parametrize("files", [1, 3])
def test_there_are_no_more_files_than_the_setting_says(tmp_path: Path, files: int) -> None:
    file = tmp_path / "daemon.log"
    set_up(LogSettings(file_bytes_max=1_000, files_max=files), file=str(file), journal=False)
    log = logging.getLogger("fnr")
    try:
        for number in range(100):
            log.warning("line %d of many", number)
    finally:
        for handler in log.handlers[:]:
            log.removeHandler(handler)
            handler.close()
        log.propagate = True
    found = sorted(path.name for path in tmp_path.iterdir())
    assert found == ["daemon.log", "daemon.log.1", "daemon.log.2"][:files]
    assert all(path.stat().st_size <= 1_000 for path in tmp_path.iterdir())
    assert "line 99 of many" in file.read_text()
