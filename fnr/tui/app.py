"""The application: the frame around the screens, what happens, and the keys that work everywhere.

Screens are made on their first visit. Events only mark what has changed; twice a second the screen
that is looked at asks again for what it shows, so that a thousand events a second cost no more
than two.
"""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from fnr.api.chaos_requests import ListDrills
from fnr.api.errors import FnrError, TimedOut
from fnr.api.requests import Event, GetStatus, Status
from fnr.client.instants import boot_ms, now_ms
from fnr.client.own_command import OwnCommand
from fnr.client.shell import has_shell, stop_for_shell
from fnr.config.paths import Paths
from fnr.policy.chaos import Drilled
from fnr.tui.aside import OneAtATime, aside
from fnr.tui.banners import daemon_words, drill_words, settings_words, silence_words
from fnr.tui.deeds import Deeds, changes
from fnr.tui.feed import Contact, Feed, FeedState
from fnr.tui.last_filter import Harmless
from fnr.tui.pulse import Pulse
from fnr.tui.screens.dashboard import DashboardView
from fnr.tui.screens.view import View
from fnr.tui.views import VIEWS
from fnr.tui.widgets.bare import BareContainer, Ground
from fnr.tui.widgets.frame import Banner, Head, Keys, Tabs, TopLine

LOOK_S = 0.5
BACK = "the daemon is back"
# Ages and countdowns grow by seconds; nobody needs them twice in one.
TICKS = 2
# While nobody tells what happens, look by oneself: the stored state may still change.
UNTOLD_MS = 3_000
# A daemon that tells nothing may have nothing to tell, or hang: so often it is asked.
BEAT_MS = 5_000
SHORT_LINES = 10


class FnrApp(Deeds):
    """`fnr tui`."""

    CSS_PATH = "fnr.tcss"
    TITLE = "fnr"
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("colon", "command_palette", "commands", key_display=":", show=False),
        *[
            Binding(str(number), f"view('{name}')", name, show=False)
            for number, name in enumerate(VIEWS, start=1)
        ],
        Binding("y", "copy_id", "copy id", show=False),
        Binding("Y", "copy_command", "copy command", show=False),
        Binding("P", "hold", "pause", show=False),
        Binding("L", "lock", "lock", show=False),
        Binding("q,escape", "back", "back", show=False),
        Binding("ctrl+z", "to_shell", "to the shell; fg goes on", show=False),
    ]

    def __init__(
        self,
        paths: Paths,
        *,
        view: str = "dashboard",
        read_only: bool = False,
        ascii_only: bool = False,
        ready: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(paths, read_only=read_only)
        self.held = False
        self.feed = Feed(paths, tell=self._happened, moved=self._contact_moved)
        self.pulse = Pulse()
        self._when_ready = ready
        self._view_name = view
        self._views: dict[str, View] = {}
        self._changed: set[str] = {"all"}
        self._drills_changed = True
        self._status: Status | None = None
        self._drills: list[Drilled] = []
        self._looked_at_ms = 0
        self._asked_at_ms = 0
        # Since when the daemon owes an answer; 0: it does not.
        self._owed_since_ms = 0
        self._to_status = OneAtATime(self, self._look_at_status, group="status")
        self._to_drills = OneAtATime(self, self._look_at_drills, group="drills")
        self._ticks = 0
        self._harmless = Harmless(ascii_only=ascii_only)
        self._top = TopLine()
        self._drill = Banner(classes="-drill")
        self._daemon = Banner(classes="-daemon")
        self._tabs = Tabs()
        self._keys = Keys()
        self._host = socket.gethostname()

    def get_line_filters(self) -> list[LineFilter]:
        """The net under all renderers comes last."""
        return [*super().get_line_filters(), self._harmless]

    def get_default_screen(self) -> Screen[None]:
        """What all of it stands on."""
        return Ground(id="_default")

    def compose(self) -> ComposeResult:
        """The frame; the screen comes with its first visit."""
        yield self._top
        yield self._drill
        yield self._daemon
        yield self._tabs
        yield BareContainer(id="views")
        yield self._said
        yield self._keys

    async def on_mount(self) -> None:
        """Connect, and show the screen that was asked for."""
        self._tabs.names = tuple(VIEWS)
        aside(self, self.feed.run, group="feed")
        await self.show_view(self._view_name)
        self.set_interval(LOOK_S, self._look)
        self._show_head()

    def on_ready(self) -> None:
        """The first screen stands."""
        if self._when_ready is not None:
            self._when_ready()

    # ── screens ──────────────────────────────────────────────────────────────

    @property
    def view(self) -> View:
        """The screen that is looked at."""
        return self._views[self._view_name]

    async def show_view(self, name: str) -> View:
        """Look at another screen; made now if it was never looked at."""
        # Laid out and drawn once, when all of it is as it should be.
        with self.batch_update():
            return await self._show_view(name)

    async def _show_view(self, name: str) -> View:
        for other in self._views.values():
            other.display = False
        self._view_name = name
        if name not in self._views:
            module, kind = VIEWS[name]
            made = getattr(importlib.import_module(module), kind)
            more = (self.pulse,) if made is DashboardView else ()
            self._views[name] = made(self.feed, *more)
            await self.query_one("#views").mount(self._views[name])
        view = self._views[name]
        view.display = True
        self._tabs.present = name
        view.focus_first()
        view.look()
        self._show_keys()
        return view

    async def action_view(self, name: str) -> None:
        """Go to a screen."""
        await self.show_view(name)

    @on(Tabs.Picked)
    async def _tab_picked(self, message: Tabs.Picked) -> None:
        await self.show_view(message.name)

    @on(DashboardView.GoTo)
    async def _go_to(self, message: DashboardView.GoTo) -> None:
        view = await self.show_view(message.screen)
        view.show_filtered(message.where)

    async def action_back(self) -> None:
        """One step back: from a page to its list, from a filter to all, to the dashboard, out."""
        view = self.view
        if view.close_page() or view.clear_filter():
            return
        if self._view_name != "dashboard":
            await self.show_view("dashboard")
        else:
            self.exit()

    # ── what happens ─────────────────────────────────────────────────────────

    def _happened(self, event: Event) -> None:
        self.pulse.take(event)
        self._changed.add(event.kind)
        self._drills_changed |= event.kind == "chaos"
        if self._view_name in self._views:
            self.view.happened(event)

    def _contact_moved(self, state: FeedState) -> None:
        self._changed.add("all")
        self._drills_changed = True
        self._looked_at_ms = self._owed_since_ms = 0
        self._show_daemon()
        if state.contact is Contact.LIVE:
            self.pulse.begin(heard_from_ms=state.since_ms)
            if self._status is not None:
                self._said.say(BACK)
        else:
            self._said.unsay(BACK)
        self.call_later(self._look)

    def deed_is_done(self) -> None:
        """Every screen may show something else now."""
        self._changed.add("all")
        self._drills_changed = True

    def _look(self) -> None:
        """Twice a second: look again, if something has happened and somebody is looking."""
        now = boot_ms()
        self._show_head()
        self._show_daemon()
        self._drill.words = drill_words(self._drills, now_ms=now_ms())
        self.pulse.forget(now_ms=now_ms())
        if self._drills_changed and self.feed.state.contact is not Contact.SEEKING:
            # Also while everything else stands still, or behind a dialog.
            self._drills_changed = False
            self._to_drills.again()
        if self.feed.state.contact is Contact.LIVE and now - self._asked_at_ms > BEAT_MS:
            self._to_status.again()
        if self.held or len(self.screen_stack) > 1:
            return
        if self.feed.state.contact is not Contact.LIVE and now - self._looked_at_ms > UNTOLD_MS:
            self._changed.add("all")
        if self._changed and self.feed.state.contact is not Contact.SEEKING:
            self._looked_at_ms = now
            concerned = "all" in self._changed or self._changed & self.view.kinds
            self._changed = set()
            self._to_status.again()
            self._to_drills.again()
            if concerned:
                self.view.look()
        self._ticks += 1
        if self._ticks % TICKS == 0:
            self.view.tick()

    async def _look_at_status(self) -> None:
        self._asked_at_ms = boot_ms()
        self._owed_since_ms = self._owed_since_ms or self._asked_at_ms
        try:
            self._status = await self.feed.ask(GetStatus())
            if silence_words(boot_ms() - self._owed_since_ms):
                # Whatever else was asked meanwhile was given up, and no event tells of it.
                self._changed.add("all")
            self._owed_since_ms = 0
        except TimedOut:
            pass  # what it said before stands, and how long ago that was
        except FnrError:
            self._status, self._owed_since_ms = None, 0
        self._show_head()

    async def _look_at_drills(self) -> None:
        try:
            self._drills = await self.feed.ask(ListDrills())
        except FnrError:
            self._drills = []
        self._drill.words = drill_words(self._drills, now_ms=now_ms())

    def _show_daemon(self) -> None:
        words = daemon_words(self.feed.state, now_ms=now_ms())
        owed_ms = boot_ms() - self._owed_since_ms if self._owed_since_ms else 0
        words = words or silence_words(owed_ms)
        if not words and self.feed.shows_secrets:
            words = settings_words(self.feed.paths.config_file, self.feed.paths.command)
        self._daemon.words = words

    def _show_head(self) -> None:
        contact = self.feed.state.contact
        state = contact.value
        if self._status is not None and contact is Contact.LIVE:
            state = self._status.state
        self._top.head = Head(
            host=self._host, status=self._status, state=state, locked=self.locked,
            read_only=self.read_only, paused=self.held, now_ms=now_ms() // 1_000 * 1_000,
        )  # fmt: skip

    # ── keys ─────────────────────────────────────────────────────────────────

    def on_descendant_focus(self) -> None:
        """Other keys do something."""
        self._show_keys()

    def _show_keys(self) -> None:
        if len(self.screen_stack) != 1:  # none any more: it is about to end
            return
        found = [("?", "help", True)]
        seen = {"help"}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and binding.description and binding.action not in seen:
                seen.add(binding.action)
                allowed = not (self.locked and changes(binding.action))
                found.append((self.get_key_display(binding), binding.description, allowed))
        found += [
            (f"1-{len(VIEWS)}", "screens", True),
            (":", "commands", True),
            ("q", "back", True),
        ]
        self._keys.keys = tuple(dict.fromkeys(found))

    def get_key_display(self, binding: Binding) -> str:
        """Keys as they are printed on a keyboard."""
        if binding.key_display:
            return binding.key_display
        return binding.key.partition(",")[0]

    def action_help(self) -> None:
        """Every key."""
        from fnr.tui.screens.help import HelpPage  # noqa: PLC0415 - the first screen needs none

        here: dict[str, list[str]] = {}
        everywhere: dict[str, list[str]] = {}
        for active in self.screen.active_bindings.values():
            words = active.binding.description
            if words and not active.binding.system:
                # Textual begins its own with a capital.
                lines = everywhere if active.node is self else here
                keys = lines.setdefault(words[0].lower() + words[1:], [])
                keys.append(self.get_key_display(active.binding))
        self.push_screen(HelpPage(self._view_name, here, everywhere))

    def action_command_palette(self) -> None:
        """Everything that can be done here."""
        from fnr.tui.screens.palette import Palette  # noqa: PLC0415 - the first screen needs none

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: every screen, and every key that does something here."""
        for name in VIEWS:
            go = partial(self._run_later, f"view('{name}')", self)
            yield SystemCommand(name, f"go to {name}", go)
        for active in screen.active_bindings.values():
            binding, node = active.binding, active.node
            if binding.description and not binding.action.startswith(("view(", "command_palette")):
                words = f"{binding.description} ({self.get_key_display(binding)})"
                yield SystemCommand(words, "", partial(self._run_later, binding.action, node))
        yield SystemCommand("quit", "leave fnr tui", self.exit)

    def _run_later(self, action: str, node: Any) -> None:
        aside(self, partial(self.run_action, action, node), group="action")

    def action_hold(self) -> None:
        """Stand still, or go on; what happens is counted all the same."""
        self.held = not self.held
        self._changed.add("all")
        self._show_head()

    def action_lock(self) -> None:
        """Nothing can be changed, or again; --read-only stays."""
        if self.read_only:
            self.refuse()
            return
        self.locked = not self.locked
        self._said.say("locked: nothing is changed" if self.locked else "unlocked")
        self._show_head()
        self._show_keys()

    def action_copy_id(self) -> None:
        """The id of what is chosen."""
        self._copy(self.view.subject)

    def action_copy_command(self) -> None:
        """The command that shows the same."""
        words = self.view.command
        self._copy(OwnCommand(words=words).shown(self.paths) if words else "")

    def _copy(self, words: str) -> None:
        if words:
            self.copy_to_clipboard(words)
            self._said.say(f"copied: {words}")

    def action_to_shell(self) -> None:
        """Stop, as Ctrl-Z stops any program: `fg` goes on."""
        if has_shell():
            with self.suspend():
                stop_for_shell()
        else:
            self._said.say("no shell is there to go to: q leaves", bad=True)

    def on_resize(self, event: events.Resize) -> None:
        """On a terminal of a few lines the list is what counts."""
        self.screen.set_class(event.size.height < SHORT_LINES, "-short")
