"""Rules that operators might want: errors that no rule named, or that a person named otherwise.

Errors with the same words, whatever their numbers and paths, become one template, and a template
becomes a rule ready to paste, with the errors themselves as its tests. A category that a person
gave is taken over; without one the text model's guess stands there and says that it is one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import re2
from msgspec import Struct

from fnr.policy.parameterise import READ_CHARS_MAX, SHAPE_CHARS_MAX, parameterise
from fnr.policy.rules import Category
from fnr.policy.toml_text import quoted

HITS_MIN = 2
SUGGESTIONS_MAX = 50
TESTS_MAX = 3
# No more of a message is read for its template.
MESSAGE_CHARS_MAX = READ_CHARS_MAX
NAME_WORDS_MAX = 5
# Of the 80 that a rule's name may have, room for a number behind it.
NAME_CHARS_MAX = 70

# A template that says less than this would match anything.
_LETTERS_MIN = 8
# What was hidden says nothing: a rule for it would name every error that had a secret in it.
_PLACEHOLDER = re.compile(r"<(?:time|size|addr|url|path|id|str)>|#|\[redacted\]")
_WORDS = {"#", "<id>", "<url>", "[redacted]"}
_LETTER = re.compile(r"[A-Za-z]")
_NAME_WORD = re.compile(r"[A-Za-z][a-z]{2,20}|[A-Z]{2,20}")
_EMPTY_WORDS = frozenset({"the", "and", "for", "was", "with", "from", "that", "this", "error"})
_EVERY = "its message is empty, so the rule would name every {}"
_TOO_FEW = "its message says too little, so the rule would name others, too"
_ONE = r"\S+"
_SEVERAL = r"\S+(?:[\s,;x×*]+\S*\d\S*)*"
_SPECIAL = re.compile(r"([\\.^$*+?{}\[\]|()])")


class NamelessError(Struct, frozen=True, kw_only=True):
    """An error that no rule named well.

    category: what a person said it is; None: nobody did.
    guess:    what its wording resembles, with the model's confidence.
    """

    error_id: str
    function: str
    message: str
    exception: str = ""
    exit_code: int | None = None
    category: Category | None = None
    guess: Category | None = None
    confidence: float = 0.0


class Suggestion(Struct, frozen=True, kw_only=True):
    """A rule that would name them.

    name:      kebab-case, from the words of the template.
    decided:   a person gave the category; otherwise it is a guess of this confidence.
    text:      RE2 expression; hits: how many errors it was made from.
    tests:     messages, as different as possible.
    disagree:  categories that persons gave and that lost the vote.
    why_not:   why it must not be a rule.
    """

    name: str
    category: Category
    decided: bool
    confidence: float
    text: str
    exception: str
    hits: int
    functions: tuple[str, ...]
    error_ids: tuple[str, ...]
    tests: tuple[str, ...]
    disagree: tuple[Category, ...] = ()
    why_not: str = ""


def suggest(errors: Iterable[NamelessError], *, hits_min: int = HITS_MIN) -> list[Suggestion]:
    """Templates that occur often enough or that a person named, the most frequent first."""
    groups: dict[tuple[str, str], list[NamelessError]] = {}
    for error in errors:
        template = _template(error.message)
        groups.setdefault((error.exception, template), []).append(error)
    wanted = [
        (template, found)
        for (_, template), found in groups.items()
        if any(error.category for error in found)
        or (len(found) >= hits_min and not _why_not(template, found[0]))
    ]
    wanted.sort(key=lambda pair: (-len(pair[1]), pair[0]))
    names: Counter[str] = Counter()
    return [_suggestion(template, found, names) for template, found in wanted[:SUGGESTIONS_MAX]]


def _template(message: str) -> str:
    """What the errors of one cause have in common; of a long message its beginning."""
    template = parameterise(_first_line(message))
    if len(template) < SHAPE_CHARS_MAX - 1:
        return template
    # Cut, perhaps within a word.
    return template.rpartition(" ")[0] or template


def expression(template: str, *, several: bool = False) -> str:
    """A regular expression for every line with this template.

    several: a number or id may stand for several of them in a row, as in "[3, 224, 224]", which a
    template does not tell.
    """
    parts = []
    word = _SEVERAL if several else _ONE
    end = 0
    for match in _PLACEHOLDER.finditer(template):
        parts.append(_literal(template[end : match.start()]))
        # Within one line and without a count: a counted gap makes RE2 slow.
        parts.append(word if match[0] in _WORDS else r"[^\n]*")
        end = match.end()
    parts.append(_literal(template[end:]))
    return re.sub(r"(?:\[\^\\n\]\*)+", r"[^\\n]*", "".join(parts)).removesuffix(r"[^\n]*")


def as_toml(suggestion: Suggestion) -> str:
    """The suggestion as a rule file would say it, tests included."""
    lines = [
        f"# {errors_of(suggestion.hits)} of {', '.join(suggestion.functions)}",
        "[[rule]]",
        f'name = "{suggestion.name}"',
        _category_line(suggestion),
    ]
    if suggestion.exception:
        lines.append(f"exception = [{quoted(suggestion.exception)}]")
    lines.append(f"text = [{quoted(suggestion.text)}]")
    for message in suggestion.tests:
        lines += ["[[rule.test]]", f"message = {quoted(message)}"]
        if suggestion.exception:
            lines.append(f"exception = {quoted(suggestion.exception)}")
    return "\n".join(lines) + "\n"


def _suggestion(template: str, errors: Sequence[NamelessError], names: Counter[str]) -> Suggestion:
    said = Counter(error.category for error in errors if error.category is not None)
    guesses = Counter(error.guess for error in errors if error.guess is not None)
    votes = said or guesses
    category = votes.most_common(1)[0][0] if votes else Category.UNKNOWN
    sure = [error.confidence for error in errors if error.guess is category]
    name = _name(template)
    names[name] += 1
    tests = _tests(errors)
    return Suggestion(
        name=name if names[name] == 1 else f"{name}-{names[name]}",
        category=category,
        decided=bool(said),
        confidence=1.0 if said else round(sum(sure) / len(sure), 2) if sure else 0.0,
        text=_fitting(template, tests),
        exception=errors[0].exception,
        hits=len(errors),
        functions=tuple(sorted({error.function for error in errors})),
        error_ids=tuple(error.error_id for error in errors),
        tests=tests,
        disagree=tuple(sorted(other for other in said if other is not category)),
        why_not=_why_not(template, errors[0]),
    )


def _why_not(template: str, error: NamelessError) -> str:
    if error.exception and _says_only_its_type(error):
        return _EVERY.format(error.exception)
    letters = len(_LETTER.findall(_PLACEHOLDER.sub("", template)))
    return _TOO_FEW if letters < _LETTERS_MIN else ""


def _fitting(template: str, tests: Sequence[str]) -> str:
    """The narrower expression, if it finds what it was made from."""
    narrow = expression(template)
    options = re2.Options()
    options.case_sensitive = False
    found = re2.compile(narrow, options)
    return narrow if all(map(found.search, tests)) else expression(template, several=True)


def errors_of(hits: int) -> str:
    """A count of errors in words."""
    return "1 error" if hits == 1 else f"{hits} errors"


def _says_only_its_type(error: NamelessError) -> bool:
    """RuntimeError without a word: a rule for it would name all that has something to say, too.

    A type of a program's own (studio.LicenceError) says enough by itself.
    """
    return "." not in error.exception and _first_line(error.message) == error.exception


def _tests(errors: Sequence[NamelessError]) -> tuple[str, ...]:
    messages = list(
        dict.fromkeys(_first_line(error.message)[:MESSAGE_CHARS_MAX] for error in errors)
    )
    # The first, the last and one of the middle differ more than neighbours do.
    places = sorted({0, len(messages) // 2, len(messages) - 1})
    return tuple(messages[place] for place in places)[:TESTS_MAX]


def _first_line(message: str) -> str:
    lines = (line.strip() for line in message.splitlines())
    return next((line for line in lines if line), "")


def _name(template: str) -> str:
    words = [word.lower() for word in _NAME_WORD.findall(_PLACEHOLDER.sub(" ", template))]
    telling = [word for word in words if word not in _EMPTY_WORDS] or words
    return "-".join(telling[:NAME_WORDS_MAX])[:NAME_CHARS_MAX].rstrip("-") or "unnamed"


def _literal(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text).replace(" ", r"\s+")


def _category_line(suggestion: Suggestion) -> str:
    line = f'category = "{suggestion.category}"'
    if suggestion.disagree:
        return f"{line}  # some said {', '.join(suggestion.disagree)}"
    if suggestion.decided:
        return line
    if suggestion.category is Category.UNKNOWN:
        return f"{line}  # choose: transient, resource, validation or permanent"
    return f"{line}  # a guess from its wording ({suggestion.confidence:.0%} sure): check it"
