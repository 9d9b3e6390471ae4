"""The packs that come with fnr: examples inside them, the story's patterns, and ends of ours."""

from __future__ import annotations

import pytest
from policy_values import coded, packs, raised, says, whole_packs

from fnr.config.rule_files import PACKS_DIR, checked_packs, read_text_model, shipped_rules
from fnr.policy.classify import classify
from fnr.policy.evidence import Code, Evidence, KilledBy, Phase
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import STRATEGY_OF, Category, Level, Rule

T, R, V, P, U = tuple(Category)


@pytest.mark.unmeasured
def test_the_packs_read_and_their_examples_are_decided_as_they_say() -> None:
    """One test for all: they are read together, and each problem says where it is."""
    assert [f"{problem.where}: {problem.message}" for problem in checked_packs()[1]] == []


def test_every_pack_has_rules_and_every_rule_examples() -> None:
    rules = whole_packs().values()
    files = {f"{rule.name.partition('/')[0]}.toml" for rule in rules}
    assert files == {file.name for file in PACKS_DIR.glob("*.toml")}
    assert [rule.name for rule in rules if len(rule.tests) < 2] == []


def test_how_often_and_when_to_try_again_is_left_to_the_function() -> None:
    """A rule's number counts before what fnr.toml says: `max = 0` must mean none."""
    numbers = [
        rule.name
        for rule in whole_packs().values()
        if (rule.max_retries, rule.delay_ms, rule.wait_ms) != (None, None, None)
    ]
    assert numbers == []


# What may be left behind, and what it means.
EXAMPLES: list[tuple[Category, Evidence]] = [
    # facts
    (R, Evidence(killed_by=KilledBy.TIMEOUT, stop_proven=False)),
    (R, Evidence(signal=9, oom_killed=True)),
    (T, Evidence(killed_by=KilledBy.TIMEOUT, signal=15, stop_proven=True)),
    (T, Evidence(killed_by=KilledBy.PROGRESS_TIMEOUT)),
    (T, Evidence(killed_by=KilledBy.HANG, signal=9, oom_killed=False)),
    (P, Evidence(killed_by=KilledBy.OUTPUT_LIMIT)),
    (T, Evidence(killed_by=KilledBy.REBOOT)),
    # codes
    (R, coded("http:500", "CUDA out of memory. Tried to allocate 2 GiB")),
    (R, says("std::bad_alloc", signal=6)),
    (T, coded("http:409", "concurrent change of the scene, try again")),
    (R, coded("http:429", "You exceeded your current quota")),
    (P, coded("http:400", "this API key has no access to uploads")),
    (P, raised("x.BucketNotFound", codes=(Code(family="http", value="400"),))),
    (V, coded("grpc:RESOURCE_EXHAUSTED", "message larger than max (5 vs. 4)")),
    (P, coded("errno:ENOENT", phase=Phase.START)),
    (R, coded("errno:ENOSPC")),
    (R, raised("OSError", "[Errno 122] Disk quota exceeded: '/data/x'")),
    (R, coded("http:507")),
    (R, coded("errno:12")),
    (R, raised("OSError", "[Errno 24] Too many open files: 'a.png'")),
    (R, Evidence(signal=24)),
    (R, Evidence(signal=25)),
    (R, raised("OSError", "[Errno 98] Address already in use")),
    (R, coded("sqlstate:53300")),
    (V, coded("http:422")),
    (V, says("Error code: 400 - prompt is empty")),
    (V, coded("sqlstate:23505")),
    (V, coded("grpc:INVALID_ARGUMENT")),
    (V, Evidence(exit_code=65)),
    (P, says("NVRM: Xid (PCI:0000:3b:00): 79, GPU lost")),
    (P, coded("http:403")),
    (P, says("HTTP 501 for MKCOL /renders")),
    (P, coded("grpc:UNAUTHENTICATED")),
    (P, raised("PermissionError", "[Errno 13] Permission denied: '/data/a'")),
    (P, raised("FileNotFoundError", "[Errno 2] No such file or directory: 'a'")),
    (P, Evidence(exit_code=127, stderr_tail="sh: 1: ffmpg: not found")),
    (P, says("Command '['ld']' returned non-zero exit status 126.")),
    (P, Evidence(exit_code=78)),
    (P, raised("socket.gaierror", "[Errno -2] Name or service not known")),
    (T, coded("http:503")),
    (T, says("PUT /a.bin: HTTP 502")),
    (T, coded("http:522")),
    (T, raised("ConnectionRefusedError", "[Errno 111] Connection refused")),
    (T, says("connect ECONNRESET 127.0.0.1:8188")),
    (T, raised("socket.gaierror", "[Errno -3] Temporary failure in name resolution")),
    (T, coded("errno:EAGAIN")),
    (T, coded("grpc:UNAVAILABLE")),
    (T, coded("sqlstate:40001")),
    (T, Evidence(exit_code=75)),
    (T, Evidence(signal=15)),
    (T, Evidence(exit_code=143)),
    # exception types
    (P, raised("requests.exceptions.SSLError", "certificate verify failed")),
    (R, raised("redis.ConnectionError", "max number of clients reached")),
    (P, raised("TypeError", "set is not JSON serializable", phase=Phase.RESULT)),
    (R, raised("MemoryError", "")),
    (R, raised("torch.OutOfMemoryError", "Tried to allocate 20.00 GiB")),
    (R, raised("sqlalchemy.exc.TimeoutError", "QueuePool limit of size 5 overflow 9 reached")),
    (P, raised("ModuleNotFoundError", "No module named 'torch'")),
    (P, raised("SyntaxError", "invalid syntax", phase=Phase.IMPORT)),
    (P, raised("NotImplementedError", "no kernel for this layout")),
    (P, raised("x.AuthenticationError", "who are you")),
    (P, raised("app.ConfigError", "no [render] table")),
    (P, raised("FileNotFoundError", "scene.blend")),
    (T, raised("httpx.ReadTimeout", "")),
    (T, raised("TimeoutError", "timed out")),
    (T, raised("http.client.RemoteDisconnected", bases="ConnectionResetError")),
    (T, raised("http.client.IncompleteRead", "IncompleteRead(10 bytes read)")),
    (T, raised("openai.RateLimitError", "slow please")),
    (V, raised("pydantic_core._pydantic_core.ValidationError", "1 validation error")),
    (V, raised("json.decoder.JSONDecodeError", "line 1 column 1", bases="ValueError")),
    (V, raised("zlib.error", "Error -3 while decompressing data")),
    (V, raised("UnicodeDecodeError", "'utf-8' codec can't decode byte 0xff")),
    (V, raised("EOFError", "Compressed file ended before the end-of-stream marker")),
    # words
    (R, raised("RuntimeError", "CUDA out of memory. Tried to allocate 2.00 GiB")),
    (R, says("sort: write failed: /scratch/a: No space left on device")),
    (R, says("open /data/a.ts: too many open files")),
    (R, says("listen tcp 127.0.0.1:8188: bind: address already in use")),
    (R, says("GPU quota for this project was exceeded")),
    (V, says("clip.mp4: Invalid data found when processing input")),
    (V, raised("ValueError", "the prompt is too long: 9000 tokens")),
    (P, says("configuration file /etc/x.conf test failed")),
    (P, raised("AttributeError", "module 'cv2' has no attribute 'face'")),
    (P, says("libcudart.so.12: cannot open shared object file: No such file")),
    (P, says("bash: line 1: ffmpeg: command not found")),
    (P, raised("RuntimeError", "No CUDA GPUs are available")),
    (P, says("x509: certificate signed by unknown authority")),
    (P, says("cp: cannot create '/data/a': Permission denied")),
    (P, raised("RuntimeError", "Invalid API key")),
    (P, says("curl: (6) Could not resolve host: store.local")),
    (T, raised("sqlite3.OperationalError", "database is locked")),
    (T, says("Rate limit reached, retry after 20 s")),
    (T, raised("RuntimeError", "the render timed out after 600 s")),
    (T, says("upstream time-out while reading")),
    (T, says("context deadline exceeded")),
    (T, raised("ValueError", "server said: connection reset by peer")),
    (T, raised("RuntimeError", "the engine process died unexpectedly")),
    (V, raised("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (2x3, 2x3)")),
    (V, says("schema validation of the order failed")),
    (V, says("type error: expected a list of frames")),
    (P, says("unsupported operation: denoise")),
    (P, says("invalid configuration of the renderer")),
    (P, raised("RuntimeError", "model 'sdxl' not found in the index")),
    (P, says("cp: cannot stat 'a': No such file or directory")),
    # signs that many causes share
    (P, raised("RuntimeError", "boom", phase=Phase.IMPORT)),
    (P, raised("ValueError", "boom", phase=Phase.IMPORT)),
    (P, says("boom", phase=Phase.START)),
    (P, says("boom", phase=Phase.RESULT)),
    (T, Evidence(signal=9, oom_killed=False)),
    (V, raised("ValueError", "width is 0")),
    (V, raised("KeyError", "'frames'")),
    (V, Evidence(exit_code=1, stderr_tail="  File x\nTypeError: run() takes 1 argument\n")),
    (V, raised("ZeroDivisionError", "division by zero")),
]


@pytest.mark.parametrize(
    ("category", "evidence"), EXAMPLES, ids=[str(number) for number in range(len(EXAMPLES))]
)
def test_an_end_means_what_it_means(category: Category, evidence: Evidence) -> None:
    found = classify(evidence, packs())
    assert found.category is category, found
    assert found.strategy is STRATEGY_OF[category]
    assert found.matched
    assert 0 < found.confidence <= 1


SILENT = [
    *((T, Evidence(message=f"exit code {code}", exit_code=code)) for code in (69, 75, 124, 129)),
    *((U, Evidence(message=f"exit code {code}", exit_code=code)) for code in (1, 128, 255)),
    (P, Evidence(message="killed by SIGABRT (core dumped)", signal=6)),
    (P, Evidence(message="killed by SIGILL", signal=4)),
    (T, Evidence(message="killed by SIGINT", signal=2)),
    (U, Evidence(message="killed by 40", signal=40)),
    (T, raised("SystemExit", "75", exit_code=75)),
    (U, raised("SystemExit", "3", exit_code=3)),
    (U, raised("SystemExit", "", exit_code=0)),
    (U, raised("SystemExit", "None", exit_code=0)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("category", "evidence"), SILENT, ids=[str(number) for number in range(len(SILENT))]
)
def test_of_what_ended_without_a_word_only_the_end_counts(
    category: Category, evidence: Evidence
) -> None:
    """The text model would find a likeness in words that are fnr's own."""
    model = read_text_model()
    assert model is not None
    assert classify(evidence, packs(), model) == classify(evidence, packs())
    assert classify(evidence, packs(), model).category is category


def test_what_a_command_or_an_exit_says_is_weighed() -> None:
    model = read_text_model()
    words = "bash: -c: line 1: syntax error near unexpected token `('"
    for said in (
        Evidence(message=f"exit code 1: {words}", exit_code=1),
        raised("SystemExit", words, exit_code=1),
    ):
        assert classify(said, packs(), model).category is P


@pytest.mark.parametrize(
    ("end", "ended"),
    [
        ("exit code 1: ", {"exit_code": 1}),
        ("exit code 127: ", {"exit_code": 127}),
        ("killed by SIGABRT (core dumped): ", {"signal": 6}),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        "/x/a.exr: No space left on device",
        "syntax error near unexpected token",
        "the lens does not fit the camera body",
    ],
)
def test_what_fnr_says_of_an_end_is_not_read_as_the_commands_words(
    end: str, ended: dict[str, int], words: str
) -> None:
    """ "code exit" and "exit code" together made a mistake of the deployment of some."""
    model = read_text_model()
    told = classify(Evidence(message=end + words, **ended), packs(), model)
    alone = classify(Evidence(message=words, **ended), packs(), model)
    assert (told.rule, told.words) == (alone.rule, alone.words)
    for one, other in zip(told.spans, alone.spans, strict=True):
        assert (one.text, one.start, one.end) == (
            other.text,
            other.start + len(end),
            other.end + len(end),
        )


@pytest.mark.parametrize("printed", ["{}", "INFO: ready\nERROR:root:{}\n"])
@pytest.mark.parametrize(
    ("words", "category"),
    [
        ("/x/a.exr: No space left on device", R),
        ("tool: error: unrecognized arguments: --siz", V),
        ("panic: index out of range [5]", P),
        ("503 Service Unavailable", T),
    ],
)
def test_what_was_printed_before_an_exit_speaks_for_it_as_for_a_command(
    printed: str, words: str, category: Category
) -> None:
    """The text model read "SystemExit" instead, and made a dead letter of whatever it was."""
    last = printed.format(words)
    left = raised("SystemExit", "1", exit_code=1, stderr_tail=last, traceback="SystemExit: 1")
    found = classify(left, packs(), read_text_model())
    assert found.category is category, found
    command = Evidence(message="exit code 1", exit_code=1, stderr_tail=last)
    assert classify(command, packs(), read_text_model()).rule == found.rule


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("json.decoder.JSONDecodeError", "Expecting value: line 1 column 1 (char 0)"),
        ("ValueError", "invalid literal for int() with base 10: 'x'"),
        ("TypeError", "parameter 'a' is positional-only; fnr passes the input by name"),
        ("AssertionError", ""),
    ],
)
def test_what_cannot_be_loaded_is_nobodys_input(kind: str, message: str) -> None:
    loading = raised(kind, message, phase=Phase.IMPORT)
    for model in (None, read_text_model()):
        found = classify(loading, packs(), model)
        assert found.category is P, found
        assert V not in {one.category for one in found.runners_up}
    own = Rule(name="own/v", category=V, level=Level.EXCEPTION, exceptions=(kind,), operator=True)
    assert classify(loading, RuleSet([own], shipped=shipped_rules())).category is V


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
        assert classify(says(message), packs()).category is category
