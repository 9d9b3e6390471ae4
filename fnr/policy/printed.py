"""What programs print when they fail: the lines that tell, and the exceptions they name.

A log says last what ended the program, and most of a traceback is frames. Told apart from them are
the lines with a message: Python's `ValueError: …`, Java's `Caused by: …`, Go's `panic: …`, Node's
`Error: …`, Rust's `panicked at …`, C++'s `what(): …`, behind whatever a logger puts in front.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

import re2
from msgspec import Struct

TAIL_CHARS_MAX = 8_000
LINES_MAX = 20
LINE_CHARS_MAX = 1_000
# Of a longer last line its end, too: there stands what ended a program that breaks no lines.
LINE_END_CHARS_MAX = 500
TYPES_MAX = 5

# Escape sequences: colours and cursor moves, titles and links.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")

# What loggers put before a message; no part of it may look like "[Errno 2]".
_PREFIX = re.compile(
    r"(?:[ \t]{0,4}(?:\x1b\[[0-9;]{0,12}m|"
    r"\([A-Za-z][\w :=.-]{1,60}\)"  # (EngineCore pid=12)
    r"|\[(?:rank)?\d{1,9}\]:?|\[[\w./-]{1,60}:\d{1,6}\]|\[[A-Z]{3,9}\]"  # [rank0]: [core.py:7]
    r"|\[?\d{4}[-/]\d\d[-/]\d\d[T ]?[\d:.,]*(?:Z|[+-]\d\d:?\d\d)?\]?"
    r"|\d\d-\d\d(?= )|\[?\d\d:\d\d:\d\d[.,\d]*\]?"
    r"|(?:ERROR|WARNING|WARN|INFO|DEBUG|CRITICAL|FATAL|SEVERE)\b:?|[EWIF]\d{4}\b"
    r"|stderr:?|stdout:?|[|#>*-]|E(?= {2})"
    r") ?)*"
)
_FRAME = re.compile(
    r'\s*(?:File ["~/<]|at [\w.$<(/]|\.{3}|[\^~]+\s*$|-+> ?\d|\d{1,5} |#\d{1,3}[: ]|\d{1,3}: '
    r"|Traceback \(most recent|During handling of the above|The above exception was"
    r"|goroutine \d|\[Previous line repeated|stack backtrace:|note: run with `RUST_BACKTRACE)"
)
# What whoever collects lines puts before each of them: compose, Kubernetes, the journal, `srun -l`,
# Celery and other loggers of workers.
_WRAPPERS = tuple(
    map(
        re.compile,
        (
            r"[\w.-]{1,60} *\| ",
            r"\d{4}-\d\d-\d\dT[\d:.]{8,18}Z (?:stdout|stderr) [FP] ",
            r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]{1,60} [\w./@-]{1,60}(?:\[\d{1,9}\])?: ",
            r" {0,4}\d{1,4}: ",
            r">+ ?",
            r"\[\d{4}-\d\d-\d\d[ T][\d:,.]{8,15}: [A-Z]{4,8}/[\w.-]{1,60}\] ",
        ),
    )
)
_WRAPPED_SHARE_MIN = 0.8
# Said beside the work: by its level, or by who says it.
_CHATTER = re.compile(
    r"wandb: (?!error)|srun: job \d|destroying process group|comet info:|ninja: build stopped"
    r"|g?make(?:\[\d+\])?: \*\*\* .* error \d+\s*\Z"
    r"|srun: error: .*task.* exited with exit code \d+\s*\Z",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"(?:INFO|DEBUG|TRACE)\b")
# Where one may begin: Python's, those of Node and the JVM, and a line that is quoted.
_FRAME_MARK = re.compile(r'\n(?:  File "|    at |\tat |>+ )')
_FLAT_MARK = "Traceback (most recent call last): File "
_FLAT_TYPE = re.compile(
    r"(?<=\s)((?:[A-Za-z_]\w{0,60}\.){0,9}[A-Z]\w{0,80}?"
    r"(?:Error|Exception|Timeout|Fault|Warning|Interrupt|Exit|Failure|NotFound)): "
)
_PYTHON_FRAME = re.compile(r'\s*File "')
# Node's own "/srv/app/handler.js:2", below which it quotes that line, be it all of a bundle.
_NODE_PLACE = re.compile(r"(?:node:\S{1,200}|\S{1,400}\.[cm]?[jt]sx?|\[eval\]):\d{1,7}\Z")
_NODE_ERROR = re.compile(r"(?:Uncaught )?[\w.$\[\] ]{0,80}(?:Error|Exception)\b")
# "ValueError: …", "requests.exceptions.ReadTimeout: …" or "KeyError('…" where a word begins.
_TYPE = (
    rb"(?m)(?:^|[\s\]|>*(])((?:[A-Za-z_]\w{0,60}(?:\.|::|/)){0,9}"
    rb"[A-Z]\w{0,80}?(?:Error|Exception|Timeout|Fault|Warning|Interrupt|Exit|Failure|NotFound)"
    rb"|(?:[A-Za-z_]\w{0,60}(?:\.|::|/)){1,9}error)(?:: |:?$| \(|\(['\"])"
)
# Ruby and a few others: "connection refused (Errno::ECONNREFUSED)".
_TYPE_BEHIND = rb"(?m)\(((?:[A-Z]\w{0,40}::){1,4}[A-Z]\w{0,60})\)\s*$"


class Line(Struct, frozen=True):
    """Where a line stands in its text."""

    start: int
    end: int


def telling_lines(text: str) -> list[Line]:
    """The last lines of a log that are no stack frames, in their order."""
    first = max(0, len(text) - TAIL_CHARS_MAX)
    lines = [line for line in _lines(text, first) if line.end > line.start]
    if first and text[first - 1] != "\n" and len(lines) > 1:
        del lines[0]  # the rest of a line that began further back
    lines = _unwrapped(text, lines)
    kept = list(_without_frames(text, lines)) or lines
    to_the_point = [line for line in kept if not _is_aside(text, line)] or kept
    return [*to_the_point, *_rest_of_last(text, to_the_point)][-LINES_MAX:]


def _rest_of_last(text: str, lines: list[Line]) -> Iterator[Line]:
    """The end of the last line where that was cut."""
    for line in lines[-1:]:
        end = text.find("\n", line.end)
        end = len(text) if end < 0 else end
        if end > line.end:
            yield Line(max(line.end, end - LINE_END_CHARS_MAX), end)


def lines_without_frames(text: str) -> list[Line]:
    """Those of a message that has a traceback in it, as one of another process does."""
    lines = _unwrapped(text, [line for line in _lines(text, 0) if line.end > line.start])
    return list(_without_frames(text, lines)) or lines


def has_frames(text: str) -> bool:
    """Whether frames of a traceback, or whatever collects lines, may stand in a message."""
    return _FRAME_MARK.search(text) is not None


def without_flat_traceback(text: str) -> list[Line]:
    """What stands before and behind a traceback that was put on one line; empty without one."""
    start = text.find(_FLAT_MARK)
    if start < 0 or "\n" in text[start:]:
        return []
    last = max((match.start(1) for match in _FLAT_TYPE.finditer(text, start)), default=-1)
    return [line for line in (Line(0, start), Line(last, len(text))) if 0 <= line.start < line.end]


def printed_types(text: str) -> list[str]:
    """Exceptions a text names, the last first, because the last is the one that ended it."""
    words = text.encode(errors="replace")
    known = _type_patterns()
    found = sorted(
        (match.end(), match[1])
        for index in known.Match(words) or ()
        for match in known.re(index).finditer(words)
    )
    names = (name.decode().replace("::", ".").replace("/", ".") for _, name in reversed(found))
    return list(dict.fromkeys(names))[:TYPES_MAX]


@lru_cache(maxsize=1)
def _type_patterns() -> re2.Filter:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # names of types are ASCII
    known = re2.Filter()
    for pattern in (_TYPE, _TYPE_BEHIND):
        known.Add(pattern, options)
    known.Compile()
    return known


def _lines(text: str, start: int) -> Iterator[Line]:
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        # As on a terminal, where what stands before a carriage return is written over.
        begin = text.rfind("\r", start, end - 1) + 1 or start
        yield Line(begin, min(end, begin + LINE_CHARS_MAX))
        start = end + 1


def _unwrapped(text: str, lines: list[Line]) -> list[Line]:
    """The lines behind what a collector of logs has put before nearly all of them."""
    for wrapper in _WRAPPERS:
        matches = [wrapper.match(text, line.start, line.end) for line in lines]
        if len(lines) > 1 and sum(map(bool, matches)) >= _WRAPPED_SHARE_MIN * len(lines):
            return [
                Line(match.end() if match else line.start, line.end)
                for line, match in zip(lines, matches, strict=True)
            ]
    return lines


def _is_aside(text: str, line: Line) -> bool:
    prefix = _PREFIX.match(text, line.start, line.end)
    begin = prefix.end() if prefix else line.start
    if prefix and _ASIDE.search(text, line.start, begin):
        return True
    return _CHATTER.match(text, begin, line.end) is not None


def _without_frames(text: str, lines: Iterable[Line]) -> Iterator[Line]:
    """Source code stands below a Python frame, further in than the frame itself; and below the
    place that Node prints first."""
    frame_indent: int | None = None
    quoted = False
    for line in lines:
        if quoted:
            quoted = False
            if not _NODE_ERROR.match(text, line.start, line.end):
                continue
        if _NODE_PLACE.match(text[line.start : line.end]):
            quoted = True
            continue
        prefix = _PREFIX.match(text, line.start, line.end)
        begin = prefix.end() if prefix else line.start
        indent = begin
        while indent < line.end and text[indent] in " \t":
            indent += 1
        depth = indent - begin
        if indent >= line.end - 1 or (frame_indent is not None and depth > frame_indent):
            continue
        frame_indent = None
        if _FRAME.match(text, begin, line.end):
            if _PYTHON_FRAME.match(text, begin, line.end):
                frame_indent = depth
            continue
        yield line
