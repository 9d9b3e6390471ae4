"""The daemon's own log in a file: how many files there are at most."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fnr.config.settings import LogSettings
from fnr.daemon.logs import set_up


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """The daemon's logger, as it is found elsewhere when the test is over."""
    found = logging.getLogger("fnr")
    yield found
    for handler in found.handlers[:]:
        found.removeHandler(handler)
        handler.close()
    found.propagate = True


@pytest.mark.parametrize("files", [1, 3])
def test_there_are_no_more_files_than_the_setting_says(
    tmp_path: Path, log: logging.Logger, files: int
) -> None:
    file = tmp_path / "daemon.log"
    set_up(LogSettings(file_bytes_max=1_000, files_max=files), file=str(file), journal=False)
    for number in range(100):
        log.warning("line %d of many", number)
    found = sorted(path.name for path in tmp_path.iterdir())
    assert found == ["daemon.log", "daemon.log.1", "daemon.log.2"][:files]
    assert all(path.stat().st_size <= 1_000 for path in tmp_path.iterdir())
    assert "line 99 of many" in file.read_text()


def test_a_log_that_cannot_be_rotated_begins_anew_and_says_so(
    tmp_path: Path, log: logging.Logger
) -> None:
    """The file is the daemon's and its folder somebody else's, who has something of that name."""
    file = tmp_path / "daemon.log"
    (tmp_path / "daemon.log.1").mkdir()
    set_up(LogSettings(file_bytes_max=1_000, files_max=2), file=str(file), journal=False)
    for number in range(100):
        log.warning("line %d of many", number)
    first, *_, last = file.read_text().splitlines()
    assert "the log cannot be rotated, and begins anew" in first
    assert last.endswith("line 99 of many")
    assert file.stat().st_size <= 1_000


@pytest.mark.parametrize("how", ["moved", "removed", "replaced"])
def test_a_log_that_somebody_took_away_is_begun_anew(
    tmp_path: Path, log: logging.Logger, how: str
) -> None:
    """Whoever turns logs over on this host; what came after that stood in a file without a name."""
    file = tmp_path / "daemon.log"
    set_up(LogSettings(), file=str(file), journal=False)
    log.warning("before")
    if how == "removed":
        file.unlink()
    else:
        file.rename(tmp_path / "daemon.log-old")
    if how == "replaced":
        file.write_text("by somebody\n")
    log.warning("behind")
    log.warning("at last")
    lines = [line.rpartition(" ")[2] for line in file.read_text().splitlines()]
    assert lines == [*(["somebody"] if how == "replaced" else []), "behind", "last"]


def test_a_log_whose_folder_was_removed_is_begun_anew(tmp_path: Path, log: logging.Logger) -> None:
    file = tmp_path / "logs" / "daemon.log"
    file.parent.mkdir()
    set_up(LogSettings(), file=str(file), journal=False)
    log.warning("before")
    shutil.rmtree(file.parent)
    log.warning("behind")
    assert file.read_text().splitlines()[-1].endswith("behind")


def test_a_log_whose_home_is_gone_comes_back_with_it(tmp_path: Path, log: logging.Logger) -> None:
    file = tmp_path / "home" / "logs" / "daemon.log"
    file.parent.mkdir(parents=True)
    set_up(LogSettings(), file=str(file), journal=False)
    log.warning("before")
    shutil.rmtree(file.parent.parent)
    log.warning("lost")
    assert not file.parent.parent.exists()
    file.parent.mkdir(parents=True)
    log.warning("behind")
    assert file.read_text().splitlines()[-1].endswith("behind")
