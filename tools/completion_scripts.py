"""Writes the completion scripts for bash, zsh and fish: no Python starts when TAB is pressed.

All three work the same way: find the command that the words so far name and which of its words
comes next, then offer the commands below it, its flags, the values of the flag before the cursor,
or what the daemon has written about ids and names into the state folder of this home.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from command_tree import Command
from completion_words import Offer, flags_of, offer_of, offers_of

NOTE = "Made by tools/make_docs.py from the command line itself; do not edit."
Row = tuple[str, list[tuple[str, str]]]
ShowWord = Callable[[str, str], str]
_ENGINES = Path(__file__).parent / "completion_engines"


def completions(tree: Command) -> dict[str, str]:
    """File name -> script."""
    return {
        "fnr.bash": _script("fnr.bash", f"# {NOTE}\n", _posix_tables(tree, _bash_word)),
        "_fnr": _script("_fnr", f"#compdef fnr\n# {NOTE}\n", _posix_tables(tree, _zsh_word)),
        "fnr.fish": _script("fnr.fish", f"# {NOTE}\n", _fish_tables(tree)),
    }


def _script(name: str, head: str, tables: Iterable[str]) -> str:
    return head + "\n".join(tables) + "\n\n" + (_ENGINES / name).read_text()


def _key(command: Command) -> str:
    return "/".join(command.path)


def _below(command: Command) -> list[tuple[str, str]]:
    return [(child.path[-1], child.summary) for child in command.children]


def _flag_words(command: Command) -> list[tuple[str, str]]:
    return [(name, flag.help) for flag in flags_of(command) for name in flag.names]


def _marked(offer: Offer) -> list[str]:
    """As the engines take it: what is looked up has an @ before its name."""
    return [*(f"@{kind}" for kind in offer.kinds), *offer.words]


def _arguments(command: Command) -> list[str]:
    """A word of marks for each argument: "@functions @tasks"; the last is "*" if it repeats."""
    marks = [" ".join(_marked(offer)) for offer in offers_of(command)]
    return [*marks, "*"] if command.arguments and command.arguments[-1].many else marks


def _valued(command: Command) -> list[tuple[tuple[str, ...], list[str]]]:
    """Flags that take the next word, each with what that may be."""
    return [
        (flag.names, _marked(offer_of(command, flag))) for flag in flags_of(command) if flag.metavar
    ]


# ── bash and zsh, which share their grammar ──────────────────────────────────


def _posix_tables(tree: Command, word: ShowWord) -> Iterable[str]:
    commands = list(tree.walk())
    yield from _posix_case("_fnr_below", ((_key(c), _below(c)) for c in commands), word)
    yield from _posix_case("_fnr_flags", ((_key(c), _flag_words(c)) for c in commands), word)
    yield from _posix_case(
        "_fnr_arguments",
        ((_key(c), [(mark, "") for mark in _arguments(c)]) for c in commands),
        _quoted,
    )
    yield "_fnr_value() {\n  found=()\n  case $1 in"
    for command in commands:
        for names, marks in _valued(command):
            keys = "|".join(f"'{_key(command)}:{name}'" for name in names)
            yield f"    {keys}) found=({' '.join(_quoted(mark, '') for mark in marks)}) ;;"
    yield "    *) return 1 ;;\n  esac\n}"


def _posix_case(name: str, rows: Iterable[Row], word: ShowWord) -> Iterable[str]:
    yield f"{name}() {{\n  found=()\n  case $1 in"
    for key, pairs in rows:
        if pairs:
            yield f"    '{key}') found=({' '.join(word(*pair) for pair in pairs)}) ;;"
    yield "  esac\n}\n"


def _quoted(text: str, _: str = "") -> str:
    return text if text.replace("-", "").isalnum() else "'" + text.replace("'", "'\\''") + "'"


def _bash_word(name: str, _: str) -> str:
    return name


def _zsh_word(name: str, text: str) -> str:
    return _quoted(f"{name}:{_headline(text)}" if text else name)


# ── fish ─────────────────────────────────────────────────────────────────────


def _fish_tables(tree: Command) -> Iterable[str]:
    commands = list(tree.walk())
    yield from _fish_switch("__fnr_below", ((_key(c), _below(c)) for c in commands))
    yield from _fish_switch("__fnr_flags", ((_key(c), _flag_words(c)) for c in commands))
    yield "function __fnr_arguments\n    switch $argv[1]"
    for command in commands:
        if marks := _arguments(command):
            shown = " ".join(map(_fish_text, marks))
            yield f"        case '{_key(command)}'\n            printf '%s\\n' {shown}"
    yield "    end\nend\n"
    yield "function __fnr_value\n    switch $argv[1]"
    for command in commands:
        for names, marks in _valued(command):
            keys = " ".join(f"'{_key(command)}:{name}'" for name in names)
            shown = f"printf '%s\\n' {' '.join(map(_fish_text, marks))}" if marks else "true"
            yield f"        case {keys}\n            {shown}"
    yield "        case '*'\n            return 1\n    end\nend"


def _fish_switch(name: str, rows: Iterable[Row]) -> Iterable[str]:
    yield f"function {name}\n    switch $argv[1]"
    for key, pairs in rows:
        if pairs:
            shown = " ".join(
                f"{_fish_text(word)} {_fish_text(_headline(text))}" for word, text in pairs
            )
            yield f"        case '{key}'\n            printf '%s\\t%s\\n' {shown}"
    yield "    end\nend\n"


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _headline(text: str) -> str:
    return " ".join(text.split())
