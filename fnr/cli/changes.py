"""Show what a command has changed, and what it has not and why."""

from __future__ import annotations

from fnr.api.question import Changed
from fnr.cli.group import say_unchanged
from fnr.cli.here import here
from fnr.cli.render import write, write_json
from fnr.cli.terminal import one_line


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
