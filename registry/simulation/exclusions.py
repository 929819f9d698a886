"""Patients whom the cohort must exclude: what is changed in their rows, by reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registry.simulation.arrays import EMPTY, keep, stack
from registry.simulation.people import reasons
from registry.simulation.treatment import code

if TYPE_CHECKING:
    from registry.simulation.arrays import Flags, Ints, Rows
    from registry.simulation.fate import Fate
    from registry.simulation.people import People
    from registry.simulation.scenario import Scenario


def excluded_for(people: People, scenario: Scenario, reason: str) -> Flags:
    """Return who is excluded for a reason; ValueError for a reason that the scenario does not have."""
    return np.asarray(people.excluded == reasons(scenario).index(reason))


def change_courses(courses: Rows, people: People, fate: Fate, duration: Ints, scenario: Scenario) -> Rows:
    """Return the courses with what excludes some patients; duration is the days from diagnosis to time zero."""
    person = courses["person"]
    active = np.isin(courses["agent"], [code("course", "agent", "ivig"), code("course", "agent", "rituximab")])

    # Not refractory: both glucocorticoids and immunosuppressants had worked.
    calm = excluded_for(people, scenario, "not refractory")[person] & ~active & (courses["start_date"] < 0)
    judged = calm & (courses["response"] != EMPTY)
    courses["response"] = np.where(judged, code("course", "response", "adequate"), courses["response"])
    failed = calm & np.isin(
        courses["stop_reason"],
        [code("course", "stop_reason", "inefficacy"), code("course", "stop_reason", "intolerance")],
    )
    courses["stop_reason"] = np.where(failed, code("course", "stop_reason", "remission"), courses["stop_reason"])

    gone = excluded_for(people, scenario, "neither agent") | excluded_for(people, scenario, "replacement only")
    courses = keep(courses, ~(active & gone[person]))
    who = {
        reason: np.flatnonzero(excluded_for(people, scenario, reason))
        for reason in ("prior exposure", "replacement only", "both on one day", "intent unclear")
    }
    prior, both = who["prior exposure"], who["both on one day"]
    zero = np.zeros(people.size, dtype=np.int64)
    rituximab, ongoing = fate.rituximab, np.where(fate.died, fate.end, EMPTY)
    return stack(
        [
            courses,
            # The day after the diagnosis comes before anything could have failed.
            _added(prior, rituximab[prior], -duration + 5, -duration + 40, intent="immunomodulatory", dose=2.0),
            _added(who["replacement only"], None, zero, ongoing, intent="replacement", dose=0.2),
            _added(both, ~rituximab[both], zero, np.minimum(fate.end, 20), intent="immunomodulatory", dose=2.0),
            # 0.8 g/kg every four weeks without an intent is neither immunomodulation nor replacement by the rules; it
            # starts early enough for the infusions of its first four weeks to come before time zero.
            _added(who["intent unclear"], None, zero - 30, zero - 2, intent=None, dose=0.8),
        ]
    )


def _added(person: Ints, rituximab: Flags | None, start: Ints, stop: Ints, *, intent: str | None, dose: float) -> Rows:
    """Return one course a person: rituximab 1 g where flagged, otherwise immunoglobulin at that dose in g/kg."""
    n = len(person)
    by_rituximab = np.zeros(n, dtype=bool) if rituximab is None else rituximab
    until = stop[person]
    goes_on = until == EMPTY
    return {
        "person": person,
        "agent": np.where(by_rituximab, code("course", "agent", "rituximab"), code("course", "agent", "ivig")),
        "intent": np.full(n, EMPTY if intent is None else code("course", "intent", intent)),
        "start_date": start[person],
        "stop_date": until,
        "stop_status": np.where(
            goes_on, code("course", "stop_status", "still taken"), code("course", "stop_status", "stopped")
        ),
        "stop_reason": np.where(goes_on, EMPTY, code("course", "stop_reason", "planned")),
        "dose": np.where(by_rituximab, 1000.0, dose),
        "dose_unit": np.where(by_rituximab, code("course", "dose_unit", "mg"), code("course", "dose_unit", "g/kg")),
        "schedule": np.where(
            by_rituximab, code("course", "schedule", "every 2 weeks"), code("course", "schedule", "every 4 weeks")
        ),
    }


def change_infusions(infusions: Rows, people: People, scenario: Scenario) -> Rows:
    """Return the infusions without those of patients who get neither agent for their disease."""
    gone = excluded_for(people, scenario, "neither agent") | excluded_for(people, scenario, "replacement only")
    return keep(infusions, ~gone[infusions["person"]])


def without_baseline(rows: Rows, people: People, scenario: Scenario) -> Rows:
    """Return visits or labs without the baseline of patients who had none."""
    gone = excluded_for(people, scenario, "no baseline visit")[rows["person"]] & (rows["date"] <= 0)
    return keep(rows, ~gone)
