"""Submissions of the format "fhir": Bundles of FHIR R4 (JSON, or NDJSON with a resource a line) as contract tables.

What comes from where stands in the readers of each kind of resource. Columns that FHIR has no standard place for come
from extensions urn:myoregistry:<table>.<column> on the resource that makes the row (follow_up's and patient's on
Patient), and measures that LOINC has no code for from the code systems urn:myoregistry:visit, :antibody, :agent,
:diagnosis, :term, :result. An extension goes before the standard element.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from registry.intake.fhir_elements import Reading, unknown_extensions
from registry.intake.fhir_json import ENDINGS, read_resources
from registry.intake.fhir_medication import event_rows, medication_rows
from registry.intake.fhir_observation import observation_rows
from registry.intake.fhir_patient import patient_rows
from registry.intake.made_rows import Remarks, text_tables
from registry.intake.standard_codes import read_codes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.intake.manifest import Manifest
    from registry.intake.sent_files import SentFiles
    from registry.intake.tables import TextTable

READ = {
    "Patient",
    "Condition",
    "Consent",
    "Observation",
    "Medication",
    "MedicationAdministration",
    "MedicationStatement",
    "AdverseEvent",
}
_PARTS = (patient_rows, observation_rows, medication_rows, event_rows)


def read_fhir(
    files: SentFiles, manifest: Manifest | None, progress: Callable[[str, float], None]
) -> Mapping[str, TextTable]:
    """Return the eight tables that the FHIR files of a submission make; all problems go into the files' list.

    Every row keeps its place, the file and the entry (of a Bundle) or line (of NDJSON) that it was made from. What is
    known but not as it should be stays in the row as text, so that the checks refuse it at that place.
    """
    del manifest
    remarks = Remarks()
    names = [name for name in files.names if name.lower().endswith(ENDINGS)]
    if not names:
        remarks.refuse("file.missing", "*.json", "There is no FHIR file.", advice="Send a Bundle as .json, or .ndjson.")
    codes = read_codes(files)
    progress("reading FHIR", 0)
    reading = Reading(resources=read_resources(files, remarks), codes=codes, remarks=remarks)
    rows = {}
    for done, make in enumerate(_PARTS, start=1):
        progress("reading FHIR", done / (len(_PARTS) + 1))
        rows.update(make(reading))
    _left_out(reading)
    files.problems += remarks.problems()
    return text_tables(rows, label=names[0] if len(names) == 1 else "FHIR")


def _left_out(reading: Reading) -> None:
    """Say what else there was: other kinds of resources, and extensions of the project that may be misspelt."""
    for resource in reading.resources.listed:
        if resource.kind not in READ:
            message = "{n} resource of this kind was not read."
            reading.remarks.leave("fhir.kind", resource.place.file, resource.kind[:40], message)
        misspelt = Counter(unknown_extensions(resource.content))
        for name, times in misspelt.items():
            for _ in range(times):
                reading.remarks.leave(
                    "fhir.extension",
                    resource.place.file,
                    name[:60],
                    "{n} extension of this name was not read: it names no column of the contract.",
                    "Write urn:myoregistry:<table>.<column>.",
                )
