"""Load the rules: the packs that come with fnr, then the operator's rules.d in the order of names.

The packs come as TOML, for people, and indexed (tools/make_rule_index.py), because reading the TOML
takes more than a second of a processor; a test compares the two. All or
nothing: with a single problem in rules.d the packs alone are the rules, and who asked decides
whether to go on with those or with the rules that were in force before.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

import fnr.rulepacks
from fnr.config.paths import Paths
from fnr.config.whole_file import open_to_read, read_open
from fnr.policy.rule_check import broken_examples, idle_keys, never_deciding, self_excluding
from fnr.policy.rule_file import ParsedRules, RuleProblem, parse_rules
from fnr.policy.rule_filing import build_index
from fnr.policy.rule_index import DamagedIndex, load_index
from fnr.policy.rule_set import RuleSet
from fnr.policy.rule_table import RuleTable
from fnr.policy.rules import Rule
from fnr.policy.text_model import DamagedModel, TextModel, load_model
from fnr.policy.used_up import is_used_up

PACKS_DIR = Path(fnr.rulepacks.__file__).parent
MODEL_FILE = PACKS_DIR / "text_model.bin"
INDEX_FILE = "index.bin"
FILE_BYTES_MAX = 16 * 1024 * 1024
FILES_MAX = 1_000
OPERATOR_RULES_MAX = 20_000
# The file, without its ending, of what `fnr rules disable` has switched off.
SWITCHES = "disabled"


Stamp = tuple[tuple[str, int, int], ...]


class LoadedRules(Struct, frozen=True, kw_only=True):
    """The rules, and everything that is wrong with the operator's.

    rule_set: what is in force: without problems all rules, else the packs alone.
    own:      the operator's rules that could be read, also those that are switched off.
    problems: each of them keeps all of rules.d out of force. warnings: what does not, because an
              upgrade alone can bring it about.
    disabled: names of rules that rules.d switches off.
    overridden: names of shipped rules that the operator's have as well: the shipped ones yield.
    files:    the operator's files, in the order they were read.
    stamp:    of these files before they were read, as stamp_of has it.
    """

    rule_set: RuleSet
    own: tuple[Rule, ...]
    problems: tuple[RuleProblem, ...] = ()
    warnings: tuple[RuleProblem, ...] = ()
    disabled: frozenset[str] = frozenset()
    overridden: frozenset[str] = frozenset()
    files: tuple[str, ...] = ()
    stamp: Stamp = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules with their examples, the operator's first; reads the packs' TOML."""
        return (*self.own, *read_packs())

    @property
    def own_digest(self) -> str:
        """Differs when what the operator's files say differs, apart from where it stands."""
        own = [replace(rule, where="") for rule in self.own]
        found = msgspec.json.encode([own, sorted(self.disabled), bool(self.problems)])
        return blake2b(found, digest_size=8).hexdigest()

    @property
    def in_force(self) -> RuleSet:
        """The rules as they would be in force without a problem."""
        return RuleSet(self.own, shipped=shipped_rules(), without=self.disabled)


def load_rules(paths: Paths) -> LoadedRules:
    """Read packs and rules.d; nothing is raised for a bad file, all problems are listed at once.

    Raises OSError where no file descriptor, or no memory, is left: that says nothing of a file.
    """
    # Before they are read: what is written meanwhile is seen as a change afterwards.
    stamp = stamp_of(paths)
    files, problems = operator_files(paths.rules_dir)
    parsed = [read_rule_file(file, pack=file.stem, operator=True) for file in files]
    loaded = with_operator_rules(parsed, files=tuple(map(str, files)), problems=problems)
    return replace(loaded, stamp=stamp)


def stamp_of(paths: Paths) -> Stamp:
    """Differs when a file of rules.d came, went or was written."""
    return tuple(map(_file_stamp, operator_files(paths.rules_dir)[0]))


def _file_stamp(file: Path) -> tuple[str, int, int]:
    try:
        found = file.stat()
    except OSError:
        return file.name, 0, 0
    # A pipe is written whenever it is read.
    regular = stat.S_ISREG(found.st_mode)
    return (file.name, found.st_size, found.st_mtime_ns) if regular else (file.name, 0, 0)


def with_operator_rules(
    parsed: Sequence[ParsedRules],
    *,
    files: tuple[str, ...] = (),
    problems: Sequence[RuleProblem] = (),
) -> LoadedRules:
    """The packs below rules that were read already: rules.d, or what it would become."""
    shipped = shipped_rules()
    own = tuple(rule for one in parsed for rule in one.rules)
    found = [*problems, *(problem for one in parsed for problem in one.problems)]
    if len(own) > OPERATOR_RULES_MAX:
        words = f"{len(own)} rules; at most {OPERATOR_RULES_MAX}"
        found.append(RuleProblem(where="rules.d", message=words))
    pairs = [pair for one in parsed for pair in one.disabled]
    disabled = frozenset(name for name, _ in pairs)
    rule_set = RuleSet(shipped=shipped)
    kept = [rule for rule in own if rule.name not in disabled]
    if not found:
        with_own = RuleSet(own, shipped=shipped, without=disabled)
        found = [*never_deciding(kept), *broken_examples(kept, with_own)]
        rule_set = rule_set if found else with_own
    told = [
        *_twice(own, shipped, disabled),
        *_switched_nothing(pairs, own, shipped),
        *idle_keys(kept),
        *self_excluding(kept),
    ]
    return LoadedRules(
        rule_set=rule_set,
        own=own,
        problems=tuple(found),
        # Of rules that are not in force, none takes another's place.
        warnings=() if found else tuple(told),
        disabled=disabled,
        overridden=frozenset(name for name, _ in shipped.named).intersection(
            rule.name for rule in own
        ),
        files=files,
    )


def _twice(
    own: Sequence[Rule], shipped: RuleTable, disabled: frozenset[str]
) -> Iterator[RuleProblem]:
    """The operator's rules whose names shipped ones have.

    An upgrade brings new ones, and puts no rule of the operator's out of force by that.
    """
    places = {name: place for place, (name, _) in enumerate(shipped.named)}
    for rule in own:
        place = places.get(rule.name)
        if place is not None:
            pack = shipped.contender(place).rule.where
            what = "both are switched off" if rule.name in disabled else "it yields to yours"
            message = (
                f"rule {rule.name} has the name of a shipped rule ({pack}), and {what};"
                f" to have both, rename yours: fnr rules edit {rule.name.partition('/')[0]}"
            )
            yield RuleProblem(where=rule.where, message=message)


def _switched_nothing(
    pairs: Sequence[tuple[str, str]], own: Sequence[Rule], shipped: RuleTable
) -> Iterator[RuleProblem]:
    """Names that are switched off and that no rule has: a slip, or gone with an upgrade."""
    names = {name for name, _ in shipped.named}.union(rule.name for rule in own)
    for name, where in pairs:
        if name not in names and not _was_switched_off(where):
            message = f"disable: there is no rule {name!r}; see fnr rules list"
            yield RuleProblem(where=where, message=message)


def _was_switched_off(where: str) -> bool:
    """By a command, which looked for the rule: one that has gone since is no slip."""
    return Path(where.rpartition(":")[0]).name == f"{SWITCHES}.toml"


def shipped_rules() -> RuleTable:
    """The rules that come with fnr, ready to be looked up; who asks again gets the same."""
    return _table_of(PACKS_DIR)


@cache
def _table_of(folder: Path) -> RuleTable:
    try:
        return RuleTable(load_index((folder / INDEX_FILE).read_bytes()))
    except (OSError, DamagedIndex):
        # The rules count, and the index is only faster.
        return RuleTable(build_index(read_packs()))


def read_packs() -> tuple[Rule, ...]:
    """The rules that come with fnr; `fnr rules check` and the tests say whether they are right."""
    files = sorted(PACKS_DIR.glob("*.toml"))
    packs = [parse_rules(file.read_text("utf-8"), file=file.name, pack=file.stem) for file in files]
    return tuple(rule for pack in packs for rule in pack.rules)


def checked_packs() -> tuple[tuple[Rule, ...], list[RuleProblem]]:
    """The packs' rules, and everything wrong with them, every expression compiled."""
    files = sorted(PACKS_DIR.glob("*.toml"))
    read = [read_rule_file(file, pack=file.stem, operator=True, name=file.name) for file in files]
    found = [problem for one in read for problem in one.problems]
    packs = tuple(replace(rule, operator=False) for one in read for rule in one.rules)
    return packs, [*found, *never_deciding(packs), *broken_examples(packs, RuleSet(packs))]


def read_rule_file(file: Path, *, pack: str, operator: bool, name: str = "") -> ParsedRules:
    """One file as it was at one moment; what cannot be read is a problem like any other."""
    where = name or str(file)
    try:
        fd = open_to_read(str(file))
        try:
            before = os.fstat(fd)
            raw = read_open(fd, bytes_max=FILE_BYTES_MAX)
            after = os.fstat(fd)
        finally:
            os.close(fd)
    except OSError as error:
        if is_used_up(error):
            raise
        return _unusable(where, _why_unread(error, file))
    except ValueError as error:
        return _unusable(where, f"cannot be read: {error}")
    # A pipe changes with each byte that is written into it, and is read once and whole.
    changed = (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size)
    if changed and stat.S_ISREG(before.st_mode):
        return _unusable(where, "was written while it was read; reload again")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _unusable(f"{where}:{line}", "not UTF-8")
    return parse_rules(text, file=where, pack=pack, operator=operator)


def read_text_model() -> TextModel | None:
    """The model that comes with fnr; None when its file is missing or damaged.

    Raises OSError where no file descriptor, or no memory, is left to read it with.
    """
    try:
        return load_model(MODEL_FILE.read_bytes())
    except OSError as error:
        if is_used_up(error):
            raise
    except DamagedModel:
        pass
    return None


def operator_files(folder: str | Path) -> tuple[list[Path], list[RuleProblem]]:
    """The files of rules.d in the order of their names.

    None that a shell's *.toml leaves out: an editor's lock is one (.#local.toml), and goes nowhere.
    """
    try:
        found = sorted(
            file
            for file in Path(folder).iterdir()
            if file.suffix == ".toml" and not file.name.startswith(".")
        )
    except FileNotFoundError:
        if not Path(folder).is_symlink():
            return [], []
        # Rules are meant, and it is no folder that nobody has made yet.
        words = "cannot be read: it is a link that leads nowhere"
        return [], [RuleProblem(where=str(folder), message=words)]
    except OSError as error:
        if is_used_up(error):
            raise
        words = _why_unread(error, Path(folder))
        return [], [RuleProblem(where=str(folder), message=words)]
    if len(found) > FILES_MAX:
        words = f"{len(found)} rule files; at most {FILES_MAX}"
        return [], [RuleProblem(where=str(folder), message=words)]
    return found, []


def _why_unread(error: OSError, path: Path) -> str:
    words = f"cannot be read: {error.strerror or error}"
    if not isinstance(error, PermissionError):
        return words
    try:
        held = path.stat()
    except OSError:  # a folder on the way is closed
        return words
    mode = stat.S_IMODE(held.st_mode)
    return (
        f"{words} to {_user(os.geteuid())}: its mode is {mode:04o}, its owner {_user(held.st_uid)}"
    )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _unusable(where: str, why: str) -> ParsedRules:
    return ParsedRules(problems=(RuleProblem(where=where, message=why),))
