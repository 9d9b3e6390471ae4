"""What a program said last, where its stack stands behind that: Java, Node, .NET, Rust and Go.

Python prints its frames first, and of a group a line behind all; these print them last, and the
last line of all says nothing.
"""

from __future__ import annotations

import re

_HEAD_LINES_MAX = 12
_NODE = re.compile(r"Node\.js v\d")
# Java's, Node's and .NET's, and what they print in the place of some.
_FRAME = re.compile(
    r"\s+(?:at \S|\.{3} \d+ (?:more|common frames|lines matching)|--- End of inner exception)"
)
_SUPPRESSED = re.compile(r"\s*Suppressed: ")
_HEAD = re.compile(
    r"\s*(?:Exception in thread \"[^\"]*\" |Caused by: |\[cause\]: |---> |Unhandled exception\. "
    r"|Uncaught )?"
    r"(?:[\w$]+\.)*[\w$]*(?:Error|Exception|Throwable)(?: \[\w+\])?(?::|$)"
)
# Node's execSync: what the command said follows.
_COMMAND = "Error: Command failed: "
_GO_PLACE = re.compile(r"\t\S.*\.go:\d+(?: \+0x[0-9a-f]+)?$")
_GO_SAID = ("panic: ", "fatal error: ")
# Below each of an ExceptionGroup's errors, which stand behind a bar.
_GROUP_END = re.compile(r"\s+\+-{20,}$")
_RUST_STACK = re.compile(r"stack backtrace:$", re.IGNORECASE)
_RUST_NOTE = ("note: run with `RUST_BACKTRACE", "note: Some details are omitted")
_RUST_FRAME = re.compile(r"\s+(?:\d+: |at )|note: |$")
_PANICKED = " panicked at "


# Not of stdout and stderr: what could not be flushed ends the program.
_IGNORED = re.compile(
    rb"\nException ignored (?:in: (?!<_io\.)|while )[^\n]*\n(?:Traceback [^\n]*\n)?"
    rb"(?:[ \t][^\n]*\n)*\S[^\n]*\s*\Z"
)


def before_ignored(data: bytes) -> bytes:
    """What Python printed before exceptions in finalizers, which it prints behind the traceback
    that ends it and which end nothing."""
    said = data
    while (start := said.rfind(b"\nException ignored ")) >= 0 and _IGNORED.match(said, start):
        said = said[:start]
    return said if said.strip() else data


def above_stack(text: str) -> str:
    """What a text says above the stack that ends it; "" where none does."""
    lines = text.rstrip().split("\n")
    if _GO_PLACE.match(lines[-1]):
        return next((line for line in reversed(lines) if line.startswith(_GO_SAID)), "")
    if _GROUP_END.match(lines[-1]):
        said = next((line for line in reversed(lines) if not _GROUP_END.match(line)), "")
        return said.lstrip(" |")
    return _of_rust(lines) or _of_others(lines)


def _of_rust(lines: list[str]) -> str:
    """A panic, whose words may stand on a line of their own, or an error with a backtrace."""
    begin = len(lines) - 1
    while begin > 0 and _RUST_FRAME.match(lines[begin]):
        begin -= 1
    has_stack = _RUST_STACK.match(lines[begin]) is not None
    if not has_stack and not lines[-1].startswith(_RUST_NOTE):
        return ""
    above = lines[: begin if has_stack else -1]
    at = next((at for at in reversed(range(len(above))) if _PANICKED in above[at]), None)
    if at is None:
        return _last(above) if has_stack else ""
    said = above[at]
    return f"{said} {above[at + 1]}" if said.endswith(":") and at + 1 < len(above) else said


def _of_others(lines: list[str]) -> str:
    if _NODE.match(lines[-1]):
        lines = _filled(lines[:-1])
        if lines and lines[-1].startswith("(Use `node --trace-"):
            return _last(lines[:-1])
    lines = _without_fields(lines)
    while lines and (_FRAME.match(lines[-1]) or _SUPPRESSED.match(lines[-1])):
        lines.pop()
    lines = _filled(lines)
    if not lines:
        return ""
    head = _head(lines)
    said = lines[-1] if _COMMAND in head else head
    return said.strip().removeprefix("[cause]: ").removeprefix("---> ")


def _without_fields(lines: list[str]) -> list[str]:
    """Up to the last frame, behind which Node prints what else it knows of an error: `{ code: …`.

    Nothing where no frame ends the text.
    """
    if lines and lines[-1] == "}":
        while lines and lines[-1].strip() == "}":
            lines = lines[:-1]
        while lines and not _FRAME.match(lines[-1]):
            if not lines[-1].startswith(" "):
                return []
            lines = lines[:-1]
    return lines if lines and _FRAME.match(lines[-1]) else []


def _head(lines: list[str]) -> str:
    """The first line of a message that has several; the last where none looks like one."""
    for line in reversed(lines[-_HEAD_LINES_MAX:]):
        if _HEAD.match(line):
            return line
        if not line.strip():
            break
    return lines[-1]


def _filled(lines: list[str]) -> list[str]:
    """Without the blank lines at their end."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return lines[:end]


def _last(lines: list[str]) -> str:
    filled = _filled(lines)
    return filled[-1].strip() if filled else ""
