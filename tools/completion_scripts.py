"""Writes static completion scripts for bash, zsh and fish: no Python starts when Tab is pressed.

All three work the same way: find the command that the words so far name, then offer what is below
it, its flags, or the values of the flag before the cursor.
"""

from __future__ import annotations

from collections.abc import Iterable

from command_tree import Command, Flag, global_flags

NOTE = "Made by tools/make_docs.py from the command line itself; do not edit."


def completions(tree: Command) -> dict[str, str]:
    """File name -> script."""
    return {"fnr.bash": _bash(tree), "_fnr": _zsh(tree), "fnr.fish": _fish(tree)}


def _flags(command: Command) -> list[Flag]:
    """Its own flags and those that every command takes, each name once."""
    own = {name for flag in command.flags for name in flag.names}
    return [*command.flags, *(f for f in global_flags() if not own.intersection(f.names))]


def _with_value(tree: Command) -> list[str]:
    """Names of all flags that take the next word."""
    flags = [flag for command in tree.walk() for flag in _flags(command) if flag.metavar]
    return sorted({name for flag in flags for name in flag.names})


def _kind(flag: Flag) -> str:
    """What its value is, as far as a shell can complete it: "choices", "dirs", "files" or ""."""
    if flag.choices:
        return "choices"
    if "DIR" in flag.metavar:
        return "dirs"
    return "files" if "FILE" in flag.metavar else ""


def _key(command: Command) -> str:
    return "/".join(command.path)


def _valued(tree: Command) -> Iterable[tuple[str, Flag]]:
    """ "dlq/list:--where", flag: for every flag whose value can be completed."""
    for command in tree.walk():
        for flag in _flags(command):
            if _kind(flag):
                for name in flag.names:
                    yield f"{_key(command)}:{name}", flag


# ── bash ─────────────────────────────────────────────────────────────────────


def _bash(tree: Command) -> str:
    lines = [f"# {NOTE}", "_fnr_commands() {", "  case $1 in"]
    for command in tree.walk():
        if command.children:
            names = " ".join(child.path[-1] for child in command.children)
            lines.append(f"    '{_key(command)}') echo '{names}' ;;")
    lines += ["  esac", "}", "", "_fnr_flags() {", "  case $1 in"]
    for command in tree.walk():
        names = " ".join(name for flag in _flags(command) for name in flag.names)
        lines.append(f"    '{_key(command)}') echo '{names}' ;;")
    lines += ["  esac", "}", "", "_fnr_values() {", "  case $1 in"]
    for key, flag in _valued(tree):
        make = {
            "choices": f"compgen -W '{' '.join(flag.choices)}' -- \"$2\"",
            "dirs": 'compgen -d -- "$2"',
            "files": 'compgen -f -- "$2"',
        }[_kind(flag)]
        lines.append(f"    '{key}') {make} ;;")
    lines += ["  esac", "}", "", _BASH_MAIN.replace("WITH_VALUE", "|".join(_with_value(tree)))]
    return "\n".join(lines)


_BASH_MAIN = """\
_fnr() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} path='' word next i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
      WITH_VALUE) ((i++)) ;;
      -*) ;;
      *)
        next=${path:+$path/}$word
        [[ " $(_fnr_commands "$path") " == *" $word "* ]] && path=$next ;;
    esac
  done
  case $prev in
    WITH_VALUE)
      mapfile -t COMPREPLY < <(_fnr_values "$path:$prev" "$cur"); return ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_fnr_flags "$path")" -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -W "$(_fnr_commands "$path")" -- "$cur")
  fi
}
complete -o default -F _fnr fnr
"""


# ── zsh ──────────────────────────────────────────────────────────────────────


def _zsh(tree: Command) -> str:
    lines = ["#compdef fnr", f"# {NOTE}", "_fnr_commands() {", "  case $1 in"]
    for command in tree.walk():
        if command.children:
            pairs = [(child.path[-1], child.summary) for child in command.children]
            lines.append(f"    '{_key(command)}') found=({_zsh_pairs(pairs)}) ;;")
    lines += ["  esac", "}", "", "_fnr_flags() {", "  case $1 in"]
    for command in tree.walk():
        pairs = [(name, flag.help) for flag in _flags(command) for name in flag.names]
        lines.append(f"    '{_key(command)}') found=({_zsh_pairs(pairs)}) ;;")
    lines += ["  esac", "}", "", "_fnr_values() {", "  case $1 in"]
    for key, flag in _valued(tree):
        make = {
            "choices": f"compadd -- {' '.join(flag.choices)}",
            "dirs": "_files -/",
            "files": "_files",
        }[_kind(flag)]
        lines.append(f"    '{key}') {make} ;;")
    lines += ["  esac", "}", "", _ZSH_MAIN.replace("WITH_VALUE", "|".join(_with_value(tree)))]
    return "\n".join(lines)


def _zsh_pairs(pairs: Iterable[tuple[str, str]]) -> str:
    shown = []
    for name, text in pairs:
        words = f"{name}:{_headline(text)}" if text else name
        shown.append("'" + words.replace("'", "'\\''") + "'")
    return " ".join(shown)


_ZSH_MAIN = """\
_fnr() {
  local at='' word i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    word=${words[i]}
    case $word in
      --) _files; return ;;
      WITH_VALUE) ((i++)) ;;
      -*) ;;
      *)
        found=()
        _fnr_commands "$at"
        (( ${found[(I)$word:*]} )) && at=${at:+$at/}$word ;;
    esac
  done
  case ${words[CURRENT - 1]} in
    WITH_VALUE) _fnr_values "$at:${words[CURRENT - 1]}"; return ;;
  esac
  found=()
  if [[ $PREFIX == -* ]]; then
    _fnr_flags "$at"
    _describe -o 'flag' found
  else
    _fnr_commands "$at"
    if (( $#found )); then _describe 'command' found; else _files; fi
  fi
}
_fnr "$@"
"""


# ── fish ─────────────────────────────────────────────────────────────────────


def _fish(tree: Command) -> str:
    paths = " ".join(_key(command) for command in tree.walk() if command.path)
    lines = [f"# {NOTE}", f"set -g __fnr_paths {paths}"]
    lines.append(_FISH_AT.replace("WITH_VALUE", " ".join(_with_value(tree))))
    for command in tree.walk():
        here = f"complete -c fnr -n '__fnr_at \"{_key(command)}\"'"
        lines += [
            f"{here} -f -a {child.path[-1]} -d {_fish_text(child.summary)}"
            for child in command.children
        ]
        lines += [f"{here} {_fish_flag(flag)}" for flag in _flags(command)]
    return "\n".join(lines) + "\n"


def _fish_flag(flag: Flag) -> str:
    names = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in flag.names]
    value = {
        "choices": f" -x -a '{' '.join(flag.choices)}'",
        "dirs": " -x -a '(__fish_complete_directories)'",
        "files": " -r",
    }.get(_kind(flag), " -x" if flag.metavar else "")
    return f"{' '.join(names)}{value} -d {_fish_text(flag.help)}"


_FISH_AT = """\
function __fnr_at
    set -l words (commandline -opc)
    set -e words[1]
    set -l at ''
    set -l skip 0
    for word in $words
        if test $skip = 1
            set skip 0
        else if contains -- $word WITH_VALUE
            set skip 1
        else
            set -l next (string trim -c / -- "$at/$word")
            contains -- $next $__fnr_paths; and set at $next
        end
    end
    test "$at" = "$argv[1]"
end
"""


def _fish_text(text: str) -> str:
    return "'" + _headline(text).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _headline(text: str) -> str:
    return " ".join(text.split())
