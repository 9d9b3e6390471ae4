"""Naming failures: total, deterministic, strongest evidence first, and the explanation is true."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from policy_values import EVIDENCE, coded, packs, raised, says, whole_packs

from fnr.policy.classify import RUNNERS_UP_MAX, UNMATCHED, classify
from fnr.policy.evidence import Code, Evidence, ExceptionFact, KilledBy, Phase
from fnr.policy.facts import gather
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import (
    STRATEGY_OF,
    Category,
    Classification,
    Conditions,
    Level,
    Rule,
    Severity,
    Strategy,
    WaitFor,
)
from fnr.policy.text_model import wording_of
from fnr.worker.foreign_text import clean

T, R, V, P, U = (
    Category.TRANSIENT,
    Category.RESOURCE,
    Category.VALIDATION,
    Category.PERMANENT,
    Category.UNKNOWN,
)


def rule(name: str, level: Level = Level.CODE, category: Category = P, **more: object) -> Rule:
    return Rule(name=name, category=category, level=level, **more)


def named(evidence: Evidence, *rules: Rule) -> Classification:
    return classify(evidence, RuleSet(rules))


# ── totality ─────────────────────────────────────────────────────────────────


@given(evidence=EVIDENCE)
def test_any_evidence_gets_one_category_and_always_the_same(evidence: Evidence) -> None:
    found = classify(evidence, packs())
    assert found == classify(evidence, packs())
    assert isinstance(found.category, Category)
    assert found.matched
    assert found.rule in packs().named or found.rule == UNMATCHED
    assert len(found.runners_up) <= RUNNERS_UP_MAX


@given(evidence=EVIDENCE)
def test_a_rule_that_matches_nothing_changes_nothing(evidence: Evidence) -> None:
    never = rule("never", Level.LEDGER, exits=(254,), text=("no text ever says zyxwvut",))
    assert classify(evidence, RuleSet([*SOME, never])) == classify(evidence, RuleSet(SOME))


@given(evidence=EVIDENCE, order=st.permutations(range(8)))
def test_the_order_of_rules_does_not_matter(evidence: Evidence, order: list[int]) -> None:
    shuffled = RuleSet(SOME[place] for place in order)
    assert classify(evidence, shuffled) == classify(evidence, RuleSet(SOME))


@pytest.mark.unmeasured
@given(evidence=EVIDENCE)
def test_the_rule_that_is_named_decided(evidence: Evidence) -> None:
    """Without the rule the answer is another, and it is the first of the runners-up."""
    found = classify(evidence, packs())
    holding = [whole_packs()[fit.rule.name] for fit in packs().fits(gather(evidence))]
    assert classify(evidence, RuleSet(holding)) == found
    without = classify(evidence, RuleSet([one for one in holding if one.name != found.rule]))
    expected = found.runners_up[0].rule if found.runners_up else UNMATCHED
    assert without.rule == expected
    assert without.rule != found.rule or found.rule == UNMATCHED


def test_nothing_known_is_unknown_and_says_what_was_missing() -> None:
    missing = ("exit status: not our child", "kernel log: no permission")
    found = classify(Evidence(missing=missing), packs())
    assert (found.category, found.strategy) == (U, Strategy.RETRY_ONCE)
    assert (found.rule, found.level, found.confidence) == (UNMATCHED, Level.NOTHING, 0.0)
    assert found.missing == missing
    assert "exit status: not our child; kernel log: no permission" in found.hint


SOME = [
    rule("timeout", Level.LEDGER, T, killed_by=("timeout",)),
    rule("full", Level.CODE, R, codes=("errno:ENOSPC", "http:500-599")),
    rule("gone", Level.EXCEPTION, T, exceptions=("TimeoutError", "*.CustomError")),
    rule("slow", Level.TEXT, T, text=("timed out",)),
    rule("memory", Level.TEXT, R, text=("out of memory",), priority=3),
    rule("both", Level.TEXT, V, all_text=("exit", "status")),
    rule("not-value", Level.GENERAL, V, exceptions=("ValueError",), unless=Conditions(exits=(3,))),
    rule("crash", Level.GENERAL, U, signals=("SIGSEGV",)),
]


def test_two_far_signs_do_not_hide_a_near_one() -> None:
    """Three general rules of one standing: what was reported outranks what a log beside it says."""
    general = [
        rule("a", Level.GENERAL, V, text=("first",)),
        rule("b", Level.GENERAL, R, text=("second",)),
        rule("c", Level.GENERAL, T, text=("third",)),
    ]
    evidence = Evidence(message="the third", stderr_tail="the first\nthe second\n")
    found = classify(evidence, RuleSet(general))
    assert (found.rule, [one.rule for one in found.runners_up]) == ("c", ["a", "b"])


# ── authority ────────────────────────────────────────────────────────────────


def test_each_level_outranks_the_next() -> None:
    """One attempt that left evidence on every level; taken away from the top, the next decides."""
    everything = Evidence(
        killed_by=KilledBy.TIMEOUT,
        codes=(Code(family="errno", value="ENOSPC"),),
        exceptions=(ExceptionFact(type="app.CustomError", message="it timed out"),),
        message="it timed out",
        signal=11,
    )
    rules = RuleSet(SOME)
    assert classify(everything, rules).rule == "timeout"
    unkilled = replace(everything, killed_by=None)
    assert classify(unkilled, rules).rule == "full"
    uncoded = replace(unkilled, codes=())
    assert classify(uncoded, rules).rule == "gone"
    untyped = replace(uncoded, exceptions=())
    assert classify(untyped, rules).rule == "slow"
    wordless = replace(untyped, message="")
    assert classify(wordless, rules).rule == "crash"


def test_an_operators_rule_stands_above_the_packs_but_below_the_ledger() -> None:
    mine = rule("mine", Level.GENERAL, V, operator=True, text=("timed out",))
    evidence = raised("app.CustomError", "it timed out")
    assert named(evidence, *SOME, mine).rule == "mine"
    assert named(replace(evidence, killed_by=KilledBy.TIMEOUT), *SOME, mine).rule == "timeout"


CONTESTS = [
    ("more conditions", {"exits": (3,)}, {"exits": (3,), "text": ("lens",)}),
    ("a higher priority", {"text": ("lens",)}, {"text": ("no",), "priority": 1}),
    ("conditions before priority", {"text": ("no",), "priority": 100}, {"all_text": ("no", "l")}),
    ("the message before the log", {"text": ("frame",)}, {"text": ("lens",)}),
    ("the type before its bases", {"exceptions": ("Base",)}, {"exceptions": ("x.Own",)}),
    ("the type before a pattern", {"exceptions": ("x.*",)}, {"exceptions": ("x.Own",)}),
    ("the name among equals", {"text": ("no", "z")}, {"text": ("no",)}),
]


@pytest.mark.parametrize(("loser", "winner"), [pair[1:] for pair in CONTESTS])
def test_the_better_rule_wins_whatever_its_place(
    loser: dict[str, object], winner: dict[str, object]
) -> None:
    evidence = raised(
        "x.Own", "no lens", bases="Base", exit_code=3, traceback="frame 3 of scene: broken"
    )
    rules = [rule("b", Level.TEXT, **loser), rule("a", Level.TEXT, **winner)]
    for order in permutations(rules):
        assert named(evidence, *order).rule == "a"


def test_the_memory_killer_outranks_the_timeout_that_ran_into_it() -> None:
    both = Evidence(killed_by=KilledBy.TIMEOUT, oom_killed=True, signal=9)
    assert classify(both, packs()).rule == "process/memory-kill"


def test_killed_by_oom_is_the_kernels_record() -> None:
    oom = rule("oom", Level.LEDGER, R, killed_by=("oom",))
    assert named(Evidence(oom_killed=True, killed_by=KilledBy.TIMEOUT), oom).rule == "oom"
    assert named(Evidence(oom_killed=False), oom).rule == UNMATCHED


def test_a_wrapper_that_says_nothing_lets_its_cause_speak() -> None:
    chain = (
        ExceptionFact(type="RuntimeError", message="job 7 did not work"),
        ExceptionFact(type="requests.exceptions.ReadTimeout", message="read"),
    )
    found = classify(Evidence(message="job 7 did not work", exceptions=chain), packs())
    assert found.category is T


def test_who_raises_from_a_cause_says_what_it_means() -> None:
    chain = (
        ExceptionFact(type="shop.OrderValidationError", message="no such colour"),
        ExceptionFact(type="TimeoutError", message=""),
    )
    rules = [
        rule("slow", Level.EXCEPTION, T, exceptions=("*TimeoutError",)),
        rule("wrong", Level.EXCEPTION, V, exceptions=("*ValidationError",)),
    ]
    assert named(Evidence(message="no such colour", exceptions=chain), *rules).category is V


def test_of_the_exceptions_a_program_printed_the_last_ended_it() -> None:
    tail = "x.ReadTimeout: slow\n\nDuring handling …\n\nshop.OrderValidationError: no such colour\n"
    rules = [
        rule("slow", Level.EXCEPTION, T, exceptions=("*Timeout",)),
        rule("wrong", Level.EXCEPTION, V, exceptions=("*ValidationError",)),
    ]
    found = named(Evidence(message="exit status 1", exit_code=1, stderr_tail=tail), *rules)
    assert (found.category, found.matched) == (V, "exception shop.OrderValidationError")


def test_builtin_types_bring_their_bases() -> None:
    """The worker may report a bare type; ConnectionResetError still is an OSError."""
    os_error = rule("os", Level.EXCEPTION, exceptions=("OSError",))
    assert named(raised("ConnectionResetError", "x"), os_error).rule == "os"
    assert named(raised("x.ConnectionResetError", "x"), os_error).rule == UNMATCHED


def test_the_message_counts_more_than_the_log_before_it() -> None:
    rules = [
        rule("denied", Level.TEXT, text=("permission denied",)),
        rule("broken", Level.TEXT, T, text=("connection refused",)),
    ]
    evidence = says("permission denied", stderr_tail="warning: retrying, connection refused\n")
    found = named(evidence, *rules)
    assert found.rule == "denied"
    far = named(says("", stderr_tail="permission denied\n"), *rules)
    assert (far.rule, far.confidence < found.confidence) == ("denied", True)


def test_the_log_beside_an_exception_does_not_speak_for_it() -> None:
    evidence = raised("ValueError", "width is 0", stderr_tail="warning: connection refused\n")
    refused = rule("refused", Level.TEXT, T, text=("connection refused",))
    assert named(evidence, refused).rule == UNMATCHED


def test_only_the_end_of_a_long_log_is_read() -> None:
    early = "out of memory, freeing caches\n" + "frame rendered\n" * 30
    assert classify(Evidence(exit_code=1, stderr_tail=early), RuleSet(SOME)).rule == UNMATCHED


def test_our_own_words_about_a_dead_worker_are_not_evidence() -> None:
    words = rule("words", Level.TEXT, text=("killed by",))
    died = Evidence(message="the worker was killed by SIGSEGV", signal=11, worker_died=True)
    assert named(died, words).rule == UNMATCHED
    assert named(replace(died, worker_died=False), words).rule == "words"


# ── conditions ───────────────────────────────────────────────────────────────


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
        (rule("two", codes=("http:503",), exits=(3,)), coded("http:503"), False),
        (rule("two", codes=("http:503",), exits=(3,)), coded("http:503", exit_code=3), True),
        (rule("stopped", stop_proven=True), Evidence(stop_proven=True), True),
        (rule("stopped", stop_proven=True), Evidence(), False),
        (rule("glob", exceptions=("my.*Error",)), raised("my.own.Error"), True),
        (rule("glob", exceptions=("my.*Error",)), raised("your.own.Error"), False),
        (rule("phase", phases=("import",)), Evidence(phase=Phase.IMPORT), True),
        (rule("phase", phases=("import",)), Evidence(), False),
        (rule("all", exits=(3,), text=("lens",)), says("no LENS", exit_code=3), True),
        (rule("all", exits=(3,), text=("lens",)), says("no lens", exit_code=4), False),
        (rule("each", all_text=("lens", "no")), says("no lens"), True),
        (rule("each", all_text=("lens", "two")), says("no lens"), False),
        (rule("gap", text=("no.{1,3}lens",)), says("no\n lens"), True),
        (rule("case", text=("(?-i:LENS)",)), says("no LENS"), True),
        (rule("case", text=("(?-i:LENS)",)), says("no lens"), False),
        (rule("none"), says("anything"), False),
    ],
)
def test_a_rule_fits_when_all_its_conditions_hold(
    mine: Rule, evidence: Evidence, fits: bool
) -> None:
    assert named(evidence, mine).rule == (mine.name if fits else UNMATCHED)


@pytest.mark.parametrize(
    ("unless", "evidence"),
    [
        (Conditions(text=("certificate",)), says("no lens", stderr_tail="bad certificate\n")),
        (Conditions(codes=("http:404",)), coded("http:404", "no lens")),
        (Conditions(exits=(3, 4)), says("no lens", exit_code=4)),
        (Conditions(exceptions=("x.*",)), raised("x.Y", "no lens")),
        (Conditions(phases=("import",)), says("no lens", phase=Phase.IMPORT)),
    ],
)
def test_what_must_not_be_there_keeps_a_rule_out(unless: Conditions, evidence: Evidence) -> None:
    mine = rule("mine", Level.TEXT, text=("lens",), unless=unless)
    assert named(evidence, mine).rule == UNMATCHED


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ("no lens", True),
        ("no lens, seat 1", True),
        ("no lens, seat 1, row x", True),
        ("no lens, seat x, row 2", True),
        ("no lens, seat 1, row 2", False),
    ],
)
def test_of_all_text_that_must_not_be_there_every_one_is_needed(words: str, fits: bool) -> None:
    unless = Conditions(all_text=(r"seat \d", r"row \d"))
    mine = rule("mine", Level.TEXT, text=("lens",), unless=unless)
    assert named(says(words), mine).rule == (mine.name if fits else UNMATCHED)
    assert named(says("no lens"), mine).rule == "mine"


def test_a_rule_may_ask_for_functions_and_services() -> None:
    mine = RuleSet([rule("mine", text=("lens",), functions=("render-*",), services=("comfyui",))])
    said = says("no lens")
    assert classify(said, mine, function="render-a", service="comfyui").rule == "mine"
    assert classify(said, mine, function="upload", service="comfyui").rule == UNMATCHED
    assert classify(said, mine, function="render-a").rule == UNMATCHED


# ── the explanation ──────────────────────────────────────────────────────────


def test_what_decided_is_told_to_people() -> None:
    rules = [*SOME, rule("start", codes=("errno:ENOENT",), phases=("start",))]
    assert named(coded("errno:ENOSPC"), *rules).matched == "errno ENOSPC"
    assert named(says("it timed out"), *rules).matched == "text 'timed out'"
    assert named(Evidence(killed_by=KilledBy.TIMEOUT), *rules).matched == "killed by timeout"
    assert named(raised("TimeoutError", "x"), *rules).matched == "exception TimeoutError"
    missing = coded("errno:ENOENT", phase=Phase.START)
    assert named(missing, *rules).matched == "phase start and errno ENOENT"


SPANNED = [
    ("message", says("über: it TIMED OUT now")),
    ("message", says("x" * 50_000 + " it timed out")),
    ("exceptions[1].message", Evidence(
        message="it broke",
        exceptions=(
            ExceptionFact(type="A", message="it broke"),
            ExceptionFact(type="B", message="é timed out"),
        ),
    )),
    ("traceback", raised("A", "it broke", traceback='Trace\n  File "x", line 1\nB: timed out\n')),
    ("stderr_tail", Evidence(stderr_tail="one\nit \x1b[31mtimed out\x1b[0m\nlast")),
    ("stdout_tail", Evidence(stdout_tail="🙂 timed out")),
]  # fmt: skip


@pytest.mark.parametrize(("field", "evidence"), SPANNED)
def test_a_span_holds_the_words_that_decided(field: str, evidence: Evidence) -> None:
    found = named(evidence, *SOME)
    [span] = found.spans
    texts = {f"exceptions[{n}].message": link.message for n, link in enumerate(evidence.exceptions)}
    text = texts.get(field) or getattr(evidence, field)
    assert span.text == field
    assert text[span.start : span.end].lower() == "timed out"


SPELLED = [
    ("message", says("über: got HTTP 503 from it")),
    ("message", says("x" * 50_000 + " got HTTP 503")),
    ("stderr_tail", Evidence(exit_code=1, stderr_tail="🙂\nit got \x1b[31mHTTP 503\x1b[0m\nlast")),
]


@pytest.mark.parametrize(("field", "evidence"), SPELLED)
def test_a_code_that_words_spell_out_has_their_span(field: str, evidence: Evidence) -> None:
    found = named(evidence, rule("mine", Level.CODE, T, codes=("http:5*",)))
    [span] = found.spans
    assert found.matched == "http 503"
    assert span.text == field
    assert getattr(evidence, field)[span.start : span.end] == "HTTP 503"


def test_what_fnr_says_of_a_cut_is_no_word_of_the_program() -> None:
    cut = clean("the lens " + "q" * 9_000 + " timed out", 1_000)
    assert "characters left out" in cut
    ours = rule("mine", Level.TEXT, P, text=("characters|left out",))
    for evidence in (says(cut), Evidence(stderr_tail=cut, exit_code=1)):
        assert named(evidence, ours).rule == UNMATCHED
        assert not [word for word in wording_of(gather(evidence)).features if "charac" in word]
        found = named(evidence, rule("mine", Level.TEXT, P, text=("timed out",)))
        [span] = found.spans
        assert cut[span.start : span.end] == "timed out"


def test_a_code_that_was_reported_stands_in_no_words() -> None:
    evidence = says("HTTP 503", codes=(Code(family="http", value="503"),))
    assert named(evidence, rule("mine", Level.CODE, T, codes=("http:503",))).spans == ()


def test_named_groups_are_kept() -> None:
    mine = rule("mine", Level.TEXT, R, text=(r"allocate (?P<amount>[\d.]+ .iB)",))
    found = named(says("Tried to allocate 2.50 GiB."), mine)
    assert found.captures == {"amount": "2.50 GiB"}


def test_the_runners_up_come_in_the_order_of_their_rank() -> None:
    evidence = raised("app.CustomError", "out of memory, it timed out", exit_code=139)
    found = named(evidence, *SOME)
    assert found.rule == "gone"
    # What only general signs say is left out where two better rules are known.
    assert [one.rule for one in found.runners_up] == ["memory", "slow"]
    assert found.runners_up[0].matched == "text 'out of memory'"


def test_what_a_rule_says_besides_its_category_is_in_the_answer() -> None:
    mine = rule(
        "mine", Level.TEXT, R, text=("lens",), strategy=Strategy.FAIL_FAST, max_retries=2,
        wait_for=WaitFor.VRAM, severity=Severity.HIGH, trip=True, recycle_worker=True,
        hint="Buy one.", runbook="https://x/y", fingerprint="lens", where="a.toml:7",
    )  # fmt: skip
    found = named(says("no lens"), mine)
    told = {name: getattr(found, name) for name in Classification.__struct_fields__}
    for name in ("strategy", "max_retries", "wait_for", "severity", "trip", "recycle_worker"):
        assert told[name] == getattr(mine, name)
    for name in ("hint", "runbook", "fingerprint", "where"):
        assert told[name] == getattr(mine, name)


@pytest.mark.parametrize("category", Category)
def test_without_a_strategy_of_its_own_a_rule_follows_its_category(category: Category) -> None:
    found = named(says("lens"), rule("mine", Level.TEXT, category, text=("lens",)))
    assert found.strategy is STRATEGY_OF[category]


# ── bad input ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "phrase", ["memory ", "connection to ", "config file ", "expected ", "lib.", "(", "é", "\x1b["]
)
def test_long_texts_are_cut_and_no_text_is_slow(phrase: str) -> None:
    """The pytest timeout is the clock: phrases repeated to make bounded gaps backtrack."""
    text = phrase * (10_000_000 // len(phrase))
    found = classify(Evidence(message=text, stderr_tail=text, traceback=text), packs())
    assert len(found.matched) < 600


def test_a_message_of_64_mib_is_named_by_its_ends() -> None:
    body = "x" * (64 << 20)
    assert named(says("it timed out" + body), *SOME).rule == "slow"
    assert named(says(body + " it timed out"), *SOME).rule == "slow"


def test_lone_surrogates_and_colours_hide_nothing() -> None:
    found = named(says("\udcff\x1b[1mit timed\x1b[0m out\u202e [rank0]: [/b]"), *SOME)
    assert found.rule == "slow"


def test_a_chain_of_a_thousand_exceptions_is_read_from_the_outside() -> None:
    chain = tuple(ExceptionFact(type="A", message=f"at {n}") for n in range(1_000))
    first = replace(chain[0], message="it timed out")
    found = named(Evidence(message="m", exceptions=(first, *chain[1:])), *SOME)
    assert found.rule == "slow"
