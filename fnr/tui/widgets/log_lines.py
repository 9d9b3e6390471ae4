"""Lines that workers have printed: the latest of them, following or standing still."""

from __future__ import annotations

import re
from collections import deque
from itertools import islice
from typing import Any, ClassVar

from msgspec import Struct
from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.strip import Strip

from fnr.api.plain_text import one_line
from fnr.client.instants import clock_time
from fnr.policy.log_record import STDERR
from fnr.tui.widgets.kept_lines import PLAIN, KeptLines

LINES_MAX = 5_000
LINE_CHARS_MAX = 2_000
# What makes somebody stop scrolling.
TROUBLE = re.compile(
    r"\b(traceback|error|exception|fatal|panic|killed|out of memory)\b", re.IGNORECASE
)

_DIM = Style(dim=True)
_RED = Style(color="red")
_BOLD = Style(bold=True)


class LogLine(Struct, frozen=True):
    """One line: whose, when (0: nobody knows), on which stream."""

    source: str
    at_ms: int
    stream: str
    text: str

    @property
    def is_trouble(self) -> bool:
        """Does it look like an error?"""
        return TROUBLE.search(self.text) is not None


class _Words(Struct, frozen=True):
    """Words about the lines."""

    words: str


class _Shown(Struct, frozen=True):
    """A line, and whether the cursor is on it."""

    line: LogLine
    on_it: bool


class LogView(KeptLines):
    """Shows the lines it is given; at the end it follows, elsewhere it stands still."""

    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("pagedown", "move(20)", show=False),
        Binding("pageup", "move(-20)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("f,end,G", "follow", "follow"),
        Binding("n", "trouble(1)", "next error"),
        Binding("N", "trouble(-1)", "previous error", show=False),
    ]
    DEFAULT_CSS = """
    LogView { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._all: deque[LogLine] = deque(maxlen=LINES_MAX)
        self._shown_lines: list[LogLine] = []
        self.source = ""
        self.words = ""
        self.following = True
        self.left_out = False
        self.cursor = 0
        self._note = ""
        self._fitted = Size(0, 0)

    def tell(self, note: str) -> None:
        """Why there are no lines, or not all."""
        self._note = note
        self.show_changes()

    def add(self, lines: list[LogLine]) -> None:
        """More lines, the latest last."""
        if not lines:
            return
        spilt = max(0, len(self._all) + len(lines) - LINES_MAX)
        # The cursor stays on its line, however many make room above it.
        gone = sum(self._fits(line) for line in islice(self._all, spilt))
        self._all.extend(lines)
        if spilt:
            self.cursor = max(0, self.cursor - gone)
            self.left_out = True
            self._choose()
        else:
            self._shown_lines += [line for line in lines if self._fits(line)]
        if self.following:
            self.cursor = max(0, len(self._shown_lines) - 1)
        self.show_changes()

    def choose(self, *, source: str | None = None, words: str | None = None) -> None:
        """Only lines of one worker, only lines with these words."""
        self.source = self.source if source is None else source
        self.words = self.words if words is None else words
        self._choose()
        self.action_follow()

    def clear(self) -> None:
        """Forget all lines."""
        self._all.clear()
        self._choose()

    def _choose(self) -> None:
        self._shown_lines = [line for line in self._all if self._fits(line)]
        self.show_changes()

    def _fits(self, line: LogLine) -> bool:
        return (not self.source or line.source == self.source) and (
            not self.words or self.words.lower() in line.text.lower()
        )

    @property
    def line(self) -> LogLine | None:
        """The chosen line."""
        return self._shown_lines[self.cursor] if self.cursor < len(self._shown_lines) else None

    # ── drawing ──────────────────────────────────────────────────────────────

    def fit(self, size: Size) -> None:
        """Asked once for all lines: Textual works it out every time."""
        self._fitted = size

    def content(self, y: int) -> Struct:
        """Lines, and a last one that says what is shown."""
        height = self._fitted.height
        if y == height - 1:
            return _Words(self.place())
        rows = max(1, height - 1)
        top = max(0, min(self.cursor - rows + 1, len(self._shown_lines) - rows))
        if not self.following:
            top = max(0, min(self.cursor - rows // 2, len(self._shown_lines) - rows))
        index = top + y
        if index < len(self._shown_lines):
            return _Shown(self._shown_lines[index], index == self.cursor)
        empty = y == 0 and not self._shown_lines
        nothing = "no line fits" if self._all else "nothing printed yet"
        return _Words(f"  {self._note or nothing}" if empty else "")

    def drawn(self, content: Any) -> Strip:
        """When, whose, what."""
        match content:
            case _Shown(line, on_it):
                return self._line_of(line, self._fitted.width, on_it=on_it)
            case _:
                return Strip([Segment(content.words, _DIM)])

    def _line_of(self, line: LogLine, width: int, *, on_it: bool) -> Strip:
        segments = [Segment("▸" if on_it else " ", _BOLD)]
        if width >= 60:
            moment = clock_time(line.at_ms)[11:] if line.at_ms else " " * 8
            segments.append(Segment(f"{moment} {set_cell_size(one_line(line.source), 14)} ", _DIM))
        style = _RED if line.is_trouble or line.stream == STDERR else PLAIN
        mark = "! " if line.is_trouble else "  "
        segments += [Segment(mark, _RED), Segment(one_line(line.text[:LINE_CHARS_MAX]), style)]
        strip = Strip(segments).adjust_cell_length(width, PLAIN)
        return strip.apply_style(_BOLD) if on_it else strip

    def place(self) -> str:
        """Which lines these are."""
        number = len(self._shown_lines)
        parts = [f"{number:,} {'line' if number == 1 else 'lines'}", self.source or "all workers"]
        if self.words:
            parts.append(f"with {self.words!r}")
        parts.append("following" if self.following else "standing still, f follows")
        if self.left_out:
            parts.append("older ones: fnr logs -n 0")
        return "  " + " · ".join(parts)

    # ── moving ───────────────────────────────────────────────────────────────

    def action_move(self, lines: int) -> None:
        """Another line; the last one is followed."""
        last = max(0, len(self._shown_lines) - 1)
        self.cursor = max(0, min(self.cursor + lines, last))
        self.following = self.cursor == last and lines > 0
        self.show_changes()

    def action_follow(self) -> None:
        """The end, and whatever comes."""
        self.following = True
        self.cursor = max(0, len(self._shown_lines) - 1)
        self.show_changes()

    def action_trouble(self, step: int) -> None:
        """The next line that looks like an error."""
        index = self.cursor + step
        while 0 <= index < len(self._shown_lines):
            if self._shown_lines[index].is_trouble:
                self.cursor, self.following = index, False
                self.show_changes()
                return
            index += step

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the lines."""
        event.stop()
        self.action_move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the lines."""
        event.stop()
        self.action_move(-3)
