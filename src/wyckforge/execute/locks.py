"""Locks between processes that a kill cannot leave behind.

One lock file holds any number of locks: a lock is a byte of it (POSIX ``fcntl``), which need not exist. The kernel
gives the locks of a process back the moment it ends, however it ends, so that no lock is ever stale and nobody has to
guess from a clock who is still alive. NFS (version 3 with its lock service, 4 by itself), GPFS, BeeGFS and Lustre
(mounted with ``-o flock``) do the same across machines; a machine that vanishes loses its locks after the lease of the
server, 90 s by default.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wyckforge.errors import WyckforgeError

_TAKEN = (errno.EACCES, errno.EAGAIN)


class LockFile:
    """An open lock file.

    The locks belong to the process, and closing one of two open files of the same path gives back those of both:
    a process opens a path once. Threads are not kept apart.

    Raises:
        WyckforgeError: the file cannot be opened, or its file system has no locks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise WyckforgeError(f"{path} cannot be written ({error.strerror}); give a folder that can") from error

    def try_lock(self, at: int) -> bool:
        """Take the lock with this number, unless another process has it."""
        try:
            self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB, at)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise
        return True

    def unlock(self, at: int) -> None:
        """Give the lock with this number back."""
        self._lock(fcntl.LOCK_UN, at)

    @contextmanager
    def locked(self, at: int = 0) -> Iterator[None]:
        """Wait for the lock with this number and hold it."""
        self._lock(fcntl.LOCK_EX, at)
        try:
            yield
        finally:
            self.unlock(at)

    def close(self) -> None:
        """Give all locks back."""
        os.close(self._file)

    def _lock(self, operation: int, at: int) -> None:
        try:
            fcntl.lockf(self._file, operation, 1, at)
        except OSError as error:
            if error.errno in _TAKEN:
                raise
            raise WyckforgeError(
                f"{self._path} cannot be locked ({error.strerror}); give a folder on a file system with locks "
                "(Lustre: mounted with -o flock)"
            ) from error
