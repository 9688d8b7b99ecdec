"""One process per data folder: an operating-system lock on a file in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from batuta.errors import OperatorError

FILE = "lock"
"""Name of the locked file. It holds the process id of its holder, and stays when the holder is gone."""


@contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Own a data folder for the length of a block; make it when it does not exist.

    The operating system frees the lock when the process ends, however it ends.

    Raises:
        OperatorError: another process owns it, or the folder cannot be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data_dir / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise OperatorError(
            f"The data folder cannot be used: {error.strerror}",
            where=str(data_dir),
            mend="name another one with `--data`, or give this user the right to write it",
        ) from error
    try:
        if not _locked(descriptor):
            raise _held(data_dir, descriptor)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Take the lock; False when somebody has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _held(data_dir: Path, descriptor: int) -> OperatorError:
    holder = ""
    with suppress(OSError):  # some systems do not let others read what is locked
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
    by = f" (process {holder})" if holder.isdigit() else ""
    return OperatorError(
        f"Another Batuta{by} is using the data folder",
        where=str(data_dir.absolute()),
        mend="stop it, or name another folder with `--data`",
    )
