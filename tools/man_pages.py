"""Writes the manual pages: fnr(1), one for each command with those below it, those of files."""

from __future__ import annotations

import re

from command_tree import Argument, Command, Flag, global_flags
from file_pages import file_pages
from roff import escape

from fnr import __version__
from fnr.cli.help import exit_codes


def man_pages(tree: Command) -> dict[str, str]:
    """ "man1/fnr.1" -> page."""
    pages = {"fnr.1": _overview(tree), **file_pages()}
    for command in tree.children:
        pages[f"fnr-{command.path[0]}.1"] = _page(command, tree)
    return {f"man{name[-1]}/{name}": page for name, page in pages.items()}


def _overview(tree: Command) -> str:
    lines = [*_head("fnr", "run functions on a GPU host and lose nothing")]
    lines += [".SH SYNOPSIS", r".B fnr", r".I COMMAND", r"[\fIOPTION\fR]... [\fIARGUMENT\fR]..."]
    lines += [".SH DESCRIPTION", *_text(tree.text)]
    lines += [".SH COMMANDS"]
    for command in tree.children:
        lines += [".TP", rf"\fBfnr\-{command.path[0]}\fR(1)", escape(command.summary + ".")]
    lines += _common(tree)
    return _joined([*lines, ".SH SEE ALSO", *_see_also(tree, None)])


def _page(command: Command, tree: Command) -> str:
    noun = command.path[0]
    lines = [*_head(f"fnr-{noun}", command.summary[:1].lower() + command.summary[1:])]
    lines += [".SH SYNOPSIS"]
    called = [entry for entry in command.walk() if not entry.children]
    for entry in called:
        lines += [_synopsis(entry), ".br"]
    lines[-1:] = []
    if command.children:
        lines += [".SH DESCRIPTION", *_text(command.text), ".SH COMMANDS"]
        for entry in called:
            lines += [f".SS {escape(entry.line)}", *_body(entry)]
    else:
        lines += [".SH DESCRIPTION", *_body(command)]
    lines += _common(command)
    return _joined([*lines, ".SH SEE ALSO", *_see_also(tree, noun)])


def _head(name: str, summary: str) -> list[str]:
    return [
        r".\" Made by tools/make_docs.py from the command line itself; do not edit.",
        f'.TH {name.upper()} 1 "" "fnr {__version__}" "fnr manual"',
        ".SH NAME",
        rf"{escape(name)} \- {escape(summary)}",
    ]


def _synopsis(entry: Command) -> str:
    words = [rf"\fB{escape(entry.line)}\fR"]
    if entry.flags:
        words.append(r"[\fIOPTION\fR]...")
    for argument in entry.arguments:
        shown = rf"\fI{escape(argument.metavar.rstrip('.…'))}\fR"
        if argument.many:
            shown += "..."
        words.append(shown if argument.required else f"[{shown}]")
    return " ".join(words)


def _body(entry: Command) -> list[str]:
    lines = _text(entry.text)
    for argument in entry.arguments:
        lines += _argument(argument)
    for flag in entry.flags:
        lines += _flag(flag)
    if entry.examples:
        lines += [".PP", "Examples:", ".PP", ".nf", ".RS 4"]
        lines += [escape(example) for example in entry.examples]
        lines += [".RE", ".fi"]
    return lines


def _argument(argument: Argument) -> list[str]:
    return [".TP", rf"\fI{escape(argument.metavar)}\fR", escape(argument.help or "As named.")]


def _flag(flag: Flag) -> list[str]:
    names = ", ".join(rf"\fB{escape(name)}\fR" for name in flag.names)
    if flag.metavar:
        names += rf" \fI{escape(flag.metavar)}\fR"
    text = flag.help or "As named."
    if flag.default:
        text += f" Default: {flag.default}."
    return [".TP", names, escape(text)]


def _common(command: Command) -> list[str]:
    own = {name for flag in command.flags for name in flag.names}
    lines = [".SH FLAGS OF EVERY COMMAND"]
    for flag in global_flags():
        if not own.intersection(flag.names):
            lines += _flag(flag)
    lines += [".SH EXIT STATUS"]
    for code, text in exit_codes().items():
        lines += [".TP", str(code), escape(text.rstrip(".") + ".")]
    return lines


def _see_also(tree: Command, noun: str | None) -> list[str]:
    names = ["fnr", *(f"fnr-{command.path[0]}" for command in tree.children)]
    others = [name for name in names if name != ("fnr" if noun is None else f"fnr-{noun}")]
    shown = [rf"\fB{escape(name)}\fR(1)" for name in others]
    for page in file_pages():
        name, _, section = page.rpartition(".")
        shown.append(rf"\fB{escape(name)}\fR({section})")
    return [f"{line}," for line in shown[:-1]] + shown[-1:]


def _text(text: str) -> list[str]:
    """Paragraphs; what is indented stays as it is."""
    lines = []
    for index, paragraph in enumerate(re.split(r"\n\s*\n", text)):
        if index:
            lines.append(".PP")
        if paragraph.startswith("  "):
            lines += [".nf", *map(escape, paragraph.splitlines()), ".fi"]
        else:
            lines += map(escape, paragraph.splitlines())
    return lines


def _joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
