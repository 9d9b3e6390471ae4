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


def files_there() -> set[str]:
    """What lies in the folders of what is made, old or new."""
    found = [path for folder in ("man", "completions") for path in (ROOT / folder).rglob("*")]
    return {path.relative_to(ROOT).as_posix() for path in found if path.is_file()}


def main() -> int:
    """Write what is missing or old, and remove what is no longer made."""
    files = made_files()
    for name in files_there() - files.keys():
        (ROOT / name).unlink()
    for name, text in files.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text)
    sys.stdout.write(f"{len(files)} files\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
