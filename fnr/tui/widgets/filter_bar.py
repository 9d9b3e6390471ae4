"""The line where a filter is typed: the language of `--where`, with what was typed before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from fnr.policy.filter import FilterError, parse
from fnr.policy.filter_fields import Field

KEPT = 50


class FilterBar(Input):
    """Says what was typed once it is a filter; shows itself only while something is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", show=False),
        Binding("up", "recall(-1)", "older", show=False),
        Binding("down", "recall(1)", "newer", show=False),
    ]
    DEFAULT_CSS = """
    FilterBar { display: none; height: 1; border: none; padding: 0 1; background: $boost; }
    FilterBar:focus { border: none; }
    FilterBar.-invalid { background: $error-muted; }
    """

    class Wanted(Message):
        """Only what this filter finds; None: leave it as it is."""

        def __init__(self, where: str | None) -> None:
            super().__init__()
            self.where = where

    class Wrong(Message):
        """What was typed is no filter, and why. over: it is being mended, or was given up."""

        def __init__(self, why: str, *, over: bool = False) -> None:
            super().__init__()
            self.why = why
            self.over = over

    def __init__(self, fields: Mapping[str, Field] | None, *, hint: str) -> None:
        super().__init__(placeholder=hint, compact=True, select_on_focus=False)
        self._fields = fields
        self._past: list[str] = []
        self._place = 0
        self._why = ""

    def set_fields(self, fields: Mapping[str, Field] | None) -> None:
        """Another list is filtered."""
        self._fields = fields

    def open(self, where: str) -> None:
        """Let a filter be typed, beginning with the present one."""
        self.value = where
        self.cursor_position = len(where)
        self._place = len(self._past)
        self.display = True
        # At once: what is typed next is meant for the filter.
        self.screen.set_focus(self)

    def on_input_changed(self) -> None:
        """What was said of it is not said of this."""
        self._unsay()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it, if it is one."""
        event.stop()
        where = self.value.strip()
        if self._fields is not None:
            try:
                parse(where, fields=self._fields)
            except FilterError as error:
                self.add_class("-invalid")
                self._why = str(error)
                self.post_message(self.Wrong(self._why))
                return
        if where and where not in self._past[-1:]:
            self._past = [*self._past[-KEPT:], where]
        self._leave(where)

    def action_leave(self) -> None:
        """Leave the filter as it was."""
        self._leave(None)

    def action_recall(self, step: int) -> None:
        """What was typed before."""
        self._place = max(0, min(self._place + step, len(self._past)))
        self.value = self._past[self._place] if self._place < len(self._past) else ""
        self.cursor_position = len(self.value)

    def _unsay(self) -> None:
        if self._why:
            self.remove_class("-invalid")
            self.post_message(self.Wrong(self._why, over=True))
            self._why = ""

    def _leave(self, where: str | None) -> None:
        self._unsay()
        self.display = False
        self.post_message(self.Wanted(where))
