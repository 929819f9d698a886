"""Masking on tables small enough for paper: what is masked, what a reader can still think possible, what is said."""

from __future__ import annotations

import pytest

from analyses import state_masking
from analyses.baseline import VARIABLES, Numeric
from analyses.curve_masking import hide_leavers
from analyses.deduction import Cell, ContradictionError, Network, Sum, ranges
from analyses.disclosure import RESTS, SMALL, WITHHELD, check, mask
from analyses.longitudinal_measures import MEASURES
from analyses.relations import BEFORE_TIME_ZERO
from analyses.result import ALL, Curve, Estimate, NotEstimable, Provenance, Result, Row, Summary, Total
from analyses.state_masking import coarse_stack
from analyses.suppression import protect


def result(
    counts: dict[str, int],
    *sums: str,
    rows: tuple[Row, ...] = (),
    curves: tuple[Curve, ...] = (),
    name: str = "n",
    cohort: str = "incident 0",
) -> Result:
    """Return a Result with counts of these names; a sum is written "n = yes + no"."""
    totals = []
    for text in sums:
        total, parts = text.split(" = ")
        totals.append(Total(total=number_id(total), parts=tuple(number_id(p) for p in parts.split(" + "))))
    return Result(
        name=name,
        title="",
        question="",
        rows=(*(count(topic, number) for topic, number in counts.items()), *rows),
        totals=tuple(totals),
        curves=curves,
        provenance=Provenance(snapshot="s", data_cut="2026-06-30", cohort=cohort, software={}),
    )


def number_id(topic: str, group: str = ALL) -> str:
    return f"{topic}||{group}|count|"


def count(topic: str, number: float, *, group: str = ALL, month: float | None = None) -> Row:
    return Row(topic=topic, group=group, statistic="count", month=month, value=Summary(value=number))


def shown(masked: Result) -> dict[str, float | str]:
    """Return what a reader sees: a number, "small", "withheld" or "rests"."""
    marks = {SMALL: "small", WITHHELD: "withheld", RESTS: "rests"}
    return {r.topic: r.value.value if isinstance(r.value, Summary) else marks[r.value] for r in masked.rows}


def seen(*parts: Result, maximum: int = 4) -> dict[str, float | str]:
    return {k: v for masked in mask(parts, maximum=maximum) for k, v in shown(masked).items()}


def test_counts_of_one_to_four_are_masked_and_zero_and_five_are_not() -> None:
    assert seen(result({"a": 0, "b": 1, "c": 4, "d": 5})) == {"a": 0, "b": "small", "c": "small", "d": 5}


def test_another_maximum_is_obeyed() -> None:
    assert seen(result({"a": 9, "b": 10}), maximum=9) == {"a": "small", "b": 10}


def test_the_complement_of_a_small_count_is_withheld() -> None:
    # 40 = 37 + 3: 40 - 37 gives 3 back. 37 is the smaller of the two that could be withheld.
    assert seen(result({"n": 40, "yes": 37, "no": 3}, "n = yes + no")) == {"n": 40, "yes": "withheld", "no": "small"}


def test_a_sum_with_two_small_counts_may_need_no_other() -> None:
    # 5 = 2 + 3: both are 1 to 4, and any of 1 + 4, 2 + 3, 3 + 2, 4 + 1 could be.
    assert seen(result({"n": 5, "a": 2, "b": 3}, "n = a + b")) == {"n": 5, "a": "small", "b": "small"}


def test_two_small_counts_that_nearly_fill_their_sum_are_not_enough() -> None:
    # 6 = 2 + 4: were both said to be 1 to 4, neither could be 1. One of them is called "masked" instead of "<5",
    # which costs less than withholding 6: a is then 1 to 4 and b 2 to 5.
    assert seen(result({"n": 6, "a": 2, "b": 4}, "n = a + b")) == {"n": 6, "a": "small", "b": "withheld"}


def test_a_small_total_of_small_counts_is_called_masked() -> None:
    # 2 = 1 + 1: a total said to be 1 to 4 would leave at most 3 for a part.
    assert seen(result({"n": 2, "a": 1, "b": 1}, "n = a + b")) == {"n": "withheld", "a": "small", "b": "small"}


def test_a_small_count_beside_zeros_is_its_total() -> None:
    assert seen(result({"n": 3, "a": 3, "b": 0}, "n = a + b")) == {"n": "small", "a": "small", "b": 0}


def test_margins_of_a_table_do_not_give_a_cell_back() -> None:
    # Missing values by arm. 2 is masked; 7 in its row and 38 in its column are the cheapest of each, and 53 closes the
    # rectangle: 2 38 / 7 53 can be 1 39 / 8 52, and 3 37 / 6 54.
    counts = {"ni": 40, "nr": 60, "na": 100, "mi": 2, "mr": 7, "ma": 9, "di": 38, "dr": 53, "da": 91}
    sums = ("ni = mi + di", "nr = mr + dr", "na = ma + da", "na = ni + nr", "ma = mi + mr", "da = di + dr")
    masked = seen(result(counts, *sums))
    assert {k for k, v in masked.items() if v == "withheld"} == {"mr", "di", "dr"}
    assert masked["mi"] == "small"


def test_a_reader_knows_the_ranges_that_paper_gives() -> None:
    # 40 = yes + no with no in 1 to 4: yes is 36 to 39.
    cells = {"n": Cell(mark="published", number=40), "yes": Cell(mark="withheld"), "no": Cell(mark="small")}
    sums = Network(sums=(Sum(total="n", parts=("yes", "no")),))
    assert ranges(cells, sums, maximum=4, keys=list(cells)) == {"yes": (36, 39), "no": (1, 4)}


def test_a_reader_knows_that_a_withheld_count_is_not_zero() -> None:
    # 3 = a + b, b withheld: b is at least 1, for zero would have been printed.
    cells = {"n": Cell(mark="published", number=3), "a": Cell(mark="small"), "b": Cell(mark="withheld")}
    sums = Network(sums=(Sum(total="n", parts=("a", "b")),))
    assert ranges(cells, sums, maximum=4, keys=list(cells)) == {"a": (1, 2), "b": (1, 2)}


def test_a_percentage_of_a_known_number_protects_its_complement() -> None:
    # 37 of 40 and nothing said of the 3: the percentage makes the complement known, so 37 is withheld and 92.5 % too.
    share = Row(
        topic="share",
        statistic="percent",
        value=Summary(value=92.5, unit="%"),
        rests_on=(number_id("yes"), number_id("n")),
    )
    assert seen(result({"n": 40, "yes": 37}, rows=(share,))) == {"n": 40, "yes": "withheld", "share": "rests"}


def test_a_percentage_with_a_large_complement_is_left_alone() -> None:
    share = Row(
        topic="share",
        statistic="percent",
        value=Summary(value=75, unit="%"),
        rests_on=(number_id("yes"), number_id("n")),
    )
    assert seen(result({"n": 40, "yes": 30}, rows=(share,))) == {"n": 40, "yes": 30, "share": 75}


def test_what_rests_on_a_masked_count_is_masked_and_what_rests_on_that_too() -> None:
    rate = Row(topic="rate", statistic="rate", value=Estimate(value=3, low=1, high=8), rests_on=(number_id("events"),))
    more = Row(topic="more", statistic="difference", value=Estimate(value=1, low=0.5, high=2), rests_on=(rate.id,))
    assert seen(result({"events": 3}, rows=(rate, more))) == {"events": "small", "rate": "rests", "more": "rests"}


def test_a_mean_is_masked_for_few_persons_and_not_for_a_withheld_number_of_many() -> None:
    def mean(topic: str, of: str) -> Row:
        return Row(topic=topic, statistic="mean", value=Summary(value=5), rests_on=(number_id(of),))

    few = result({"few": 3}, rows=(mean("mean", "few"),))
    assert seen(few) == {"few": "small", "mean": "rests"}
    many = result({"n": 40, "many": 38, "missing": 2}, "n = many + missing", rows=(mean("mean", "many"),))
    assert seen(many) == {"n": 40, "many": "withheld", "missing": "small", "mean": 5}


def test_a_mean_number_of_events_gives_their_number_back() -> None:
    mean = Row(topic="Mean number of it", statistic="mean", value=Summary(value=38 / 40), rests_on=(number_id("it"),))
    assert seen(result({"n": 40, "it": 38, "no": 2}, "n = it + no", rows=(mean,)))["Mean number of it"] == "rests"


def test_a_hazard_ratio_is_masked_for_few_events_and_not_for_a_withheld_number_of_many() -> None:
    def ratio(of: str) -> Row:
        value = Estimate(value=0.6, low=0.4, high=0.9)
        return Row(topic="hr", statistic="hazard ratio", value=value, rests_on=(number_id(of),))

    assert seen(result({"events": 3}, rows=(ratio("events"),)))["hr"] == "rests"
    kept = mask([result({"n": 40, "events": 38, "censored": 2}, "n = events + censored", rows=(ratio("events"),))])[0]
    assert isinstance(kept.rows[-1].value, Estimate)


def test_a_mean_of_few_is_masked_even_where_their_number_is_called_masked() -> None:
    mean = Row(topic="mean", statistic="mean", value=Summary(value=5), rests_on=(number_id("n"),))
    assert seen(result({"n": 2, "a": 1, "b": 1}, "n = a + b", rows=(mean,)))["mean"] == "rests"


def test_a_number_that_could_not_be_had_may_rest_on_a_masked_count() -> None:
    none = Row(topic="none", statistic="rate", value=NotEstimable(reason="why"), rests_on=(number_id("events"),))
    assert seen(result({"events": 2}, rows=(none,)))["none"] == "rests"


def test_one_count_in_two_results_is_withheld_in_both() -> None:
    # 7 in the cohort = 6 + 1 in one Result, and 7 = 5 + 2 in another: the first needs 6 or 7, the second 5 or 7.
    def size(number: int) -> Row:
        return Row(topic="Persons", level="in the cohort", statistic="count", value=Summary(value=number))

    def part(name: str, big: int, small: int) -> Result:
        total = Total(total=size(7).id, parts=(number_id("big"), number_id("small")))
        one = result({"big": big, "small": small}, rows=(size(7),), name=name)
        return one.model_copy(update={"totals": (total,)})

    first, second = mask([part("one", 6, 1), part("two", 5, 2)])
    for masked in (first, second):
        assert shown(masked)["Persons"] == 7
        assert shown(masked)["big"] == "withheld"


def test_the_size_of_the_cohort_gives_way_everywhere_or_nowhere() -> None:
    few = Row(topic="Persons", level="in the cohort", group="ivig", statistic="count", value=Summary(value=3))
    one, two = mask([result({}, rows=(few,), name="one"), result({}, rows=(few,), name="two")])
    assert shown(one) == shown(two) == {"Persons": "small"}


def test_who_lacks_a_value_before_time_zero_is_withheld_in_the_table_of_persons_too() -> None:
    # 60 = 7 without HAQ + 3 without a covariate + 50: of the 7 and the 50 one must go, and 7 + 53 tells of the 7.
    haq = ("Persons|without a baseline value", "Persons|without a covariate", "Persons|in the model")
    ids = [f"{name}|all|count|" for name in haq]
    rows = tuple(
        Row(topic="Persons", level=name.split("|")[1], statistic="count", value=Summary(value=number))
        for name, number in zip(haq, (7, 3, 50), strict=True)
    )
    cohort = Row(topic="Persons", level="in the cohort", statistic="count", value=Summary(value=60))
    model = result({}, rows=(cohort, *rows), name="trajectory_haq").model_copy(
        update={"totals": (Total(total="Persons|in the cohort|all|count|", parts=tuple(ids)),)}
    )
    known = tuple(
        Row(topic="HAQ", level=level, statistic="count", value=Summary(value=number))
        for level, number in (("measured", 53), ("missing", 7))
    )
    table = result({}, rows=(cohort, *known), name="baseline").model_copy(
        update={
            "totals": (
                Total(
                    total="Persons|in the cohort|all|count|",
                    parts=("HAQ|measured|all|count|", "HAQ|missing|all|count|"),
                ),
            )
        }
    )
    masked_model, masked_table = mask([model, table])
    assert masked_model[ids[1]] == SMALL
    assert masked_model[ids[0]] == masked_table["HAQ|missing|all|count|"]
    assert WITHHELD in {masked_model[ids[0]], masked_model[ids[2]]}
    lost = model.model_copy(
        update={"rows": (cohort, rows[0].model_copy(update={"value": Summary(value=8)}), *rows[1:])}
    )
    with pytest.raises(ValueError, match="is one count, and its value is 7 or 8"):
        check([lost, table])


def test_every_measure_over_time_knows_its_topic_in_the_table_of_persons() -> None:
    column = {topic.topic: topic.column for topic in VARIABLES if isinstance(topic, Numeric)}
    for name, measure in MEASURES.items():
        # The logarithm of a multiple is there where the multiple is.
        own = column[BEFORE_TIME_ZERO[f"trajectory_{name}"]].replace("_multiple", "")
        assert own == measure.baseline.removeprefix("log2_")
    assert len(BEFORE_TIME_ZERO) == len(MEASURES) + 1


def test_one_count_with_two_values_is_refused() -> None:
    def size(number: int) -> Row:
        return Row(topic="Persons", level="in the cohort", statistic="count", value=Summary(value=number))

    with pytest.raises(ValueError, match=r"Persons\|in the cohort\|all.*is one count, and its value is 40 or 41"):
        mask([result({}, rows=(size(40),), name="one"), result({}, rows=(size(41),), name="two")])


def test_a_total_that_is_not_the_sum_of_its_parts_is_refused() -> None:
    with pytest.raises(ContradictionError, match=r"n\|\|all\|count\| is not the sum of .*yes"):
        check([result({"n": 40, "yes": 30, "no": 9}, "n = yes + no")])


def test_prevalent_users_are_not_found_by_difference() -> None:
    # 52 of all users less 50 incident users are 2 prevalent ones. The sensitivity analysis gives way.
    primary, wider = mask(
        [
            result({"Events": 50}, name="response"),
            result({"Events": 52}, name="response_all_users", cohort="all 0"),
        ]
    )
    assert shown(primary) == {"Events": 50}
    assert shown(wider) == {"Events": "withheld"}


def test_events_by_the_last_month_do_not_tell_of_all_events() -> None:
    # 40 = 38 + 2: 38 is withheld of 36 to 39, and so is the 38 by month 24, which all events are at least.
    rows = (count("Events", 38, month=24.0), count("Events", 30, month=12.0))
    masked = mask([result({"n": 40, "Events": 38, "censored": 2}, "n = Events + censored", rows=rows)])[0]
    assert [r.value for r in masked.rows] == [Summary(value=40), WITHHELD, SMALL, WITHHELD, Summary(value=30)]


def test_the_forest_by_centre_does_not_tell_what_the_response_withholds() -> None:
    first = result({"n": 40, "Events": 38, "censored": 2}, "n = Events + censored", name="response")
    again = Row(topic="Events", level=ALL, statistic="count", value=Summary(value=38))
    other = result({}, rows=(again.model_copy(update={"level": ALL}),), name="centres")
    masked = mask([first, other])
    assert masked[0]["Events||all|count|"] == WITHHELD
    assert masked[1]["Events|all|all|count|"] == WITHHELD


def test_persons_analysed_at_a_centre_do_not_tell_who_is_in_the_cohort_elsewhere() -> None:
    # 11 in the cohort = 10 in Lyon + 1 in Nice. 1 is masked and 10 withheld; but 10 analysed in Lyon would leave 1.
    def inside(number: int, centre: str) -> Row:
        return Row(
            topic="Persons in the cohort", level="ivig", group=centre, statistic="count", value=Summary(value=number)
        )

    rows = (inside(11, ALL), inside(10, "lyon"), inside(1, "nice"))
    accrual = result({}, rows=rows, name="accrual")
    accrual = accrual.model_copy(update={"totals": (Total(total=rows[0].id, parts=(rows[1].id, rows[2].id)),)})
    analysed = Row(topic="Persons", level="ivig", group="lyon", statistic="count", value=Summary(value=10))
    masked = mask([accrual, result({}, rows=(analysed,), name="centres")])
    assert masked[0][rows[2].id] == SMALL
    assert WITHHELD in (masked[0][rows[0].id], masked[1][analysed.id])


def test_persons_with_an_infection_are_at_most_as_many_as_infections() -> None:
    # 9 infections = 8 + 1 of two kinds: 8 is withheld of 5 to 8, and 8 persons would leave nothing but 8.
    rows = (
        Row(topic="Serious infections", statistic="count", value=Summary(value=8)),
        Row(topic="Persons with a serious infection", level="yes", statistic="count", value=Summary(value=8)),
    )
    one = result({"n": 9, "other": 1}, rows=rows)
    one = one.model_copy(update={"totals": (Total(total=number_id("n"), parts=(rows[0].id, number_id("other"))),)})
    masked = mask([one])[0]
    assert masked[number_id("other")] == SMALL
    assert WITHHELD in (masked[number_id("n")], masked[rows[1].id])


def test_events_by_a_later_month_need_not_be_withheld() -> None:
    # 3 by month 6 are masked. 9 by month 12 and by month 24 do not tell whether it was 1, 2, 3 or 4.
    rows = tuple(count("Events", n, group="ivig", month=m) for n, m in ((3, 6.0), (9, 12.0), (9, 24.0)))
    masked = mask([result({}, rows=rows)])[0]
    assert [r.value for r in masked.rows] == [SMALL, Summary(value=9), Summary(value=9)]


def estimate(**counts: int) -> Row:
    return Row(topic="hr", statistic="hazard ratio", value=Estimate(value=0.6, low=0.4, high=0.9, **counts))


@pytest.mark.parametrize(
    ("n", "events", "left_n", "left_events"),
    [(40, 12, 40, 12), (40, 3, 40, None), (4, 0, None, None), (40, 37, 40, None), (40, 40, 40, 40), (40, 35, 40, 35)],
)
def test_counts_beside_an_estimate_go_if_they_or_their_complement_are_small(
    n: int, events: int, left_n: int | None, left_events: int | None
) -> None:
    masked = mask([result({}, rows=(estimate(n=n, events=events),))])[0]
    value = masked.rows[0].value
    assert isinstance(value, Estimate)
    assert (value.n, value.events, value.value) == (left_n, left_events, 0.6)


def test_counts_beside_an_estimate_stay_only_if_printed_elsewhere_once_something_is_masked() -> None:
    # 12 events in all and 9 in one arm, with 3 masked: 12 beside the ratio would give 3 back.
    masked = mask([result({"first": 3, "second": 9, "persons": 80}, rows=(estimate(n=80, events=12),))])[0]
    value = masked.rows[-1].value
    assert isinstance(value, Estimate)
    assert (value.n, value.events) == (80, None)


def curve(
    kind: str = "step", at_risk: tuple[int | None, ...] = (), events: tuple[int | None, ...] = (), steps: int = 0
) -> Curve:
    """Return a curve with `steps` steps of 0.01 a month from month 1 on, and counts every 3 months."""
    month = tuple(float(m) for m in range(25))
    value = tuple(min(m, steps) / 100 for m in range(25))
    every = tuple(3.0 * i for i in range(len(at_risk)))
    return Curve.model_validate({
        "name": "c", "group": ALL, "kind": kind, "unit": "probability", "month": month, "value": value, "low": value,
        "high": value, "at_risk_month": every, "at_risk": at_risk, "events": events,
    })  # fmt: skip


def masked_curve(one: Curve, counts: dict[str, int] | None = None, *sums: str) -> Curve | None:
    curves = mask([result(counts or {}, *sums, curves=(one,))])[0].curves
    return curves[0] if curves else None


def test_a_slope_stays_where_a_count_that_it_rests_on_is_withheld_and_goes_where_it_is_small() -> None:
    slopes = tuple(
        Row(
            topic="Slope", level=name, statistic="slope", value=Estimate(value=1, low=0, high=2),
            rests_on=(number_id(name),),
        )
        for name in ("Persons", "no")
    )  # fmt: skip
    masked = mask([result({"n": 66, "Persons": 62, "no": 4}, "n = Persons + no", rows=slopes)])[0]
    assert masked[number_id("Persons")] == WITHHELD
    assert isinstance(masked["Slope|Persons|all|slope|"], Estimate)
    assert masked["Slope|no|all|slope|"] == RESTS


def test_a_curve_ends_where_fewer_than_five_are_at_risk() -> None:
    found = masked_curve(curve(at_risk=(40, 30, 20, 5, 4, 0), events=(0, 5, 9, 20, 20, 20)))
    assert found is not None
    assert found.at_risk == (40, 30, 20, 5, None, 0)
    assert found.month[-1] == 9


def test_a_curve_of_few_persons_is_not_drawn() -> None:
    assert masked_curve(curve(at_risk=(4, 3), events=(0, 0))) is None


def test_a_curve_with_fewer_than_five_steps_is_not_drawn_for_they_could_be_counted() -> None:
    assert masked_curve(curve(steps=4)) is None
    assert masked_curve(curve(steps=0)) == curve(steps=0)


def test_each_step_of_a_curve_stands_for_five_at_their_mean_time() -> None:
    # Steps in months 1 to 12: 1-5 at month 3, and 6-12 (the last two join) at month 9.
    found = masked_curve(curve(steps=12))
    assert found is not None
    assert found.month == (0, 3, 9, 24)
    assert found.value == (0, 0.05, 0.12, 0.12)


def test_a_line_keeps_its_points() -> None:
    found = masked_curve(curve(kind="line", steps=12))
    assert found == curve(kind="line", steps=12)


def test_numbers_at_risk_do_not_give_masked_events_back() -> None:
    # 2 events by month 3, masked; but 40 - 38 says that at most 2 left, so that 38 goes too. 30 tells nothing.
    found = masked_curve(curve(at_risk=(40, 38, 30), events=(0, 2, 9), steps=12))
    assert found is not None
    assert found.events == (0, None, 9)
    assert found.at_risk == (40, None, 30)


def test_numbers_at_risk_do_not_tell_of_a_withheld_count() -> None:
    # 66 = 62 + 4 not analysed: a reader thinks of 62 to 65 analysed, and 62 at risk at month 0 would end that.
    found = masked_curve(
        curve(at_risk=(62, 50, 40), events=(0, 8, 15), steps=12),
        {"n": 66, "Persons": 62, "no": 4},
        "n = Persons + no",
    )
    assert found is not None
    assert found.at_risk == (None, 50, 40)


def test_a_curve_without_numbers_at_risk_goes_with_a_number_of_its_name() -> None:
    # as the hazard ratio over time does, where an arm had too few events for any hazard ratio
    line = curve(kind="line", steps=12)
    rows = (Row(topic="c", statistic="hazard ratio", month=6, value=Estimate(value=1, low=0.5, high=2),
                rests_on=(number_id("events"),)),)  # fmt: skip
    assert mask([result({"events": 30}, rows=rows, curves=(line,))])[0].curves == (line,)
    assert mask([result({"events": 3}, rows=rows, curves=(line,))])[0].curves == ()


def again(persons: int, steps: int) -> Curve | None:
    """Return a curve of events that come again, of which so many persons had one, as it is published."""
    one = curve(steps=steps).model_copy(update={"name": "Mean number of serious infections"})
    had = Row(topic="Persons with a serious infection", level="yes", statistic="count", value=Summary(value=persons))
    curves = mask([result({}, rows=(had,), curves=(one,))])[0].curves
    return curves[0] if curves else None


def test_steps_of_events_that_come_again_are_of_five_persons_on_average() -> None:
    # 20 events of 12 persons: 12 // 5 = 2 runs of 10 steps. Of 4 persons, nothing is drawn, however many events.
    found = again(12, 20)
    assert found is not None
    assert found.value == (0, 0.1, 0.2, 0.2)
    assert again(4, 20) is None
    assert again(0, 0) is not None


def test_numbers_at_risk_do_not_tell_of_few_deaths() -> None:
    one = curve(at_risk=(40, 39, 36, 35, 20)).model_copy(update={"name": "c"})
    assert hide_leavers(one, most=4).at_risk == (40, None, None, 35, 20)


def stack(*shares: tuple[float, ...], at_risk: tuple[int, ...]) -> tuple[Curve, ...]:
    """Return probabilities of states a, b, ... at months 0, 3, ...; shares: of each state by month."""
    month = tuple(3.0 * i for i in range(len(at_risk)))
    return tuple(
        Curve(
            name=f"Probability of state: {name}", group="ivig", kind="line", unit="probability", month=month, value=own,
            low=own, high=own, at_risk_month=month, at_risk=at_risk,
        )
        for name, own in zip("abcde", shares, strict=False)
    )  # fmt: skip


@pytest.fixture
def coarsest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small numbers, as they can be checked on paper: three parts are enough."""
    monkeypatch.setattr(state_masking, "LEAST_PARTS", 3)


def test_no_states_are_drawn_with_fewer_than_ten_parts() -> None:
    shares = ((1, 0.5), (0, 0.5))
    assert coarse_stack(stack(*shares, at_risk=(50, 50)), {}, maximum=4)
    assert coarse_stack(stack(*shares, at_risk=(49, 49)), {}, maximum=4) == ()


@pytest.mark.usefixtures("coarsest")
def test_states_are_drawn_in_parts_at_their_middle() -> None:
    # 20 persons, 4 parts of 5. 8, 9, 3: the edges 12 and 3 are in the parts 10-15 and 0-5: 12.5 and 0.
    found = coarse_stack(stack((1, 8 / 20), (0, 9 / 20), (0, 3 / 20), at_risk=(20, 20)), {}, maximum=4)
    assert [c.value for c in found] == [(1, 7.5 / 20), (0, 12.5 / 20), (0, 0)]
    assert all(c.low == c.high == c.value for c in found)


@pytest.mark.usefixtures("coarsest")
def test_states_are_drawn_while_half_are_followed() -> None:
    shares = ((1, 0.5, 0.5, 0.5), (0, 0.5, 0.5, 0.5))
    found = coarse_stack(stack(*shares, at_risk=(60, 40, 30, 29)), {}, maximum=4)
    assert {c.month for c in found} == {(0, 3, 6)}
    assert coarse_stack(stack(*shares, at_risk=(14, 14, 14, 14)), {}, maximum=4) == ()


@pytest.mark.usefixtures("coarsest")
def test_states_are_not_drawn_where_parts_tell_of_a_masked_count() -> None:
    # 12 of 20 in the last state: at least 10 were. A reader who thinks of 9 to 12 would know; of 10 to 13, not.
    curves = stack((1, 8 / 20), (0, 12 / 20), at_risk=(20, 20))
    assert coarse_stack(curves, {("ever", "b"): (9, 12)}, maximum=4) == ()
    assert coarse_stack(curves, {("ever", "b"): (10, 13)}, maximum=4)
    # and at most 10 of 20 stay in the first
    assert coarse_stack(curves, {("last", "a"): (8, 11)}, maximum=4) == ()
    assert coarse_stack(curves, {("last", "a"): (7, 10)}, maximum=4)


def test_a_masked_result_says_so() -> None:
    masked = mask([result({"a": 3}, curves=(curve(steps=12),))])[0]
    assert masked.notes[0].startswith("Counts of 1 to 4 are masked")
    assert masked.notes[1].startswith("Curves are drawn in steps of at least 5 events")
    assert mask([result({"a": 7})])[0].notes == ()


def test_masking_what_is_masked_changes_nothing() -> None:
    one = result(
        {"n": 66, "Persons": 62, "no": 4},
        "n = Persons + no",
        curves=(curve(at_risk=(62, 50, 40), events=(0, 8, 15), steps=12),),
        rows=(estimate(n=62, events=15),),
    )
    once = mask([one])
    assert mask(once) == once


def test_a_maximum_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="maximum is 0"):
        mask([], maximum=0)


def test_counts_that_cannot_be_are_refused() -> None:
    # A total said to be 1 to 4 that has a part of 9.
    cells = {"n": Cell(mark="small"), "a": Cell(mark="published", number=9)}
    with pytest.raises(ContradictionError, match="no counts fit"):
        protect(cells, Network(sums=(Sum(total="n", parts=("a",)),)), maximum=4)
