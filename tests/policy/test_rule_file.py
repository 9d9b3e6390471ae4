"""Reading rule files: everything a rule can say, and every mistake with its line."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fnr.policy.rule_file import ParsedRules, parse_rules
from fnr.policy.rule_keys import RULE_KEYS, TEST_KEYS
from fnr.policy.rules import Category, Conditions, Level, RuleTest, Severity, Strategy, WaitFor

WHOLE = """version = 1
disable = ["network/dns"]

[[rule]]
name = "vram"
category = "resource"
code = "cuda:2"
exception = ["torch.OutOfMemoryError"]
exit = [1, 137]
signal = ["SIGKILL", 9]
function = "render-*"
service = ["comfyui"]
phase = ["run"]
text = ['out of memory', 'allocate (?P<amount>\\S+)']
all_text = ["cuda"]
level = "text"
priority = -5
strategy = "fail_fast"
max_retries = 2
wait_for = "vram"
severity = "high"
trip = true
recycle_worker = true
hint = "Free some."
runbook = "https://wiki/vram"
fingerprint = "vram {function}"
[rule.not]
text = "host memory"
killed_by = ["oom"]
[[rule.test]]
message = "CUDA out of memory"
exception = "torch.OutOfMemoryError"
[[rule.test]]
message = "host memory"
matches = false
"""


def read(text: str) -> ParsedRules:
    return parse_rules(text, file="10-mine.toml", pack="10-mine", operator=True)


def rule(lines: str) -> str:
    return f'[[rule]]\nname = "x"\ncategory = "transient"\n{lines}\n'


def test_everything_a_rule_can_say_is_read() -> None:
    parsed = read(WHOLE)
    assert parsed.problems == ()
    assert parsed.disabled == (("network/dns", "10-mine.toml:2"),)
    [one] = parsed.rules
    assert (one.name, one.where, one.operator) == ("10-mine/vram", "10-mine.toml:4", True)
    assert (one.category, one.level, one.priority) == (Category.RESOURCE, Level.TEXT, -5)
    assert (one.codes, one.exits, one.signals) == (("cuda:2",), (1, 137), ("SIGKILL",))
    assert (one.functions, one.services, one.phases) == (("render-*",), ("comfyui",), ("run",))
    assert (one.text, one.all_text) == (
        ("out of memory", r"allocate (?P<amount>\S+)"),
        ("cuda",),
    )
    assert (one.strategy, one.max_retries, one.wait_for) == (Strategy.FAIL_FAST, 2, WaitFor.VRAM)
    assert (one.severity, one.trip, one.recycle_worker) == (Severity.HIGH, True, True)
    assert one.unless == Conditions(text=("host memory",), killed_by=("oom",))
    assert one.tests == (
        RuleTest(
            message="CUDA out of memory",
            exception="torch.OutOfMemoryError",
            where="10-mine.toml:30",
        ),
        RuleTest(message="host memory", matches=False, where="10-mine.toml:33"),
    )


@pytest.mark.parametrize(
    ("conditions", "level"),
    [
        ('killed_by = "timeout"\ncode = "http:503"', Level.LEDGER),
        ("oom_killed = false", Level.LEDGER),
        ('code = "http:503"\nexception = "A"', Level.CODE),
        ('exit = 3\ntext = "a b"', Level.CODE),
        ('exception = "A"\ntext = "a b"', Level.EXCEPTION),
        ('names_input = "clip*"\ntext = "a b"', Level.EXCEPTION),
        ('text = "a b"', Level.TEXT),
        ('phase = "import"', Level.TEXT),
        ('code = "http:500"\nlevel = "general"', Level.GENERAL),
    ],
)
def test_the_strongest_evidence_gives_the_level(conditions: str, level: Level) -> None:
    [one] = read(rule(conditions)).rules
    assert one.level is level


MISTAKES = [
    ("[[rule]]\nname = 3", 2, "name must be a name of a-z, 0-9 and -, got 3"),
    ('[[rule]]\ncategory = "transient"\nexit = 1', 1, "name: every rule needs one"),
    ('[[rule]]\nname = "x"\nexit = 1', 1, "category: every rule needs one"),
    (rule("exit = 1").replace("transient", "transint"), 3, "category must be one of transient"),
    (rule(""), 1, "a rule needs a condition"),
    (rule('txt = "a b"'), 4, "txt: unknown key, did you mean 'text'?"),
    (rule("exit = 300"), 4, "exit must be a whole number from 0 to 255, got 300"),
    (rule("exit = []"), 4, "exit must not be empty"),
    (rule("exit = true"), 4, "exit must be a whole number"),
    (rule('signal = "SIGNOPE"'), 4, "signal must be the name of a signal"),
    (rule("signal = true"), 4, "signal must be the name of a signal"),
    (rule("signal = [[9]]"), 4, "signal must be the name of a signal"),
    (rule('killed_by = [["oom"]]'), 4, "killed_by must be one of cancel"),
    (rule('exit = 1\n[[rule.test]]\nphase = ["run"]'), 6, "phase must be one of import"),
    (rule('code = "503"'), 4, 'code must look like "http:503", got \'503\''),
    (rule('killed_by = "me"'), 4, "killed_by must be one of"),
    (rule('exit = 1\nlevel = "ledger"'), 5, "level: can only be lowered; by its conditions it is"),
    (rule('exit = 1\nlevel = "model"'), 5, "level must be one of ledger, code"),
    (rule("exit = 1\npriority = 101"), 5, "priority must be a whole number from -100 to 100"),
    (rule('exit = 1\ntrip = "yes"'), 5, "trip must be true or false"),
    (rule("exit = 1\nnot = 3"), 5, "not: must be a table [rule.not]"),
    (rule('exit = 1\n[rule.not]\ntext = "(a"'), 6, "missing )"),
    (rule("exit = 1\n[[rule.test]]\nmesage = 'x'"), 6, "mesage: unknown key, did you mean"),
    (rule("exit = 1\n[[rule.test]]\ninput = 'x'"), 6, "input must be a table like { source"),
    (rule("names_input = 3"), 4, "names_input must be a name, got 3"),
    (rule("exit = 1\ntest = 3"), 5, "examples are written as [[rule.test]]"),
    (rule("exit = 1") + rule("exit = 2"), 5, "name '10-mine/x' is taken by the rule in line 1"),
    (rule('text = "of (?P<size>.{1,9}) GiB"\nfingerprint = "{sise}"'), 5,
     "fingerprint: no expression of the rule catches {sise}; there are {function}, {rule}, {size}"),
    ("version = 2", 1, "this fnr reads version 1, not 2"),
    ("rules = []", 1, "rules: unknown key, did you mean 'rule'?"),
    ("rule = 3", 1, "rules are written as [[rule]]"),
    ("disable = 'x'", 1, "disable: must be a list of names"),
    ("[[rule]]\nname = ", 2, "not TOML: "),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "words"), MISTAKES)
def test_a_mistake_is_told_with_its_line(text: str, line: int, words: str) -> None:
    told = [(one.where, one.message) for one in read(text).problems]
    assert any(where == f"10-mine.toml:{line}" and words in message for where, message in told), (
        told
    )


VALUES = (
    '""', "1", "1.5", "nan", "true", "[]", "[[]]", '["a", ["b"]]', "[{ a = 1 }]", "{}",
    "{ a = 1 }", "1979-05-27T07:32:00Z", '"\\u0000"', "99999999999999999999",
)  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_no_value_of_any_key_keeps_a_file_from_being_read(value: str) -> None:
    """What reading raises leaves the daemon without any rules: no failure is settled any more."""
    texts = [
        *(rule(f"{key} = {value}\n[rule.not]\n{key} = {value}") for key in RULE_KEYS),
        *(rule(f"exit = 1\n[[rule.test]]\n{key} = {value}") for key in TEST_KEYS),
        *(f"{key} = {value}" for key in ("version", "rule", "other")),
    ]
    assert {type(read(text)) for text in texts} == {ParsedRules}


def test_all_mistakes_are_told_at_once_and_good_rules_are_still_read() -> None:
    good = rule("exit = 1").replace('"x"', '"y"')
    parsed = read(rule('exit = 300\ntxt = "a"') + good)
    assert len(parsed.problems) == 2
    assert [one.name for one in parsed.rules] == ["10-mine/y"]


def test_each_wrong_value_of_a_list_is_told() -> None:
    parsed = read(rule('text = ["(a", "lens", "b*"]\nexit = [300, 1, -1]'))
    told = [one.message for one in parsed.problems]
    assert [words[:12] for words in told] == [
        "text '(a': m",
        "text 'b*': i",
        "exit must be",
        "exit must be",
    ]


PATTERNS = [
    (r"(?=a)b", "look-ahead is not in RE2: use all_text"),
    (r"a(?!b)", "put what must not be there into [rule.not]"),
    (r"(?<=a)b", "look-behind is not in RE2"),
    (r"(?<!a)b", "put what must not be there into [rule.not]"),
    (r"(?>a)b", "it never backtracks"),
    (r"(ab)\1", "back-references are not in RE2"),
    (r"a{2000}", "at most 1,000 times"),
    (r"((a{100}){100}){100}", "at most 1,000 times in all"),
    (r"[é-ü]{0,999}" * 9, "shorter gaps"),
    (r"a*", "matches the empty text"),
    (r"[a", "missing ]"),
    ("x" * 9_000, "at most 8000"),
]


@pytest.mark.parametrize(("pattern", "words"), PATTERNS)
def test_an_expression_that_cannot_be_used_gets_a_hint(pattern: str, words: str) -> None:
    parsed = read(rule(f"text = ['''{pattern}''']"))
    assert parsed.rules == ()
    [problem] = parsed.problems
    assert words in problem.message


@pytest.mark.parametrize("pattern", [r"(a+)+$b", r"(x|x)*y", r"(.*a){20}b", r"(a|aa)+c"])
def test_an_expression_that_others_choke_on_is_taken(pattern: str) -> None:
    """RE2 needs time in proportion to the text; the pytest timeout is the clock."""
    assert read(rule(f"text = '{pattern}'")).problems == ()


VALUES = st.recursive(
    st.booleans() | st.integers(-3, 300) | st.text(max_size=5).map(repr) | st.just("'a b'"),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
KEYS = st.sampled_from(
    ["name", "category", "text", "all_text", "exit", "code", "not", "test", "level", "x"]
)


@given(st.text(max_size=200))
@example("[[rule]]\n[rule.not]\n[[rule.test]]")
@example("[rule]\nname = 'x'")
@example("rule = [[]]")
@example("\x00")
def test_any_text_is_read_or_refused_with_words(text: str) -> None:
    parsed = read(text)
    assert all(one.where.startswith("10-mine.toml") and one.message for one in parsed.problems)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=6, unique_by=lambda pair: pair[0]))
def test_any_rule_is_read_or_refused_with_words(pairs: list[tuple[str, object]]) -> None:
    def toml(value: object) -> str:
        if isinstance(value, list):
            return f"[{', '.join(map(toml, value))}]"
        return str(value).lower() if isinstance(value, bool) else str(value)

    parsed = read("[[rule]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in pairs))
    assert bool(parsed.rules) != bool(parsed.problems)
