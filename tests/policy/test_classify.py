"""Naming failures: total, deterministic, strongest evidence first, one example for every rule."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from msgspec.structs import replace
from policy_values import EVIDENCE

from fnr.policy.builtin_rules import BUILTIN_RULES
from fnr.policy.classify import classify
from fnr.policy.evidence import Code, Evidence, ExceptionFact, KilledBy, Phase
from fnr.policy.rules import STRATEGY_OF, Category, Level, Rule, Strategy

T, R, V, P, U = (
    Category.TRANSIENT,
    Category.RESOURCE,
    Category.VALIDATION,
    Category.PERMANENT,
    Category.UNKNOWN,
)


def says(message: str, **more: object) -> Evidence:
    return Evidence(message=message, **more)


def raised(kind: str, message: str = "it broke", *, bases: str = "", **more: object) -> Evidence:
    link = ExceptionFact(type=kind, message=message, bases=tuple(bases.split()))
    return Evidence(message=message, exceptions=(link,), **more)


def coded(code: str, message: str = "it broke", **more: object) -> Evidence:
    family, value = code.split(":")
    return Evidence(message=message, codes=(Code(family=family, value=value),), **more)


# One example, or more, for every built-in rule: what is left behind, and who names it.
EXAMPLES: list[tuple[str, Evidence]] = [
    # facts
    ("stuck", Evidence(killed_by=KilledBy.TIMEOUT, stop_proven=False)),
    ("memory-kill", Evidence(signal=9, oom_killed=True)),
    ("timeout", Evidence(killed_by=KilledBy.TIMEOUT, signal=15, stop_proven=True)),
    ("no-progress", Evidence(killed_by=KilledBy.PROGRESS_TIMEOUT)),
    ("hang", Evidence(killed_by=KilledBy.HANG, signal=9, oom_killed=False)),
    ("output-limit", Evidence(killed_by=KilledBy.OUTPUT_LIMIT)),
    ("interrupted", Evidence(killed_by=KilledBy.REBOOT)),
    # codes
    ("memory-at-peer", coded("http:500", "CUDA out of memory. Tried to allocate 2 GiB")),
    ("memory-at-peer", says("std::bad_alloc", signal=6)),
    ("told-to-try-again", coded("http:409", "concurrent change of the scene, try again")),
    ("allowance-used-up", coded("http:429", "You exceeded your current quota")),
    ("rights-missing", coded("http:400", "this API key has no access to uploads")),
    ("named-object-missing", raised("x.BucketNotFound", codes=(Code(family="http", value="400"),))),
    ("message-too-large", coded("grpc:RESOURCE_EXHAUSTED", "message larger than max (5 vs. 4)")),
    ("cannot-start", coded("errno:ENOENT", phase=Phase.START)),
    ("disk-full", coded("errno:ENOSPC")),
    ("disk-full", raised("OSError", "[Errno 122] Disk quota exceeded: '/data/x'")),
    ("disk-full", coded("http:507")),
    ("memory-refused", coded("errno:12")),
    ("too-many-files", raised("OSError", "[Errno 24] Too many open files: 'a.png'")),
    ("process-limit", Evidence(signal=24)),
    ("process-limit", Evidence(signal=25)),
    ("address-in-use", raised("OSError", "[Errno 98] Address already in use")),
    ("peer-exhausted", coded("sqlstate:53300")),
    ("request-refused", coded("http:422")),
    ("request-refused", says("Error code: 400 - prompt is empty")),
    ("data-refused", coded("sqlstate:23505")),
    ("data-refused", coded("grpc:INVALID_ARGUMENT")),
    ("exit-data", Evidence(exit_code=65)),
    ("gpu-fault", says("NVRM: Xid (PCI:0000:3b:00): 79, GPU lost")),
    ("request-not-allowed", coded("http:403")),
    ("request-not-allowed", says("HTTP 501 for MKCOL /renders")),
    ("peer-refuses", coded("grpc:UNAUTHENTICATED")),
    ("file-access", raised("PermissionError", "[Errno 13] Permission denied: '/data/a'")),
    ("file-missing", raised("FileNotFoundError", "[Errno 2] No such file or directory: 'a'")),
    ("cannot-execute", Evidence(exit_code=127, stderr_tail="sh: 1: ffmpg: not found")),
    ("cannot-execute", says("Command '['ld']' returned non-zero exit status 126.")),
    ("exit-configuration", Evidence(exit_code=78)),
    ("no-such-host", raised("socket.gaierror", "[Errno -2] Name or service not known")),
    ("server-trouble", coded("http:503")),
    ("server-trouble", says("PUT /a.bin: HTTP 502")),
    ("server-trouble", coded("http:522")),
    ("network", raised("ConnectionRefusedError", "[Errno 111] Connection refused")),
    ("network", says("connect ECONNRESET 127.0.0.1:8188")),
    ("network", raised("socket.gaierror", "[Errno -3] Temporary failure in name resolution")),
    ("busy", coded("errno:EAGAIN")),
    ("peer-passing", coded("grpc:UNAVAILABLE")),
    ("peer-passing", coded("sqlstate:40001")),
    ("exit-try-again", Evidence(exit_code=75)),
    ("asked-to-end", Evidence(signal=15)),
    ("asked-to-end", Evidence(exit_code=143)),
    # exception types
    ("certificate-refused", raised("requests.exceptions.SSLError", "certificate verify failed")),
    ("connections-used-up", raised("redis.ConnectionError", "max number of clients reached")),
    ("result-unusable", raised("TypeError", "set is not JSON serializable", phase=Phase.RESULT)),
    ("memory", raised("MemoryError", "")),
    ("memory", raised("torch.OutOfMemoryError", "Tried to allocate 20.00 GiB")),
    ("used-up", raised("sqlalchemy.exc.TimeoutError", "connection timed out, timeout 30.00")),
    ("not-loadable", raised("ModuleNotFoundError", "No module named 'torch'")),
    ("not-loadable", raised("SyntaxError", "invalid syntax", phase=Phase.IMPORT)),
    ("not-implemented", raised("NotImplementedError", "no kernel for this layout")),
    ("access-refused", raised("x.AuthenticationError", "who are you")),
    ("misconfigured", raised("app.ConfigError", "no [render] table")),
    ("not-there", raised("FileNotFoundError", "scene.blend")),
    ("timed-out-type", raised("httpx.ReadTimeout", "")),
    ("timed-out-type", raised("TimeoutError", "timed out")),
    ("connection-type", raised("http.client.RemoteDisconnected", bases="ConnectionResetError")),
    ("connection-type", raised("http.client.IncompleteRead", "IncompleteRead(10 bytes read)")),
    ("passing-type", raised("openai.RateLimitError", "slow please")),
    ("bad-data", raised("pydantic_core._pydantic_core.ValidationError", "1 validation error")),
    ("bad-data", raised("json.decoder.JSONDecodeError", "line 1 column 1", bases="ValueError")),
    ("bad-data", raised("zlib.error", "Error -3 while decompressing data")),
    ("bad-data", raised("UnicodeDecodeError", "'utf-8' codec can't decode byte 0xff")),
    ("bad-data", raised("EOFError", "Compressed file ended before the end-of-stream marker")),
    # words
    ("out-of-memory", raised("RuntimeError", "CUDA out of memory. Tried to allocate 2.00 GiB")),
    ("no-space", says("sort: write failed: /scratch/a: No space left on device")),
    ("limit-reached", says("open /data/a.ts: too many open files")),
    ("port-in-use", says("listen tcp 127.0.0.1:8188: bind: address already in use")),
    ("quota", says("GPU quota for this project was exceeded")),
    ("corrupt-input", says("clip.mp4: Invalid data found when processing input")),
    ("too-large", raised("ValueError", "the prompt is too long: 9000 tokens")),
    ("configuration-file", says("configuration file /etc/x.conf test failed")),
    ("missing-module", raised("AttributeError", "module 'cv2' has no attribute 'face'")),
    ("missing-library", says("libcudart.so.12: cannot open shared object file: No such file")),
    ("missing-program", says("bash: line 1: ffmpeg: command not found")),
    ("gpu-unusable", raised("RuntimeError", "No CUDA GPUs are available")),
    ("certificate", says("x509: certificate signed by unknown authority")),
    ("denied", says("cp: cannot create '/data/a': Permission denied")),
    ("denied", raised("RuntimeError", "Invalid API key")),
    ("unknown-host", says("curl: (6) Could not resolve host: store.local")),
    ("locked", raised("sqlite3.OperationalError", "database is locked")),
    ("rate-limited", says("Rate limit reached, retry after 20 s")),
    ("timed-out", raised("RuntimeError", "the render timed out after 600 s")),
    ("timed-out", says("upstream time-out while reading")),
    ("timed-out", says("context deadline exceeded")),
    ("connection", raised("ValueError", "server said: connection reset by peer")),
    ("unavailable", says("fork: Resource temporarily unavailable")),
    ("peer-died", raised("RuntimeError", "the engine process died unexpectedly")),
    ("wrong-shape", raised("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (2x3, 2x3)")),
    ("malformed", says("malformed scene description")),
    ("schema", says("schema validation of the order failed")),
    ("type-error", says("type error: expected a list of frames")),
    ("not-supported", says("unsupported operation: denoise")),
    ("configuration", says("invalid configuration of the renderer")),
    ("object-missing", raised("RuntimeError", "model 'sdxl' not found in the index")),
    ("no-such-file", says("cp: cannot stat 'a': No such file or directory")),
    # signs that many causes share
    ("import-failed", raised("RuntimeError", "boom", phase=Phase.IMPORT)),
    ("import-failed", raised("ValueError", "boom", phase=Phase.IMPORT)),
    ("start-failed", says("boom", phase=Phase.START)),
    ("result-missing", says("boom", phase=Phase.RESULT)),
    ("killed-from-outside", Evidence(signal=9, oom_killed=False)),
    ("killed", Evidence(signal=9, missing=("kernel log: not readable",))),
    ("killed", Evidence(exit_code=137)),
    ("crash", Evidence(signal=11, core_dumped=True)),
    ("crash", says("Command '['render']' died with <Signals.SIGABRT: 6>.")),
    ("bus-error", Evidence(signal=7)),
    ("value", raised("ValueError", "width is 0")),
    ("value", raised("KeyError", "'frames'")),
    ("value", Evidence(exit_code=1, stderr_tail="  File x\nTypeError: run() takes 1 argument\n")),
    ("arithmetic", raised("ZeroDivisionError", "division by zero")),
    ("code", raised("AttributeError", "'NoneType' object has no attribute 'size'")),
    ("called-invalid", says("illegal frame range")),
    ("called-missing", says("the alpha channel is missing")),
]

RULES = {rule.name: rule for rule in BUILTIN_RULES}


@pytest.mark.parametrize(
    ("rule", "evidence"), EXAMPLES, ids=[f"{i}-{name}" for i, (name, _) in enumerate(EXAMPLES)]
)
def test_the_rule_names_its_example(rule: str, evidence: Evidence) -> None:
    found = classify(evidence)
    assert found.rule == rule, found
    assert found.category is RULES[rule].category
    assert found.strategy is STRATEGY_OF[found.category]
    assert found.hint == RULES[rule].hint
    assert found.matched
    assert 0 < found.confidence <= 1


def test_every_rule_has_an_example_and_a_name_of_its_own() -> None:
    assert {name for name, _ in EXAMPLES} == set(RULES)
    assert [
        name for name, count in Counter(r.name for r in BUILTIN_RULES).items() if count > 1
    ] == []


STORY = [
    ("connection reset", T), ("timeout", T), ("temporary failure", T),
    ("resource temporarily unavailable", T), ("out of memory", R), ("no space left", R),
    ("gpu memory", R), ("resource exhausted", R), ("invalid input", V), ("schema validation", V),
    ("type error", V), ("constraint violation", V), ("model not found", P),
    ("permission denied", P), ("invalid configuration", P), ("unsupported operation", P),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "category"), STORY, ids=[pattern for pattern, _ in STORY])
def test_the_storys_patterns_mean_what_their_authors_meant(
    pattern: str, category: Category
) -> None:
    for message in (pattern, f"Render 12 failed: {pattern.upper()}!", f"x\n{pattern}\ny"):
        assert classify(says(message)).category is category


# ── totality ─────────────────────────────────────────────────────────────────


@given(evidence=EVIDENCE)
def test_any_evidence_gets_a_name_and_always_the_same(evidence: Evidence) -> None:
    found = classify(evidence)
    assert found == classify(evidence)
    assert found.strategy is STRATEGY_OF[found.category]
    assert found.matched
    assert found.rule in RULES or found.rule == "unmatched"


def test_nothing_known_is_unknown_and_says_what_was_missing() -> None:
    found = classify(Evidence(missing=("exit status: not our child", "kernel log: no permission")))
    assert (found.category, found.strategy) == (U, Strategy.RETRY_ONCE)
    assert (found.rule, found.level, found.confidence) == ("unmatched", Level.NOTHING, 0.0)
    assert "exit status: not our child; kernel log: no permission" in found.hint


def test_long_texts_are_cut_and_no_text_is_slow() -> None:
    """The pytest timeout is the clock: phrases repeated to make bounded gaps backtrack."""
    for phrase in ("memory ", "connection to ", "config file ", "expected ", "lib.", "exit ", "("):
        found = classify(Evidence(message=phrase * 200_000, stderr_tail=phrase * 200_000))
        assert len(found.matched) < 200


# ── authority ────────────────────────────────────────────────────────────────


def test_each_level_outranks_the_next() -> None:
    """One attempt that left evidence on every level; taken away from the top, the next decides."""
    everything = Evidence(
        killed_by=KilledBy.TIMEOUT,
        codes=(Code(family="errno", value="ENOSPC"),),
        exceptions=(ExceptionFact(type="app.ConfigError", message="connection refused"),),
        message="connection refused",
        signal=11,
    )
    assert classify(everything).level is Level.LEDGER
    unkilled = replace(everything, killed_by=None)
    assert classify(unkilled).rule == "disk-full"
    uncoded = replace(unkilled, codes=())
    assert classify(uncoded).rule == "misconfigured"
    untyped = replace(uncoded, exceptions=())
    assert classify(untyped).rule == "connection"
    wordless = replace(untyped, message="")
    assert classify(wordless).rule == "crash"


def test_the_memory_killer_outranks_the_timeout_that_ran_into_it() -> None:
    both = Evidence(killed_by=KilledBy.TIMEOUT, oom_killed=True, signal=9)
    assert classify(both).rule == "memory-kill"


def test_a_wrapper_that_says_nothing_lets_its_cause_speak() -> None:
    chain = (
        ExceptionFact(type="RuntimeError", message="job 7 did not work"),
        ExceptionFact(type="requests.exceptions.ReadTimeout", message="read"),
    )
    assert classify(Evidence(message="job 7 did not work", exceptions=chain)).category is T


def test_who_raises_from_a_cause_says_what_it_means() -> None:
    chain = (
        ExceptionFact(type="shop.OrderValidationError", message="no such colour"),
        ExceptionFact(type="TimeoutError", message=""),
    )
    assert classify(Evidence(message="no such colour", exceptions=chain)).category is V


def test_a_type_counts_more_than_its_bases() -> None:
    """pika's ProbableAuthenticationError is an AMQPConnectionError, and yet not transient."""
    evidence = raised("pika.ProbableAuthenticationError", "403", bases="pika.AMQPConnectionError")
    assert classify(evidence).category is P


def test_the_nearer_type_wins_over_the_earlier_rule() -> None:
    evidence = raised("x.ReadTimeout", "", bases="x.AuthenticationError")
    assert classify(evidence).rule == "timed-out-type"


def test_of_the_exceptions_a_program_printed_the_last_ended_it() -> None:
    tail = "x.ReadTimeout: slow\n\nDuring handling …\n\nshop.OrderValidationError: no such colour\n"
    found = classify(Evidence(message="exit status 1", exit_code=1, stderr_tail=tail))
    assert (found.category, found.matched) == (V, "exception shop.OrderValidationError")


def test_builtin_types_bring_their_bases() -> None:
    """The worker may report a bare type; ConnectionResetError still is an OSError."""
    assert classify(raised("ModuleNotFoundError", "x")).rule == "not-loadable"
    assert classify(raised("UnicodeEncodeError", "x")).rule == "bad-data"


def test_the_message_counts_more_than_the_log_before_it() -> None:
    evidence = says("permission denied", stderr_tail="warning: retrying, connection refused\n")
    found = classify(evidence)
    assert found.rule == "denied"
    assert classify(says("", stderr_tail="permission denied\n")).confidence < found.confidence


def test_the_log_beside_an_exception_does_not_speak_for_it() -> None:
    evidence = raised("ValueError", "width is 0", stderr_tail="warning: connection refused\n")
    assert classify(evidence).rule == "value"


def test_only_the_end_of_a_long_log_is_read() -> None:
    early = "out of memory, freeing caches\n" + "frame rendered\n" * 30
    assert classify(Evidence(exit_code=1, stderr_tail=early)).rule == "unmatched"


def test_what_decided_is_told_to_people() -> None:
    assert classify(coded("errno:ENOSPC")).matched == "errno ENOSPC"
    assert classify(says("it timed\nout")).matched == "text 'timed out'"
    assert classify(Evidence(killed_by=KilledBy.HANG)).matched == "killed by hang"
    assert classify(raised("TimeoutError", "x")).matched == "exception TimeoutError"
    assert (
        classify(coded("errno:ENOENT", phase=Phase.START)).matched == "phase start and errno ENOENT"
    )


# ── rules of one's own ───────────────────────────────────────────────────────


def rule(name: str, **conditions: object) -> Rule:
    return Rule(name=name, category=P, level=Level.CODE, **conditions)


@pytest.mark.parametrize(
    ("mine", "evidence", "fits"),
    [
        (rule("signals", signals=("SIGSEGV",)), Evidence(signal=11), True),
        (rule("signals", signals=("SIGSEGV",)), Evidence(exit_code=139), True),
        (rule("signals", signals=("SIGSEGV",)), Evidence(signal=6), False),
        (rule("exits", exits=(3, 4)), Evidence(exit_code=4), True),
        (rule("exits", exits=(3, 4)), Evidence(exit_code=5), False),
        (rule("range", codes=("http:500-599",)), coded("http:599"), True),
        (rule("range", codes=("http:500-599",)), coded("http:600"), False),
        (rule("range", codes=("http:500-599",)), coded("http:5xx"), False),
        (rule("star", codes=("sqlstate:53*",)), coded("sqlstate:53100"), True),
        (rule("star", codes=("sqlstate:53*",)), coded("sqlstate:42P01"), False),
        (rule("stopped", stop_proven=True), Evidence(stop_proven=True), True),
        (rule("stopped", stop_proven=True), Evidence(), False),
        (rule("glob", exceptions=("my.*Error",)), raised("my.own.Error"), True),
        (rule("glob", exceptions=("my.*Error",)), raised("your.own.Error"), False),
        (rule("all", exits=(3,), text=("lens",)), says("no LENS", exit_code=3), True),
        (rule("all", exits=(3,), text=("lens",)), says("no lens", exit_code=4), False),
        (rule("none"), says("anything"), False),
    ],
)
def test_a_rule_fits_when_all_its_conditions_hold(
    mine: Rule, evidence: Evidence, fits: bool
) -> None:
    assert classify(evidence, [mine]).rule == (mine.name if fits else "unmatched")


def test_more_conditions_win_and_then_the_earlier_rule() -> None:
    plain, again = rule("plain", exits=(3,)), rule("again", exits=(3,))
    closer = rule("closer", exits=(3,), text=("lens",))
    evidence = says("no lens", exit_code=3)
    assert classify(evidence, [plain, again]).rule == "plain"
    assert classify(evidence, [plain, again, closer]).rule == "closer"


def test_our_own_words_about_a_dead_worker_are_not_evidence() -> None:
    died = Evidence(message="the worker was killed by SIGSEGV", signal=11, worker_died=True)
    found = classify(died)
    assert (found.rule, found.category) == ("crash", U)
