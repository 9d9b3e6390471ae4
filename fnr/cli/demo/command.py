"""`fnr demo`: see it all at work on this machine, in a minute."""

from __future__ import annotations

import errno
import shlex
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from fnr.api.errors import BadData, FnrError, StorageError
from fnr.cli.demo import report
from fnr.cli.demo.home import Home, make_home
from fnr.cli.demo.inputs import TASKS_PER_FILE, copy_sources
from fnr.cli.demo.processes import ObjectStore
from fnr.cli.demo.report import Figures
from fnr.cli.demo.scenario import Scenario
from fnr.cli.group import examples, group
from fnr.cli.here import here, say
from fnr.cli.render import show_one, write
from fnr.cli.stage.caretaker import watched
from fnr.cli.stage.interruptions import Interruptions
from fnr.cli.stage.processes import Daemon
from fnr.cli.stage.screen import Screen
from fnr.cli.terminal import is_terminal
from fnr.host.disk import words_of_room

# The whole standard library: 2,000 to 2,500 tasks, 20 seconds on two cores.
TASKS_MAX_DEFAULT = 3_000
SEED_DEFAULT = 49
LOOK_AROUND = (
    "status",
    "dlq list",
    "dlq show ID",
    "task list --where 'retries>0'",
    "task history ID",
    "worker list --gone",
    "logs expand -n 20",
)

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})

app = group("demo", "See it all at work on this machine, in a minute.")


@app.command(
    epilog=examples(
        "fnr demo",
        "fnr demo --input ~/src --tasks-max 300",
        "fnr demo --keep                     leave the home and its daemon, to look around",
        "fnr demo -o json | jq .proof",
    )
)
def demo(
    *,
    folder: Annotated[
        Path | None,
        typer.Option("--input", metavar="DIR", help="Work on the files of this folder."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the home, with its daemon running.")
    ] = False,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", metavar="N", help="Decides which files are taken and what goes wrong."
        ),
    ] = SEED_DEFAULT,
    tasks_max: Annotated[
        int,
        typer.Option(
            "--tasks-max", metavar="N", min=TASKS_PER_FILE, help="About so many tasks at most."
        ),
    ] = TASKS_MAX_DEFAULT,
) -> None:
    """Run real work through a real daemon, break what can be broken, prove that nothing is lost.

    In a throwaway home (below --home DIR, if given) it hashes, compresses and stores the files of
    Python's standard library in an object store that fails; it kills workers and the daemon,
    repairs the store and replays the dead letters. Exit code 0 only if nothing was lost or stored
    twice.
    """
    if folder is not None and not folder.is_dir():
        raise BadData(f"there is no folder {folder}")
    interruptions = Interruptions()
    with interruptions.taken(), ExitStack() as cleanup:
        home = _home(interruptions, cleanup, keep=keep)
        daemon = Daemon(home, interruptions)
        cleanup.callback(daemon.stop)
        cleanup.callback(interruptions.end)  # the last in is the first out
        try:
            figures = _play(
                home, daemon, interruptions, folder=folder, seed=seed, tasks_max=tasks_max
            )
        except KeyboardInterrupt:
            say("interrupted: ending the daemon and its workers, removing the home")
            raise
        except (FnrError, OSError) as error:
            if keep:
                cleanup.pop_all()
                say(f"the home is left: {home.root}; to end it:")
                say(f"  {_end_of(home)}")
            raise _told(error, home, is_left=keep) from error
        if keep:
            cleanup.pop_all()
            figures = msgspec.structs.replace(figures, home=str(home.root))
    told = partial(report.text, figures, width=here().room)
    show_one(report.SCHEMA, figures, told, name="ok" if figures.ok else "")
    _show_way_on(home, daemon if keep else None)
    if not figures.ok:
        raise typer.Exit(1)


def _play(
    home: Home,
    daemon: Daemon,
    interruptions: Interruptions,
    *,
    folder: Path | None,
    seed: int,
    tasks_max: int,
) -> Figures:
    """Build the stage and play on it; of what it starts only the daemon goes on."""
    screen = Screen(
        here().clock,
        say=None if here().quiet else say,
        live=is_terminal(sys.stderr) and here().colour_on_stderr,
    )
    store = ObjectStore(home, interruptions, seed=seed)
    with ExitStack() as only_meanwhile:
        only_meanwhile.callback(screen.close)
        only_meanwhile.callback(store.stop)
        sources = copy_sources(folder, home.files, seed=seed, files_max=tasks_max // TASKS_PER_FILE)
        screen.say(f"home {home.root}, {len(sources.files)} of {sources.found} files")
        store.start()
        home.configure(port=store.port)
        daemon.start()
        scenario = Scenario(
            home,
            sources,
            seed=seed,
            daemon=daemon,
            store=store,
            screen=screen,
            interruptions=interruptions,
        )
        return scenario.run()


def _show_way_on(home: Home, daemon: Daemon | None) -> None:
    """Commands to look around, where a home was left to look around in."""
    if here().as_json or here().output == "name":
        return
    if daemon is None:
        write("\nto look around in such a home: fnr demo --keep\n")
        return
    lines = [f"  {home.typed(words)}" for words in LOOK_AROUND]
    write("\n".join(["", f"the home is left, its daemon runs (pid {daemon.pid}):", *lines]) + "\n")
    write("in it: files/ objects/ marks/ logs/ fnr.toml accepted.jsonl; to end it:\n")
    write(f"  {_end_of(home)}\n")


def _home(interruptions: Interruptions, cleanup: ExitStack, *, keep: bool) -> Home:
    """A home that goes when we do, however we end; kept, it stays also when we are killed."""
    with interruptions.held():
        home = make_home(here().paths.home if here().paths.origin == "--home" else None)
        cleanup.callback(home.remove)
    if not keep:
        cleanup.enter_context(watched(home, interruptions))
        cleanup.callback(home.remove)
    return home


def _told(error: FnrError | OSError, home: Home, *, is_left: bool) -> FnrError | OSError:
    """The same in words that are true though the home is gone, if it is not left."""
    if isinstance(error, OSError):
        if error.errno not in _NO_ROOM:
            return error
        parent = home.root.parent
        why = f"{error.strerror}; {words_of_room(str(parent))}"
        error = StorageError(f"the demo does not fit into {parent}", why=why)
    if isinstance(error, StorageError):
        error.next_step = "fnr demo --home DIR"
    elif not is_left and str(home.root) in error.next_step:
        error.next_step = "fnr demo --keep"
    return error


def _end_of(home: Home) -> str:
    return f"{home.typed('daemon stop --now')} && rm -r {shlex.quote(str(home.root))}"
