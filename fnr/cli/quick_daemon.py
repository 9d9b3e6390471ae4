"""`fnr daemon` without the command line's own machinery, which would stay in memory for months.

Whatever is out of the ordinary (`fnr daemon stop`, another flag) is left to the whole program.
"""

from __future__ import annotations

import signal

from fnr.api.errors import ConfigError, UsageError
from fnr.cli.argv import FlagError, Globals, hoist
from fnr.cli.loading import loading
from fnr.config.load import FLAG, load
from fnr.config.paths import Paths, find_paths
from fnr.config.settings import Settings

LOG_FILE = "--log-file"
# Flag -> the setting that it overrides.
SETTINGS = {"--log-level": "log.level", "--log-format": "log.format"}


def quick_daemon(words: list[str]) -> int | None:
    """The exit code when this was a plain `fnr daemon`, after it has ended; None otherwise."""
    asked = _asked(words) if "daemon" in words else None
    if asked is None:
        return None
    flags, given = asked
    log_file = given.pop(LOG_FILE, None)
    settings = {SETTINGS[flag]: value for flag, value in given.items()}
    try:
        paths = find_paths(flags.home or None, flags.config or None)
        return serve(paths, settings, log_file=log_file)
    except Exception as error:  # noqa: BLE001 - the whole program's net is under this too
        from fnr.cli.main import told  # noqa: PLC0415 - when something is wrong, time is no matter

        return told(error, flags)


def serve(paths: Paths, flags: dict[str, str], *, log_file: str | None) -> int:
    """Run the daemon until it ends; the exit code. flags: settings by name that override fnr.toml.

    Raises UsageError for a flag's value, ConfigError with all that is wrong in fnr.toml, FnrError
    for what keeps it from running.
    """
    settings = _settings(paths, flags)
    # One that comes before the daemon listens to it asks for what was just read.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with loading():
        from fnr.daemon.main import run  # noqa: PLC0415 - asyncio and sqlite3, for this only

    words = tuple(
        word for flag, name in SETTINGS.items() if name in flags for word in (flag, flags[name])
    )
    return run(
        paths,
        settings,
        load=lambda: _settings(paths, flags),
        log_file=log_file,
        flags=words,
    )


def _settings(paths: Paths, flags: dict[str, str]) -> Settings:
    loaded = load(paths, flags=flags)
    misused = [problem.message for problem in loaded.problems if problem.where == FLAG]
    if misused:
        named = {setting: flag for flag, setting in SETTINGS.items()}
        setting, _, why = misused[0].partition(": ")
        raise UsageError(
            f"{named[setting]} {flags[setting]!r} cannot be",
            why=why,
            next_step="fnr daemon --help",
        )
    if loaded.problems:
        raise ConfigError(
            f"{paths.config_file} has problems",
            details=tuple(f"{problem.where}: {problem.message}" for problem in loaded.problems),
            next_step=f"{paths.command} config check",
        )
    return loaded.settings


def _asked(words: list[str]) -> tuple[Globals, dict[str, str]] | None:
    try:
        flags, rest = hoist(words)
    except FlagError:
        return None
    given = rest[1:]
    names, values = given[::2], given[1::2]
    known = set(names) <= {LOG_FILE, *SETTINGS}
    plain = len(names) == len(values) == len(set(names)) and not flags.timeout
    if rest[:1] != ["daemon"] or not (known and plain):
        return None
    return flags, dict(zip(names, values, strict=True))
