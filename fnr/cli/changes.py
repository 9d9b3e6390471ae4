"""Show what a command has changed, and what it has not and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fnr.api.errors import FnrError
from fnr.api.question import Changed, Request
from fnr.cli.group import say_unchanged
from fnr.cli.here import here, say
from fnr.cli.render import write, write_json
from fnr.cli.terminal import one_line

# Changed in one transaction, within a tenth of a second.
CHUNK_IDS = 500


def change(ids: Sequence[str], request: Request[Changed], *, done: str) -> None:
    """Have these changed, and show it; when standard input had no ids there is nothing to do.

    `fnr task list -o name | fnr task cancel -` is no mistake on a day on which the list is empty.
    """
    show_changed(here().ask(request) if ids else Changed(), done=done)


def change_many(
    ids: Sequence[str], request_of: Callable[[list[str]], Request[Changed]], *, done: str
) -> None:
    """The same, a chunk of them at a time: while one is written nobody else's task is accepted."""
    total = Changed()
    try:
        for start in range(0, len(ids), CHUNK_IDS):
            answer = here().ask(request_of(list(ids[start : start + CHUNK_IDS])))
            total.changed.extend(answer.changed)
            total.unchanged.update(answer.unchanged)
    except (FnrError, KeyboardInterrupt):
        say_so_far(total, done=done)
        raise
    show_changed(total, done=done)


def say_so_far(total: Changed, *, done: str) -> None:
    """How far a command came that ends in the middle."""
    if total.changed:
        say(f"{len(total.changed)} {done} before that; those stay so")


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
