"""Does an error keep its name, whatever its log was wrapped in and whatever language it speaks?"""

from __future__ import annotations

import html
import json
import random  # noqa: TID251 - not fnr itself, which takes Dice
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from figures import Line
from plan import Plan

from fnr.config.rule_files import read_text_model, shipped_rules
from fnr.policy import foreign_host_words, foreign_wire_words
from fnr.policy.classify import classify
from fnr.policy.evidence import Evidence
from fnr.policy.rule_set import RuleSet

CAPTURED = Path(__file__).parents[1] / "tools" / "model" / "captured"
ERRORS_PER_RUN = 4  # times plan.errors, of all that were captured
RECORD = {"timestamp": "2026-11-29T10:20:31Z", "level": "ERROR", "message": "job failed"}

Name = Callable[[str], str]
Wrap = Callable[[str], str]


def _each(before: str, after: str = "") -> Wrap:
    return lambda log: "\n".join(f"{before}{line}{after}" for line in log.split("\n"))


def _as_record(log: str) -> str:
    return json.dumps(RECORD | {"exc_info": log})


def _as_records(log: str) -> str:
    lines = ({"ts": 1764411631.5, "level": "error", "msg": line} for line in log.split("\n"))
    return "\n".join(map(json.dumps, lines))


def _as_pairs(log: str) -> str:
    begin = "time=2026-11-29T10:20:31Z level=error msg="
    return "\n".join(begin + json.dumps(line) for line in log.split("\n"))


# In a message, as a person or another program passes it on.
PASSED_ON: dict[str, Wrap] = {
    "JSON in a message": lambda log: json.dumps(log)[1:-1],
    "HTML": html.escape,
    "quoted": _each("> "),
    "fenced": lambda log: f"```\n{log}\n```",
    "one line": lambda log: " ".join(log.split()),
}
WRAPS: dict[str, Wrap] = {
    "CRLF": lambda log: log.replace("\n", "\r\n"),
    "compose": _each("web-1  | "),
    "Kubernetes": _each("2026-11-29T10:20:31.123456789Z stderr F "),
    "journal": _each("Nov 29 10:20:31 gpu01 python[812]: "),
    "srun -l": _each("3: "),
    "torchrun": _each("[rank0]:  "),
    "Celery": _each("[2026-11-29 10:20:31,123: ERROR/ForkPoolWorker-3] "),
    "colours": _each("\x1b[31m", "\x1b[0m"),
    "JSON": _as_record,
    "JSON lines": _as_records,
    "key=value": _as_pairs,
    "progress bar": lambda log: f" 45%|###  | 9/20 [00:03<00:03]\r 50%|###  | 10/20 [00:03<]{log}",
    "tracker": lambda log: f"{log}\nwandb: Find logs at: ./wandb/logs\ndestroying process group\n",
    "launcher": lambda log: f"{log}\nERROR: job step aborted\nmake: *** [Makefile:12: t] Error 1\n",
}


def wraps(plan: Plan) -> list[Line]:
    """The share of captured errors, as a program that died leaves them in its log, that get the
    category of the plain log; the same for a log in a message that was passed on; and the share of
    the C library's and bash's phrases in other languages that get the one of the English. The model
    has learnt from these errors: this says what wrapping changes, not how right the names are.
    """
    rules, model = RuleSet(shipped=shipped_rules()), read_text_model()

    def name_in_message(log: str) -> str:
        return classify(Evidence(message=log), rules, model).category

    def name(log: str) -> str:
        said = "the worker ended with exit status 1"
        left = Evidence(message=said, worker_died=True, exit_code=1, stderr_tail=log)
        return classify(left, rules, model).category

    logs = _logs(ERRORS_PER_RUN * plan.errors)
    plain = [name(log) for log in logs]
    kept = {
        how: _percent([name(wrap(log)) == was for log, was in zip(logs, plain, strict=True)])
        for how, wrap in WRAPS.items()
    }
    told = [name_in_message(log) for log in logs]
    passed = {
        how: _percent(
            [name_in_message(wrap(log)) == was for log, was in zip(logs, told, strict=True)]
        )
        for how, wrap in PASSED_ON.items()
    }
    return [
        _least("a wrapped log keeps its name", kept),
        _least("a log in a message keeps its name, passed on", passed),
        _line("a phrase in another language keeps its name", *_foreign(name)),
    ]


def _least(what: str, kept: Mapping[str, float]) -> Line:
    least = min(kept, key=lambda how: kept[how])
    each = ", ".join(f"{how} {share:.1f}" for how, share in kept.items())
    return _line(f"{what}, least of {len(kept)} ({least})", kept[least], each)


def _foreign(name: Name) -> tuple[float, str]:
    known = foreign_host_words.WORDS | foreign_wire_words.WORDS
    # A shell says the short ones of a process, behind its number.
    said = "job.sh: line 3: 4711 {}"
    pairs = [(english, one) for english, many in known.items() for one in many.split("|")]
    kept = [name(said.format(one)) == name(said.format(english)) for english, one in pairs]
    return _percent(kept), f"{len(pairs)} phrases"


def _percent(kept: list[bool]) -> float:
    return 100 * sum(kept) / len(kept)


def _line(what: str, share: float, note: str) -> Line:
    return Line(section="wraps", what=what, unit="%", fnr=[share], more_is_better=True, note=note)


def _logs(count: int) -> list[str]:
    records = [
        json.loads(line)
        for path in sorted(CAPTURED.glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    return list(map(_log, random.Random(3).sample(records, min(count, len(records)))))


def _log(record: Mapping[str, Any]) -> str:
    kind, message = record.get("exception_type"), record.get("message", "")
    traceback = record.get("traceback") or ""
    if message and message[:60] in traceback:
        return traceback
    return f"{traceback}\n{f'{kind}: ' if kind else ''}{message}".strip()
