"""Find the flags that every command takes, wherever on the line they stand.

People write `-o json` at the end, where typer would look for it in the last command only.
"""

from __future__ import annotations

# Flag -> name of the setting. Those with a value take the next word, or what stands behind "=".
_WITH_VALUE = {
    "--home": "home",
    "--config": "config",
    "-o": "output",
    "--output": "output",
    "--timeout": "timeout",
}
_WITHOUT = {"-q": "quiet", "--quiet": "quiet", "--no-color": "no_color"}
# Here --timeout is the task's own.
_OWN_TIMEOUT = frozenset({"submit", "run"})
# Behind it stands somebody else's command, whose flags are its own; these of ours take a value.
_RUN = "run"
RUN_WITH_VALUE = frozenset(
    (
        "--cwd",
        "--env",
        "--memory",
        "--name",
        "--nice",
        "--priority",
        "-p",
        "-dp",
        "--retries",
        "--tag",
        "--timeout",
    )
)
OUTPUTS = ("table", "json", "jsonl", "name")

HELP = """Flags that every command takes, anywhere on the line:

  --home DIR            config, state, socket and logs under one folder  [FNR_HOME]
  --config FILE         another fnr.toml                                 [FNR_CONFIG]
  -o, --output FORMAT   table, json, jsonl or name
  -q, --quiet           no hints and notices on stderr
  --no-color            no colour                                        [NO_COLOR]
  --timeout TIME        how long to wait for the daemon (10s, a reload 60s); exit 124 after it
  -h, --help            what a command does, with examples
"""


class FlagError(Exception):
    """A flag that every command takes was written wrongly."""


class Globals:
    """The flags that every command takes."""

    __slots__ = ("config", "home", "no_color", "output", "quiet", "timeout")

    def __init__(self) -> None:
        self.home = ""
        self.config = ""
        self.output = ""
        self.timeout = ""
        self.quiet = False
        self.no_color = False


def hoist(words: list[str]) -> tuple[Globals, list[str]]:
    """The flags for all, and the words that are left for the command; FlagError if one is wrong."""
    found, rest = Globals(), []
    own_timeout = False
    value_of_run = False
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "--":
            rest += words[index - 1 :]
            break
        if value_of_run:
            rest.append(word)
            value_of_run = False
            continue
        if rest[:1] == [_RUN] and not word.startswith("-"):
            rest += words[index - 1 :]
            break
        if not word.startswith("-") and not rest:
            own_timeout = word in _OWN_TIMEOUT
        if word in _WITHOUT:
            setattr(found, _WITHOUT[word], True)
            continue
        flag, has_value, value = _split(word)
        if flag not in _WITH_VALUE or (flag == "--timeout" and own_timeout):
            rest.append(word)
            value_of_run = rest[0] == _RUN and word in RUN_WITH_VALUE
            continue
        if not has_value:
            if index >= len(words):
                raise FlagError(f"{flag} needs a value")
            value = words[index]
            index += 1
        if not value:
            # --home "$UNSET" must not become the home of somebody else.
            raise FlagError(f"{flag} needs a value, and an empty one is none")
        setattr(found, _WITH_VALUE[flag], value)
    if found.output and found.output not in OUTPUTS:
        raise FlagError(f"-o takes {', '.join(OUTPUTS)}, not {found.output!r}")
    return found, rest


def output_asked(words: list[str]) -> str:
    """Of a line that `hoist` refuses: the format in which to say so; "" when it names none."""
    ours = words[: words.index("--")] if "--" in words else words
    for word, following in zip(ours, [*ours[1:], ""], strict=True):
        flag, has_value, value = _split(word)
        value = value if has_value else following
        if _WITH_VALUE.get(flag) == "output" and value in OUTPUTS:
            return value
    return ""


def _split(word: str) -> tuple[str, bool, str]:
    """ "--home=x" and "-ojson" into flag and value."""
    if word.startswith("--"):
        flag, equals, value = word.partition("=")
        return flag, bool(equals), value
    if word.startswith("-o") and len(word) > 2:
        return "-o", True, word[2:].removeprefix("=")
    return word, False, ""
