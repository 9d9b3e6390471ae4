"""The frame around every screen: whose daemon this is and how it is, the screens, the keys."""

from __future__ import annotations

from msgspec import Struct
from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from fnr.api.plain_text import duration, one_line
from fnr.api.requests import Status
from fnr.client.instants import local
from fnr.tui.looks import look_of


class Head(Struct, frozen=True, kw_only=True):
    """What the top line says."""

    host: str = ""
    status: Status | None = None
    state: str = "seeking"
    locked: bool = False
    read_only: bool = False
    paused: bool = False
    now_ms: int = 0


class TopLine(Widget):
    """Host, daemon, counts on the left; lock, pause and the time on the right."""

    DEFAULT_CSS = """
    TopLine { height: 1; padding: 0 1; background: $panel; }
    """

    head: reactive[Head] = reactive(Head())

    def render(self) -> Text:
        """What matters most comes first: on a narrow terminal the rest is cut."""
        head = self.head
        right = self._right(head)
        left = Text().append(" fnr ", "bold reverse").append(f" {one_line(head.host)}  ")
        look = look_of(head.state)
        left.append(f"{look.sign} {head.state}", look.style)
        if head.status is not None:
            for words, style in self._counts(head.status, head):
                left.append("  ").append(words, style)
        room = self.size.width - right.cell_len - 1
        if room < 12:
            right, room = Text(), self.size.width
        left.truncate(max(0, room), overflow="ellipsis", pad=True)
        return left.append(" ").append_text(right) if right else left

    @staticmethod
    def _counts(status: Status, head: Head) -> list[tuple[str, str]]:
        found = []
        if head.state == "down":
            found.append(("stored state", "yellow"))
        elif status.started_at_ms:
            up = duration(max(0, head.now_ms - status.started_at_ms))
            found.append((f"{one_line(status.version)} up {up}", "dim"))
        if status.letters_open:
            found.append((f"✗ {status.letters_open:,} dead", "red"))
        found += [
            (f"{status.counts.get(state, 0):,} {state}", "")
            for state in ("running", "queued", "waiting")
            if status.counts.get(state)
        ]
        if status.workers:
            several = "s" * (status.workers != 1)
            found.append((f"{status.workers:,} worker{several}", "dim"))
        return found

    @staticmethod
    def _right(head: Head) -> Text:
        right = Text()
        if head.paused:
            right.append(" PAUSED ", "bold reverse").append(" ")
        if head.read_only:
            right.append(" READ-ONLY ", "bold reverse").append(" ")
        elif head.locked:
            right.append(" LOCKED ", "bold reverse").append(" ")
        return right.append(f"{local(head.now_ms):%H:%M:%S}", "dim")


class Banner(Widget):
    """One line that is only there when there is something to say."""

    DEFAULT_CSS = """
    Banner { height: 1; padding: 0 1; display: none; text-style: bold; }
    Banner.-open { display: block; }
    Banner.-drill { background: $error; color: $text; }
    Banner.-daemon { background: $warning-muted; color: $text; }
    """

    words: reactive[str] = reactive("")

    def watch_words(self, words: str) -> None:
        """Words make it visible."""
        self.set_class(bool(words), "-open")

    def render(self) -> Text:
        """The words, cut where the line ends."""
        found = Text(one_line(self.words), no_wrap=True)
        found.truncate(max(0, self.size.width), overflow="ellipsis")
        return found


class Tabs(Widget):
    """The screens with their keys; a click goes there."""

    DEFAULT_CSS = """
    Tabs { height: 1; padding: 0 1; }
    """

    names: reactive[tuple[str, ...]] = reactive(())
    present: reactive[str] = reactive("")

    class Picked(Message):
        """Go to this screen."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def render(self) -> Text:
        """All of them, shortened until they fit."""
        found = Text(no_wrap=True)
        for words, name in self._labels():
            found.append(words, "bold reverse" if name == self.present else "")
            found.append(" ")
        found.truncate(max(0, self.size.width))
        return found

    def _labels(self) -> list[tuple[str, str]]:
        for size in (99, 4, 0):
            labels = [
                (f" {number}{' ' if size else ''}{name[:size]} ", name)
                for number, name in enumerate(self.names, start=1)
            ]
            if sum(len(words) + 1 for words, _ in labels) <= self.size.width + 1:
                return labels
        return [(f" {self.present} ", self.present)]

    def on_click(self, event: events.Click) -> None:
        """Go where it was clicked."""
        left = event.x - 1
        for words, name in self._labels():
            if 0 <= left < len(words):
                self.post_message(self.Picked(name))
                return
            left -= len(words) + 1


class Keys(Widget):
    """The keys that do something here; as many as fit, help always."""

    DEFAULT_CSS = """
    Keys { height: 1; padding: 0 1; background: $panel; }
    """

    keys: reactive[tuple[tuple[str, str, bool], ...]] = reactive(())

    def render(self) -> Text:
        """Key and word each; those that are not allowed now are dimmed."""
        width = self.size.width
        found, used = Text(no_wrap=True), 0
        for key, words, allowed in self.keys:
            size = cell_len(key) + 1 + cell_len(words) + 2
            if used + size - 2 > width:
                continue
            found.append(key, "bold" if allowed else "dim")
            found.append(f" {words}  ", "" if allowed else "dim")
            used += size
        return found
