"""What can be wished on a screen: one command of fnr, and what is asked and said before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct
from textual.message import Message

from fnr.client.own_command import OwnCommand

# More than these on one line, and nobody can read the command any more.
IDS_ON_LINE_MAX = 8

Values = dict[str, str]


class Ask(Struct, frozen=True, kw_only=True):
    """One thing to fill in before.

    area: of several lines. needed: nothing is done without it. options: what it may be.
    """

    name: str
    label: str
    value: str = ""
    hint: str = ""
    area: bool = False
    needed: bool = False
    options: tuple[str, ...] = ()


class Wish(Struct, frozen=True, kw_only=True):
    """One command that somebody wants, once they have seen it.

    command: from what was filled in. verb: on the button. trial: the same without effect, whose
    words are shown on demand, at once if `tried_at_once`. must_type: has to be typed before.
    changes: False for what only asks, like a test of a rule; allowed when read-only.
    at_once: nobody is asked before; only for what makes things safe.
    """

    title: str
    text: str
    verb: str
    command: Callable[[Values], OwnCommand]
    asks: tuple[Ask, ...] = ()
    trial: Callable[[Values], OwnCommand] | None = None
    trial_verb: str = "Dry run"
    tried_at_once: bool = False
    must_type: str = ""
    changes: bool = True
    at_once: bool = False


class TrialWanted(Message):
    """A dialog wants the words of its command's harmless twin, for its `tried`."""

    def __init__(self, dialog: Any, own: OwnCommand) -> None:
        super().__init__()
        self.dialog = dialog
        self.own = own


class Wished(Message):
    """Somebody wishes it; whoever may carry it out asks them first."""

    def __init__(self, wish: Wish) -> None:
        super().__init__()
        self.wish = wish


def on_ids(
    words: Iterable[str], ids: Iterable[str], more: Iterable[str] = (), unasked: Iterable[str] = ()
) -> OwnCommand:
    """A command on ids: on its line while they can be read there, else on its standard input."""
    found = list(ids)
    if len(found) <= IDS_ON_LINE_MAX:
        return OwnCommand(words=(*words, *found, *more), unasked=tuple(unasked))
    return OwnCommand(
        words=(*words, "-", *more), stdin="".join(f"{one}\n" for one in found),
        unasked=tuple(unasked),
    )  # fmt: skip


def flag(name: str, value: str) -> tuple[str, ...]:
    """A flag with its value; nothing when there is none."""
    value = value.strip()
    return (name, value) if value else ()


def several(items: Iterable[Any], noun: str) -> str:
    """ "1 dead letter" or "12 dead letters"."""
    count = len(list(items))
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
