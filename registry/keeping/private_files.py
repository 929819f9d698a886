"""Files that only their owner can read, and plain text that a crash leaves behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def private_files() -> Iterator[None]:
    """Let nobody but the owner read what is made inside the block."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def spill_folder(path: Path) -> Iterator[Path]:
    """Give DuckDB a private folder for what does not fit in memory, empty at the start and gone at the end.

    Spilled rows are plain text and stay behind after a crash: the next one to open the file removes them. A folder is
    in use while its maker holds a lock on it, however that ends; the number of a process may be given out again.
    """
    for old in path.parent.glob(f"{path.name}.spill-*"):
        _remove_unused(old)
    spill, descriptor = _locked_folder(path)
    try:
        yield spill
    finally:
        shutil.rmtree(spill, ignore_errors=True)
        os.close(descriptor)


def _locked_folder(path: Path) -> tuple[Path, int]:
    while True:
        spill = Path(tempfile.mkdtemp(prefix=f"{path.name}.spill-{os.getpid()}-", dir=path.parent))
        with suppress(FileNotFoundError):
            # Another process may take it for one that was left behind before it is locked.
            descriptor = os.open(spill, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if spill.is_dir():
                return spill, descriptor
            os.close(descriptor)


def _remove_unused(folder: Path) -> None:
    with suppress(FileNotFoundError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            # Somebody is at work in it.
            return
        finally:
            os.close(descriptor)
