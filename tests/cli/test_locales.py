"""What a locale without UTF-8 makes of the words of a command line."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
from cli_runs import Run
from wire_server import WireServer

from fnr.api.requests import Submit, Submitted
from fnr.config.rule_files import read_packs


def test_words_in_utf_8_are_understood_where_the_locale_has_no_such_letters(
    server: WireServer, fnr: Run
) -> None:
    """Method: words as Python reads them with LC_ALL=C."""
    word = "h\udcc3\udca9"
    server.answers[Submit] = Submitted(task_id="T")
    found = fnr(
        "submit", word, f"{word}={word}", f"--tag=a={word}", "--unique", word, "--key", word
    )
    assert found.code == 0
    spec = server.asked[-1].task
    assert (spec.function, msgspec.json.decode(spec.input)) == ("hé", {"hé": "hé"})
    assert (spec.tags, spec.unique, spec.key) == ({"a": "hé"}, "hé", "hé")
    assert fnr("run", "-d", "--env", f"A={word}", "--", "echo", word).code == 0
    wanted = msgspec.json.decode(server.asked[-1].task.input)
    assert (wanted["argv"], wanted["env"]) == (["echo", "hé"], {"A": "hé"})


def test_the_shipped_rules_are_read_where_the_locale_has_no_such_letters() -> None:
    """Method: as in a locale with an encoding of its own, such as EUC-JP, which hosts may lack."""
    env = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code = "from fnr.config.rule_files import read_packs; print(len(read_packs()))"
    found = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert (found.stdout, found.stderr) == (f"{len(read_packs())}\n", "")
