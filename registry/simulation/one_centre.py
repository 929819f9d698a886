"""One simulated centre, from its random streams to the eight tables and the latent values behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from registry.contract import TABLES
from registry.simulation import background, core_set, exclusions, immunoglobulin, infusions, laboratory, persons
from registry.simulation.arrays import EMPTY, stack
from registry.simulation.events import event_rows
from registry.simulation.fate import draw_fate
from registry.simulation.people import draw_people, draw_rituximab_first, reasons
from registry.simulation.tables import patient_ids, sorted_rows, to_arrow
from registry.simulation.treatment import course_rows, draw_episodes, draw_habits
from registry.simulation.visits import draw_visits

if TYPE_CHECKING:
    import pyarrow as pa

    from registry.simulation.arrays import Floats, Ints, Rows
    from registry.simulation.centre import Centre
    from registry.simulation.core_set import Baseline, Moments
    from registry.simulation.fate import Fate
    from registry.simulation.people import People
    from registry.simulation.scenario import Scenario
    from registry.simulation.treatment import Habits

# One random stream a purpose, so that a change in one part leaves the others as they were.
STREAMS = (
    "centre", "people", "arm", "fate", "visits", "measures", "missing", "labs", "treatment", "background", "events",
    "dirt",
)  # fmt: skip
MMT_MAXIMUM = 150


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One simulated centre: its tables in canonical units, the latent values, and the stream for its bad rows."""

    centre: Centre
    tables: dict[str, pa.Table]
    latent: pd.DataFrame
    dirt: np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What the tables of a centre are made from; duration is the days from diagnosis to time zero."""

    centre: Centre
    people: People
    fate: Fate
    baseline: Baseline
    at: Moments
    habits: Habits
    duration: Ints
    dose: Floats


def simulate_centre(streams: dict[str, np.random.Generator], centre: Centre, scenario: Scenario) -> Simulated:
    """Return a centre's patients as the tables that it sends."""
    drawn = _draw(streams, centre, scenario)
    people, fate = drawn.people, drawn.fate
    rows = _treatment_and_safety(streams, drawn, scenario)
    rows["visit"] = exclusions.without_baseline(_visits(streams, drawn, scenario), people, scenario)
    rows["patient"] = persons.patient_rows(streams["background"], people, fate, drawn.duration, scenario)
    rows["antibody"] = persons.antibody_rows(streams["background"], centre, people, drawn.duration, scenario)
    rows["follow_up"] = persons.follow_up_rows(fate, scenario)
    ids = patient_ids(centre.size)
    texts = {"method": laboratory.LDH_METHODS}
    tables = {name: to_arrow(name, sorted_rows(name, rows[name]), ids, fate.time_zero, texts=texts) for name in TABLES}
    latent = _latent(drawn, scenario)
    latent.insert(1, "patient_id", ids.to_pylist())
    return Simulated(centre=centre, tables=tables, latent=latent, dirt=streams["dirt"])


def _draw(streams: dict[str, np.random.Generator], centre: Centre, scenario: Scenario) -> Drawn:
    effects = (centre.effect_response, centre.effect_failure, centre.effect_ldh, centre.preference)
    first, second, third, fourth = (np.full(centre.size, effect) for effect in effects)
    people = draw_people(streams["people"], centre.size, (first, second, third, fourth), scenario)
    rituximab = draw_rituximab_first(streams["arm"], people, scenario)
    fate = draw_fate(streams["fate"], people, rituximab, scenario)
    visits = draw_visits(streams["visits"], fate, scenario)
    at = core_set.moments(fate.latent, fate.warning, visits.person, visits.day)
    minor = exclusions.excluded_for(people, scenario, "under age")
    baseline = core_set.draw_baseline(streams["measures"], people, scenario)
    return Drawn(
        centre=centre,
        people=people,
        fate=fate,
        baseline=baseline,
        at=at,
        habits=draw_habits(streams["treatment"], people.female, scenario),
        duration=background.draw_duration(streams["background"], people, minor, scenario),
        dose=core_set.prednisone_dose(baseline, at),
    )


def _treatment_and_safety(streams: dict[str, np.random.Generator], drawn: Drawn, scenario: Scenario) -> dict[str, Rows]:
    """Return lab, course, infusion and event: they need each other."""
    people, fate, at, habits = drawn.people, drawn.fate, drawn.at, drawn.habits
    treatment, labs = streams["treatment"], streams["labs"]
    episodes, cyclophosphamide = draw_episodes(treatment, fate, scenario)
    igg = immunoglobulin.draw_igg(labs, people, episodes, at, scenario)
    level = laboratory.draw_level(labs, people, scenario)
    log2_ldh = laboratory.draw_log2_ldh(labs, level, at, fate.rituximab, scenario)
    lab = laboratory.draw_labs(
        labs, centre=drawn.centre, people=people, at=at, igg=igg, log2_ldh=log2_ldh, scenario=scenario
    )
    found = laboratory.igg_found(lab)
    start, last = immunoglobulin.replacement_starts(treatment, episodes, fate, found, scenario)
    longest = int(scenario.number("infusion_rows_days"))
    person, day = immunoglobulin.replacement_days(start, last, longest)
    dose = np.full(len(person), 0.2)
    infusion = stack(
        [
            infusions.infusion_rows(treatment, drawn.centre, episodes, habits, scenario),
            infusions.ivig_days(treatment, drawn.centre, habits, person, day, dose, scenario),
        ]
    )
    background_stream = streams["background"]
    glucocorticoid = "prednisolone" if drawn.centre.prednisolone else "prednisone"
    course = stack(
        [
            course_rows(episodes, habits),
            immunoglobulin.replacement_rows(treatment, fate, start, last, scenario),
            background.immunosuppressant_rows(background_stream, people, fate, drawn.duration, scenario),
            background.cyclophosphamide_rows(fate, cyclophosphamide),
            background.glucocorticoid_rows(
                background_stream, fate, drawn.duration, at, drawn.dose, agent=glucocorticoid, scenario=scenario
            ),
        ]
    )
    return {
        "lab": exclusions.without_baseline(lab, people, scenario),
        "event": event_rows(
            streams["events"],
            people=people,
            fate=fate,
            episodes=episodes,
            infusions=infusion,
            replaced_from=start,
            scenario=scenario,
        ),
        "course": exclusions.change_courses(course, people, fate, drawn.duration, scenario),
        "infusion": exclusions.change_infusions(infusion, people, scenario),
    }


def _visits(streams: dict[str, np.random.Generator], drawn: Drawn, scenario: Scenario) -> Rows:
    rng, missing, at, baseline = streams["measures"], streams["missing"], drawn.at, drawn.baseline
    never, sometimes = scenario.numbers("ptga_missing")
    no_ptga = (missing.random(drawn.people.size) < never)[at.person] | (missing.random(at.size) < sometimes)
    no_haq = (not drawn.centre.haq) | (missing.random(at.size) < scenario.numbers("haq_missing")[1])
    no_cdasi = ~baseline.skin[at.person] | (missing.random(at.size) < scenario.share("cdasi_missing"))
    no_dose = missing.random(at.size) < scenario.share("prednisone_missing")
    weight = np.round(drawn.habits.weight[at.person] + rng.normal(0, 1.2, at.size), 1)
    return {
        "person": at.person,
        "date": at.day,
        "phga": core_set.draw_phga(rng, baseline, at) / 10,
        "ptga": np.where(no_ptga, np.nan, core_set.draw_ptga(rng, baseline, at) / 10),
        "exga": core_set.draw_exga(rng, baseline, at) / 10,
        "mmt8": core_set.draw_mmt8(rng, baseline, at),
        "mmt_maximum": np.full(at.size, MMT_MAXIMUM),
        "haq": np.where(no_haq, np.nan, core_set.draw_haq(rng, baseline, at) / 8),
        "cdasi_activity": np.where(no_cdasi, EMPTY, core_set.draw_cdasi(rng, baseline, at)),
        "weight": weight,
        "height": np.where(at.baseline, drawn.habits.height[at.person], np.nan),
        "prednisone": np.where(no_dose, np.nan, drawn.dose),
    }


def _latent(drawn: Drawn, scenario: Scenario) -> pd.DataFrame:
    """Return what a cohort should find, a row a person."""
    people, fate = drawn.people, drawn.fate
    names = np.array(reasons(scenario))

    def seen(day: Ints) -> Floats:
        return np.where(day <= fate.end, day, np.nan)

    return pd.DataFrame(
        {
            "centre": drawn.centre.code,
            "excluded": names[people.excluded],
            "arm": np.where(fate.rituximab, "rituximab", "ivig"),
            "rituximab": fate.rituximab.astype(np.float64),
            "incident": ~fate.prevalent,
            "entry_day": np.where(fate.prevalent, fate.entry, 0),
            "end_day": fate.end,
            "response_40_day": seen(fate.latent.response),
            "failure_day": seen(fate.latent.failure),
            **people.covariates(),
        }
    )
