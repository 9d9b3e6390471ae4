"""Real shells on a real terminal, in which a stand-in `fnr` says which words reached it."""

from __future__ import annotations

import os
import pty
import select
import signal
from pathlib import Path

COMPLETIONS = Path(__file__).parents[2] / "completions"
PATIENCE_S = 30
# What the stand-in prints: not as it is typed, so that the terminal's echo is not taken for it.
END = "~END~"

_BASH = """
bind 'set bell-style none'
bind 'set page-completions off'
bind 'set completion-query-items 0'
PS1='READY> '
fnr() { printf '<%s>' "$@"; printf '%s%s\\n' '~END' '~'; }
source COMPLETIONS/fnr.bash
"""
_ZSH = """
unsetopt beep prompt_sp prompt_cr
fpath=(COMPLETIONS $fpath)
autoload -U compinit; compinit -u -D
PS1='READY> '
fnr() { printf '<%s>' "$@"; printf '%s%s\\n' '~END' '~'; }
"""
_FISH = """
source COMPLETIONS/fnr.fish
function fnr; printf '<%s>' $argv; printf '%s%s\\n' '~END' '~'; end
function fish_prompt; echo -n 'READY> '; end
function fish_greeting; end
"""


class Shell:
    """One interactive shell; lines are typed one after the other."""

    def __init__(self, name: str, folder: Path) -> None:
        self.transcript = ""
        words, env = _command(name, folder)
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(words[0], words, {**os.environ, **env, "TERM": "dumb", "HOME": str(folder)})
        self._read_until("READY> ")

    def reached(self, keys: str) -> list[str]:
        """Type keys (a TAB is a TAB) and Enter: the words that reached `fnr`."""
        self.transcript = ""
        os.write(self._fd, f"{keys}\r".encode())
        self._read_until(END)
        self._read_until("READY> ", behind=self.transcript.rindex(END))
        line = self.transcript[: self.transcript.rindex(END)].rpartition("\n")[2].strip("\r")
        return line[line.index("<") + 1 : -1].split("><")

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._fd)

    def _read_until(self, words: str, *, behind: int = 0) -> None:
        while words not in self.transcript[behind:]:
            ready, _, _ = select.select([self._fd], [], [], PATIENCE_S)
            assert ready, f"no {words!r} in {self.transcript!r}"
            self.transcript += os.read(self._fd, 65_536).decode(errors="replace")


def _command(name: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    folder.mkdir(exist_ok=True)
    start = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}[name]
    start = start.replace("COMPLETIONS", str(COMPLETIONS))
    if name == "bash":
        (folder / "rc").write_text(start)
        return ["bash", "--noprofile", "--rcfile", str(folder / "rc"), "-i"], {}
    if name == "zsh":
        (folder / ".zshrc").write_text(start)
        return ["zsh", "-d", "-i"], {"ZDOTDIR": str(folder)}
    return ["fish", "--no-config", "--private", "-C", start], {}
