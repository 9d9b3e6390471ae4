"""The dialog before anything is changed: what it does, the exact command, and Cancel in focus."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Button, Input, Select, Static, TextArea

from fnr.api.plain_text import block, one_line
from fnr.client.own_command import OwnCommand
from fnr.config.paths import Paths
from fnr.tui.screens.veiled import Veiled
from fnr.tui.wishes import Ask, TrialWanted, Values, Wish

TRIAL_CHARS_MAX = 16_000


class Dialog(Veiled[OwnCommand | None]):
    """Ends with the command that was agreed to, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]
    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 60%; }
    Dialog > VerticalScroll {
        width: 100%; max-width: 104; height: auto; max-height: 100%;
        padding: 0 2; border: round $primary; background: $surface;
    }
    Dialog #text { margin: 0 0 1 0; }
    Dialog .label { color: $text-muted; }
    Dialog Input, Dialog Select { margin: 0 0 1 0; background: $boost; }
    Dialog TextArea { height: 10; margin: 0 0 1 0; }
    Dialog #command { background: $boost; padding: 0 1; margin: 0 0 1 0; }
    Dialog #trial {
        height: auto; max-height: 14; background: $boost; padding: 0 1; margin: 0 0 1 0;
        display: none;
    }
    Dialog #trial.-open { display: block; }
    Dialog #why { color: $text-warning; display: none; }
    Dialog #buttons { height: auto; align-horizontal: right; }
    Dialog.-low #text, Dialog.-low Input, Dialog.-low Select, Dialog.-low TextArea { margin: 0; }
    Dialog.-low #command, Dialog.-low #trial { margin: 0; }
    Dialog Button { margin: 0 0 0 2; min-width: 10; }
    Dialog.-narrow > VerticalScroll { padding: 0 1; }
    Dialog.-narrow Button { margin: 0 0 0 1; min-width: 0; }
    """

    def __init__(self, wish: Wish, paths: Paths) -> None:
        super().__init__()
        # Where lines are few, what has to be seen before somebody agrees comes before air.
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high")]
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-broad")]
        self.wish = wish
        self._paths = paths
        self._values: Values = {ask.name: ask.value for ask in wish.asks}
        self._typed = ""
        self._why = ""
        self._shown = Text()
        self._trials = 0

    def compose(self) -> ComposeResult:
        """From top to bottom: what, what to fill in, the command, the buttons."""
        wish = self.wish
        with VerticalScroll(id="box") as box:
            box.border_title = Text(one_line(wish.title))
            box.can_focus = False
            yield Static(Text(block(wish.text)), id="text")
            for ask in wish.asks:
                yield Static(Text(f"{ask.label}  ").append(ask.hint, "dim"), classes="label")
                yield _field(ask)
            if wish.must_type:
                yield Static(Text(f"type {wish.must_type} to go on"), classes="label")
                yield Input(id="typed", compact=True)
            yield Static(id="command")
            with VerticalScroll(id="trial"):
                yield Static(id="trial-words")
            yield Static(id="why")
            with Horizontal(id="buttons"):
                yield Button("Cancel" if wish.changes else "Close", id="cancel", compact=True)
                if wish.trial is not None:
                    yield Button(wish.trial_verb, id="try", compact=True)
                if wish.changes:
                    yield Button(wish.verb, id="do", variant="error", compact=True)

    def on_mount(self) -> None:
        """Whoever presses enter without reading changes nothing."""
        if self.wish.changes or not self.wish.asks:
            self.query_one("#cancel", Button).focus()
        self._show_command()
        # Longer words push what has the focus out of a small screen.
        self.watch(self.query_one("#box"), "virtual_size", self._show_focused, init=False)
        if self.wish.tried_at_once:
            self._try()

    def tried(self, words: str, number: int) -> None:
        """What the harmless twin said."""
        # Where the program is just being left, what was in the dialog goes before the dialog.
        shown = self.query("#trial-words").results(Static) if number == self._trials else ()
        for place in shown:
            place.update(Text(block(words[:TRIAL_CHARS_MAX])))

    def _show_focused(self) -> None:
        if self.focused is not None:
            self.focused.scroll_visible(animate=False)

    def action_cancel(self) -> None:
        """Nothing is done."""
        self.dismiss(None)

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Select.Changed)
    def _filled_in(self, event: Input.Changed | TextArea.Changed | Select.Changed) -> None:
        event.stop()
        match event:
            case Select.Changed():
                self._values[_name(event.select)] = str(event.value)
            case TextArea.Changed():
                self._values[_name(event.text_area)] = event.text_area.text
            case Input.Changed() if event.input.id == "typed":
                self._typed = event.value.strip()
            case Input.Changed():
                self._values[_name(event.input)] = event.value
        self._show_command()

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "cancel":
            self.dismiss(None)
        elif event.button.id == "try":
            self._try()
        elif self.wish.must_type and self._typed != self.wish.must_type:
            self._say(f"not done: type {self.wish.must_type} first")
        elif missing := self._missing():
            self._say(f"not done: {missing} is needed")
        else:
            own = self._command()
            if own is not None:
                self.dismiss(own)

    def _missing(self) -> str:
        empty = (
            ask.label for ask in self.wish.asks if ask.needed and not self._values[ask.name].strip()
        )
        return next(empty, "")

    def _command(self) -> OwnCommand | None:
        try:
            return self.wish.command(self._values)
        except ValueError as error:
            self._say(str(error))
            return None

    def _show_command(self) -> None:
        try:
            own = self.wish.command(self._values)
        except ValueError as error:
            self._say(str(error))
            return
        self._say("")
        words = Text().append("$ ", "dim").append(one_line(own.shown(self._paths)), "bold")
        if own.stdin:
            lines = own.stdin.removesuffix("\n").count("\n") + 1
            words.append(f"\n  with {lines:,} line{'s' * (lines > 1)} on standard input", "dim")
        if words != self._shown:
            self._shown = words
            self.query_one("#command", Static).update(words)

    def _try(self) -> None:
        if self.wish.trial is None:
            return
        if missing := self._missing():
            self._say(f"{missing} is needed")
            return
        try:
            own = self.wish.trial(self._values)
        except ValueError as error:
            self._say(str(error))
            return
        self._trials += 1
        self.query_one("#trial").add_class("-open")
        self.query_one("#trial-words", Static).update(Text("…", "dim"))
        self.post_message(TrialWanted(self, own))

    @property
    def trial(self) -> int:
        """Which trial is under way; answers to earlier ones are dropped."""
        return self._trials

    def _say(self, why: str) -> None:
        if why != self._why:
            self._why = why
            shown = self.query_one("#why", Static)
            shown.update(Text(one_line(why)))
            shown.display = bool(why)


def _name(widget: Widget) -> str:
    return (widget.id or "").removeprefix("ask-")


def _field(ask: Ask) -> Input | TextArea | Select[str]:
    if ask.options:
        chosen = ask.value if ask.value in ask.options else ask.options[0]
        return Select(
            [(Text(one), one) for one in ask.options],
            value=chosen, allow_blank=False, id=f"ask-{ask.name}", compact=True,
        )  # fmt: skip
    if ask.area:
        return TextArea(
            ask.value, id=f"ask-{ask.name}", soft_wrap=True, compact=True, tab_behavior="focus"
        )
    return Input(ask.value, id=f"ask-{ask.name}", compact=True, select_on_focus=False)
