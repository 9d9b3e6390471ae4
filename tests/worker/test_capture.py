"""Evidence from exceptions, friendly or hostile; capturing never raises."""

from __future__ import annotations

import errno
import re
import socket
import sqlite3
import ssl
import subprocess
import sys
import traceback
import urllib.error
from collections.abc import Callable
from email.message import Message
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from fnr.config.rule_files import read_packs, read_text_model
from fnr.policy.classify import classify
from fnr.policy.evidence import (
    CHAIN_MAX,
    MESSAGE_CHARS_MAX,
    TRACEBACK_CHARS_MAX,
    Code,
    Evidence,
    Phase,
)
from fnr.policy.fingerprint import fingerprint
from fnr.policy.rule_set import RuleSet
from fnr.worker.capture import capture
from fnr.worker.foreign_text import clean

NOW_MS = 1_700_000_000_000
NAMED = classify(Evidence(), RuleSet(()))


def captured(error: BaseException) -> Evidence:
    """As a worker would send it: every evidence must survive the wire."""
    evidence = capture(error, phase=Phase.RUN, now_ms=NOW_MS)
    return msgspec.json.decode(msgspec.json.encode(evidence), type=Evidence)


def raised(make: Callable[[], Any]) -> BaseException:
    try:
        raise make()
    except BaseException as error:  # noqa: BLE001 - any kind is captured
        return error


def test_types_are_qualified_and_builtins_are_not() -> None:
    evidence = captured(raised(lambda: FileNotFoundError(2, "gone", "x")))
    [fact] = evidence.exceptions
    assert (fact.type, fact.bases) == ("FileNotFoundError", ("OSError", "Exception"))
    assert captured(socket.gaierror(-2, "no")).exceptions[0].type == "socket.gaierror"
    assert evidence.message == "FileNotFoundError: [Errno 2] gone: 'x'"
    assert captured(ValueError()).message == "ValueError"


def test_the_chain_is_outermost_first_with_cause_and_context() -> None:
    try:
        try:
            try:
                raise KeyError("root")
            except KeyError:
                raise ValueError("while handling")  # noqa: B904 - the implicit context is the point
        except ValueError as error:
            raise RuntimeError("because of") from error
    except RuntimeError as error:
        evidence = captured(error)
    assert [fact.type for fact in evidence.exceptions] == ["RuntimeError", "ValueError", "KeyError"]
    assert "The above exception was the direct cause" in evidence.traceback


def test_a_suppressed_context_is_left_out() -> None:
    try:
        try:
            raise KeyError("hidden")
        except KeyError:
            raise ValueError("shown") from None
    except ValueError as error:
        assert [fact.type for fact in captured(error).exceptions] == ["ValueError"]


def test_the_members_of_a_group_are_named() -> None:
    inner = ExceptionGroup("inner", [OSError(errno.ENOSPC, "full")])
    evidence = captured(ExceptionGroup("outer", [ValueError("a"), inner]))
    assert [fact.type for fact in evidence.exceptions] == [
        "ExceptionGroup",
        "ValueError",
        "ExceptionGroup",
        "OSError",
    ]
    assert evidence.codes == (Code(family="errno", value="ENOSPC"),)


def test_a_circle_ends() -> None:
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    assert len(captured(first).exceptions) == 2


def test_of_a_thousand_links_the_first_and_the_last_are_kept() -> None:
    error: BaseException = OSError(errno.ECONNREFUSED, "root cause")
    for number in range(1_000):
        outer = RuntimeError(f"link {number}")
        outer.__cause__ = error
        error = outer
    evidence = captured(error)
    assert len(evidence.exceptions) == CHAIN_MAX
    assert evidence.exceptions[0].message == "link 999"
    assert evidence.exceptions[-1].type == "ConnectionRefusedError"
    assert evidence.codes == (Code(family="errno", value="ECONNREFUSED"),)
    assert evidence.missing == ("exceptions: 981 links of the chain left out",)


class Hostile(Exception):
    def __str__(self) -> str:
        raise SystemExit("from str")

    def __getattr__(self, name: str) -> Any:
        raise KeyboardInterrupt(name)


def test_an_exception_that_cannot_be_read_is_named_all_the_same() -> None:
    evidence = captured(raised(Hostile))
    assert evidence.exceptions[0].type.endswith("test_capture.Hostile")
    assert evidence.exceptions[0].message == ""
    unread = evidence.missing[0]
    assert unread.endswith("test_capture.Hostile: its str() raised SystemExit")


def _unreadable(_: object) -> Any:
    raise KeyError("not for you")


@pytest.mark.parametrize(
    "name", ["__cause__", "__context__", "__suppress_context__", "__traceback__"]
)
def test_a_link_that_cannot_be_followed_costs_no_word_of_the_message(name: str) -> None:
    closed = type("Closed", (ValueError,), {name: property(_unreadable)})
    evidence = captured(raised(lambda: closed("width is 0")))
    assert evidence.exceptions[0].message == "width is 0"
    assert evidence.exceptions[0].bases == ("ValueError", "Exception")


def test_a_group_and_an_exit_whose_parts_cannot_be_read_are_told() -> None:
    group = type("Closed", (ExceptionGroup,), {"exceptions": property(_unreadable)})
    assert captured(group("many", [ValueError("v")])).exceptions[0].type.endswith("Closed")
    left = type("Left", (SystemExit,), {"code": property(_unreadable)})
    assert captured(left("in a hurry")).message.endswith("Left: in a hurry")


def test_what_reading_a_message_raised_does_not_name_the_attempt() -> None:
    """Only words about an exception would say KeyError; what it is, nobody knows."""

    class Unread(Exception):
        def __str__(self) -> str:
            raise KeyError("text")

    evidence = captured(raised(Unread))
    assert "KeyError" not in evidence.message + evidence.traceback
    assert classify(evidence, RuleSet(read_packs()), read_text_model()).category == "unknown"


def test_a_trouble_while_capturing_is_evidence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("fnr.worker.capture.chain_of", break_down)
    evidence = captured(ValueError("x"))
    assert evidence.message == "ValueError"
    assert evidence.missing == ("exception: could not be read: MemoryError",)


def test_a_traceback_that_cannot_be_formatted_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: Any, **__: Any) -> None:
        raise RecursionError

    monkeypatch.setattr(traceback, "format_exception", break_down)
    evidence = captured(ValueError("x"))
    assert evidence.message == "ValueError: x"
    assert evidence.missing == ("traceback: RecursionError while it was formatted",)


def test_text_is_bounded_and_valid() -> None:
    long = captured(ValueError("begin" + "x" * 100_000 + "end"))
    assert len(long.message) <= MESSAGE_CHARS_MAX
    assert long.message.startswith("ValueError: begin") and long.message.endswith("end")
    assert captured(ValueError("half \ud800 pair")).message == r"ValueError: half \ud800 pair"

    def deep(levels: int) -> None:
        if levels == 0:
            raise ValueError("deep")
        deep(levels - 1)

    with pytest.raises(ValueError, match="deep") as found:
        deep(900)
    assert len(captured(found.value).traceback) <= TRACEBACK_CHARS_MAX
    assert captured(found.value).traceback.endswith("ValueError: deep\n")


@pytest.mark.parametrize("chars_max", [100, 101, 4_000])
def test_the_middle_is_left_out(chars_max: int) -> None:
    text = clean("".join(map(str, range(10_000))), chars_max)
    assert len(text) == chars_max
    assert text.startswith("01234") and text.endswith("99989999")
    [counted] = re.findall(r"\n… (\d+) characters left out …\n", text)
    words = len(f"\n… {counted} characters left out …\n")
    assert len("".join(map(str, range(10_000)))) == len(text) - words + int(counted)


def test_a_headline_is_not_cut_a_second_time() -> None:
    evidence = captured(raised(lambda: ValueError("x" * 10_000_000)))
    assert len(evidence.message) <= MESSAGE_CHARS_MAX
    [counted] = re.findall(r"… (\d+) characters left out …", evidence.message)
    assert int(counted) > 9_990_000
    assert evidence.message.startswith("ValueError: xxx") and evidence.message.endswith("xxx")


def test_a_class_that_hides_its_name_is_named_all_the_same() -> None:
    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            if name in {"__module__", "__qualname__", "__name__"}:
                raise RuntimeError(f"no {name}")
            return super().__getattribute__(name)

    class Veiled(Exception, metaclass=Meta):
        __module__ = 5  # type: ignore[assignment]  # foreign code may set anything

    assert captured(Veiled("words")).message == (
        "?.test_a_class_that_hides_its_name_is_named_all_the_same.<locals>.Veiled: words"
    )


@pytest.mark.parametrize("form", [{"text": True}, {}])
def test_what_a_captured_child_wrote_last_is_told(form: dict[str, Any]) -> None:
    def fail(script: str) -> Evidence:
        run = [sys.executable, "-c", f"import sys; {script}; sys.exit(3)"]
        with pytest.raises(subprocess.CalledProcessError) as found:
            subprocess.run(run, check=True, capture_output=True, **form)
        return captured(found.value)

    full = fail("print('begun'); print('[Errno 28] no room', file=sys.stderr)")
    assert full.message.endswith("returned non-zero exit status 3.\n[Errno 28] no room")
    assert full.exceptions[0].message == full.message.removeprefix(
        "subprocess.CalledProcessError: "
    )
    only_printed = fail("print('no licence in \\xff')")
    assert only_printed.message.endswith("\nno licence in \xff")
    causes = {fingerprint(one, NAMED, function="f").key for one in (full, only_printed)}
    assert len(causes) == 2
    assert fail("0").message.endswith("exit status 3.")


def test_a_child_that_wrote_much_is_told_by_whole_lines() -> None:
    error = subprocess.CalledProcessError(1, ["x"], stderr=b"a line of some words\n" * 10_000)
    lines = captured(error).message.splitlines()[1:]
    assert 50 < len(lines) < 100
    assert set(lines) == {"a line of some words"}


def test_a_childs_words_that_the_message_has_already_are_told_once() -> None:
    class Told(Exception):
        stderr = b"fatal: no such branch\n"

    assert captured(Told("git failed: fatal: no such branch")).message.count("fatal") == 1
    assert captured(Told("git failed")).message.endswith("git failed\nfatal: no such branch")


def test_memory_that_dead_frames_hold_is_let_go() -> None:
    class Held:
        pass

    import weakref

    refs = []

    def fail() -> None:
        held = Held()
        refs.append(weakref.ref(held))
        raise MemoryError

    try:
        fail()
    except MemoryError as error:
        captured(error)
        assert refs[0]() is None


# ── codes ────────────────────────────────────────────────────────────────────


def http_error(status: int, headers: dict[str, str] | None = None) -> Exception:
    error = Exception("from a library")
    error.response = SimpleNamespace(status_code=status, headers=headers or {})  # type: ignore[attr-defined]  # as requests does
    return error


def with_attributes(**attributes: Any) -> Exception:
    error = Exception("has attributes")
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


def certificate_error() -> Exception:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.reason = "CERTIFICATE_VERIFY_FAILED"
    return error


def sqlite_error() -> Exception:
    with pytest.raises(sqlite3.IntegrityError) as found:
        connection = sqlite3.connect(":memory:")
        try:
            connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY) STRICT")
            connection.execute("INSERT INTO t VALUES (1), (1)")
        finally:
            connection.close()
    return found.value


@pytest.mark.parametrize(
    ("make", "codes"),
    [
        (lambda: OSError(errno.ENOSPC, "full"), ["errno:ENOSPC"]),
        (lambda: OSError("without a number"), []),
        (lambda: OSError(99_999, "no such number"), []),
        (certificate_error, ["ssl:CERTIFICATE_VERIFY_FAILED"]),
        (lambda: socket.gaierror(socket.EAI_AGAIN, "later"), ["resolver:EAI_AGAIN"]),
        (lambda: urllib.error.URLError(ConnectionRefusedError(111, "no")), ["errno:ECONNREFUSED"]),
        (
            lambda: urllib.error.HTTPError("http://x", 503, "busy", Message(), None),
            ["http:503"],
        ),
        (lambda: http_error(429), ["http:429"]),
        (lambda: http_error(200), []),
        (lambda: with_attributes(status=502), ["http:502"]),
        (lambda: with_attributes(code=True), []),
        (lambda: with_attributes(code="E42", status="busy"), []),
        (lambda: SystemExit(404), []),
        (lambda: with_attributes(pgcode="40001"), ["sqlstate:40001"]),
        (
            lambda: with_attributes(
                response={
                    "Error": {"Code": "SlowDown"},
                    "ResponseMetadata": {"HTTPStatusCode": 503},
                }
            ),
            ["http:503", "aws:SlowDown"],
        ),
        (lambda: subprocess.CalledProcessError(3, "x"), ["exit:3"]),
        (lambda: subprocess.CalledProcessError(-9, "x"), ["signal:SIGKILL"]),
        (lambda: subprocess.CalledProcessError(-63, "x"), ["signal:63"]),
        (sqlite_error, ["sqlite:SQLITE_CONSTRAINT_PRIMARYKEY"]),
    ],
)
def test_codes_are_read_off_the_exception(make: Callable[[], Any], codes: list[str]) -> None:
    found = captured(make()).codes
    assert [f"{code.family}:{code.value}" for code in found] == codes


def test_a_grpc_status_is_asked_for() -> None:
    kind = type("RpcError", (Exception,), {"code": lambda _: SimpleNamespace(name="UNAVAILABLE")})
    kind.__module__ = "grpc._channel"
    assert captured(kind()).codes == (Code(family="grpc", value="UNAVAILABLE"),)


@pytest.mark.parametrize(
    ("error", "wait_ms"),
    [
        (http_error(429, {"Retry-After": "120"}), 120_000),
        (http_error(429, {"Retry-After": "1.5"}), 1_500),
        (http_error(503, {"Retry-After": "Tue, 14 Nov 2023 22:14:20 GMT"}), 60_000),
        (http_error(503, {"Retry-After": "Tue, 14 Nov 2000 22:14:20 GMT"}), 0),
        (http_error(503, {"Retry-After": "soon"}), None),
        (with_attributes(retry_after=2), 2_000),
        (with_attributes(retry_after=-2), None),
        (with_attributes(retry_after=float("inf")), None),
        (ValueError("no hint"), None),
    ],
)
def test_a_hint_how_long_to_wait_is_read(error: Exception, wait_ms: int | None) -> None:
    assert captured(error).retry_after_ms == wait_ms


@pytest.mark.parametrize(("code", "exit_code"), [(None, 0), (3, 3), (-1, 255), ("words", 1)])
def test_an_exit_has_the_code_the_interpreter_would_have_used(code: Any, exit_code: int) -> None:
    assert captured(SystemExit(code)).exit_code == exit_code
