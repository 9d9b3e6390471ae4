"""What every screen is: a name, the events that concern it, what `y` and `Y` copy there."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ClassVar, TypeVar

from textual.containers import Vertical
from textual.message import Message

from fnr.api.errors import FnrError
from fnr.api.question import Request
from fnr.api.requests import Event
from fnr.tui.aside import aside
from fnr.tui.feed import Contact, Feed
from fnr.tui.widgets.bare import Bare
from fnr.tui.wishes import Wish, Wished

Answer = TypeVar("Answer")


class View(Vertical, Bare):
    """One screen. kinds: of the events after which it looks again; none: it never has to.

    Actions whose name begins with `change_` change something; whatever else an action does, it
    must not.
    """

    name_of_screen: ClassVar[str] = ""
    kinds: ClassVar[frozenset[str]] = frozenset()
    DEFAULT_CSS = """
    View { height: 1fr; }
    """

    class Told(Message):
        """Something to say to whoever looks, at the bottom of the screen; over: not any more."""

        def __init__(self, words: str, *, bad: bool = False, over: bool = False) -> None:
            super().__init__()
            self.words = words
            self.bad = bad
            self.over = over

    def __init__(self, feed: Feed) -> None:
        super().__init__(id=f"view-{self.name_of_screen}")
        self.feed = feed

    async def ask(self, request: Request[Answer]) -> Answer | None:
        """The answer, or None after saying why there is none."""
        try:
            return await self.feed.ask(request)
        except FnrError as error:
            self.say_error(error)
            return None

    def wish_when_known(self, find: Callable[[], Coroutine[Any, Any, Wish | None]]) -> None:
        """Wish for what the daemon has to be asked about before; other keys go on meanwhile."""
        aside(self, partial(self._wish_when_known, find), group="wish", exclusive=True)

    async def _wish_when_known(self, find: Callable[[], Coroutine[Any, Any, Wish | None]]) -> None:
        wish = await find()
        # Whoever is somewhere else by then is not asked about it there.
        if wish is not None and self.display and self.app.screen is self.screen:
            self.post_message(Wished(wish))

    def say_error(self, error: FnrError) -> None:
        """Say why something did not work; that the daemon is down the banner says already."""
        if self.feed.state.contact is Contact.LIVE:
            self.post_message(self.Told(short(error), bad=True))

    def look(self) -> None:
        """Begin, or look again, because something has happened."""

    def happened(self, event: Event) -> None:
        """Take note of an event, at once and without asking anything."""

    def tick(self) -> None:
        """Half a second has passed, and this screen is looked at."""

    def focus_first(self) -> None:
        """Put the focus where the keys of this screen work."""

    def close_page(self) -> bool:
        """Go back from one thing to all of them; False: nothing was open."""
        return False

    def clear_filter(self) -> bool:
        """Show everything again; False: it was shown."""
        return False

    def show_filtered(self, where: str) -> None:
        """Show only what this filter finds."""

    @property
    def subject(self) -> str:
        """The id of what is chosen, for `y`."""
        return ""

    @property
    def command(self) -> tuple[str, ...]:
        """The words behind `fnr` that show the same, for `Y`."""
        return ()


def short(error: FnrError) -> str:
    """An error in a line."""
    words = error.what
    if error.why:
        words += f": {error.why}"
    return f"{words} (try: {error.next_step})" if error.next_step else words
