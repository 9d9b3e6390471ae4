"""The house rules: each is a function from one Python file to its findings.

A rule answers with line and words; test_tidy.py runs all of them over the tree and proves each one
on a piece of code that breaks it. What ruff, mypy and import-linter can say is left to them.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

FILE_LINES_MAX = 400
# A test file is a list of promises about one subject; lists may be longer than stories.
TEST_FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60

Finding = tuple[int, str]
Rule = Callable[["Source"], Iterator[Finding]]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file; path is relative to the repository."""

    path: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All but those that only say whether a name is read or set."""
        found: list[ast.AST] = [self.tree]
        for node in found:
            for name in node._fields:
                value = getattr(node, name, None)
                if isinstance(value, list):
                    found += [one for one in value if isinstance(one, ast.AST)]
                elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
                    found.append(value)
        return tuple(found)

    @property
    def top(self) -> str:
        """fnr, tests, tools or benchmarks."""
        return self.path.parts[0]

    @property
    def floor(self) -> str:
        """The folder inside fnr; "" for the files right in it, and outside."""
        return self.path.parts[1] if self.top == "fnr" and len(self.path.parts) > 2 else ""

    @cached_property
    def functions(self) -> tuple[FunctionNode, ...]:
        return tuple(node for node in self.nodes if isinstance(node, FunctionNode))

    @cached_property
    def docstrings(self) -> dict[int, tuple[int, str]]:
        """Of everything that has one: id of the constant -> line, text."""
        found = {}
        for node in self.nodes:
            if isinstance(node, ast.Module | ast.ClassDef | FunctionNode) and node.body:
                first = node.body[0]
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                    found[id(first.value)] = (first.lineno, str(first.value.value))
        return found

    @cached_property
    def strings(self) -> tuple[tuple[int, str], ...]:
        """Every string that is not a docstring, with its line."""
        return tuple(
            (node.lineno, node.value)
            for node in self.nodes
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in self.docstrings
        )

    @cached_property
    def comments(self) -> tuple[tuple[int, str], ...]:
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return tuple((t.start[0], t.string) for t in tokens if t.type == tokenize.COMMENT)

    @cached_property
    def imports(self) -> tuple[tuple[int, str, str], ...]:
        """Line, local name, dotted name of everything imported, wherever in the file."""
        found = []
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    local = alias.asname or alias.name.partition(".")[0]
                    dotted = alias.name if alias.asname else local
                    found.append((node.lineno, local, dotted))
            elif isinstance(node, ast.ImportFrom) and node.module:
                found += [
                    (node.lineno, alias.asname or alias.name, f"{node.module}.{alias.name}")
                    for alias in node.names
                ]
        return tuple(found)

    @cached_property
    def uses(self) -> tuple[tuple[int, str, ast.AST], ...]:
        """Line, dotted name and node of every use of something imported."""
        known = {local: dotted for _, local, dotted in self.imports}
        found = []
        for node in self.nodes:
            chain, inner = [], node
            while isinstance(inner, ast.Attribute):
                chain.append(inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name) and inner.id in known:
                dotted = ".".join([known[inner.id], *reversed(chain)])
                found.append((inner.lineno, dotted, node))
        return tuple(found)


def opens_with_a_sentence(source: Source) -> Iterator[Finding]:
    """STYLE 1: a module opens with one sentence saying what it decides, keeps or does."""
    first = (ast.get_docstring(source.tree) or "").partition("\n\n")[0]
    if not first.endswith((".", "?", "!", ":")):
        yield 1, "a module opens with one sentence saying what it is for"


VAGUE_NAMES = {"utils", "helpers", "common", "misc", "base", "managers", "services"}
VAGUE_NAMES |= {name.removesuffix("s") for name in VAGUE_NAMES}


def says_what_is_in_it(source: Source) -> Iterator[Finding]:
    """A vague file name collects what nobody found a place for."""
    for word in VAGUE_NAMES.intersection(source.path.stem.split("_")):
        yield 1, f"'{word}' in a file name says nothing; name the file after what is in it"


def one_subject(source: Source) -> Iterator[Finding]:
    """STYLE 9: a file has one subject."""
    lines_max = TEST_FILE_LINES_MAX if source.top == "tests" else FILE_LINES_MAX
    if (lines := source.text.count("\n")) > lines_max:
        yield lines, f"more than {lines_max} lines; find the second subject and move it out"


def fits_on_a_screen(source: Source) -> Iterator[Finding]:
    """STYLE 9: a function fits on a screen."""
    for node in source.functions:
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            yield node.lineno, f"{node.name} is {lines} lines; {FUNCTION_LINES_MAX} fit on a screen"


def public_is_explained(source: Source) -> Iterator[Finding]:
    """What others call says what it does; a test's name is its promise."""
    if source.top == "tests":
        return
    for node in source.tree.body:
        if not isinstance(node, ast.ClassDef | FunctionNode) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            yield node.lineno, f"{node.name} is public and has no docstring"


SQL = re.compile(
    r"\s*(SELECT\s|INSERT\s+(OR|INTO)\b|UPDATE\s+\w+\s+SET\b|DELETE\s+FROM\b|ALTER\s+TABLE\b"
    r"|(CREATE|DROP)\s+(TABLE|INDEX|UNIQUE|TEMP|VIEW|TRIGGER)\b|PRAGMA\s|VACUUM\b|ATTACH\s"
    r"|BEGIN(\s|$)|COMMIT\b|ROLLBACK\b|SAVEPOINT\s|RELEASE\s|WITH\s+\w+\s+AS\b)"
)


def sql_lives_in_the_store(source: Source) -> Iterator[Finding]:
    """DESIGN 4: only store contains SQL."""
    if source.top != "fnr" or source.floor == "store":
        return
    for line, text in source.strings:
        if SQL.match(text):
            yield line, "SQL lives in fnr/store and nowhere else"
    for line, _, dotted in source.imports:
        if dotted.partition(".")[0] in {"sqlite3", "aiosqlite"}:
            yield line, "only fnr/store opens databases"


# What PostgreSQL does not run; the files that speak to SQLite itself may use it.
SQLITE_ONLY = re.compile(
    r"\bOR\s+(REPLACE|IGNORE)\b|\b(json_extract|json_each|json_set|ifnull|strftime|group_concat"
    r"|julianday|rowid|GLOB|INDEXED BY|last_insert_rowid|changes\(\))",
    re.IGNORECASE,
)
SQLITE_FILES = frozenset({"connection", "transaction", "migrate", "backup", "check"})


def sql_stays_portable(source: Source) -> Iterator[Finding]:
    """DESIGN 7: a fleet of hosts will share a PostgreSQL store."""
    if source.floor != "store" or source.path.stem in SQLITE_FILES:
        return
    for line, text in source.strings:
        if (found := SQLITE_ONLY.search(text)) and re.search(r"[A-Z]{4}", text):
            yield line, f"'{found.group()}' is SQLite's own; PostgreSQL must run the statement too"


CLOCKS_AND_DICE = re.compile(
    r"time\.(time|monotonic|perf_counter|clock_gettime|gmtime|localtime)(_ns)?$"
    r"|datetime\.datetime\.(now|utcnow|today)$|datetime\.date\.today$"
    r"|random\.|secrets\.|uuid\.uuid|os\.(urandom|getrandom)$"
)


def time_and_chance_are_given(source: Source) -> Iterator[Finding]:
    """STYLE 2: time and chance are arguments; one file reads them."""
    if source.top != "fnr" or source.path == PurePosixPath("fnr/host/clock.py"):
        return
    for line, dotted, _ in source.uses:
        if CLOCKS_AND_DICE.match(dotted):
            yield line, f"{dotted}: take a Clock or Dice; only fnr/host/clock.py asks the machine"


PROCESS_MODULES = frozenset({"subprocess", "multiprocessing", "psutil", "ctypes", "pty", "fcntl"})
PROCESS_CALLS = re.compile(
    r"os\.(fork|forkpty|kill|killpg|system|popen|exec\w*|spawn\w*|posix_spawnp?|wait\w*|pidfd_open"
    r"|setsid|setpgid|sched_\w+|setuid|setgid|nice|setpriority)$"
    r"|time\.process_time(_ns)?$|signal\.pidfd_send_signal$|asyncio\.create_subprocess_\w+$|resource\.\w+$"
)


def the_host_touches_the_machine(source: Source) -> Iterator[Finding]:
    """DESIGN 4: only host touches processes, /proc, cgroups, disks, clocks."""
    if source.top != "fnr" or source.floor == "host":
        return
    for line, _, dotted in source.imports:
        if dotted.partition(".")[0] in PROCESS_MODULES:
            yield line, f"{dotted}: only fnr/host touches processes and the kernel"
    for line, dotted, _ in source.uses:
        if PROCESS_CALLS.match(dotted):
            yield line, f"{dotted}: only fnr/host touches processes and the kernel"
    for line, text in source.strings:
        if text.startswith(("/proc/", "/sys/", "/dev/nvidia")):
            yield line, f"'{text}': only fnr/host reads it"


def tests_do_not_sleep(source: Source) -> Iterator[Finding]:
    """A test waits for a signal, a file or an exit; a sleep is slow or flaky, mostly both.

    fnr itself may wait on its event loop, but never block a thread.
    """
    banned = {"fnr": {"time.sleep"}, "tests": {"time.sleep", "asyncio.sleep"}}.get(source.top, ())
    sleeps = [(line, node) for line, dotted, node in source.uses if dotted in banned]
    yields = {
        id(node.func)
        for node in (source.nodes if sleeps else ())
        if isinstance(node, ast.Call) and [ast.unparse(arg) for arg in node.args] == ["0"]
    }
    for line, node in sleeps:
        if id(node) not in yields:
            yield line, "wait for what you wait for: a file descriptor, a future, an exit"


ASSERTING = re.compile(r"_*(raises|fail|warns|assert|check|expect|prove|must|run_state_machine)")


def tests_can_fail(source: Source) -> Iterator[Finding]:
    """A test without an assertion only proves that nothing was raised."""
    if source.top != "tests":
        return
    for node in source.functions:
        if node.name.startswith("test_") and not any(map(_can_fail, ast.walk(node))):
            yield node.lineno, f"{node.name} asserts nothing"


def _can_fail(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant)
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
        return ASSERTING.match(name) is not None
    return isinstance(node, ast.Raise)


UNITLESS = re.compile(
    r"(\w+_)?(timeout|delay|duration|interval|elapsed|age|memory|size|deadline|ttl|backoff|grace)$"
)
NUMBER = re.compile(r"(int|float)( \| None)?$")


def names_carry_units(source: Source) -> Iterator[Finding]:
    """STYLE 4: delay_ms, used_mib; a bare number of something is a guess."""
    if source.top != "fnr":
        return
    for node in source.nodes:
        if isinstance(node, ast.arg):
            name, annotation = node.arg, node.annotation
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name, annotation = node.target.id, node.annotation
        else:
            continue
        if annotation and UNITLESS.match(name) and NUMBER.match(ast.unparse(annotation)):
            yield node.lineno, f"'{name}' is a number without a unit"


# DESIGN 3: one word per thing.
OUR_WORD = {
    "job": "task",
    "jobs": "tasks",
    "executor": "worker",
    "execution": "attempt",
    "redrive": "replay",
    "experiment": "drill",
    "issue": "incident",
    "issues": "incidents",
}


def one_word_per_thing(source: Source) -> Iterator[Finding]:
    """DESIGN 3: the words of the glossary, in every name that fnr makes up."""
    if source.top != "fnr":
        return
    for node in source.nodes:
        if isinstance(node, ast.ClassDef | FunctionNode):
            name = node.name
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        else:
            continue
        for word in re.findall(r"[A-Z]?[a-z]+", name):
            if better := OUR_WORD.get(word.lower()):
                yield node.lineno, f"'{name}': fnr says {better}, not {word.lower()}"


UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\bfor now\b")


def nothing_is_promised(source: Source) -> Iterator[Finding]:
    """What is not done is an entry in the tracker, not a comment."""
    # Finding comments takes longer than parsing, so the whole text is asked first.
    if UNFINISHED.search(source.text):
        for line, text in [*source.comments, *source.docstrings.values()]:
            if found := UNFINISHED.search(text):
                yield line, f"'{found.group()}': do it now or leave it out"
    for node in source.nodes:
        if isinstance(node, ast.Name) and node.id == "NotImplementedError":
            yield node.lineno, "NotImplementedError: build it or leave it out"


UNREASONED = re.compile(
    r"#\s*(noqa(?!: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* - \w.{5,})"
    r"|type:\s*ignore(?!\[[\w, -]+\]  # \w.{5,})"
    r"|pragma: no cover(?! - \w.{5,}))"
)


def ignores_carry_reasons(source: Source) -> Iterator[Finding]:
    """A silenced check names its code and says why it is wrong here."""
    for line, text in source.comments if UNREASONED.search(source.text) else ():
        if UNREASONED.search(text):
            yield line, f"'{text}': name the code and give the reason"


RULES: tuple[Rule, ...] = (
    opens_with_a_sentence,
    says_what_is_in_it,
    one_subject,
    fits_on_a_screen,
    public_is_explained,
    sql_lives_in_the_store,
    sql_stays_portable,
    time_and_chance_are_given,
    the_host_touches_the_machine,
    tests_do_not_sleep,
    tests_can_fail,
    names_carry_units,
    one_word_per_thing,
    nothing_is_promised,
    ignores_carry_reasons,
)
