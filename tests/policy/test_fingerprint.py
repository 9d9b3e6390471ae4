"""Errors of one cause are one incident, and a key never moves under an incident that exists."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from policy_values import EVIDENCE, classified

from fnr.policy.evidence import Code, Evidence, ExceptionFact, KilledBy, Phase
from fnr.policy.fingerprint import VERSION, fingerprint
from fnr.policy.rules import Classification, Strategy
from fnr.worker.capture import capture

TRACE = """Traceback (most recent call last):
  File "/srv/app-17/render.py", line {line}, in render
    load(path)
  File "/home/u/.venv/lib/python3.12/site-packages/torch/nn.py", line 9, in forward
    return x
"""
TRACED = TRACE.format(line=7)


def unknown(**fields: object) -> Classification:
    """A classification that no rule has made."""
    return replace(classified(strategy=Strategy.RETRY_ONCE), **fields)


def raised(kind: str, message: str, *causes: tuple[str, str], **fields: object) -> Evidence:
    """Evidence of a Python exception."""
    chain = [(kind, message), *causes]
    return Evidence(
        **{
            "message": f"{kind}: {message}",
            "exceptions": tuple(ExceptionFact(type=t, message=m) for t, m in chain),
            **fields,
        }
    )


def ended(code: int, stderr: str, **fields: object) -> Evidence:
    """Evidence of a command."""
    last = stderr.strip().splitlines()[-1] if stderr.strip() else ""
    return Evidence(
        **{
            "message": f"exit code {code}: {last}",
            "exit_code": code,
            "stderr_tail": stderr,
            **fields,
        }
    )


def key(evidence: Evidence, function: str = "render", named: Classification | None = None) -> str:
    return fingerprint(evidence, named or unknown(), function).key


FAILED = "subprocess.CalledProcessError"
WRAPPED = "Command '['{}', '-i', 'a']' returned non-zero exit status 1."
RAN = "\n\n  RAN: /usr/bin/ls {}\n\n  STDOUT:\n\n\n  STDERR:\n{}\n"
HTTPX = (
    "httpx.HTTPStatusError: Client error '{}' for url 'http://127.0.0.1:80/a'\n"
    "For more information check: https://127.0.0.1/Web/HTTP/Status"
)
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "a.py", line 9, in <module>
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "a.py", line 3, in a
    | {}"""
FAILED_RUN = """Traceback (most recent call last):
  File "a.py", line 2, in <module>
    subprocess.run(argv, check=True)
  File "/usr/lib/python3.11/subprocess.py", line 571, in run
    raise CalledProcessError(retcode, process.args,"""
FAREWELLS = [
    (
        "gzip: stdin: unexpected end of file\ntar: Child returned status 1",
        "gzip: stdin: not in gzip format\ntar: Child returned status 1",
        "tar: Error is not recoverable: exiting now",
    ),
    (
        "a.c:1:10: fatal error: nope.h: No such file or directory",
        "a.c:1:10: fatal error: cuda.h: No such file or directory",
        "compilation terminated.",
    ),
    (
        "cp: cannot stat 'a': No such file or directory",
        "a.c:3:1: error: unknown type name 'x'",
        "make: *** [Makefile:2: all] Error 1",
    ),
    (
        "/usr/bin/ld: a.o: undefined reference to `f'",
        "/usr/bin/ld: a.o: undefined reference to `g'",
        "collect2: error: ld returned 1 exit status",
    ),
    (
        "thread 'main' panicked at src/main.rs:2:5:\nindex out of bounds",
        "thread 'main' panicked at src/main.rs:7:5:\nattempt to divide by zero",
        "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
    ),
    (
        "torch.OutOfMemoryError: CUDA out of memory.",
        "RuntimeError: CUDA error: an illegal memory access was encountered",
        "[rank0]:[W1119 12:00:01.123 PG.cpp:9] WARNING: process group has NOT been destroyed",
    ),
    ("cp: missing file operand", "cp: unrecognized option '--x'", "Try 'cp --help' for more."),
    ("write(): No space left on device", "x: Invalid data found", "Conversion failed!"),
    (
        'psql: error: connection to server at "db", port 5432 failed: Connection refused',
        'psql: error: connection to server at "db", port 5432 failed: Connection timed out',
        "\tIs the server running on that host and accepting TCP/IP connections?",
    ),
    (
        "error[E0425]: cannot find value `x`",
        "error[E0308]: mismatched types",
        "error: could not compile `a` (bin) due to 1 previous error",
    ),
    (
        "a.c:1:19: error: 'x' undeclared (first use in this function)",
        "a.c:1:19: error: 'scale' undeclared (first use in this function)",
        "a.c:1:19: note: each undeclared identifier is reported only once for each function",
    ),
    (
        'k.cu(4): error: identifier "x" is undefined',
        'k.cu(4): error: expected a ";"',
        '1 error detected in the compilation of "k.cu".',
    ),
    (
        "mount: /mnt/a: special device /dev/nvme9n1 does not exist.",
        "mount: /mnt/a: unknown filesystem type 'nfs'.",
        "       dmesg(1) may have more information after failed mount system call.",
    ),
    (
        "Can't locate Nope/A.pm in @INC (@INC contains: /etc/perl) at a.pl line 1.",
        "Can't locate Other/B.pm in @INC (@INC contains: /etc/perl) at a.pl line 1.",
        "BEGIN failed--compilation aborted at a.pl line 1.",
    ),
    (
        'Global symbol "$x" requires explicit package name at a.pl line 2.',
        'syntax error at a.pl line 2, near "if"',
        "Execution of a.pl aborted due to compilation errors.",
    ),
    (
        "40F7:error:8000006F:system library:BIO_connect:Connection refused:bio_sock2.c:117:",
        "40F7:error:80000071:system library:BIO_connect:No route to host:bio_sock2.c:117:",
        "connect:errno=111",
    ),
    (
        'rsync: [sender] link_stat "/srv/a" failed: No such file or directory (2)',
        'rsync: [receiver] mkstemp "/srv/a.x" failed: Permission denied (13)',
        "rsync error: some files/attrs were not transferred (see previous errors) (code 23)",
    ),
    (
        "torch.OutOfMemoryError: CUDA out of memory.",
        "FileNotFoundError: [Errno 2] No such file or directory: 'a'",
        "[ERROR] [launch.py:321:sigkill_handler] ['python', 't.py'] exits with return code = 1",
    ),
    (
        GROUP.format("ValueError: bad"),
        GROUP.format("OSError: [Errno 28] No space left on device"),
        "    +------------------------------------",
    ),
    (
        f"encode: cannot open codec\n{FAILED_RUN}",
        f"encode: no licence was found\n{FAILED_RUN}",
        f"{FAILED}: Command '['encode']' returned non-zero exit status 1.",
    ),
]
STABLE = [
    (Evidence(), "2:6c049c422c0f49d7add9"),
    (Evidence(signal=11, core_dumped=True), "2:60e5cb237e1650c48e19"),
    (Evidence(killed_by=KilledBy.TIMEOUT, message="timed out: ran 5 ms"), "2:eefda5bcf05e301f6bf8"),
    (Evidence(oom_killed=True, signal=9, worker_died=True), "2:2ec3ef95fa9d4c56918e"),
    (raised("ValueError", "bad input 17"), "2:9a19bbd89e14fdd7c97e"),
    (
        raised("RuntimeError", "CUDA out of memory. Tried to allocate 2.00 GiB", traceback=TRACED),
        "2:2a344cc7dc65adcb20f1",
    ),
    (
        raised("a.Wrapped", "render failed", ("OSError", "[Errno 28] No space left")),
        "2:6471db95b735eceecbb2",
    ),
    (raised("E", "HTTP 503", codes=(Code(family="http", value="503"),)), "2:ea6289a0050981a5eb08"),
    (
        raised("ImportError", "No module named 'torch'", phase=Phase.IMPORT),
        "2:b95e4e225bf6052a84a5",
    ),
    (ended(1, "connect to 10.0.0.7:9003 failed: Connection refused"), "2:1c6ef6b29360d9d88b04"),
    (ended(137, "Xid (PCI:0000:3b:00): 79, pid=1"), "2:e22f1243c5899c910c2c"),
    (raised(FAILED, WRAPPED.format("ffmpeg"), stderr_tail="error: x"), "2:e1a85d31d3352fa15815"),
]


@pytest.mark.parametrize(("evidence", "known"), STABLE)
def test_a_key_never_moves(evidence: Evidence, known: str) -> None:
    """If this fails, incidents that exist would be opened again: raise VERSION, add new rows."""
    assert key(evidence) == known


def _base64(seed: int, size: int) -> str:
    return b64encode(blake2b(bytes([seed]), digest_size=size).digest()).decode()


ALIKE = [
    (
        raised("OSError", "[Errno 98] port 8188 in use"),
        raised("OSError", "[Errno 98] port 8189 in use"),
    ),
    (
        raised("ValueError", "bad", traceback=TRACE.format(line=10)),
        raised("ValueError", "bad", traceback=TRACE.format(line=99)),
    ),
    (ended(1, "12:00:01 x.png: No such file"), ended(1, "13:37:59 y.png: No such file")),
    (
        Evidence(killed_by=KilledBy.TIMEOUT, message="timed out: ran 60012 ms", traceback=TRACED),
        Evidence(killed_by=KilledBy.TIMEOUT, message="timed out: ran 61 ms", stderr_tail="x"),
    ),
    (
        raised("Boom", "x", *[("Boom", "x")] * 3),
        raised("Boom", "x", *[("Boom", "x")] * 19),
    ),
    (
        raised(FAILED, WRAPPED.format("ffmpeg")),
        raised(FAILED, WRAPPED.format("/usr/bin/ffmpeg").replace("'a'", "'b c'")),
    ),
    (ended(1, "\x1b[31merror: boom\x1b[0m"), ended(1, "error: boom")),
    (
        raised(
            "ValueError", "bad", traceback=TRACED.replace("/srv/app-17/render", "/tmp/tmp.aXbYcZ")
        ),
        raised(
            "ValueError", "bad", traceback=TRACED.replace("/srv/app-17/render", "/tmp/tmpq_qrst")
        ),
    ),
    (
        raised("sh.ErrorReturnCode_2", RAN.format("a b", "ls: /a: Permission denied")),
        raised("sh.ErrorReturnCode_2", RAN.format("c", "ls: /c: Permission denied")),
    ),
    (
        raised(
            "SystemExit", "1", exit_code=1, stderr_tail="INFO: up\nERROR: a1.png: cannot be read"
        ),
        raised("SystemExit", "1", exit_code=1, stderr_tail="ERROR: b2.png: cannot be read\n"),
    ),
    *(
        (ended(1, f"{words} 'a.png': {why}"), ended(1, f"{words} 'my b.png': {why}"))
        for words, why in (
            ("cp: cannot stat", "No such file or directory"),
            ("dd: failed to open", "Permission denied"),
            ("ln: cannot create symbolic link", "File exists"),
        )
    ),
    (
        raised("gzip.BadGzipFile", "Not a gzipped file (b'<h')"),
        raised("gzip.BadGzipFile", "Not a gzipped file (b'\\x89P')"),
    ),
    (
        ended(1, "KeyError: 'ab41657a-87fe-48b8-a450-f83e2f426213'"),
        ended(1, "KeyError: '5cd9cbed-dc6b-4d74-88a8-f57ada8d09ee'"),
    ),
    *(
        (raised("ValueError", f"'one' {words}"), raised("ValueError", f"'t wo' {words}"))
        for words in (
            "is not a valid Sampler",
            "does not appear to be an IPv4 or IPv6 address",
            "is not in list",
        )
    ),
    (
        ended(1, "ValueError: 'one' is not a valid C"),
        ended(1, "ValueError: 'two' is not a valid C"),
    ),
    (
        raised("ExceptionGroup", "unhandled errors in a TaskGroup (1 sub-exception)"),
        raised("ExceptionGroup", "unhandled errors in a TaskGroup (2 sub-exceptions)"),
    ),
    # Of ids in hexadecimal one in forty has eight digits and no letter.
    (raised("E", "job 1a2b3c4d is lost"), raised("E", "job 12345678 is lost")),
    (raised("E", "job_1a2b3c4d is lost"), raised("E", "job_12ab34cd is lost")),
    (raised("E", "job_1a2b3c4d is lost"), raised("E", "job_12345678 is lost")),
    (raised("E", "lost 1a2b3c4d, 0b2b3c4e"), raised("E", "lost 1a2b3c4d, 12345678")),
    *(
        (
            raised("E", f"id={_base64(1, size)} is lost"),
            raised("E", f"id={_base64(2, size)} is lost"),
        )
        for size in (16, 20, 32)
    ),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_one_cause_is_one_incident(one: Evidence, other: Evidence) -> None:
    assert key(one) == key(other)


APART = [
    (raised("ValueError", "bad"), raised("KeyError", "bad")),
    (
        raised("RuntimeError", "failed", ("OSError", "x")),
        raised("RuntimeError", "failed", ("MemoryError", "x")),
    ),
    (raised("HTTPError", "HTTP 503"), raised("HTTPError", "HTTP 404")),
    (
        raised("SystemExit", "1", exit_code=1, stderr_tail="ERROR: disk full"),
        raised("SystemExit", "1", exit_code=1, stderr_tail="ERROR: no licence"),
    ),
    (raised("E", "x", codes=(Code(family="errno", value="ENOSPC"),)), raised("E", "x")),
    (ended(1, "boom"), ended(2, "boom")),
    (Evidence(signal=9), Evidence(signal=11)),
    (Evidence(phase=Phase.IMPORT), Evidence()),
    (
        raised(FAILED, WRAPPED.format("ffmpeg")),
        raised(FAILED, WRAPPED.format("convert")),
    ),
    (
        raised(FAILED, WRAPPED.format("ffmpeg"), stderr_tail="error: no such codec"),
        raised(FAILED, WRAPPED.format("ffmpeg"), stderr_tail="fatal: disk full"),
    ),
    (
        raised("RuntimeError", "worker failed, output:\nerror: no GPU"),
        raised("RuntimeError", "worker failed, output:\nerror: no licence"),
    ),
    (
        raised("ValueError", "bad", traceback=TRACE.format(line=1)),
        raised("ValueError", "bad", traceback=TRACED.replace("render.py", "upload.py")),
    ),
    (
        raised("sh.ErrorReturnCode_2", RAN.format("a", "ls: /a: No such file or directory")),
        raised("sh.ErrorReturnCode_2", RAN.format("a", "ls: /a: Permission denied")),
    ),
    (ended(1, HTTPX.format("403 Forbidden")), ended(1, HTTPX.format("404 Not Found"))),
    *(
        (
            ended(1, f"TypeError: Cannot {words} 'name')"),
            ended(1, f"TypeError: Cannot {words} 'id')"),
        )
        for words in ("read properties of null (reading", "set properties of undefined (setting")
    ),
    *(
        (ended(1, f"{one}\n{farewell}"), ended(1, f"{other}\n{farewell}"))
        for one, other, farewell in FAREWELLS
    ),
]


@pytest.mark.parametrize(("one", "other"), APART)
def test_two_causes_are_two_incidents(one: Evidence, other: Evidence) -> None:
    assert key(one) != key(other)


def not_started(*argv: str) -> Evidence:
    with pytest.raises(OSError) as caught:
        subprocess.run(argv, check=True)
    return capture(caught.value, phase=Phase.RUN, now_ms=0)


def test_each_program_that_cannot_be_started_is_an_incident_whatever_it_is_given() -> None:
    one = not_started("fnr-encode", "/tmp/a")
    assert key(one) == key(not_started("fnr-encode", "/tmp/b"))
    assert key(one) != key(not_started("fnr-decode", "/tmp/a"))
    there = not_started("/opt/one/bin/fnr-encode")
    assert key(there) == key(not_started("/opt/two/bin/fnr-encode"))
    assert key(there) != key(not_started("/opt/one/bin/fnr-decode"))
    printed = ended(1, one.traceback)
    assert key(printed) != key(ended(1, one.traceback.replace("fnr-encode", "fnr-decode")))


def test_a_file_that_is_missing_stays_one_incident_whatever_its_name() -> None:
    words = "[Errno 2] No such file or directory: '{}'"
    one, other = (raised("FileNotFoundError", words.format(name)) for name in ("left", "right"))
    assert key(one) == key(other)


def test_every_function_has_its_own_incidents() -> None:
    assert key(Evidence(signal=9), "render") != key(Evidence(signal=9), "upload")


def test_a_rules_own_fingerprint_gathers_functions_and_keeps_captures() -> None:
    whole = unknown(fingerprint="disk-full")
    assert key(Evidence(signal=9), "render", whole) == key(Evidence(exit_code=1), "upload", whole)
    each = unknown(fingerprint="disk-full {function} {disk} {part}", captures={"disk": "sda"})
    found = fingerprint(Evidence(), each, "render")
    # A group that need not match: a rule with any other name in braces is refused.
    assert found.parts == (("rule", "disk-full render sda unknown"),)
    assert found.key != key(Evidence(), "upload", each)


def test_frames_of_the_program_count_and_those_of_libraries_only_alone() -> None:
    parts = dict(fingerprint(raised("E", "x", traceback=TRACED), unknown(), "f").parts)
    assert parts["frames"] == "render.py:render"
    alone = TRACED.replace("/srv/app-17/", "/usr/lib/python3.11/")
    parts = dict(fingerprint(raised("E", "x", traceback=alone), unknown(), "f").parts)
    assert parts["frames"] == "render.py:render > nn.py:forward"


def test_the_frames_of_other_languages_count_too() -> None:
    node = "Error: boom\n    at load (/srv/app.js:10:5)\n    at async run (/srv/main.js:3:1)\n"
    parts = dict(fingerprint(ended(1, node), unknown(), "f").parts)
    assert parts["frames"] == "app.js:load > main.js:async run"


@pytest.mark.parametrize(
    ("evidence", "title"),
    [
        (raised("ValueError", "bad input 17"), "ValueError: bad input #"),
        (ended(3, "error: disk 7 is full"), "exit 3: error: disk # is full"),
        (Evidence(killed_by=KilledBy.HANG), "killed by fnr: hang"),
        (Evidence(), "ended without a word"),
        (raised("RuntimeError", "see below:\nerror: no GPU"), "RuntimeError: error: no GPU"),
    ],
)
def test_the_title_says_what_went_wrong(evidence: Evidence, title: str) -> None:
    assert fingerprint(evidence, unknown(), "f").title == title


@given(EVIDENCE, st.text(max_size=30))
def test_any_evidence_has_one_key(evidence: Evidence, function: str) -> None:
    found = fingerprint(evidence, unknown(), function)
    assert found == fingerprint(evidence, unknown(), function)
    version, _, digest = found.key.partition(":")
    assert version == VERSION
    assert len(digest) == 20
    assert found.title
