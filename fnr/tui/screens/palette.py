"""The palette: everything that can be done here, by name."""

from __future__ import annotations

from contextlib import suppress

from textual.command import CommandPalette
from textual.css.query import NoMatches


class Palette(CommandPalette):
    """Textual's, which bears keys that come faster than it is laid out."""

    def _action_command_list(self, action: str) -> None:
        # Its list may not be there yet, or not know yet where its lines are.
        with suppress(NoMatches, KeyError):
            super()._action_command_list(action)
