"""The simulator's files, assumptions, truth and refusals."""

from __future__ import annotations

import csv
import hashlib
import json
import tomllib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from registry.checking.checks import check
from registry.cohort import select_cohort
from registry.contract import contract
from registry.errors import UserError
from registry.intake.submission import read_submission
from registry.keeping.keys import read_keys
from registry.keeping.pseudonyms import person_pseudonym
from registry.keeping.store import add
from registry.simulate import default_scenario, draw, simulate
from registry.simulation.centre import centre_sizes, make_centre
from registry.simulation.dirt import add_dirt
from registry.simulation.fate import hazards, latent_days
from registry.simulation.one_centre import STREAMS, simulate_centre
from registry.simulation.people import draw_people
from registry.simulation.truth import truth
from registry.snapshot import freeze
from registry.study import load_study

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from registry.simulation.scenario import Scenario

CLEAN = default_scenario().replace({"dirt": 0.0})
# The parts of the truth that are drawn need no precision here.
QUICK = {"monte_carlo_people": 4000.0}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a clean simulated study of 70 patients in 6 centres."""
    return simulate(tmp_path_factory.mktemp("study"), patients=70, centres=6, seed=5, scenario=CLEAN.replace(QUICK))


@pytest.fixture(scope="module")
def many() -> dict[str, pd.DataFrame]:
    """Return the frames of 4,000 patients in 12 centres."""
    return draw(4000, 12, 11)


def bytes_of(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def true_values(scenario: Scenario) -> dict[str, float]:
    return {one.name: one.value for one in truth(scenario)}


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    scenario = default_scenario().replace(QUICK)
    made = [
        bytes_of(simulate(tmp_path / name, patients=30, centres=3, seed=seed, scenario=scenario))
        for name, seed in (("a", 4), ("b", 4), ("c", 5))
    ]
    assert made[0] == made[1]
    assert made[0].keys() == made[2].keys()
    assert all(made[0][name] != made[2][name] for name in made[0] if name.endswith(("visit.csv", "lab.csv")))


def test_a_study_is_its_submissions_its_configuration_and_its_truth(study: Path) -> None:
    configuration = load_study(study)
    folders = sorted(path.name for path in (study / "submissions").iterdir())
    assert folders == sorted(f"{centre.code}-2026-06-30" for centre in configuration.centres)
    [report] = configuration.reports
    assert (report.every, str(report.first_due), report.data_cut) == (
        "quarter",
        "2026-07-15",
        "end of the previous quarter",
    )
    assert [(d.kind, d.folder) for d in report.delivery if d.kind == "folder"] == [("folder", "outbox")]
    for folder in folders:
        files = {path.name for path in (study / "submissions" / folder).iterdir()}
        assert files == {"manifest.toml", *(table.file for table in contract().values())}
        for table in contract().values():
            with (study / "submissions" / folder / table.file).open(encoding="utf-8", newline="") as file:
                assert tuple(next(csv.reader(file))) == table.names


def test_the_registry_takes_every_row_and_finds_the_truth(study: Path) -> None:
    configuration = load_study(study)
    for folder in sorted((study / "submissions").iterdir()):
        receipt = add(configuration, folder)
        rejected = [problem for problem in receipt.problems if problem.severity == "reject"]
        assert not rejected, rejected[:3]
    cohort = select_cohort(freeze(configuration), configuration, users="all")
    latent = draw(70, 6, 5, CLEAN)["latent"]
    keys = read_keys(configuration.key_file)
    latent.index = pd.Index(
        f"{centre}/{person_pseudonym(keys, centre, name)}"
        for centre, name in zip(latent["centre"], latent["patient_id"], strict=True)
    )
    kept = latent[latent["excluded"] == ""].sort_index()
    found = cohort.patients.set_index("person_id").sort_index()
    assert list(found.index) == list(kept.index)
    assert list(found["arm"]) == list(kept["arm"])
    days = ["entry_day", "end_day", "response_40_day", "failure_day"]
    for name in (*days, *configuration.analysis.covariates):
        np.testing.assert_allclose(found[name].astype(float), kept[name].astype(float), atol=1e-9, err_msg=name)


def test_dirt_is_rejected_and_leaves_the_rows_that_decide_an_estimand(tmp_path: Path) -> None:
    pair = [
        simulate(tmp_path / str(dirt), patients=60, centres=2, seed=5, scenario=CLEAN.replace({**QUICK, "dirt": dirt}))
        for dirt in (0.0, 0.08)
    ]
    rules = set()
    for folder in (pair[1] / "submissions").iterdir():
        clean = pair[0] / "submissions" / folder.name
        for table in ("patient", "course", "infusion", "visit", "follow_up"):
            assert (folder / f"{table}.csv").read_bytes() == (clean / f"{table}.csv").read_bytes()
        pairs = zip(
            (folder / "lab.csv").read_text().splitlines(), (clean / "lab.csv").read_text().splitlines(), strict=True
        )
        changed = [ours for ours, theirs in pairs if ours != theirs]
        assert all(",AST," in line for line in changed)
        problems = check(read_submission(folder), None).problems
        rules |= {(problem.file, problem.rule) for problem in problems if problem.severity == "reject"}
    assert rules == {
        ("antibody.csv", "antibody.antibody.code"),
        ("event.csv", "event.grade.hard"),
        ("event.csv", "event.stop_after_start"),
        ("lab.csv", "lab.value.hard"),
    }


def test_no_dirt_leaves_tables_as_they_are() -> None:
    streams = {name: np.random.default_rng(3) for name in STREAMS}
    tables = simulate_centre(streams, make_centre(streams["centre"], 2, 20, CLEAN), CLEAN).tables
    assert all(add_dirt(np.random.default_rng(1), tables, 0.0)[name].equals(tables[name]) for name in tables)


def test_a_centre_does_not_depend_on_the_others() -> None:
    frames = draw(60, 4, 9, CLEAN)
    child = np.random.SeedSequence(9).spawn(3)[2]
    streams = dict(zip(STREAMS, (np.random.default_rng(s) for s in child.spawn(len(STREAMS))), strict=True))
    size = centre_sizes(60, 4, CLEAN.number("largest_centre_share"))[2]
    alone = simulate_centre(streams, make_centre(streams["centre"], 2, size, CLEAN), CLEAN)
    for name, table in alone.tables.items():
        together = frames[name][frames[name]["centre"] == alone.centre.code].drop(columns="centre")
        pd.testing.assert_frame_equal(together.reset_index(drop=True), table.to_pandas(date_as_object=False))


@pytest.mark.parametrize(("patients", "centres"), [(240, 12), (12, 12), (13, 12), (2, 2), (1, 1), (100_000, 12)])
def test_centre_sizes_add_up_and_leave_nobody_out(patients: int, centres: int) -> None:
    sizes = centre_sizes(patients, centres, 0.4)
    assert len(sizes) == centres
    assert sum(sizes) == patients
    assert min(sizes) >= 1


def test_default_centres_have_8_to_60_patients_and_one_has_40_per_cent() -> None:
    first, *others = centre_sizes(240, 12, 0.4)
    assert first == 96
    assert 8 <= min(others) <= max(others) <= 60


def test_more_centres_than_patients_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="3 patients cannot be shared among 4 centres"):
        simulate(tmp_path / "new", patients=3, centres=4)


def test_a_study_that_was_not_simulated_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("name = 'real'")
    (tmp_path / "submissions").mkdir()
    with pytest.raises(UserError, match="not simulated"):
        simulate(tmp_path, patients=4, centres=2)
    assert (tmp_path / "study.toml").read_text() == "name = 'real'"
    assert (tmp_path / "submissions").is_dir()


def test_simulating_again_leaves_no_centre_of_the_first_time(tmp_path: Path) -> None:
    scenario = default_scenario().replace(QUICK)
    simulate(tmp_path, patients=12, centres=4, scenario=scenario)
    simulate(tmp_path, patients=12, centres=2, scenario=scenario)
    assert len(list((tmp_path / "submissions").iterdir())) == 2


def test_progress_ends_at_one(tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    simulate(
        tmp_path, patients=9, centres=3, scenario=default_scenario().replace(QUICK), progress=lambda *a: seen.append(a)
    )
    assert [share for _, share in seen] == sorted(share for _, share in seen)
    assert seen[-1][1] == 1.0


def test_truth_and_assumptions_are_written_with_what_they_mean(study: Path) -> None:
    content = json.loads((study / "truth.json").read_text(encoding="utf-8"))
    names = [one["name"] for one in content["truth"]]
    assert len(names) == len(set(names))
    assert {one["method"] for one in content["truth"]} == {"exact", "monte carlo"}
    assert all((one["standard_error"] == 0) == (one["method"] == "exact") for one in content["truth"])
    assert all(one["estimand"] and one["unit"] for one in content["truth"])
    assert content["assumptions"]["dirt"]["changed"]
    assert not content["assumptions"]["flare"]["changed"]
    assert all(one["source"] for one in content["assumptions"].values())


def test_hazard_ratios_are_those_of_the_scenario() -> None:
    values = true_values(default_scenario().replace({**QUICK, "failure_hazard_ratio": 0.6}))
    assert values["response_40.log_hazard_ratio"] == pytest.approx(np.log(2.9 / 4.6))
    assert values["failure.log_hazard_ratio"] == pytest.approx(np.log(0.6))


def test_the_arms_hazards_differ_by_the_true_ratio_for_everybody() -> None:
    scenario = default_scenario().replace({**QUICK, "failure_hazard_ratio": 0.6})
    values = true_values(scenario)
    none = np.zeros(50)
    people = draw_people(np.random.default_rng(1), 50, (none, none, none, none), scenario)
    ivig = hazards(people, np.zeros(50, dtype=bool), scenario)
    rituximab = hazards(people, np.ones(50, dtype=bool), scenario)
    for place, endpoint in enumerate(("response_40", "failure")):
        ratio = np.log(rituximab[place] / ivig[place])
        np.testing.assert_allclose(ratio, values[f"{endpoint}.log_hazard_ratio"])
    assert len(set(ivig[0])) > 10, "hazards depend on covariates"


def test_a_response_on_the_day_of_failure_is_seen_on_the_next() -> None:
    scenario = default_scenario()
    none = np.zeros(1)
    people = draw_people(np.random.default_rng(1), 1, (none, none, none, none), scenario)
    arm = np.zeros(1, dtype=bool)
    response, failure = hazards(people, arm, scenario)
    # Clocks that ring on day 100: 100 days of the one hazard, 72 days after the lag of 28 days of the other.
    latent = latent_days(people, arm, (99.5 * response, 71.5 * failure), scenario)
    assert (latent.failure[0], latent.response[0], latent.flare_end[0]) == (100, 101, 101)


def test_without_an_effect_there_is_no_difference() -> None:
    values = true_values(
        default_scenario().replace(
            {
                **QUICK,
                "failure_hazard_ratio": 1,
                "response_median_months_rituximab": 2.9,
                "ldh_drop": {"ivig": 0.5, "rituximab": 0.5},
                "ldh_tau_months": {"ivig": 2.0, "rituximab": 2.0},
                "serious_infection_rate": {"ivig": 0.03, "rituximab": 0.03},
                "serious_infection_low_igg": 1.0,
            }
        )
    )
    differences = {name: value for name, value in values.items() if "difference" in name or "log_" in name}
    assert len(differences) > 20
    assert all(value == pytest.approx(0, abs=1e-12) for value in differences.values()), differences


def test_ldh_differs_by_the_two_curves() -> None:
    values = true_values(default_scenario().replace({**QUICK, "ldh_flare": 0.0}))
    by_hand = 0.9 * (1 - np.exp(-3 / 1.0)) - 0.8 * (1 - np.exp(-3 / 3.0))
    assert values["log2_ldh.smooth_difference.month_3"] == pytest.approx(by_hand)
    assert values["log2_ldh.difference.month_3"] == pytest.approx(by_hand)
    assert values["log2_ldh.smooth_change.ivig.month_1"] == pytest.approx(-0.9 * (1 - np.exp(-1)))


def test_other_measures_follow_the_response_and_differ_most_between_months_3_and_12() -> None:
    values = true_values(default_scenario().replace(QUICK))
    for name in ("log2_ck", "log2_aldolase", "haq", "phga"):
        by_month = [values[f"{name}.difference.month_{month}"] for month in (1, 3, 6, 12, 24)]
        assert min(by_month) > 0, "IVIG acts faster, and lower is better"
        assert max(by_month) in by_month[1:4]
    assert 0 < values["haq.difference.month_6"] < 0.2
    assert 0.1 < values["log2_ck.difference.month_6"] < 0.6


def test_latent_days_follow_the_risks_and_means_of_the_truth(many: Mapping[str, pd.DataFrame]) -> None:
    values = true_values(default_scenario().replace({"monte_carlo_people": 20000.0}))
    latent = many["latent"]
    kept = latent[(latent["excluded"] == "") & latent["incident"]]
    # Wide limits: arms differ in their patients, and 12 centres are few.
    for arm in ("ivig", "rituximab"):
        days = kept[kept["arm"] == arm]
        followed = days[(days["end_day"] >= 182) | (days["response_40_day"] <= 182)]
        share = float((followed["response_40_day"] <= 182).mean())
        assert share == pytest.approx(values[f"response_40.risk.{arm}.month_6"], abs=0.12)
    mean = (
        values["response_40.restricted_mean.rituximab.month_24"] - values["response_40.restricted_mean.ivig.month_24"]
    )
    assert values["response_40.restricted_mean_difference.month_24"] == pytest.approx(mean)
    assert 0 < mean < 6


def test_a_scenario_refuses_unknown_names_and_other_kinds_of_values() -> None:
    scenario = default_scenario()
    with pytest.raises(KeyError):
        scenario.replace({"failure_hazard": 0.6})
    with pytest.raises(TypeError):
        scenario.replace({"failure_hazard_ratio": (0.6, 0.7)})
    with pytest.raises(TypeError):
        scenario.replace({"ldh_drop": {"ivig": 0.9, "rtx": 0.8}})
    with pytest.raises(TypeError):
        scenario.number("ldh_drop")
    assert scenario.replace({"failure_hazard_ratio": 1}).number("failure_hazard_ratio") == 1.0
    assert scenario.number("failure_hazard_ratio") == 0.8


def test_between_12_and_18_per_cent_are_to_be_excluded_for_every_reason(many: Mapping[str, pd.DataFrame]) -> None:
    excluded = many["latent"]["excluded"]
    assert 0.12 < (excluded != "").mean() < 0.18
    assert set(excluded) == {"", *default_scenario().named("excluded")}


def test_the_indication_confounds(many: Mapping[str, pd.DataFrame]) -> None:
    latent = many["latent"]
    rituximab = latent["rituximab"] == 1
    for name, sign in (("asys", 1), ("ild", 1), ("phga", 1), ("prior_immunosuppressants_2", 1), ("dysphagia", -1)):
        assert sign * (latent.loc[rituximab, name].mean() - latent.loc[~rituximab, name].mean()) > 0.05, name


def test_prevalent_patients_were_alive_and_in_care_at_enrolment(many: Mapping[str, pd.DataFrame]) -> None:
    latent = many["latent"]
    prevalent = latent[~latent["incident"]]
    assert 0.36 < len(prevalent) / len(latent) < 0.44
    assert (prevalent["entry_day"] > 30).all()
    assert (prevalent["end_day"] > prevalent["entry_day"]).all()
    assert (latent.loc[latent["incident"], "entry_day"] == 0).all()


def test_laboratories_have_their_own_units_limits_and_gaps(many: Mapping[str, pd.DataFrame]) -> None:
    lab, visit = many["lab"], many["visit"]
    ldh = lab[lab["analyte"] == "LDH"]
    assert set(ldh["unit"]) == {"U/L", "UI/L", "ukat/L"}
    assert set(lab.loc[lab["analyte"] == "IgG", "unit"]) == {"g/L", "mg/dL"}
    limits = ldh[ldh["unit"] != "ukat/L"].groupby("centre")["uln"].agg(["min", "max"])
    assert (limits["min"] == limits["max"]).all()
    assert limits["max"].between(225, 250).any()
    assert limits["max"].between(450, 480).any()
    per_visit = lab.groupby("analyte").size() / len(visit)
    assert per_visit[["CK", "LDH", "AST"]].tolist() == pytest.approx([1, 1, 1])
    assert per_visit["aldolase"] == pytest.approx(0.5, abs=0.08)
    assert per_visit["IgG"] == pytest.approx(0.6, abs=0.05)
    assert visit["haq"].isna().mean() == pytest.approx(0.25, abs=0.06)
    assert visit["ptga"].isna().mean() == pytest.approx(0.20, abs=0.03)
    low = lab[(lab["analyte"] == "IgG") & (lab["unit"] == "g/L")]["value"]
    assert low.mean() < 10, "low values are measured more often"


def test_a_centre_that_sends_mm_says_so(study: Path) -> None:
    said = {}
    for folder in (study / "submissions").iterdir():
        manifest = tomllib.loads((folder / "manifest.toml").read_text(encoding="utf-8"))
        said[folder.name] = "mm" in manifest.get("units", {}).values()
        with (folder / "visit.csv").open(encoding="utf-8", newline="") as file:
            highest = max(float(row["exga"]) for row in csv.DictReader(file))
        assert (highest > 10) == said[folder.name]
    assert sum(said.values()) == 1


def test_agents_switch_after_failure_and_replacement_is_no_switch(many: Mapping[str, pd.DataFrame]) -> None:
    course = many["course"].merge(many["latent"], on=["centre", "patient_id"])
    course = course[(course["excluded"] == "") & course["agent"].isin(["ivig", "rituximab"])]
    replacement = course[
        (course["agent"] == "ivig") & (course["dose"] == 0.2) & (course["schedule"] == "every 4 weeks")
    ]
    assert len(replacement) > 20
    assert set(replacement["intent"].fillna("")) == {"", "replacement"}
    active = course[course["intent"] == "immunomodulatory"]
    stopped = active[active["stop_reason"] == "inefficacy"].groupby(["centre", "patient_id"])["stop_date"].min()
    other = active[active["agent"] != active["arm"]].groupby(["centre", "patient_id"])["start_date"].min()
    gap = (other - stopped).dropna()
    after = gap[gap > pd.Timedelta(0)].dt.days
    assert len(after) > 300
    assert after.between(7, 28).all()


def test_visits_are_more_frequent_in_a_flare(many: Mapping[str, pd.DataFrame]) -> None:
    latent = many["latent"].assign(person=lambda d: d["centre"] + "/" + d["patient_id"]).set_index("person")
    active = many["course"][many["course"]["intent"] == "immunomodulatory"]
    zero = active.groupby(active["centre"] + "/" + active["patient_id"])["start_date"].min()
    visit = many["visit"].assign(person=lambda d: d["centre"] + "/" + d["patient_id"])
    visit["day"] = (visit["date"] - visit["person"].map(zero)).dt.days
    visit["since"] = visit["day"] - visit["person"].map(latent["failure_day"])
    kept = visit[visit["person"].map(latent["excluded"]) == ""]
    in_flare = kept[kept["since"].between(0, 90)].groupby("person").size().mean()
    earlier = kept[kept["since"].between(-120, -30)].groupby("person").size().mean()
    assert in_flare > 2 * earlier
