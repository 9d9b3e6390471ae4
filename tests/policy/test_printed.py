"""What tells in a log: messages without frames, and the exceptions that programs name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.printed import (
    LINE_CHARS_MAX,
    LINE_END_CHARS_MAX,
    LINES_MAX,
    printed_types,
    telling_lines,
)

PYTHON = """\
Traceback (most recent call last):
  File "a.py", line 3, in run
    raise ValueError("connection refused")
KeyError: 'x'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "b.py", line 9, in main
    run(
        timeout=3)
    ^^^^
shop.errors.OrderError: no such colour
"""
JAVA = """\
Exception in thread "main" java.lang.RuntimeException: job failed
\tat com.acme.Job.run(Job.java:12)
\t... 12 more
Caused by: java.net.ConnectException: Connection refused
\tat java.base/sun.nio.ch.Net.connect0(Native Method)
"""
NODE = """\
node:internal/process/promises:288
Error: ENOENT: no such file
    at Object.openSync (node:fs:601:3)
    at file:///srv/x.mjs:3:4 {
"""
BUNDLE = f"""\
/srv/job/node_modules/client/dist/index.js:5
{"clearTimeout(t);if(e.retryAfter)throw new TimedOutError('connection reset');" * 40}
        ^

HttpError: unauthorized access
    at file:///srv/x.mjs:3:4 {{
"""
GO = """\
panic: runtime error: index out of range [3]

goroutine 1 [running]:
main.main()
"""
VLLM = """\
(EngineCore pid=12) ERROR 07-01 12:00:00 [core.py:700] Traceback (most recent call last):
(EngineCore pid=12) ERROR 07-01 12:00:00 [core.py:700]   File "/x/core.py", line 1, in run
(EngineCore pid=12) ERROR 07-01 12:00:00 [core.py:700]     self.start()
(EngineCore pid=12) ERROR 07-01 12:00:00 [core.py:700] torch.OutOfMemoryError: CUDA out of memory
"""
RANKS = "[rank0]:   File 'x', line 1\n[rank0]: RuntimeError: NCCL error\n[rank0]:\n"
ERRNO = "[Errno 2] No such file\nlast\n"


def told(text: str) -> list[str]:
    return [text[line.start : line.end] for line in telling_lines(text)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (PYTHON, ["KeyError: 'x'", "shop.errors.OrderError: no such colour"]),
        (
            JAVA,
            [
                'Exception in thread "main" java.lang.RuntimeException: job failed',
                "Caused by: java.net.ConnectException: Connection refused",
            ],
        ),
        (NODE, ["Error: ENOENT: no such file"]),
        (BUNDLE, ["HttpError: unauthorized access"]),
        ("lost connection " * 600 + "\nError: too wide", ["Error: too wide"]),
        (GO, ["panic: runtime error: index out of range [3]", "main.main()"]),
        (VLLM, [VLLM.splitlines()[-1]]),
        (ERRNO, ["[Errno 2] No such file", "last"]),
        ("", []),
        ("\n \n", [" "]),
        ("    at x(1)\n    at y(2)", ["    at x(1)", "    at y(2)"]),
    ],
)
def test_lines_that_tell_are_told_from_frames(text: str, lines: list[str]) -> None:
    assert told(text) == lines


@pytest.mark.parametrize(
    ("text", "types"),
    [
        (PYTHON, ["shop.errors.OrderError", "KeyError"]),
        (JAVA, ["java.net.ConnectException", "java.lang.RuntimeException"]),
        (VLLM, ["torch.OutOfMemoryError"]),
        (RANKS, ["RuntimeError"]),
        ("2026-01-01 ERROR | app:run:3 - a.b.ReadTimeout: slow", ["a.b.ReadTimeout"]),
        ("connect: refused (Errno::ECONNREFUSED)", ["Errno.ECONNREFUSED"]),
        ("redis.exceptions.error: no", ["redis.exceptions.error"]),
        ("Killed", []),
        ("NoErrors: 3", []),
        ("x.AError: 1\nx.AError: 2", ["x.AError"]),
    ],
)  # fmt: skip
def test_exceptions_are_named_the_last_first(text: str, types: list[str]) -> None:
    found = printed_types(text)
    assert found[: len(types)] == types
    assert bool(found) == bool(types)


@given(st.text(max_size=300))
def test_any_text_has_lines_inside_it(text: str) -> None:
    lines = telling_lines(text)
    assert len(lines) <= LINES_MAX
    assert all(0 <= line.start < line.end <= len(text) for line in lines)
    assert bool(lines) == bool(text.strip("\n"))
    assert all("\n" not in words for words in told(text))
    printed_types(text)


def test_of_a_line_of_ten_mib_the_end_is_read() -> None:
    """A program that breaks no lines had said there what ended it."""
    text = "x" * (10 << 20) + " no lens"
    *_, line = telling_lines(text)
    assert (line.end, line.end - line.start) == (len(text), LINE_END_CHARS_MAX)


def test_of_a_long_last_line_beginning_and_end_are_read() -> None:
    text = f"first\nbegin {'x' * 5_000} end\n"
    first, cut, behind = (text[line.start : line.end] for line in telling_lines(text))
    assert first == "first"
    assert cut.startswith("begin x") and len(cut) == LINE_CHARS_MAX
    assert behind.endswith("x end") and len(behind) == LINE_END_CHARS_MAX
