"""`fnr breaker`: list, show, why, open, close, disable, reset, probe, history."""

from __future__ import annotations

import difflib
from typing import Annotated

import msgspec
import typer

from fnr.api.breaker_requests import (
    ForceBreakers,
    GetBreaker,
    ListBreakerMoves,
    ListBreakers,
    ProbeBreaker,
    ResetBreakers,
)
from fnr.api.errors import FnrError, NotFound
from fnr.api.requests import GetStatus
from fnr.cli.breaker_views import BREAKERS, MOVES, page, rest_words, story
from fnr.cli.changes import show_changed
from fnr.cli.group import examples, group, parse_duration
from fnr.cli.here import here
from fnr.cli.options import Reason
from fnr.cli.render import show_list, show_one
from fnr.cli.settings_view import breaker_table
from fnr.cli.terminal import one_line
from fnr.cli.watching import watchable
from fnr.config.load import load
from fnr.config.settings import Settings
from fnr.policy.breaker import BreakerState
from fnr.policy.breaker_record import BreakerDetail

app = group("breaker", "Breakers: which services are called, and why not.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a breaker.")]
Names = Annotated[list[str], typer.Argument(metavar="NAME…", help="Names of breakers.")]
For = Annotated[str, typer.Option("--for", metavar="TIME", help="Then it decides itself again.")]
MOVES_MAX = 1_000


@app.command("list", epilog=examples("fnr breaker list", "fnr breaker list -o json"))
@watchable
def list_breakers() -> None:
    """List breakers with their state and why."""
    found = here().ask(ListBreakers())
    show_list(BREAKERS, found, total=len(found))


class BreakerPage(msgspec.Struct, frozen=True, kw_only=True):
    """One breaker: how it stands, its last moves, its numbers as fnr.toml would write them."""

    breaker: object
    moves: object
    settings: dict[str, object]


@app.command(epilog=examples("fnr breaker show storage"))
@watchable
def show(name: Name) -> None:
    """Show one breaker: its state, what it counted, its numbers."""
    detail, settings = _find(name)
    table = settings.breaker(name)
    written = breaker_table(table, here().redaction)
    shown = BreakerPage(breaker=detail.breaker, moves=detail.moves, settings=written)
    show_one("fnr.breaker/1", shown, lambda: page(detail, table, written), name=name)


@app.command(epilog=examples("fnr breaker why storage"))
def why(name: Name) -> None:
    """Say why a breaker stands as it does, what made it so, and what would change it."""
    detail, settings = _find(name)
    users = _users(name, settings)
    told = {"breaker": detail.breaker, "moves": detail.moves, "functions": users}
    show_one(
        "fnr.breaker.why/1",
        told,
        lambda: story(detail, settings.breaker(name), users, here().command),
        name=name,
    )


@app.command(
    "open",
    epilog=examples("fnr breaker open storage --for 30m --reason 'disks are being changed'"),
)
def open_(names: Names, for_: For = "30m", reason: Reason = "") -> None:
    """Call these services no more for a while: tasks that use them wait."""
    _force(names, BreakerState.FORCED_OPEN, for_, reason, done="opened")


@app.command(epilog=examples("fnr breaker close storage --for 10m --reason 'it is well again'"))
def close(names: Names, for_: For = "30m", reason: Reason = "") -> None:
    """Let all calls through for a while, whatever they come to."""
    _force(names, BreakerState.FORCED_CLOSED, for_, reason, done="closed")


@app.command(epilog=examples("fnr breaker disable comfyui --for 1d --reason 'only watching'"))
def disable(names: Names, for_: For = "30m", reason: Reason = "") -> None:
    """Only watch for a while: it says what it would do, and lets all calls through."""
    _force(names, BreakerState.SHADOW, for_, reason, done="disabled")


@app.command(epilog=examples("fnr breaker reset storage"))
def reset(names: Names, reason: Reason = "") -> None:
    """Close breakers, forced or not, and forget what they have counted."""
    changed = here().ask(ResetBreakers(names=names, reason=reason))
    show_changed(changed, done="reset")


@app.command(epilog=examples("fnr breaker probe comfyui"))
def probe(name: Name) -> None:
    """Ask for the health of a service now; exit 1 if it is ill."""
    report = here().ask(ProbeBreaker(name=name))
    health = "well" if report.healthy else "ill"
    words = f"{name} is {health}: {one_line(report.found)} ({report.took_ms} ms)\n"
    state = report.state.replace("_", " ")
    show_one("fnr.breaker.probe/1", report, lambda: f"{words}its breaker is {state}\n", name=name)
    if not report.healthy:
        raise typer.Exit(FnrError.exit_code)


@app.command(epilog=examples("fnr breaker history", "fnr breaker history storage -o jsonl"))
def history(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Of one breaker; else of all.")
    ] = None,
    limit: Annotated[
        int,
        typer.Option("--limit", "-n", metavar="N", min=1, max=MOVES_MAX, help="At most this many."),
    ] = 50,
) -> None:
    """List moves of breakers, latest first: when, from, to, by whom, why."""
    found = here().ask(ListBreakerMoves(name=name, limit=limit))
    show_list(MOVES, found)


def _force(names: list[str], state: BreakerState, for_: str, reason: str, *, done: str) -> None:
    for_ms = parse_duration(for_, flag="--for") or 0
    changed = here().ask(ForceBreakers(names=names, state=state, for_ms=for_ms, reason=reason))
    show_changed(changed, done=f"{done} {rest_words(for_ms)}")
    here().hint(f"{here().command} breaker reset {' '.join(names)}")


def _find(name: str) -> tuple[BreakerDetail, Settings]:
    settings = load(here().paths).settings
    try:
        return here().ask(GetBreaker(name=name)), settings
    except NotFound as error:
        near = difflib.get_close_matches(name, settings.breakers, n=1)
        raise NotFound(
            f"there is no breaker {name!r}",
            why=f"did you mean {near[0]!r}?" if near and near[0] != name else error.why,
            next_step="fnr breaker list",
        ) from None


def _users(name: str, settings: Settings) -> dict[str, int]:
    """Functions that declare the service, with their tasks that have not started."""
    counts = {line.function: line.counts for line in here().ask(GetStatus()).functions}
    return {
        function.name: sum(
            counts.get(function.name, {}).get(state, 0) for state in ("queued", "waiting")
        )
        for function in settings.functions.values()
        if name in function.services
    }
