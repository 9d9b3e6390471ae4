"""Show what a command has changed, and what it has not and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec.structs import replace

from fnr.api.errors import FnrError
from fnr.api.letter_requests import PurgeLetters, ResolveLetters
from fnr.api.question import Changed, Request
from fnr.api.requests import CancelTasks
from fnr.cli.group import say_unchanged
from fnr.cli.here import here, say
from fnr.cli.render import write, write_json
from fnr.cli.terminal import one_line
from fnr.client.answers import in_chunks

# A chunk of letters may hold 5 GB of inputs.
PURGE_TIMEOUT_MS = 60_000

InChunks = CancelTasks | PurgeLetters | ResolveLetters


def change(ids: Sequence[str], request: Request[Changed], *, done: str) -> None:
    """Have these changed, and show it; when standard input had no ids there is nothing to do.

    `fnr task list -o name | fnr task cancel -` is no mistake on a day on which the list is empty.
    """
    show_changed(here().ask(request) if ids else Changed(), done=done)


def change_all(request: InChunks, *, done: str) -> None:
    """The same of all that a filter finds or ids name, however many there are."""
    _change_chunks(_chunks(request), done=done)


def change_many(
    ids: Sequence[str], request_of: Callable[[list[str]], Request[Changed]], *, done: str
) -> None:
    """The same, a chunk of them at a time: while one is written nobody else's task is accepted."""
    _change_chunks(map(here().ask, map(request_of, in_chunks(ids))), done=done)


def _change_chunks(chunks: Iterable[Changed], *, done: str) -> None:
    """An end in the middle says how far it came."""
    total = Changed()
    try:
        for chunk in chunks:
            total.changed.extend(chunk.changed)
            total.unchanged.update(chunk.unchanged)
    except (FnrError, KeyboardInterrupt):
        if total.changed:
            say(f"{len(total.changed)} {done} before that; those stay so")
        raise
    show_changed(total, done=done)


def _chunks(request: InChunks) -> Iterator[Changed]:
    for start in range(0, len(request.task_ids), request.limit):
        some = request.task_ids[start : start + request.limit]
        yield _ask(replace(request, task_ids=some))
    while request.where:
        chunk = _ask(request)
        yield chunk
        if chunk.next is None:
            return
        request = replace(request, after=chunk.next)


def _ask(request: InChunks) -> Changed:
    if isinstance(request, PurgeLetters):
        return here().ask(request, timeout_ms=PURGE_TIMEOUT_MS)
    return here().ask(request)


def show_changed(changed: Changed, *, done: str) -> None:
    """done: the word for what was done, "cancelled"; exits 1 when something was left as it was."""
    if here().as_json:
        write_json(
            {
                "schema": "fnr.changed/1",
                "done": done,
                "changed": changed.changed,
                "unchanged": changed.unchanged,
            },
            pretty=here().output == "json",
        )
    else:
        write("".join(f"{one_line(name)}\n" for name in changed.changed))
        noun = "one" if len(changed.changed) == 1 else str(len(changed.changed))
        if changed.changed or not changed.unchanged:
            here().notice(f"{noun if changed.changed else 'nothing'} {done}")
    say_unchanged(changed.unchanged)
