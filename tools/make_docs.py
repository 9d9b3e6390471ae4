"""Makes man/ and completions/ from the command line: `python tools/make_docs.py`.

The files are committed, because a wheel installs them; tests/test_docs.py says when they are old.
"""

from __future__ import annotations

import sys
from pathlib import Path

from command_tree import read_tree
from completion_scripts import completions
from man_pages import man_pages

ROOT = Path(__file__).parents[1]


def made_files() -> dict[str, str]:
    """Path below the repository -> text, of everything that is made."""
    tree = read_tree()
    files = {f"man/{name}": text for name, text in man_pages(tree).items()}
    return files | {f"completions/{name}": text for name, text in completions(tree).items()}


def main() -> int:
    """Write what is missing or old, and remove what is no longer made."""
    files = made_files()
    for folder in ("man", "completions"):
        (ROOT / folder).mkdir(exist_ok=True)
        for path in (ROOT / folder).iterdir():
            if f"{folder}/{path.name}" not in files:
                path.unlink()
    for name, text in files.items():
        (ROOT / name).write_text(text)
    sys.stdout.write(f"{len(files)} files\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
