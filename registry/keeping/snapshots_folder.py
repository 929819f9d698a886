"""The folder of snapshots: one process at a time freezes or removes, and what a stopped one left behind goes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.keeping.private_files import private_files
from registry.keeping.publish import UNFINISHED, remove
from registry.keeping.writer import WAIT_SECONDS, writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.study import Study

LOCK = ".lock"


@contextmanager
def snapshots_lock(study: Study, what: str, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the folder of snapshots until the end of the with block; who wants the registry too takes it afterwards."""
    with private_files():
        study.snapshots.mkdir(exist_ok=True)
    with writer(study.snapshots / LOCK, what, name="folder of snapshots", wait_seconds=wait_seconds):
        yield


def remove_unfinished_snapshots(study: Study) -> int:
    """Remove what a freeze or a removal left behind that was stopped, while holding the lock; return how many."""
    found = [left for parent in (study.snapshots, study.results) for left in sorted(parent.glob(f"{UNFINISHED}*"))]
    for left in found:
        remove(left)
    return len(found)
