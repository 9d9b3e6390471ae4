"""Which errors are one incident: a key from what names their cause, and the parts it is made of.

The key is deterministic and versioned, and depends on the evidence alone: a better rule pack names
an error better and does not open its incident again. A rule's own `fingerprint` replaces it.
Changing anything here that changes a key means a new VERSION; tests/policy/test_fingerprint.py
holds a table of keys that must not move.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice

import re2

from fnr.policy.codes import signal_name
from fnr.policy.evidence import Evidence, Phase, only_exited
from fnr.policy.incident import Fingerprint, Part
from fnr.policy.parameterise import LINE_CHARS_MAX, parameterise, without_kinds, word_shape
from fnr.policy.rules import Classification

VERSION = "2"
KEY_BYTES = 10
FRAMES_MAX = 12
TYPES_MAX = 12
CODES_MAX = 12
TAIL_CHARS_MAX = 4_000
# What is further on is not read, with or without a headline.
HEADLINE_CHARS_MAX = TAIL_CHARS_MAX + 200
TAIL_LINES_MAX = 20
TELLING_LINES_MAX = 2
TRACE_CHARS_MAX = 16_000
# A line of fewer words names no cause.
WORDS_MIN = 3
TITLE_CHARS_MAX = 200
UNCAUGHT = "unknown"


def fingerprint(evidence: Evidence, classification: Classification, function: str) -> Fingerprint:
    """Same evidence, same fingerprint, on every host and in every process."""
    parts = tuple(_parts(evidence, classification, function))
    if evidence.drill:
        # What a drill causes must hide in no incident of real failures, nor open one anew.
        parts = (("drill", "yes"), *parts)
    digest = blake2b(
        "\n".join(f"{name}\t{_key(name, value)}" for name, value in parts).encode(
            "utf-8", "surrogatepass"
        ),
        digest_size=KEY_BYTES,
    )
    return Fingerprint(
        key=f"{VERSION}:{digest.hexdigest()}",
        title=_title(evidence, parts)[:TITLE_CHARS_MAX],
        parts=parts,
    )


def _key(name: str, value: str) -> str:
    """What of a part makes the key; of a rule's own fingerprint all."""
    return value if name == "rule" or "<id>" not in value else without_kinds(value)


def _parts(evidence: Evidence, classification: Classification, function: str) -> Iterator[Part]:
    if classification.fingerprint:
        yield "rule", _filled(classification, function)
        return
    yield "function", function
    if evidence.killed_by is not None:
        # Where it was when fnr ended it says nothing about why.
        yield "killed", str(evidence.killed_by)
        return
    if ended := _ended(evidence):
        yield "ended", ended
    if evidence.phase is not Phase.RUN:
        yield "phase", str(evidence.phase)
    if codes := sorted({f"{code.family}:{code.value}" for code in evidence.codes}):
        yield "codes", " ".join(codes[:CODES_MAX])
    if types := _types(evidence):
        yield "exceptions", " < ".join(types)
    if frames := _frames(evidence.traceback or evidence.stderr_tail):
        yield "frames", " > ".join(frames)
    lines = [*_lines(evidence)]
    yield from (("line" if index == 0 else "more", line) for index, line in enumerate(lines))


def _filled(classification: Classification, function: str) -> str:
    """A rule's own fingerprint; {function}, {rule} and the rule's captures stand for their values.

    A text without {function} gathers the errors of all functions in one incident. A group that may
    be left out caught nothing.
    """
    known = {"function": function, "rule": classification.rule, **classification.captures}
    return re.sub(
        r"\{(\w+)\}", lambda found: known.get(found[1], UNCAUGHT), classification.fingerprint
    )


def _ended(evidence: Evidence) -> str:
    if evidence.oom_killed:
        return "out of memory"
    if evidence.signal is not None:
        return signal_name(evidence.signal)
    if evidence.exit_code is not None:
        return f"exit {evidence.exit_code}"
    return ""


def _types(evidence: Evidence) -> list[str]:
    """Types along the chain; a thousand equal links are one."""
    found: list[str] = []
    for link in evidence.exceptions:
        if not found or found[-1] != link.type:
            found.append(link.type)
    return found[:TYPES_MAX]


# ── frames ───────────────────────────────────────────────────────────────────

_PYTHON_FRAME = re.compile(r'File "([^"\n]{1,400})", line \d+,? in ([^\n]{1,100})')
# Node "at load (/srv/app.js:10:5)" and Java "at com.shop.Cart.add(Cart.java:12)".
_OTHER_FRAME = re.compile(r"^\s{1,8}at ([\w.$<>\[\] ]{1,120}?) ?\(([^()\n]{1,300})\)", re.MULTILINE)
_LIBRARY = re.compile(
    r"/(?:site|dist)-packages/|/lib(?:64)?/python\d|/node_modules/|^<|^node:|/fnr/worker/"
)


def _frames(text: str) -> list[str]:
    """Functions of the program itself, each once; of libraries if there are none of its own.

    File and function without folder and line: both change with a deployment or an edit above.
    """
    found = _PYTHON_FRAME.findall(text[-TRACE_CHARS_MAX:])
    if not found:
        # The innermost stands first there.
        frames = islice(_OTHER_FRAME.finditer(text[:TRACE_CHARS_MAX]), FRAMES_MAX)
        found = [(frame[2], frame[1]) for frame in frames]
    found = list(dict.fromkeys(found))
    own = [frame for frame in found if not _LIBRARY.search(frame[0])]
    names = dict.fromkeys(_frame(*frame) for frame in own or found[-TELLING_LINES_MAX:])
    return list(names)[-FRAMES_MAX:]


# As mktemp and Python's tempfile name one.
_TEMPORARY = re.compile(r"/tmp/tmp[^/]{6,}$")  # noqa: S108 - looked for, not written to


def _frame(place: str, name: str) -> str:
    if _TEMPORARY.search(place):
        return f"tmp:{word_shape(name.strip())}"
    file = place[max(place.rfind("/"), place.rfind("\\")) + 1 :].partition(":")[0]
    return f"{word_shape(file)}:{word_shape(name.strip())}"


# ── lines ────────────────────────────────────────────────────────────────────


def any_of(pattern: str) -> Callable[[str], bool]:
    """Whether a line contains it, in either case; RE2, because these look at every line."""
    options = re2.Options()
    options.case_sensitive = False
    options.encoding = re2.Options.Encoding.LATIN1  # the patterns are ASCII, and bytes never fail
    compiled = re2.compile(pattern.encode(), options)
    return lambda line: compiled.search(line.encode("utf-8", "surrogatepass")) is not None


# A line that only says that something else went wrong, so that the next ones decide.
_WRAPPER = any_of(
    r"exit(ed|s)?[ _-](with |status|code)|non-zero|returned? (code )?-?[0-9]"
    r"|see (above|below|the|root)|root cause|subprocess|child process"
    r"|^ran: "
    r"|process .{0,40}(failed|died|exited)|command .{0,80}failed|stderr|stdout|output|:$"
)
# The same as the last line of a program, which has told the cause before it.
_FAREWELL = any_of(
    r"exiting (now|with failure)|child returned|due to [^;]{0,40}previous errors?"
    r"|compilation terminated"
    r"|^make(\[[0-9]+\])?: \*\*\*|build stopped|conversion failed|and the repository exists"
    r"|--help|for (more|further) (information|details)|^note: run with|^complete log|look above"
    r"|debug[^ ]{0,40}\.log$|process ?group has not been destroyed|destroy_process_group"
    r"|leaked (semaphore|shared)|warnings\.warn\(|bytes .{0,40}copied,|^unable to load [a-z ]+$"
    r"|^is the server running |^dmesg\([0-9]\) may have more |^connect:errno=|^rsync error: "
    r"|begin failed--compilation aborted|aborted due to compilation errors|errors? detected in the "
    r"|note: each undeclared identifier |^(-- check|see) .{1,100} for details\.?$"
)
_TELLING = any_of(
    r"error|exception|fail|fatal|panic|abort|denied|can(not|'t| not)|could(n't| not)|no such"
    r"|not found|invalid|unable|refused|time(d|d | )?out|out of memory|killed|exceed|missing"
    r"|unknown|undefined|unresolved|unrecognized|no space|corrupt|illegal"
)
_COMMAND = re.compile(r"Command ['\"]?\[?['\"]?([^'\"\s,\]]{1,300})")
# The first line of what the library sh raises.
_RAN = re.compile(r"RAN: (\S{1,300})")
# Python's subprocess calls what it could not start a file.
_NOT_STARTED = re.compile(
    r"(\[Errno \d{1,3}\] [^:\n]{1,60}: )'(?:[^'\n]{0,200}/s?bin/)?([\w.+-]{1,60})'"
)
_STARTING = "in _execute_child"
# Of Rust; the next line says why.
_PANIC = re.compile(r"( panicked at [^\n]{1,200}:)\n")
_COMMAND_ENDS = (" returned ", " died ", " timed out")
_TRACEBACK = "\nTraceback (most recent call last):\n"
_WORD = re.compile(r"[^\W\d_]{3}")
# A command's end is in other parts already: "exit code 1: its last words".
_OWN_HEADLINE = re.compile(r"(?:exit code \d{1,3}|killed by SIG\w+(?: \(core dumped\))?)(?:: |$)")


def _lines(evidence: Evidence) -> Iterator[str]:
    """What the error says: its first line, and where that wraps another, the lines that tell."""
    if only_exited(evidence) and (told := _telling(evidence.stderr_tail)):
        yield from _shapes(told, evidence)
        return
    raised = bool(evidence.exceptions)
    texts = [link.message for link in evidence.exceptions[:1] + evidence.exceptions[1:][-1:]]
    if not raised:
        texts = [_OWN_HEADLINE.sub("", evidence.message[:HEADLINE_CHARS_MAX], count=1)]
    firsts: list[str] = []
    more: list[str] = []
    wrapped = False
    for text in dict.fromkeys(texts):
        first, rest = _divided(text)
        firsts.append(first)
        if _says_little(first, raised=raised):
            wrapped = True
            more += _telling(rest)
    if wrapped and not more:
        printed = evidence.stderr_tail or evidence.stdout_tail
        more = (not raised and _told_before(printed)) or _telling(printed)
    yield from _shapes((*firsts, *more), evidence)


def _shapes(lines: Sequence[str], evidence: Evidence) -> Iterator[str]:
    """Each line without what varies in it, each once."""
    told = [*map(_program, lines)]
    if _STARTING in evidence.traceback or _STARTING in evidence.stderr_tail:
        told = [_NOT_STARTED.sub(r"\1\2", line) for line in told]
    shapes = map(parameterise, told)
    return (shape for shape in dict.fromkeys(shapes) if shape)


def _says_little(line: str, *, raised: bool) -> bool:
    """Is it a wrapper of something else? "Aborted" is, but not as the message of an exception."""
    if not line or _WRAPPER(line) or (not raised and _FAREWELL(line)):
        return True
    return not raised and len(_WORD.findall(line[:LINE_CHARS_MAX])) < WORDS_MIN


def _divided(text: str) -> tuple[str, str]:
    text = text[:TAIL_CHARS_MAX].lstrip()
    first, _, rest = text.partition("\n")
    if not _WORD.search(first):
        # "{", "-----": what is printed over several lines begins with nothing.
        return " ".join(text.split()), ""
    return first.rstrip(), rest


def _telling(text: str) -> list[str]:
    """The last lines that speak of an error; the very last line where none does."""
    text = _PANIC.sub(r"\1 ", text[-TAIL_CHARS_MAX:])
    lines = [line.strip() for line in text.splitlines()[-TAIL_LINES_MAX:]]
    lines = [line for line in lines if line and not line.startswith(('File "', "at ", "^", "~"))]
    lines = [line for line in lines if not _FAREWELL(line)] or lines
    found = [line for line in lines if _TELLING(line)]
    return (found or lines[-1:])[-TELLING_LINES_MAX:]


def _told_before(text: str) -> list[str]:
    """What speaks of an error before the traceback that ends a text: so does a command that
    Python code has run."""
    before, found, rest = text[-TRACE_CHARS_MAX:].rpartition(_TRACEBACK)
    if not found:
        return []
    *frames, _ = rest.strip("\n").split("\n")
    if not all(line.startswith(" ") for line in frames if line):
        return []
    return [line for line in _telling(before) if _TELLING(line)]


def _program(line: str) -> str:
    """ "Command '['ffmpeg', '-i', …]' returned …": which program, and none of its arguments."""
    if ran := _RAN.match(line):
        return f"RAN: {ran[1].rpartition('/')[2]}"
    start = line.find("Command ")
    found = _COMMAND.match(line, start) if start >= 0 else None
    end = max(map(line.rfind, _COMMAND_ENDS))
    if found is None or end < found.end():
        return line
    return f"{line[:start]}Command {found[1].rpartition('/')[2]}{line[end:]}"


def _title(evidence: Evidence, parts: tuple[Part, ...]) -> str:
    """For people: the type and what it says, without what varies."""
    lines = [value for name, value in parts if name in {"line", "more"}]
    known = dict(parts)
    # The first line, unless it only says that something else went wrong.
    telling = (line for line in lines if not _says_little(line, raised=bool(evidence.exceptions)))
    line = next(telling, lines[0] if lines else "")
    kind = evidence.exceptions[0].type if evidence.exceptions else known.get("ended", "")
    if "rule" in known:
        return known["rule"]
    if "killed" in known:
        return f"killed by fnr: {known['killed']}"
    return ": ".join(word for word in (kind, line) if word) or "ended without a word"
