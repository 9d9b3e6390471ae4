"""What was said above a stack that a program prints last, as each language writes one."""

from __future__ import annotations

import pytest

from fnr.policy.last_words import above_stack, before_ignored

JAVA = """\
loading
Exception in thread "main" java.lang.RuntimeException: cannot open model
\tat Main.f(Main.java:1)
\tat Main.main(Main.java:1)
Caused by: java.io.IOException: No space left on device
\tSuppressed: java.io.IOException: Stream closed
\t\tat Main.close(Main.java:4)
\t\t... 1 more
\t... 42 more
"""
PLAIN_JAVA = 'Exception in thread "main" java.lang.NullPointerException\n\tat a.B.c(B.java:1)\n'
NODE = """\
node:fs:573
    throw err;
    ^

Error: ENOENT: no such file or directory, open '/nope'
    at Object.openSync (node:fs:573:18)
    at [eval]:1:15 {
  errno: -2,
  code: 'ENOENT'
}

Node.js v20.20.2
"""
REQUIRED = """\
Error: Cannot find module 'nope'
Require stack:
- /srv/app.js
    at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15) {
  code: 'MODULE_NOT_FOUND',
  requireStack: [ '/srv/app.js' ]
}

Node.js v20.20.2
"""
COMMAND = """\
Error: Command failed: encode a
encode: no licence

    at genericNodeError (node:internal/errors:984:15)
    at [eval]:1:26 {
  status: 3,
  output: [
    null
  ]
}

Node.js v20.20.2
"""
CAUSED = """\
TypeError: fetch failed
    at node:internal/deps/undici/undici:13510:13
    at process.processTicksAndRejections (node:internal/process/task_queues:105:5) {
  [cause]: Error: connect ECONNREFUSED 127.0.0.1:1
      at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16) {
    errno: -111
  }
}

Node.js v20.20.2
"""
THROWN = """\
[eval]:1
throw "no licence"
^
no licence
(Use `node --trace-uncaught ...` to show where the exception was thrown)

Node.js v20.20.2
"""
LOGGED = """\
DiskFull: no room for a.png
    at save (/srv/app.js:3:9)
    at main (/srv/app.js:9:1)
"""
DOTNET = """\
Unhandled exception. System.Exception: cannot save
 ---> System.IO.IOException: No space left on device
   at Program.Save() in /srv/Program.cs:line 9
   --- End of inner exception stack trace ---
   at Program.Main()
"""
RUST = """\
thread 'main' panicked at src/main.rs:2:5:
index out of bounds
stack backtrace:
   0: rust_begin_unwind
             at /rustc/abc/library/std/src/panicking.rs:645:5
   1: core::panicking::panic_fmt
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
"""
SHORT_RUST = """\
thread 'main' panicked at src/main.rs:2:5:
index out of bounds
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
"""
ANYHOW = """\
Error: cannot open model

Caused by:
    No such file or directory (os error 2)

Stack backtrace:
   0: std::backtrace::Backtrace::create
   1: main
"""
GO = """\
panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.run(...)
\t/srv/render/cmd/main.go:12
main.main()
\t/srv/render/cmd/main.go:40 +0x1d
"""
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "a.py", line 9, in <module>
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "a.py", line 3, in a
    | OSError: [Errno 28] No space left on device
    +------------------------------------
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (JAVA, "Caused by: java.io.IOException: No space left on device"),
        (PLAIN_JAVA, 'Exception in thread "main" java.lang.NullPointerException'),
        (NODE, "Error: ENOENT: no such file or directory, open '/nope'"),
        (REQUIRED, "Error: Cannot find module 'nope'"),
        (COMMAND, "encode: no licence"),
        (CAUSED, "Error: connect ECONNREFUSED 127.0.0.1:1"),
        (THROWN, "no licence"),
        (LOGGED, "DiskFull: no room for a.png"),
        (DOTNET, "System.IO.IOException: No space left on device"),
        (RUST, "thread 'main' panicked at src/main.rs:2:5: index out of bounds"),
        (SHORT_RUST, "thread 'main' panicked at src/main.rs:2:5: index out of bounds"),
        (ANYHOW, "No such file or directory (os error 2)"),
        (GROUP, "OSError: [Errno 28] No space left on device"),
        (GO, "panic: runtime error: index out of range [5] with length 3"),
    ],
)
def test_what_was_said_stands_above_the_stack(text: str, said: str) -> None:
    assert above_stack(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "at least one input is needed",
        "Node.js v20.20.2",
        '{\n  "a": 1\n}',
        "}",
        "  at x",
        "note: run with `RUST_BACKTRACE=1` environment variable",
        "   12: no stack of anything",
        "thread 'a' panicked at src/a.rs:1:1:\nx\n  2: not a frame of that",
        "\t/srv/main.go:4 +0x1d",
        "",
    ],
)
def test_where_no_stack_ends_a_text_nothing_is_said_above_one(text: str) -> None:
    assert above_stack(text) == ""


FAILED = b"""Traceback (most recent call last):
  File "a.py", line 6, in <module>
    raise ValueError("no licence")
ValueError: no licence"""
IGNORED = b"""
Exception ignored in: <function A.__del__ at 0x7f20>
Traceback (most recent call last):
  File "a.py", line 4, in __del__
RuntimeError: closed"""
FLUSH = b"""
Exception ignored in: <_io.TextIOWrapper name='<stdout>' mode='w' encoding='utf-8'>
BrokenPipeError: [Errno 32] Broken pipe"""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (FAILED + IGNORED + b"\n", FAILED),
        (FAILED + IGNORED + IGNORED + b"\n", FAILED),
        (FAILED + IGNORED + b"\nand on it went\n", FAILED + IGNORED + b"\nand on it went\n"),
        (FAILED + FLUSH + b"\n", FAILED + FLUSH + b"\n"),
        (IGNORED + b"\n", IGNORED + b"\n"),
        (FAILED, FAILED),
    ],
)
def test_what_a_finalizer_raised_is_not_what_ended_a_program(data: bytes, said: bytes) -> None:
    assert before_ignored(data) == said
