"""A titled part of a screen: lines of text that are made for its width; some can be chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

Lines = Callable[[int], list[Text]]


class Panel(Widget):
    """Shows the lines that `lines` makes for its width."""

    DEFAULT_CSS = """
    Panel {
        height: auto; border-top: solid $panel-lighten-2; padding: 0 1;
        border-title-color: $text; border-title-style: bold;
    }
    Panel:focus { border-top: solid $primary; }
    """

    def __init__(self, title: str, lines: Lines, *, id: str | None = None) -> None:  # noqa: A002 - textual's word
        super().__init__(id=id)
        self.border_title = title
        self._lines = lines

    def show(self, lines: Lines) -> None:
        """Show other lines."""
        self._lines = lines
        self.show_changes()

    def show_changes(self) -> None:
        """What the lines say may be another; where they are as many, nothing else has to move."""
        self.refresh(layout=self._height(self.size.width) != self.size.height)

    def render(self) -> Text:
        """Each line cut where the panel ends."""
        width = max(1, self.size.width)
        return _joined(self._lines(width), width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - textual's signature
        """As many lines as there are."""
        return self._height(width)

    def _height(self, width: int) -> int:
        return max(1, len(self._lines(max(1, width))))


def _joined(lines: list[Text], width: int) -> Text:
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n", no_wrap=True, end="").join(lines)


class ChoicePanel(Widget):
    """Lines of which one is chosen; says when somebody wants to go there."""

    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("enter", "pick", "go there"),
    ]
    DEFAULT_CSS = """
    ChoicePanel {
        height: auto; border-top: solid $panel-lighten-2; padding: 0 1;
        border-title-color: $text; border-title-style: bold;
    }
    ChoicePanel:focus { border-top: solid $primary; }
    """

    class Picked(Message):
        """What a line is of: lines may be others by the time somebody hears of it."""

        def __init__(self, panel: ChoicePanel, item: Any) -> None:
            super().__init__()
            self.panel = panel
            self.item = item

    def __init__(
        self,
        title: str,
        *,
        empty: str,
        lines_max: int,
        key_of: Callable[[Any], object] = id,
        id: str | None = None,  # noqa: A002 - textual's word
    ) -> None:
        """key_of: what is the same item, also when it says something else than before."""
        super().__init__(id=id)
        self.border_title = title
        self._empty = empty
        self._lines: list[Text] = []
        self._items: list[Any] = []
        self._lines_max = lines_max
        self._key_of = key_of
        self._whole = True
        self.cursor = 0

    def show(self, lines: list[Text], items: Sequence[Any] = (), *, whole: bool = True) -> None:
        """Show other lines, and what each is of; whole: there are no more of them."""
        before = self.item
        self._lines, self._items = lines, list(items)
        self._whole = whole
        self.cursor = max(0, min(self.cursor, len(lines) - 1))
        if before is not None and (self.has_focus or self.cursor):
            self._stay_on(self._key_of(before))
        self.refresh(layout=self._height() != self.size.height)

    @property
    def item(self) -> Any | None:
        """What the chosen line is of."""
        return self._items[self.cursor] if self.cursor < len(self._items) else None

    def _stay_on(self, key: object) -> None:
        keys = [self._key_of(item) for item in self._items]
        if key in keys and keys[self.cursor] != key:
            self.cursor = keys.index(key)

    def render(self) -> Text:
        """As many lines as there is room for, the chosen one among them."""
        width = max(1, self.size.width)
        if not self._lines:
            sign = "▸" if self.has_focus else ""
            return Text().append(sign, "bold").append(self._empty, "dim")
        first = self._first()
        found = []
        for number, line in enumerate(self._lines[first : first + self._lines_max], start=first):
            on_it = number == self.cursor and self.has_focus
            shown = Text().append("▸" if on_it else " ", "bold").append_text(line)
            if on_it:
                shown.stylize("bold")
            found.append(shown)
        left = len(self._lines) - first - self._lines_max
        if left > 0:
            found[-1] = Text(f" … and {left + 1:,}{'' if self._whole else '+'} more", "dim")
        return _joined(found, width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - textual's signature
        """As many lines as there are, up to the bound."""
        return self._height()

    def _height(self) -> int:
        return max(1, min(len(self._lines), self._lines_max))

    def _first(self) -> int:
        """The line at the top: above the last row, which says how many more there are."""
        last = max(0, len(self._lines) - self._lines_max)
        return max(0, min(self.cursor - self._lines_max + 2, last))

    def action_move(self, lines: int) -> None:
        """Another line."""
        self.cursor = max(0, min(self.cursor + lines, len(self._lines) - 1))
        self.refresh()

    def action_pick(self) -> None:
        """Go there."""
        if self._lines:
            self.post_message(self.Picked(self, self.item))

    def on_click(self, event: events.Click) -> None:
        """A click chooses, a second one goes there."""
        self.cursor = max(0, min(self._first() + event.y - 1, len(self._lines) - 1))
        self.refresh()
        if event.chain > 1:
            self.action_pick()
