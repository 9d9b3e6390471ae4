"""Find the files that were installed beside the package: completions and manual pages.

They lie under the `share` folder of the environment; in a source tree the tree's own come first,
because what was installed from it may be older.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import fnr


def installed_file(source: str, shared: str) -> Path | None:
    """source: where a source tree has it, "completions/fnr.bash"; shared: where below `share`."""
    return next((file for file in _candidates(source, shared) if file.is_file()), None)


def _candidates(source: str, shared: str) -> Iterator[Path]:
    tree = Path(fnr.__file__).parents[1]
    if (tree / "pyproject.toml").is_file():
        yield tree / source
    try:
        files = metadata.files("fnr") or ()
    except metadata.PackageNotFoundError:
        files = ()
    for file in files:
        if file.as_posix().endswith(f"share/{shared}"):
            yield Path(str(file.locate()))
    yield Path(sys.prefix) / "share" / shared
