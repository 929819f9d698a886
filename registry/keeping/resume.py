"""What a stopped command had set out to do, brought to its end by the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.keeping import erase, journal, leftovers, refreeze, rekey, restore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.study import Study


JOURNALS = (leftovers.RESTORING, erase.JOURNAL, rekey.JOURNAL, refreeze.PLAN)


def resume_stopped(study: Study) -> Iterator[str]:
    """Finish what was set out, in the order in which it can be finished; say so."""
    if journal.set_out_before(study, leftovers.RESTORING) is not None:
        restore.carry_out_restore(study)
        yield "A 'restore' had been stopped; it was brought to its end."
    if journal.set_out_before(study, erase.JOURNAL) is not None:
        erase.carry_out_erasure(study)
        yield "An 'erase' had been stopped; it was brought to its end."
    if journal.set_out_before(study, rekey.JOURNAL) is not None:
        rekey.carry_out_rekey(study)
        yield "A 'rekey' had been stopped; it was brought to its end."
    if journal.set_out_before(study, refreeze.PLAN) is not None:
        refreeze.carry_out_refreeze(study)
        yield "Snapshots that had to be frozen anew were frozen anew."
