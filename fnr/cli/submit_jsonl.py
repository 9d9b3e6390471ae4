"""Submit a file of tasks: thousands a transaction, several transactions on their way at once.

Of a pipe or a terminal what has come is submitted, and its ids are shown, whenever it pauses.

Lines are not decoded and encoded again: each is checked to be one JSON value and put into the
request as it is. What is refused is named by its line; nothing else is affected by it.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import msgspec
import typer
from msgspec import Raw, Struct, field
from msgspec.structs import replace

from fnr.api.errors import BadData, DaemonDown, Failed, FnrError, NotFound, TimedOut, UsageError
from fnr.api.requests import SubmitMany, SubmittedMany, TaskSpec
from fnr.api.wire import REQUEST_BYTES_MAX
from fnr.cli.follow import SUBMIT_PATIENCE_MS
from fnr.cli.given_file import opened
from fnr.cli.here import here, say
from fnr.cli.line_source import comes_by_and_by, lines_as_they_come
from fnr.cli.progress import Bar
from fnr.cli.render import drop_output, write_json, write_while_read
from fnr.cli.terminal import one_line
from fnr.client.connect import Connection, ConnectionLost, not_text
from fnr.client.patience import Patience, connect_again
from fnr.client.specs import EXPIRES_FIRST, expires_first
from fnr.host.clock import Dice, Ulids
from fnr.policy.counted import counted
from fnr.policy.input_types import validate_input_json
from fnr.policy.task import INPUT_BYTES_MAX

CHUNK_LINES = 1_000
# Long lines make smaller chunks: a request must fit, and the daemon should answer now and then.
CHUNK_BYTES = 8 * 1024 * 1024
# Room for a task's other fields beside its input. A file that has no lines is not read as one.
LINE_BYTES_MAX = INPUT_BYTES_MAX + 1024 * 1024
_specs = msgspec.json.Decoder(TaskSpec)


class Chunk(Struct):
    """Lines that go into one request: their numbers in the file, the tasks they say, their ids.

    asked_again: the daemon went away before it answered, and may have accepted it.
    """

    numbers: list[int] = field(default_factory=list)
    items: list[Raw] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    size_bytes: int = 0
    asked_again: bool = False


class Line(NamedTuple):
    """A task that a line of the file stands for."""

    number: int
    item: bytes
    task_id: str


class Outcome(Struct):
    """What became of the lines so far."""

    accepted: int = 0
    duplicates: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    task_ids: list[str] = field(default_factory=list)
    through_line: int = 0


def submit_lines(source: str, spec: TaskSpec, *, atomic: bool) -> None:
    """Submit every line of a file; exits 1 if some were refused."""
    outcome = Outcome()
    with opened(source) as file, here().connect() as connection:
        bar = Bar("submitting", total_bytes=_size_bytes(file), hidden=file.isatty())
        lines = _items(file, spec, outcome, bar)
        under_way: list[Chunk] = []
        chunks = _checked(_chunks(lines, atomic=atomic), outcome, under_way, atomic=atomic)
        try:
            for answer in _answers(connection, chunks, under_way, atomic=atomic):
                chunk = under_way[0]
                if isinstance(answer, FnrError):
                    raise _stopped(answer, outcome, under_way)
                if spec.function and len(answer.refused) == len(chunk.items):
                    _look_for_its_function(answer, outcome, under_way)
                _count(outcome, chunk, answer)
                del under_way[0]
                _show_accepted(outcome, answer.task_ids)
        except (ConnectionLost, TimedOut) as error:
            error.details = tuple(_known(outcome, under_way))
            raise
        except (KeyboardInterrupt, OSError) as error:
            if isinstance(error, OSError):
                drop_output()  # or what could not be written would be in the way again
            for line in _known(outcome, under_way):
                say(line)
            raise
        finally:
            bar.close()
            _show_refused(outcome)
            if outcome.refused and not outcome.accepted and not spec.function:
                say("without a FUNCTION every line is a whole task: fnr help input")
    _show(outcome, seconds=bar.elapsed_s, atomic=atomic)


def _answers(
    connection: Connection, chunks: Iterator[Chunk | None], under_way: list[Chunk], *, atomic: bool
) -> Iterator[SubmittedMany | FnrError]:
    """Answers in the order of the chunks; those that went with a daemon are asked for again.

    The ids say that it is the same tasks. Raises ConnectionLost when that brings no answer, daemon
    after daemon, for as long as there is patience.
    """
    patience: Patience | None = None
    while True:
        known = 0
        again = [*under_way]
        requests = (
            None if chunk is None else SubmitMany(items=chunk.items, atomic=atomic)
            for chunk in itertools.chain(again, chunks)
        )
        try:
            with connection:
                for answer in connection.ask_each(requests):
                    known += 1
                    yield answer
        except ConnectionLost as lost:
            if patience is None or known:
                here().notice("notice: the daemon went away; waiting until it is back")
                patience = Patience(SUBMIT_PATIENCE_MS)
            elif patience.is_over:
                raise
            else:
                patience.rest()
            connection = _connected_again(lost)
            for chunk in under_way:
                chunk.asked_again = True
        else:
            return


def _connected_again(lost: ConnectionLost) -> Connection:
    try:
        return connect_again(
            here().paths, timeout_ms=here().timeout_ms, patience_ms=SUBMIT_PATIENCE_MS
        )
    except DaemonDown:
        raise lost from None


def _items(file: IO[bytes], spec: TaskSpec, outcome: Outcome, bar: Bar) -> Iterator[Line | None]:
    """The tasks that the lines stand for, with ids; bad lines go to `refused`. None: a pause."""
    head, tail = _frame(spec)
    ulids = Ulids(here().clock, Dice())
    number = 0
    for line in _lines(file, bar):
        if line is None:
            yield None
            continue
        number += 1
        text = line.strip()
        if not text:
            continue
        if len(line) > LINE_BYTES_MAX:
            outcome.refused.append((number, f"more than {LINE_BYTES_MAX} bytes in one line"))
            continue
        # Whatever is not one whole JSON value would break the request around it.
        problem, own_id = (validate_input_json(text), None) if spec.function else _task(text)
        if problem is not None:
            outcome.refused.append((number, problem))
            continue
        task_id = own_id or ulids.new()
        item = head + text + tail
        if own_id is None:
            item = item[:-1] + b',"task_id":"%s"}' % task_id.encode()
        yield Line(number, item, task_id)


def _lines(file: IO[bytes], bar: Bar) -> Iterator[bytes | None]:
    """The lines; of one that is too long no more is kept than shows that it is. None: a pause."""
    if comes_by_and_by(file):
        for come in lines_as_they_come(file, here().clock, bytes_max=LINE_BYTES_MAX):
            if come is None:
                bar.show()
            else:
                bar.advance(len(come))
            yield come
        return
    while line := file.readline(LINE_BYTES_MAX + 1):
        bar.advance(len(line))
        yield line
        while not line.endswith(b"\n") and (line := file.readline(LINE_BYTES_MAX)):
            bar.advance(len(line))


def _frame(spec: TaskSpec) -> tuple[bytes, bytes]:
    """What stands around a line: with a function the line is its input, else the whole task."""
    if not spec.function:
        if spec != TaskSpec(function=""):
            raise UsageError(
                "flags for all lines need a FUNCTION",
                why="without one every line is a whole task with its own fields",
                next_step="fnr submit FUNCTION --jsonl FILE",
            )
        return b"", b""
    try:
        marked = msgspec.json.encode(replace(spec, input=Raw(b'"\\u0000"')))
    except UnicodeEncodeError as error:
        raise not_text(error) from error
    head, _, tail = marked.partition(b'"\\u0000"')
    return head, tail


def _task(text: bytes) -> tuple[str | None, str | None]:
    """What is wrong with a line that is a whole task, and the id that it gives itself."""
    try:
        spec = _specs.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The decoder calls half a surrogate pair "truncated"; the other check knows its name.
        return f"not a task: {validate_input_json(text) or error}", None
    if why := expires_first(spec, here().clock):
        return f"{EXPIRES_FIRST}: {why}", None
    return validate_input_json(bytes(spec.input)), spec.task_id


def _chunks(lines: Iterator[Line | None], *, atomic: bool) -> Iterator[Chunk | None]:
    """Lines that go together; None: nothing follows yet, there is time for answers."""
    chunk = Chunk()
    for line in lines:
        if line is None:
            if not atomic:
                if chunk.items:
                    yield chunk
                    chunk = Chunk()
                yield None
            continue
        chunk.numbers.append(line.number)
        chunk.items.append(Raw(line.item))
        chunk.ids.add(line.task_id)
        chunk.size_bytes += len(line.item)
        if atomic:
            if chunk.size_bytes > REQUEST_BYTES_MAX - 1024 * 1024:
                raise BadData(
                    "the file is too large for one transaction",
                    why=f"more than {REQUEST_BYTES_MAX >> 20} MiB at line {line.number};"
                    " nothing was submitted",
                    next_step="leave --atomic out, or split the file",
                )
        elif len(chunk.items) >= CHUNK_LINES or chunk.size_bytes >= CHUNK_BYTES:
            yield chunk
            chunk = Chunk()
    if chunk.items:
        yield chunk


def _checked(
    chunks: Iterator[Chunk | None], outcome: Outcome, under_way: list[Chunk], *, atomic: bool
) -> Iterator[Chunk | None]:
    """The chunks, each noted as under way."""
    for chunk in chunks:
        if chunk is None:
            yield None
            continue
        if atomic and outcome.refused:
            lines = len(outcome.refused) + len(chunk.items)
            raise BadData(
                f"{len(outcome.refused)} of {counted(lines, 'line is', 'lines are')} bad",
                why="--atomic: all or none; nothing was submitted, and the daemon has not looked at"
                " the others",
            )
        under_way.append(chunk)
        yield chunk


def _count(outcome: Outcome, chunk: Chunk, answer: SubmittedMany) -> None:
    duplicates = answer.duplicates
    if chunk.asked_again:
        # Those that it had accepted before it went are no duplicates.
        duplicates = sum(task_id not in chunk.ids for task_id in answer.task_ids)
    accepted = outcome.accepted + len(answer.task_ids)
    # One assignment without calls: Ctrl-C finds all of the chunk counted, or nothing of it.
    outcome.accepted, outcome.through_line = accepted, chunk.numbers[-1]
    outcome.duplicates += duplicates
    outcome.refused += [(chunk.numbers[item.index], item.why) for item in answer.refused]


def _show_accepted(outcome: Outcome, task_ids: list[str]) -> None:
    if here().output == "json":
        outcome.task_ids += task_ids
    elif here().output == "jsonl":
        lines = (msgspec.json.encode({"task_id": task_id}).decode() for task_id in task_ids)
        write_while_read("".join(f"{line}\n" for line in lines))
    elif here().output == "name" or here().plain:
        write_while_read("".join(f"{task_id}\n" for task_id in task_ids))


def _show_refused(outcome: Outcome) -> None:
    for number, why in sorted(outcome.refused):
        say(f"line {number}: {one_line(why)}")


def _show(outcome: Outcome, *, seconds: float, atomic: bool) -> None:
    if here().output == "json":
        write_json(
            {
                "schema": "fnr.submitted.many/1",
                "accepted": outcome.accepted,
                "duplicates": outcome.duplicates,
                "refused": [{"line": line, "why": why} for line, why in sorted(outcome.refused)],
                "task_ids": outcome.task_ids,
            },
            pretty=True,
        )
    words = f"{outcome.accepted} accepted"
    if outcome.duplicates:
        words += f" ({outcome.duplicates} existed already)"
    if outcome.refused:
        words += f", {len(outcome.refused)} refused"
    here().notice(f"{words} in {seconds:.1f} s")
    if outcome.refused:
        none = atomic or not outcome.accepted
        raise typer.Exit(BadData.exit_code if none else Failed.exit_code)


def _stopped(error: FnrError, outcome: Outcome, under_way: list[Chunk]) -> FnrError:
    """The daemon refused a whole chunk: say how far it came, and keep the daemon's own words."""
    chunk, *later = under_way
    lines = f"lines {chunk.numbers[0]} to {chunk.numbers[-1]}"
    # An earlier daemon may have accepted what this one cannot look up.
    known = f"of {lines} it is not known" if chunk.asked_again else f"{lines} are not"
    error.details += (
        _accepted(outcome),
        f"{known}; later ones may be" if later else known,
    )
    return error


def _look_for_its_function(answer: SubmittedMany, outcome: Outcome, under_way: list[Chunk]) -> None:
    """A function that there is not is said once, and not of every line of the file."""
    first = answer.refused[0]
    if first.code == NotFound.code:
        raise _stopped(NotFound(first.why, next_step="fnr function list"), outcome, under_way)


def _accepted(outcome: Outcome) -> str:
    verb = "is" if outcome.accepted == 1 else "are"
    many = counted(outcome.accepted, "task")
    return f"{many}, through line {outcome.through_line}, {verb} accepted"


def _known(outcome: Outcome, under_way: list[Chunk]) -> Iterator[str]:
    """What is known of the lines when it ended in the middle."""
    yield _accepted(outcome)
    unknown = [chunk for chunk in under_way if chunk.numbers[-1] > outcome.through_line]
    if unknown:
        first, last = unknown[0].numbers[0], unknown[-1].numbers[-1]
        yield f"of lines {first} to {last} it is not known"
        yield f"{here().command} task list --limit 0 -o jsonl tells which are there"


def _size_bytes(file: IO[bytes]) -> int | None:
    if file is sys.stdin.buffer:
        return None
    return Path(file.name).stat().st_size or None
