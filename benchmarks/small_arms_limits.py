"""Intervals of curves, medians and restricted means of many simulated arms at once, for benchmarks/small_arms.py."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm
from scipy.stats import t as student

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Limits = dict[str, tuple[Array, Array]]

MONTH, END = 12.0, 24.0
Z = float(norm.isf(0.025))
SHAPES = {"exponential": 1.0, "Weibull 0.7": 0.7, "Weibull 1.5": 1.5, "delayed entry": 1.0}
OURS, NORMAL, EVENTS = " (ours)", "normal", "normal, m / (m - 1)"
"""n: persons, m: events before MONTH (at least 2)."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Where persons of an arm come from."""

    shape: str
    survival: float
    loss: float

    @property
    def scale(self) -> float:
        """Scale of the Weibull distribution that leaves survival at MONTH."""
        return float(MONTH / (-math.log(self.survival)) ** (1 / SHAPES[self.shape]))

    def free(self, month: NDArray[np.floating]) -> Array:
        """Return the true survival."""
        return np.asarray(np.exp(-((month / self.scale) ** SHAPES[self.shape])))

    @property
    def mean(self) -> float:
        """The true restricted mean up to MONTH (midpoint rule)."""
        return float(self.free((np.arange(20000) + 0.5) * (MONTH / 20000)).mean() * MONTH)

    @property
    def median(self) -> float:
        """The true median."""
        return float(self.scale * math.log(2) ** (1 / SHAPES[self.shape]))

    @property
    def loss_rate(self) -> float:
        """The constant rate at which loss of that share of persons comes first, before the event and MONTH."""
        grid = (np.arange(4000) + 0.5) * (MONTH / 4000)
        free = self.free(grid)
        return float(brentq(lambda r: (r * np.exp(-r * grid) * free).mean() * MONTH - self.loss, 1e-6, 50))


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Kaplan-Meier curves: a row a replicate, a column a person in order of the end of follow-up."""

    entry: Array
    month: Array
    event: NDArray[np.bool_]
    at_risk: Array
    survival: Array
    greenwood: Array


def draw(random: np.random.Generator, scenario: Scenario, replicates: int, persons: int) -> Curves:
    """Draw arms; with delayed entry those whose follow-up ended before the entry are never seen."""
    late = scenario.shape == "delayed entry"
    number = replicates * persons * (8 if late else 1)
    end = scenario.scale * random.weibull(SHAPES[scenario.shape], number)
    lost = np.minimum(random.exponential(1 / scenario.loss_rate, number), END)
    entry = np.where(random.random(number) < 0.5, random.uniform(0, MONTH / 2, number), 0.0) * late
    kept = np.flatnonzero(np.minimum(end, lost) > entry)[: replicates * persons]
    event, month, entry = (end <= lost)[kept], np.minimum(end, lost)[kept], entry[kept]
    shape = (replicates, persons)
    order = np.argsort(month.reshape(shape), axis=1)
    month, event, entry = (np.take_along_axis(x.reshape(shape), order, axis=1) for x in (month, event, entry))
    at_risk = np.arange(persons, 0, -1.0) - (entry[:, None, :] >= month[:, :, None]).sum(axis=2)
    left = at_risk - event
    terms = np.divide(event, at_risk * left, out=np.zeros(shape), where=left > 0)
    return Curves(
        entry=entry, month=month, event=event, at_risk=at_risk,
        survival=np.cumprod(left / at_risk, axis=1), greenwood=np.cumsum(terms, axis=1),
    )  # fmt: skip


def transformed(survival: Array, error: Array) -> Limits:
    """Return the limits of a probability by transformation; error is the standard error of log S. 0 and 1 give NaN."""
    with np.errstate(all="ignore"):
        log = np.log(survival)
        factor = np.exp(Z * error / -log)
        odds = np.log(survival / (1 - survival))
        wide = Z * error / (1 - survival)
        angle, reach = np.arcsin(np.sqrt(survival)), 0.5 * Z * error * np.sqrt(survival / (1 - survival))
        return {
            "plain": (survival - Z * survival * error, survival + Z * survival * error),
            "log": (survival * np.exp(-Z * error), survival * np.exp(Z * error)),
            "log-log": (survival**factor, survival ** (1 / factor)),
            "arcsine": (
                np.sin(np.maximum(angle - reach, 0)) ** 2, np.sin(np.minimum(angle + reach, math.pi / 2)) ** 2,
            ),
            "logit": (1 / (1 + np.exp(wide - odds)), 1 / (1 + np.exp(-wide - odds))),
        }  # fmt: skip


def curve_limits(curves: Curves) -> tuple[NDArray[np.bool_], Limits]:
    """Return which replicates have a curve at MONTH, and the limits; before the first event and at 0 all as ours."""
    place = (curves.month <= MONTH).sum(axis=1) - 1
    survival, green, number = (
        np.where(place >= 0, np.take_along_axis(x, np.maximum(place, 0)[:, None], axis=1)[:, 0], start)
        for x, start in ((curves.survival, 1.0), (curves.greenwood, 0.0), (curves.at_risk, math.nan))
    )
    number = ((curves.entry < MONTH) & (curves.month >= MONTH)).sum(axis=1)
    limits = transformed(survival, np.sqrt(green))
    whole = transformed(curves.survival, np.sqrt(curves.greenwood))
    last = np.argmin(np.where(curves.survival > 0, curves.survival, 2), axis=1)[:, None]
    none, gone = survival == 1, survival == 0
    out: Limits = {}
    for name, (low, high) in limits.items():
        before = np.take_along_axis(whole[name][1], last, axis=1)[:, 0]
        out[name] = (
            np.where(none, 0.025 ** (1 / np.maximum(number, 1)), np.where(gone, 0, np.maximum(low, 0))),
            np.where(none, 1, np.where(gone, np.nan_to_num(before, nan=1), np.minimum(high, 1))),
        )
    low, high = out["log-log"]
    out["log-log, nothing done at 1"] = np.where(none, 1, low), high
    return (curves.month[:, -1] >= MONTH) | (curves.survival[:, -1] == 0), {
        {"log-log": "log-log (ours)"}.get(name, name): both for name, both in out.items()
    }


def median_limits(curves: Curves) -> tuple[NDArray[np.bool_], Limits]:
    """Return the limits of the median: where the limits of the curve come down to one half."""
    out: Limits = {}
    inside = (curves.survival > 0) & (curves.survival < 1)
    for name, (low, high) in transformed(curves.survival, np.sqrt(curves.greenwood)).items():
        lower = np.where(inside, low, np.where(curves.survival == 0, 0, 1))
        first, last = (
            np.where(x.any(axis=1), np.take_along_axis(curves.month, x.argmax(axis=1)[:, None], axis=1)[:, 0], math.inf)
            for x in (lower <= 0.5, inside & (high <= 0.5))
        )
        out["log-log (ours)" if name == "log-log" else name] = first, last
    return np.ones(len(curves.month), dtype=bool), out


@dataclass(frozen=True, kw_only=True)
class Means:
    """Restricted means of replicates."""

    known: NDArray[np.bool_]
    value: Array
    error: Array
    events: Array


def means(curves: Curves) -> Means:
    """Return restricted means up to MONTH with the standard error of restricted_mean."""
    inside = curves.month <= MONTH
    ends = np.minimum(curves.month, MONTH)
    area = np.diff(np.concatenate([ends, np.full((len(ends), 1), MONTH)], axis=1), axis=1) * curves.survival
    beyond = np.cumsum(area[:, ::-1], axis=1)[:, ::-1]
    terms = np.diff(curves.greenwood, axis=1, prepend=0) * inside
    error = np.sqrt((beyond**2 * terms).sum(axis=1))
    followed = (curves.month[:, -1] >= MONTH) | (curves.survival[:, -1] == 0)
    return Means(
        known=followed & (error > 0),
        value=ends[:, 0] + area.sum(axis=1),
        error=error,
        events=(curves.event & inside).sum(axis=1).astype(float),
    )


def kinds(found: Means, persons: int) -> dict[str, tuple[Array, Array]]:
    """Return standard error and degrees of freedom (infinite is normal) by kind of interval."""
    many, n = np.full(found.events.shape, math.inf), float(persons)
    events = np.maximum(found.events, 2)
    grown, by_persons = found.error * np.sqrt(events / (events - 1)), found.error * math.sqrt(n / (n - 1))
    return {
        NORMAL: (found.error, many),
        "t, n - 1": (found.error, np.full_like(many, n - 1)),
        "normal, n / (n - 1)": (by_persons, many),
        "t, n - 1, n / (n - 1)": (by_persons, np.full_like(many, n - 1)),
        EVENTS: (grown, many),
        "t, m - 1": (found.error, events - 1),
    }


def quantile(df: Array) -> Array:
    """Return the upper 2.5 % point of t; infinite degrees of freedom are the normal distribution."""
    return np.where(np.isinf(df), Z, student.isf(0.025, np.where(np.isinf(df), 1, df)))


def logit_limits(value: Array, error: Array, reach: Array) -> tuple[Array, Array]:
    """Return the limits of a mean by the logit of its share of MONTH."""
    share = np.clip(value / MONTH, 1e-12, 1 - 1e-12)
    odds, wide = np.log(share / (1 - share)), reach * error / MONTH / (share * (1 - share))
    return MONTH / (1 + np.exp(np.minimum(wide - odds, 700))), MONTH / (1 + np.exp(np.minimum(-wide - odds, 700)))


def loglog_limits(value: Array, error: Array, reach: Array) -> tuple[Array, Array]:
    """Return the limits of a mean by the complementary log-log of its share of MONTH."""
    share = np.clip(value / MONTH, 1e-12, 1 - 1e-12)
    factor = np.exp(np.minimum(reach * error / MONTH / (share * -np.log(share)), 700))
    return MONTH * share**factor, MONTH * share ** (1 / factor)


def mean_limits(curves: Curves) -> tuple[NDArray[np.bool_], Limits]:
    """Return limits of the restricted mean, all within 0 and MONTH."""
    found, out = means(curves), {}
    for name, (error, df) in kinds(found, curves.month.shape[1]).items():
        reach = quantile(df)
        out[name] = np.maximum(found.value - reach * error, 0), np.minimum(found.value + reach * error, MONTH)
        out[f"logit, {name}" + OURS * (name == EVENTS)] = logit_limits(found.value, error, reach)
        if name in {NORMAL, EVENTS}:
            out[f"log-log, {name}"] = loglog_limits(found.value, error, reach)
    return found.known, out


def contrast_limits(first: Curves, second: Curves) -> tuple[NDArray[np.bool_], Limits, Limits]:
    """Return limits of the difference and of the logarithm of the ratio, second against first."""
    a, b, n = means(first), means(second), first.month.shape[1]
    difference: Limits = {}
    ratio: Limits = {}
    both = zip(kinds(a, n).items(), kinds(b, n).values(), strict=True)
    value, log_ratio = b.value - a.value, np.log(b.value / a.value)
    with np.errstate(all="ignore"):
        for (name, (ea, da)), (eb, db) in both:
            for out, middle, va, vb in (
                (difference, value, ea**2, eb**2),
                (ratio, log_ratio, (ea / a.value) ** 2, (eb / b.value) ** 2),
            ):
                df = (va + vb) ** 2 / (va**2 / da + vb**2 / db)
                wide = quantile(np.where(np.isinf(da), math.inf, df)) * np.sqrt(va + vb)
                out[name.replace("t,", "t (Satterthwaite),") + OURS * (name == EVENTS)] = middle - wide, middle + wide
            if name not in {NORMAL, "t, n - 1", EVENTS}:
                continue
            (la, ha), (lb, hb) = logit_limits(a.value, ea, quantile(da)), logit_limits(b.value, eb, quantile(db))
            difference[f"limits of logit put together, {name}"] = (
                value - np.hypot(b.value - lb, ha - a.value), value + np.hypot(hb - b.value, a.value - la),
            )  # fmt: skip
            ratio[f"limits of logit put together, {name}"] = (
                log_ratio - np.hypot(np.log(b.value / lb), np.log(ha / a.value)),
                log_ratio + np.hypot(np.log(hb / b.value), np.log(a.value / la)),
            )
    return a.known & b.known, difference, ratio
