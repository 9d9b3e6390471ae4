"""Turn an exception into evidence: facts only, bounded, and whatever the exception does.

The exception comes from foreign code. Its str() may raise, its chain may be a circle or a
thousand links long, its text may not be valid Unicode. What cannot be read is named in `missing`.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePath
from types import TracebackType

from fnr.policy.counted import counted
from fnr.policy.evidence import (
    CHAIN_MAX,
    MESSAGE_CHARS_MAX,
    TRACEBACK_CHARS_MAX,
    UNREAD_MESSAGE,
    Evidence,
    ExceptionFact,
    Phase,
)
from fnr.policy.halves import whole_behind
from fnr.worker.exception_codes import attribute, codes_of, retry_after_ms
from fnr.worker.foreign_text import NAME_CHARS_MAX, clean, type_name
from fnr.worker.wishes import Asked

_LINKS_MAX = 10_000
# Shorter than a headline may be, by the name before it: cut twice, it would say so twice.
_MESSAGE_CHARS_MAX = MESSAGE_CHARS_MAX - NAME_CHARS_MAX - len(": ")
_FRAMES_MAX = 100
_BASES_MAX = 20
_WAIT_FOR_CHARS_MAX = 1_000
_CHILD_CHARS_MAX = 2_000
_OUR_FOLDER = str(PurePath(__file__).parent)


def capture(error: BaseException, *, phase: Phase, now_ms: int) -> Evidence:
    """The evidence in an exception; never raises.

    now_ms: Unix time, for a Retry-After that names an instant.
    """
    try:
        return _capture(error, phase=phase, now_ms=now_ms)
    except BaseException as trouble:  # noqa: BLE001 - an attempt must end with some evidence
        return Evidence(
            phase=phase,
            message=type_name(type(error)),
            exceptions=(ExceptionFact(type=type_name(type(error))),),
            missing=(f"exception: could not be read: {type(trouble).__name__}",),
        )


def chain_of(error: BaseException) -> list[BaseException]:
    """The exception, then what caused it and what it groups; each once, the first links only."""
    seen: set[int] = set()
    found: list[BaseException] = []
    pending = [error]
    while pending and len(found) < _LINKS_MAX:
        link = pending.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        found.append(link)
        pending.extend(reversed(_behind(link)))
    return found


def _behind(link: BaseException) -> list[BaseException]:
    """What it groups, and what caused it; a class may have made properties of all of these."""
    behind: list[object] = []
    grouped = attribute(link, "exceptions") if isinstance(link, BaseExceptionGroup) else None
    if isinstance(grouped, tuple | list):
        behind.extend(grouped)
    behind.append(attribute(link, "reason"))  # urllib.error.URLError hides the OSError there
    cause = attribute(link, "__cause__")
    if cause is None and not attribute(link, "__suppress_context__"):
        cause = attribute(link, "__context__")
    behind.append(cause)
    return [one for one in behind if isinstance(one, BaseException)]


def _capture(error: BaseException, *, phase: Phase, now_ms: int) -> Evidence:
    links = chain_of(error)
    if any(isinstance(link, MemoryError) for link in links):
        _free_locals(links)
    missing: list[str] = []
    # The first links say what happened, the last one why.
    kept = links if len(links) <= CHAIN_MAX else [*links[: CHAIN_MAX - 1], links[-1]]
    if len(links) > len(kept):
        cut = counted(len(links) - len(kept), "link")
        missing.append(f"exceptions: {cut} of the chain left out")
    facts = tuple(_fact(link, missing) for link in kept)
    text = _traceback_text(kept, facts, whole=len(kept) == len(links), missing=missing)
    headline = facts[0].type + (f": {facts[0].message}" if facts[0].message else "")
    return Evidence(
        phase=phase,
        message=clean(headline, MESSAGE_CHARS_MAX),
        exceptions=facts,
        codes=codes_of(kept),
        exit_code=_exit_code(error) if isinstance(error, SystemExit) else None,
        traceback=clean(text, TRACEBACK_CHARS_MAX),
        retry_after_ms=retry_after_ms(kept, now_ms=now_ms),
        wait_for=_wait_for(kept),
        missing=tuple(missing),
    )


def _wait_for(links: list[BaseException]) -> str:
    """What the function said it needs, by the outermost fnr.Wait."""
    for link in links:
        asked = attribute(link, "wait_for")
        if isinstance(asked, str) and asked and isinstance(link, Asked):
            return clean(asked, _WAIT_FOR_CHARS_MAX)
    return ""


def _fact(link: BaseException, missing: list[str]) -> ExceptionFact:
    bases = [kind for kind in type(link).__mro__[1:] if kind not in {BaseException, object}]
    return ExceptionFact(
        type=type_name(type(link)),
        message=_message(link, missing),
        bases=tuple(type_name(kind) for kind in bases[:_BASES_MAX]),
    )


def _message(link: BaseException, missing: list[str]) -> str:
    try:
        return clean(_with_childs_words(link, str(link)), _MESSAGE_CHARS_MAX)
    except BaseException as trouble:  # noqa: BLE001 - a foreign __str__ may raise anything
        # Not in its place: rules would read it, and name the attempt by what only its words raised.
        name, raised = type_name(type(link)), type_name(type(trouble))
        missing.append(f"{UNREAD_MESSAGE}{name}: its str() raised {raised}")
        return ""


def _with_childs_words(link: BaseException, message: str) -> str:
    """The message, and below it what a child process wrote last if only the exception has it.

    subprocess.run(…, capture_output=True), ffmpeg.Error and their likes keep it from the log, and
    nothing else tells one failure of a command from another.
    """
    has_command = attribute(link, "cmd") is not None
    for name in ("stderr", "output") if has_command else ("stderr",):
        if words := _end_of(attribute(link, name)):
            # A command stands in the message with its arguments, and they may say anything.
            is_told = not has_command and words.splitlines()[-1].strip() in message
            return message if is_told else f"{message}\n{words}"
    return message


def _end_of(written: object) -> str:
    if not isinstance(written, bytes | bytearray | str):
        return ""
    end = written[-_CHILD_CHARS_MAX:]
    text = end if isinstance(end, str) else bytes(end).decode(errors="replace")
    # The first line may have lost its beginning, which would differ each time.
    whole = text.partition("\n")[2] if len(written) > len(end) else text
    return (whole or whole_behind(text)).strip()


def _exit_code(error: SystemExit) -> int:
    """What the interpreter would have exited with."""
    code = attribute(error, "code")
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


def _traceback_text(
    kept: list[BaseException], facts: tuple[ExceptionFact, ...], *, whole: bool, missing: list[str]
) -> str:
    tb = _without_our_frames(_traceback_of(kept[0]))
    try:
        import traceback  # noqa: PLC0415 - only failures need it
    except BaseException as trouble:  # noqa: BLE001 - no file, or no memory, may be left for it
        missing.append(f"lines of source: {type_name(type(trouble))} while they were looked for")
        return "".join([*_frame_lines(tb), *map(_fact_line, facts)])
    try:
        if whole:
            lines = traceback.format_exception(type(kept[0]), kept[0], tb, limit=-_FRAMES_MAX)
        else:
            # The module would format every link of the chain, however many there are.
            lines = traceback.format_tb(tb, limit=-_FRAMES_MAX)
            lines += map(_fact_line, facts)
    except BaseException as trouble:  # noqa: BLE001 - it calls into foreign exceptions
        missing.append(f"traceback: {type_name(type(trouble))} while it was formatted")
        return ""
    return "".join(lines)


def _frame_lines(tb: TracebackType | None) -> list[str]:
    """Where it happened, as the traceback module says it."""
    lines = []
    while tb is not None:
        code = tb.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {tb.tb_lineno}, in {code.co_name}\n')
        tb = tb.tb_next
    return lines[-_FRAMES_MAX:]


def _fact_line(fact: ExceptionFact) -> str:
    return f"{fact.type}: {fact.message}\n" if fact.message else f"{fact.type}\n"


def _traceback_of(link: BaseException) -> TracebackType | None:
    found = attribute(link, "__traceback__")
    return found if isinstance(found, TracebackType) else None


def _without_our_frames(tb: TracebackType | None) -> TracebackType | None:
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith(_OUR_FOLDER):
        tb = tb.tb_next
    return tb


def _free_locals(links: list[BaseException]) -> None:
    """Let go of what the dead frames hold: there is no memory left to describe them with."""
    for link in links:
        tb = _traceback_of(link)
        while tb is not None:
            with suppress(RuntimeError):  # it still runs
                tb.tb_frame.clear()
            tb = tb.tb_next
