"""`fnr chaos drill`: many faults at once, watched from outside, and a score."""

from __future__ import annotations

import platform
import select
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from fnr import __version__
from fnr.api.errors import Refused, UsageError
from fnr.cli.drill import report
from fnr.cli.drill.hands import Hands
from fnr.cli.drill.ledger import Ledger
from fnr.cli.drill.measure import fault_scores, figures_of, remarks
from fnr.cli.drill.play import Play
from fnr.cli.drill.staging import live_stage, throwaway_stage
from fnr.cli.here import here, say
from fnr.cli.render import show_one
from fnr.cli.stage.interruptions import Interruptions
from fnr.cli.stage.screen import Screen
from fnr.cli.terminal import is_terminal
from fnr.host import score_files
from fnr.host.chaos_records import drill_lock_file
from fnr.host.clock import Dice, Ulids
from fnr.host.lock import AlreadyHeld, hold_lock
from fnr.policy.chaos_score import PASS, Score, judge

CONCURRENT_MAX = 1_000
LIVE_MAX = 64


class Scenario(Struct, frozen=True, kw_only=True):
    """A drill by name."""

    name: str
    what: str
    concurrent: int
    rounds: int
    duration_ms: int


SCENARIOS = {
    one.name: one
    for one in (
        Scenario(name="quick", what="every fault once or twice, 64 errors at once; half a minute",
                 concurrent=64, rounds=1, duration_ms=90_000),
        Scenario(name="standard", what="three rounds of it with other errors; a minute",
                 concurrent=96, rounds=3, duration_ms=120_000),
        Scenario(name="full", what="over 500 errors at once, three rounds; two minutes",
                 concurrent=660, rounds=3, duration_ms=300_000),
    )
}  # fmt: skip


def drill(
    *,
    scenario: Annotated[
        str, typer.Option("--scenario", metavar="NAME", help="See `fnr chaos scenarios`.")
    ] = "quick",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Decides which errors come, in which order.")
    ] = 49,
    concurrent: Annotated[
        int | None,
        typer.Option(
            "--concurrent",
            metavar="N",
            min=1,
            max=CONCURRENT_MAX,
            help="So many error scenarios at once.",
        ),
    ] = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="On the running daemon, inside of canary tasks only."),
    ] = False,
) -> None:
    """Break many things at once on a throwaway home and print the score beside what is demanded.

    With --live it plays on the running daemon: only canary tasks meet faults, and only such that
    act inside of their attempts; an abort condition of [chaos] ends it. Exit code 0 only on pass.
    """
    chosen = SCENARIOS.get(scenario)
    if chosen is None:
        raise UsageError(f"there is no scenario {scenario!r}", next_step="fnr chaos scenarios")
    count = concurrent or (min(chosen.concurrent, LIVE_MAX) if live else chosen.concurrent)
    if live and count > LIVE_MAX:
        raise UsageError(f"at most {LIVE_MAX} canaries at once meet faults on a running daemon")
    with _alone(here().paths.chaos_dir):
        score = _drill(chosen, seed=seed, concurrent=count, live=live)
        file = score_files.keep(_scores(), score)
    show_one(
        report.SCHEMA, score, lambda: report.text(score, width=here().room), name=score.score_id
    )
    later = f"{here().command} chaos score --against {score.score_id}"
    here().hint(f"kept as {file}; {later} compares later ones")
    if score.verdict != PASS:
        raise typer.Exit(1)


def _scores() -> str:
    return f"{here().paths.chaos_dir}/scores"


def _pause(for_ms: int) -> None:
    select.poll().poll(for_ms)


@contextmanager
def _alone(chaos_dir: str) -> Iterator[None]:
    """One drill at a time for each home, and its daemon sees that somebody plays it."""
    folder = Path(chaos_dir)
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    try:
        lock = hold_lock(drill_lock_file(str(folder)))
    except AlreadyHeld as held:
        raise Refused("another drill is under way", why=f"pid {held.pid} plays it") from None
    try:
        yield
    finally:
        lock.release()


def _drill(scenario: Scenario, *, seed: int, concurrent: int, live: bool) -> Score:
    clock = here().clock
    drill_id = Ulids(clock, Dice()).new()
    begun_ms = clock.boot_ms()
    screen = Screen(
        clock,
        say=None if here().quiet else say,
        live=is_terminal(sys.stderr) and here().colour_on_stderr,
    )
    interruptions = Interruptions()
    with interruptions.taken(), ExitStack() as cleanup:
        cleanup.callback(screen.close)
        if live:
            stage, paths, accepted = live_stage(here().paths, cleanup)
        else:
            stage, paths, accepted = throwaway_stage(interruptions, cleanup)
            # Else the daemon after the kill takes the drill for one that nobody plays any more.
            cleanup.enter_context(_alone(paths.chaos_dir))
        hands = Hands(paths, drill_id, duration_ms=scenario.duration_ms)
        # The last in is the first out: faults end before anything that they act on.
        cleanup.callback(hands.end_all)
        cleanup.callback(interruptions.end)
        play = Play(
            stage,
            hands,
            Ledger(accepted),
            drill_id=drill_id,
            clock=clock,
            say=screen.say,
            pause=_pause,
        )
        seen = play.run(concurrent=concurrent, rounds=scenario.rounds, seed=seed)
    figures, faults = figures_of(seen), fault_scores(seen)
    verdict, why = judge(figures, faults, concurrent=concurrent, live=live)
    return Score(
        score_id=drill_id,
        at_ms=clock.now_ms(),
        scenario=scenario.name,
        seed=seed,
        concurrent=concurrent,
        elapsed_ms=clock.boot_ms() - begun_ms,
        version=__version__,
        python=platform.python_version(),
        live=live,
        verdict=verdict,
        why=why,
        figures=figures,
        faults=faults,
        remarks=remarks(seen),
    )
