"""What goes wrong with the store's file, in words for the operator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fnr.api.errors import (
    PermissionDenied,
    ProtocolMismatch,
    Refused,
    StorageError,
    UsageError,
    no_such_id,
)
from fnr.config.paths import Paths
from fnr.host import disk
from fnr.policy.filter import FilterError
from fnr.store.cursor import CURSOR_WORDS, BadCursor
from fnr.store.ids import AmbiguousId, NoSuchId
from fnr.store.transaction import (
    FULL_CODES,
    StoreNewer,
    StoreOlder,
    is_of_a_write,
    primary_code,
)


@contextmanager
def told_to_people(paths: Paths, *, copy: str = "") -> Iterator[None]:
    """Turn what the store raises into FnrErrors.

    copy: the file that SQLite reads, where that is not the store's own.
    """
    try:
        yield
    except StoreNewer as error:
        raise ProtocolMismatch(
            "the store is from a newer version of fnr",
            why=str(error),
            next_step="install that version, or choose another --home",
        ) from error
    except StoreOlder as error:
        raise ProtocolMismatch(
            "the store is from an older version of fnr",
            why=str(error),
            next_step="fnr daemon start",
        ) from error
    except NoSuchId as error:
        raise no_such_id(str(error), noun=error.noun) from error
    except AmbiguousId as error:
        raise Refused(str(error), why="the prefix fits several ids") from error
    except BadCursor as error:
        raise UsageError(str(error), why=CURSOR_WORDS) from error
    except FilterError as error:
        raise UsageError(
            f"the filter was not understood: {error}", next_step="fnr help filters"
        ) from error
    except PermissionError as error:
        raise PermissionDenied(
            f"{paths.store_file} cannot be read", why=str(error.strerror)
        ) from error
    except OSError as error:
        raise StorageError(f"{paths.store_file} cannot be used", why=str(error)) from error
    except Exception as error:
        # Only the store imports sqlite3; its errors are known by their codes.
        if not primary_code(error):
            raise
        if copy:
            raise StorageError(f"{copy} cannot be read", why=str(error)) from error
        raise _of_sqlite(error, paths) from error


def _of_sqlite(error: Exception, paths: Paths) -> StorageError:
    if primary_code(error) in FULL_CODES or is_of_a_write(error):
        return StorageError(
            f"{paths.store_file} cannot be written",
            why=f"{error}; {disk.words_of_room(paths.state_dir)}",
        )
    what = f"{paths.store_file} cannot be read"
    if disk.is_full(paths.state_dir):
        # Reading takes some room, too.
        return StorageError(what, why=f"{error}; {disk.words_of_room(paths.state_dir)}")
    damaged = "not a database" in str(error) or "malformed" in str(error)
    next_step = "fnr db restore BACKUP" if damaged else "fnr db check"
    return StorageError(what, why=str(error), next_step=next_step)
