"""Files that only their owner can read, and plain text that a crash leaves behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
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

    Spilled rows are plain text and stay behind after a crash: the next one to open the file removes them. Folders of
    processes that are still running are left alone.
    """
    for old in path.parent.glob(f"{path.name}.spill-*"):
        pid = old.name.removeprefix(f"{path.name}.spill-").partition("-")[0]
        if pid.isdigit() and not _runs(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
    spill = Path(tempfile.mkdtemp(prefix=f"{path.name}.spill-{os.getpid()}-", dir=path.parent))
    try:
        yield spill
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
