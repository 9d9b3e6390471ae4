"""`fnr dlq export` and `import`: dead letters as JSON lines, with everything, round-trip exact."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Annotated

import msgspec
import typer
from msgspec import Raw

from fnr.api.errors import (
    BadData,
    Failed,
    FnrError,
    PermissionDenied,
    Refused,
    StorageError,
)
from fnr.api.letter_requests import ExportLetters, ImportLetters, LetterFile
from fnr.api.wire import REQUEST_BYTES_MAX
from fnr.cli.given_file import opened
from fnr.cli.group import pages
from fnr.cli.here import here, say
from fnr.cli.options import Where
from fnr.cli.render import write_json
from fnr.cli.terminal import one_line
from fnr.client.new_file import write_new
from fnr.policy.counted import counted

EXPORT_PAGE = 100
IMPORT_CHUNK = 200
# Letters hold whole inputs: a request must fit, and the daemon should answer now and then.
IMPORT_CHUNK_BYTES = 8 * 1024 * 1024
# A request has some room for itself.
LINE_BYTES_MAX = REQUEST_BYTES_MAX - 1024 * 1024
_letters = msgspec.json.Decoder(LetterFile)


def export_letters(
    where: Where = "",
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="A new file instead of stdout.")
    ] = None,
) -> None:
    """Write dead letters as JSON lines, with input, attempts, errors and decisions."""
    found = pages(
        lambda cursor, size: here().ask(
            ExportLetters(where=where, after=cursor, limit=min(size, EXPORT_PAGE))
        ),
        limit=0,
        after=None,
    )
    lines = (msgspec.json.encode(letter) + b"\n" for page in found for letter in page.items)
    if to is None or str(to) == "-":
        for line in lines:
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        return
    count = _write(to, lines)
    if here().as_json:
        told = {"schema": "fnr.dlq.export/1", "file": str(to), "letters": count}
        write_json(told, pretty=here().output == "json")
    else:
        here().notice(f"{counted(count, 'dead letter')} written to {to}")


def _write(to: Path, lines: Iterable[bytes]) -> int:
    """How many were written; after it the letters may be purged."""
    try:
        return write_new(to, lines)
    except FileExistsError as error:
        raise Refused(f"{to} exists already", why="an export overwrites nothing") from error
    except OSError as error:
        why = f"{error.strerror}; nothing of it was kept"
        kind = PermissionDenied if isinstance(error, PermissionError) else StorageError
        raise kind(f"{to} cannot be written", why=why) from error


def import_letters(
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="JSON lines of an export.")],
) -> None:
    """Take over exported dead letters under their own ids; ids that exist already are refused.

    Every line is checked before anything is changed.
    """
    imported, refused = 0, 0
    try:
        with ExitStack() as stack:
            lines = _checked(stack.enter_context(_kept(source)))
            connection = stack.enter_context(here().connect())
            for chunk in _chunks(lines):
                answer = connection.ask(ImportLetters(items=[raw for _, raw in chunk]))
                imported += len(answer.task_ids)
                refused += len(answer.refused)
                for item in answer.refused:
                    say(f"line {chunk[item.index][0]}: {one_line(item.why)}")
    except (FnrError, KeyboardInterrupt):
        if imported:
            say(f"{imported} imported before that; those stay so, and are refused another time")
        raise
    if here().as_json:
        write_json({"schema": "fnr.dlq.import/1", "imported": imported, "refused": refused})
    here().notice(f"{imported} imported" + (f", {refused} refused" if refused else ""))
    if refused:
        raise typer.Exit(Failed.exit_code)


def _chunks(lines: Iterable[tuple[int, Raw]]) -> Iterator[list[tuple[int, Raw]]]:
    chunk: list[tuple[int, Raw]] = []
    size_bytes = 0
    for line in lines:
        line_bytes = len(bytes(line[1]))
        if chunk and (len(chunk) == IMPORT_CHUNK or size_bytes + line_bytes > IMPORT_CHUNK_BYTES):
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append(line)
        size_bytes += line_bytes
    if chunk:
        yield chunk


@contextmanager
def _kept(source: str) -> Iterator[IO[bytes]]:
    """A file that can be gone through twice; what comes from a pipe is kept in one meanwhile."""
    with ExitStack() as stack:
        file = stack.enter_context(opened(source))
        if source != "-" and file.seekable():
            yield file
            return
        kept = stack.enter_context(tempfile.TemporaryFile())
        try:
            shutil.copyfileobj(file, kept)
            kept.seek(0)
        except OSError as error:
            why = f"{error.strerror}; it is kept in {tempfile.gettempdir()} until it is checked"
            raise StorageError(f"{source} cannot be imported", why=why) from error
        yield kept


def _checked(file: IO[bytes]) -> Iterator[tuple[int, Raw]]:
    """The letters with their lines' numbers, once all are looked at."""
    problems: list[str] = []
    for number, line, size in _lines(file):
        if size > LINE_BYTES_MAX:
            problems.append(f"line {number}: {size} bytes; at most {LINE_BYTES_MAX} are taken")
            continue
        try:
            _letters.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problems.append(f"line {number}: not an exported dead letter: {error}")
    if problems:
        raise BadData(
            "nothing was imported",
            why=f"{counted(len(problems), 'line')} cannot be taken for dead letters",
            details=tuple(problems[:20]),
        )
    # What somebody appends meanwhile was not looked at.
    end = file.tell()
    file.seek(0)
    return ((number, Raw(line)) for number, line, _ in _lines(file, end=end))


def _lines(file: IO[bytes], *, end: int | None = None) -> Iterator[tuple[int, bytes, int]]:
    """Number, text and bytes of each line that is not empty; of one too long not the whole text."""
    number = 0
    while (end is None or file.tell() < end) and (line := file.readline(LINE_BYTES_MAX + 1)):
        number += 1
        size, part = len(line), line
        while not part.endswith(b"\n") and (part := file.readline(LINE_BYTES_MAX)):
            size += len(part)
        if line := line.strip():
            yield number, line, size
