"""Sums of weights of those in a stretch of an order whose rank is below a limit: many such questions at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]


def sums_below(rank: Places, weight: Floats, first: Places, end: Places, limit: Places) -> Floats:
    """Return for each question the sum of weight[p] over first <= p < end with rank[p] < limit.

    rank: whole numbers >= 0. A wavelet matrix (Claude, Navarro and Ordonez 2015): the places are sorted by one binary
    digit of the rank after the other, stably, and each question follows its limit down, so that n places and q
    questions take of the order of (n + q) log n steps.
    """
    found = np.zeros(limit.size)
    bits = max(int(rank.max(initial=0)), int(limit.max(initial=0))).bit_length()
    first, end = first.copy(), end.copy()
    for bit in range(bits - 1, -1, -1):
        high = (rank >> bit) & 1 == 1
        low_before = np.concatenate(([0], np.cumsum(~high)))
        low_weight = np.concatenate(([0.0], np.cumsum(np.where(high, 0.0, weight))))
        up = (limit >> bit) & 1 == 1
        found += np.where(up, low_weight[end] - low_weight[first], 0.0)
        lows = low_before[-1]
        first = np.where(up, lows + first - low_before[first], low_before[first])
        end = np.where(up, lows + end - low_before[end], low_before[end])
        order = np.concatenate((np.flatnonzero(~high), np.flatnonzero(high)))
        rank, weight = rank[order], weight[order]
    return found
