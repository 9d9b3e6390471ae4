"""Change a file of rules.d: checked with all other rules first, written whole, then reloaded.

Two commands at once take turns: what one has written is there when the other reads.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fnr.api.errors import (
    BadData,
    ConfigError,
    DaemonDown,
    FnrError,
    PermissionDenied,
    Refused,
    StorageError,
    TimedOut,
    UsageError,
)
from fnr.api.requests import GetStatus, ReloadConfig
from fnr.cli.given_file import unreadable
from fnr.cli.here import RELOAD_TIMEOUT_MS, here
from fnr.cli.terminal import one_line
from fnr.client.connect import ask
from fnr.config.gone_file import WHY_NO_RULES, look_for_rules, rules_gone
from fnr.config.rule_files import (
    FILE_BYTES_MAX,
    LoadedRules,
    load_rules,
    operator_files,
    read_rule_file,
    with_operator_rules,
)
from fnr.config.whole_file import read_whole
from fnr.host.disk import write_durably
from fnr.host.lock import wait_for_lock
from fnr.policy.rule_check import hidden_examples
from fnr.policy.rule_file import ParsedRules, RuleProblem, parse_rules

ADDED = "local"
SUGGESTED = "suggested"

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_MODE = 0o644
_FULL = {errno.ENOSPC, errno.EDQUOT}
PROBLEMS_SHOWN = 20
# Files are what is asked for here: a daemon that does not answer keeps nobody waiting.
LOOK_TIMEOUT_MS = 1_000


def loaded_rules() -> LoadedRules:
    """All rules; of a broken rules.d is said that it does not count."""
    loaded = load_rules(here().paths)
    if loaded.problems:
        count = len(loaded.problems)
        noun = "a problem" if count == 1 else f"{count} problems"
        what = (
            "and the running daemon goes on with what it had read before"
            if _is_behind()
            else "so none of its rules is in force"
        )
        here().notice(f"notice: rules.d has {noun}, {what}; {here().command} rules check")
    tell_if_gone()
    return loaded


def tell_if_gone() -> None:
    """Say when there were rule files, and their folder is not there any more."""
    if _is_gone():
        here().notice(f"notice: {rules_gone(here().paths.rules_dir)}")


def tell_if_behind(loaded: LoadedRules) -> None:
    """Say when the running daemon goes on with rules that these files do not say any more."""
    if loaded.problems or _is_gone():
        return
    if _is_behind():
        here().notice(
            "notice: the running daemon has not taken over how rules.d is now;"
            f" {here().command} rules reload"
        )


def _is_gone() -> bool:
    """The running daemon knows it, or the store of one that has run."""
    return not Path(here().paths.rules_dir).exists() and _is_behind(offline=True)


def _is_behind(*, offline: bool = False) -> bool:
    with suppress(FnrError):
        status = ask(
            here().paths,
            GetStatus(),
            offline=offline,
            timeout_ms=LOOK_TIMEOUT_MS,
            # Not what was asked for: who reads the files reads no store.
            notice=lambda _line: None,
        )
        return status.rules_behind
    return False


def several_rules(written: str, names: list[str]) -> FnrError:
    """A name that does not say which rule is meant."""
    return Refused(
        f"{len(names)} rules are called {written!r}",
        why=", ".join(names),
        next_step=f"{here().command} rules show {names[0]}",
    )


def draft_text(written: str) -> str:
    """What the file of --rules says."""
    try:
        return Path(written).read_text(encoding="utf-8")
    except OSError as error:
        raise unreadable(f"--rules {written}", error) from error
    except UnicodeDecodeError as error:
        raise BadData(f"--rules {written} cannot be read", why=_why(error)) from error


def rules_with_draft(written: str, text: str) -> LoadedRules:
    """All rules with a draft among them, in place of the file of rules.d that has its name."""
    return rules_with(Path(here().paths.rules_dir) / Path(written).name, text, shown=written)


def drop_in(name: str) -> Path:
    """A file of rules.d by its name, with or without .toml; UsageError for any other place.

    One that is there may be called as people call files.
    """
    folder = Path(here().paths.rules_dir)
    given = Path(name)
    stem = (given.name if given.parent == folder else name).removesuffix(".toml")
    if not _FILE_NAME.fullmatch(stem) and folder / f"{stem}.toml" not in operator_files(folder)[0]:
        raise UsageError(
            f"{name!r} is no name of a rule file",
            why=f"rule files are in {folder}, and named with A-Z, a-z, 0-9, . _ and -",
            next_step=f"{here().command} rules edit {ADDED}",
        )
    return folder / f"{stem}.toml"


def text_of(file: Path) -> str:
    """What a rule file says, with the line ends of Linux; nothing when there is none."""
    try:
        # The lock is held meanwhile: a pipe that nobody writes into would keep all others waiting.
        text = read_whole(str(file), bytes_max=FILE_BYTES_MAX).decode()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read", why=_why(error)) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def refuse_gone() -> None:
    """ConfigError when there were rule files whose folder is gone: a new one would hide that."""
    if _is_gone():
        folder = here().paths.rules_dir
        raise ConfigError(
            f"{folder} is gone: nothing was written",
            why=WHY_NO_RULES,
            next_step=look_for_rules(folder),
        )


@contextmanager
def only_writer() -> Iterator[None]:
    """Hold rules.d for a read, a change and a write; it is made where there is none."""
    refuse_gone()
    folder = Path(here().paths.rules_dir)
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        lock = wait_for_lock(str(folder))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


class Beside:
    """The files of rules.d beside one, read once: of twenty thousand rules that takes seconds."""

    def __init__(self, file: Path) -> None:
        self._file = file
        files, self._problems = operator_files(str(file.parent))
        self._others = {
            one: read_rule_file(one, pack=one.stem, operator=True) for one in files if one != file
        }

    def rules(self, text: str, *, shown: str = "") -> LoadedRules:
        """All rules as they would be if the file said that; shown: how problems name the file."""
        parsed = dict(self._others)
        parsed[self._file] = self.parsed(text, shown=shown)
        return with_operator_rules([parsed[one] for one in sorted(parsed)], problems=self._problems)

    def parsed(self, text: str, *, shown: str = "") -> ParsedRules:
        """What the file would say with that text."""
        where = shown or str(self._file)
        if (size := len(text.encode())) > FILE_BYTES_MAX:
            # It would be written, and put all of rules.d out of force with the next load.
            words = f"{size} bytes; at most {FILE_BYTES_MAX} are read"
            return ParsedRules(problems=(RuleProblem(where=f"{where}:1", message=words),))
        return parse_rules(text, file=where, pack=self._file.stem, operator=True)

    @property
    def others(self) -> tuple[ParsedRules, ...]:
        """What the other files say."""
        return tuple(self._others.values())


def rules_with(file: Path, text: str, *, shown: str = "") -> LoadedRules:
    """All rules as they would be if the file said that; shown: how problems name the file."""
    return Beside(file).rules(text, shown=shown)


def warnings_of(loaded: LoadedRules) -> tuple[RuleProblem, ...]:
    """What is no mistake, and yet should be looked at."""
    if loaded.problems:
        return ()
    own = [rule for rule in loaded.own if rule.name not in loaded.disabled]
    hidden = hidden_examples(own, loaded.rule_set, here().redaction.text)
    return (*loaded.warnings, *hidden)


def warn(loaded: LoadedRules, *, of: Path | None = None) -> tuple[RuleProblem, ...]:
    """Say it on stderr; of: only what is in this file."""
    found = warnings_of(loaded)
    if of is not None:
        found = tuple(one for one in found if one.where.startswith(f"{of}:"))
    for problem in found[:PROBLEMS_SHOWN]:
        here().notice(one_line(f"warning: {problem.where}: {problem.message}"))
    more = len(found) - PROBLEMS_SHOWN
    if more > 0:
        here().notice(f"warning: and {more} more")
    return found


def refuse_problems(
    file: Path,
    problems: tuple[RuleProblem, ...],
    *,
    before: Callable[[], LoadedRules] | None = None,
) -> None:
    """ConfigError when there are any; nothing was written then.

    before: all rules as they are without the change, which may be good: a rule can take another
    file's examples. Without it, what is wrong in other files was wrong before.
    """
    if not problems:
        return
    elsewhere = not any(problem.where.startswith(f"{file}:") for problem in problems)
    already = elsewhere and (before is None or bool(before().problems))
    listed = tuple(f"{problem.where}: {problem.message}" for problem in problems[:PROBLEMS_SHOWN])
    more = len(problems) - PROBLEMS_SHOWN
    what = "with it, other rules have mistakes" if elsewhere else "there are mistakes"
    raise ConfigError(
        f"nothing was written: {'rules.d has mistakes already' if already else what}",
        details=(*listed, *([f"and {more} more"] if more > 0 else [])),
        next_step=f"{here().command} rules check" if already else "",
    )


def put(file: Path, text: str) -> None:
    """Write the file, whole or not at all; it stays whose it was, and a link stays one."""
    try:
        # A link's own file: people keep their rules under version control, and link to them.
        place = file.resolve()
        before = place.stat() if place.exists() else None
        mode = _MODE if before is None else stat.S_IMODE(before.st_mode)
        write_durably(str(place), text.encode(), mode=mode)
        if before is not None:
            if os.geteuid() == 0:
                os.chown(place, before.st_uid, before.st_gid)
            # What the umask took away.
            place.chmod(mode)
    except OSError as error:
        raise _unwritable(file, error) from error


def take_effect() -> None:
    """Let a running daemon take over what was written; say when it counts."""
    try:
        here().ask(ReloadConfig(), offline=False, timeout_ms=RELOAD_TIMEOUT_MS)
    except DaemonDown:
        here().notice("the daemon is down: this takes effect when it starts")
    except TimedOut as error:
        raise TimedOut(
            "written, but the running daemon has not said yet that it counts",
            why=error.why,
            next_step=f"{here().command} rules reload",
        ) from error
    except FnrError as error:
        raise Refused(
            "written, but the running daemon goes on with the rules it had",
            why=error.what,
            details=error.details,
            next_step=error.next_step or f"{here().command} rules reload",
        ) from error
    else:
        here().notice("in force: the running daemon has taken it over")


def _unwritable(path: Path, error: OSError) -> FnrError:
    look = "df -h" if error.errno in _FULL else "ls -ld"
    kind = PermissionDenied if isinstance(error, PermissionError) else StorageError
    next_step = f"{look} {shlex.quote(str(path.parent))}"
    return kind(f"{path} cannot be written", why=_why(error), next_step=next_step)


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return (isinstance(error, OSError) and error.strerror) or str(error)
