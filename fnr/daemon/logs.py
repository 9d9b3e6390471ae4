"""The daemon's own log: one line or one JSON object an event, to stderr or a rotated file."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fnr.config.settings import LogSettings

# What every LogRecord has; everything else was passed as `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# systemd strips these prefixes and files the line under the priority.
_PRIORITY = {"CRITICAL": "<2>", "ERROR": "<3>", "WARNING": "<4>", "INFO": "<6>", "DEBUG": "<7>"}

_OF_ITSELF = {"name": "fnr", "levelno": logging.WARNING, "levelname": "WARNING"}


class TextFormat(logging.Formatter):
    """`2026-11-23T14:02:11.123Z warning attempt failed task_id=01J… category=transient`."""

    def __init__(self, *, priority: bool = False) -> None:
        super().__init__()
        self._priority = priority

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {key}={_plain(value)}" for key, value in _fields(record).items())
        prefix = _PRIORITY.get(record.levelname, "") if self._priority else ""
        line = (
            f"{prefix}{_stamp(record)} {record.levelname.lower()} {_one_line(record.getMessage())}"
        )
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return line + fields + trace


class JsonFormat(logging.Formatter):
    """One object a line: at, level, event, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "at": _stamp(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


class _RotatedFile(logging.handlers.RotatingFileHandler):
    """Also with no other file than the one that is written, which then begins anew.

    Where somebody has moved the file away or removed it, its folder too, a new one is begun.
    """

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - the library's name
        """Asked before every record."""
        if self.stream is not None and not self._stands(self.stream.fileno()):
            self.stream.close()
            self.stream = None
            # Only this: where a home was moved away, none is begun in its place.
            with suppress(OSError):
                Path(self.baseFilename).parent.mkdir(0o700)
        return bool(super().shouldRollover(record))

    def _stands(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.stat(self.baseFilename), os.fstat(fd))  # noqa: PTH116 - for every record
        except OSError:
            return False

    def doRollover(self) -> None:  # noqa: N802 - the library's name
        """Move the files on; what is full and has no place to go is given up."""
        if not self.backupCount:
            os.truncate(self.baseFilename, 0)
        try:
            super().doRollover()
        except OSError as error:
            # The file may be ours and its folder not; without this no line would come any more.
            os.truncate(self.baseFilename, 0)
            said = f"the log cannot be rotated, and begins anew: {error}"
            logging.FileHandler.emit(self, logging.makeLogRecord({**_OF_ITSELF, "msg": said}))


def set_up(settings: LogSettings, *, file: str | None, journal: bool) -> None:
    """Send the daemon's log to stderr, or to a file that rotates by size."""
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = _RotatedFile(
            file,
            maxBytes=settings.file_bytes_max,
            backupCount=settings.files_max - 1,
            encoding="utf-8",
        )
    as_json = settings.format == "json"
    handler.setFormatter(JsonFormat() if as_json else TextFormat(priority=journal and not file))
    logger = logging.getLogger("fnr")
    for old in logger.handlers[:]:
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    logger.setLevel(settings.level.upper())
    logger.propagate = False
    # A full disk under the log must not stop the daemon.
    logging.raiseExceptions = False


def file_in_use() -> str | None:
    """Where the log is written, unless that is stderr."""
    handlers = logging.getLogger("fnr").handlers
    return next((one.baseFilename for one in handlers if isinstance(one, _RotatedFile)), None)


def fields(data: dict[str, Any]) -> dict[str, Any]:
    """Data as a log record's fields: a name that logging keeps for itself gets an underscore."""
    return {f"{key}_" if key in _STANDARD else key: value for key, value in data.items()}


def set_level(settings: LogSettings) -> None:
    """Change how much is logged, without touching where it goes."""
    logging.getLogger("fnr").setLevel(settings.level.upper())


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _stamp(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: object) -> str:
    text = _one_line(str(value))
    return json.dumps(text) if not text or " " in text or '"' in text else text


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n").replace("\x1b", "\\e")
