"""Chooses the thresholds of early exits from what the exits said of samples with known classes."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

#: Most combinations of thresholds that the search begins with.
_STARTS = 1000
#: What an accuracy may be off by rounding: it may have been computed in single precision.
_ROUNDING = 1e-6
#: How many of the best of them it goes on from.
_PURSUED = 8


@dataclass(frozen=True, slots=True)
class Observation:
    """What one exit said of every sample.

    Parameters
    ----------
    name
        Of the exit.
    entropies
        Of the softmax, in nats, by sample.
    hits
        Whether the class with the highest score is the right one, by sample.
    """

    name: str
    entropies: tuple[float, ...]
    hits: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class TunedExits:
    """Thresholds, and what they give on the samples that they were chosen with.

    Parameters
    ----------
    thresholds
        For each early exit: 0 where nobody leaves, infinity where everybody does.
    accuracy
        Share of the samples that are classified rightly.
    shares
        Of the samples that leave at each exit, the output last.
    macs
        Mean of the multiply-accumulates of a sample.
    """

    names: tuple[str, ...]
    thresholds: tuple[float, ...]
    accuracy: float
    shares: tuple[float, ...]
    macs: float


#: The better of two choices has the larger key; keys of choices that miss the target begin with False.
_Key = tuple[bool, float, float]
_Rank = Callable[[int, int], _Key]


def tune(
    observations: Sequence[Observation],
    macs: Sequence[int],
    *,
    accuracy: float | None = None,
    budget: float | None = None,
) -> TunedExits:
    """Choose the thresholds that cost least for an accuracy, or that are most accurate for a cost.

    With one early exit every threshold that matters is tried: the choice is the best one for these samples. With
    several, thresholds at even quantiles are combined, and from the best combinations one threshold at a time is
    replaced by the best one given the others, until none is left that improves. The result may not be the best of all,
    but no change of a single threshold betters it, and its figures are those of these samples.

    Parameters
    ----------
    observations
        Of each early exit in order, and of the output.
    macs
        Multiply-accumulates until each of them.
    accuracy
        Least share of the samples to classify rightly.
    budget
        Most multiply-accumulates for a sample in the mean.

    Raises
    ------
    ValueError
        There are no samples, none of both targets or both are given, or no thresholds were found that meet it.
    """
    count = len(observations[-1].hits)
    if count == 0:
        raise ValueError("there are no samples to choose thresholds with")
    if (accuracy is None) == (budget is None):
        raise ValueError("give one of both targets: an accuracy, or a mean of multiply-accumulates")
    search = _Search(observations, macs, _rank(count, accuracy, budget))
    best = max((search.improved(start) for start in search.starts()), key=search.key)
    result = search.result(best)
    if not search.key(best)[0]:
        reached = f"{result.accuracy:.2%}" if accuracy is not None else f"{result.macs:,.0f} MACs"
        wanted = f"an accuracy of {accuracy:.2%}" if accuracy is not None else f"a mean of {budget:,.0f} MACs"
        raise ValueError(f"no thresholds were found that give {wanted}; the nearest give {reached}")
    return result


def _rank(count: int, accuracy: float | None, budget: float | None) -> _Rank:
    """The key of a choice by the number of samples that are right and the sum of their multiply-accumulates."""

    def by_cost(hits: int, cost: int) -> _Key:
        return (True, -cost, hits) if hits >= least else (False, hits, -cost)

    def by_hits(hits: int, cost: int) -> _Key:
        return (True, hits, -cost) if cost <= most else (False, -cost, hits)

    least = 0 if accuracy is None else math.ceil((accuracy - _ROUNDING) * count)
    most = 0.0 if budget is None else budget * count
    return by_hits if accuracy is None else by_cost


class _Search:
    """Thresholds over a fixed set of samples."""

    def __init__(self, observations: Sequence[Observation], macs: Sequence[int], rank: _Rank) -> None:
        *self._exits, self._last = observations
        self._macs = macs
        self._rank = rank
        #: Samples by the entropy at each exit, lowest first; those that have none come last, and never leave.
        self._orders = [_ascending(exit.entropies) for exit in self._exits]

    def starts(self) -> Iterator[tuple[float, ...]]:
        """The best of a grid of thresholds; with one exit any start will do."""
        if len(self._exits) == 1:
            yield (0.0,)
            return
        number = max(int(_STARTS ** (1 / len(self._exits))), 2)
        columns = [self._quantiles(index, number) for index in range(len(self._exits))]
        if number ** len(columns) > 2 * _STARTS:  # so many exits that even two values for each are too many together
            grid: Iterator[tuple[float, ...]] = zip(*columns, strict=True)
        else:
            grid = product(*columns)
        yield from sorted(grid, key=self.key, reverse=True)[:_PURSUED]

    def _quantiles(self, index: int, number: int) -> list[float]:
        """Thresholds with which even shares of all samples would leave, from nobody to everybody."""
        order, entropies = self._orders[index], self._exits[index].entropies
        inner = [len(order) * step // (number - 1) for step in range(1, number - 1)]
        return [0.0, *(_between(entropies[order[cut - 1]], entropies[order[cut]]) for cut in inner if cut), math.inf]

    def improved(self, thresholds: tuple[float, ...]) -> tuple[float, ...]:
        """Replace one threshold at a time by the best one, until no replacement improves on the others."""
        key = self.key(thresholds)
        while True:
            before = key
            for index in range(len(thresholds)):
                value = self._best(thresholds, index)
                changed = (*thresholds[:index], value, *thresholds[index + 1 :])
                found = self.key(changed)
                if found > key:
                    thresholds, key = changed, found
            if key == before:
                return thresholds

    def _best(self, thresholds: tuple[float, ...], index: int) -> float:
        """The best threshold of one exit, given the others: samples are let go one by one, the surest first."""
        always = (*thresholds[:index], math.inf, *thresholds[index + 1 :])
        never = (*thresholds[:index], 0.0, *thresholds[index + 1 :])
        own, entropies = self._exits[index], self._exits[index].entropies
        later = self._leave(never)
        reaching = [sample for sample in self._orders[index] if self._exit_of(sample, always) == index]
        hits, cost = self._sums(later)
        best, value = self._rank(hits, cost), 0.0
        for position, sample in enumerate(reaching):
            place = later[sample]
            hits += own.hits[sample] - self._is_hit(sample, place)
            cost += self._macs[index] - self._macs[place]
            following = entropies[reaching[position + 1]] if position + 1 < len(reaching) else math.inf
            if not entropies[sample] < following:
                continue
            if self._rank(hits, cost) > best:
                best, value = self._rank(hits, cost), _between(entropies[sample], following)
        return value

    # What thresholds give --------------------------------------------------------------------------------------------

    def key(self, thresholds: tuple[float, ...]) -> _Key:
        """How good thresholds are."""
        return self._rank(*self._sums(self._leave(thresholds)))

    def result(self, thresholds: tuple[float, ...]) -> TunedExits:
        """Thresholds with what they give."""
        places = self._leave(thresholds)
        hits, cost = self._sums(places)
        count = len(places)
        return TunedExits(
            names=tuple(exit.name for exit in (*self._exits, self._last)),
            thresholds=thresholds,
            accuracy=hits / count,
            shares=tuple(places.count(index) / count for index in range(len(self._macs))),
            macs=cost / count,
        )

    def _leave(self, thresholds: tuple[float, ...]) -> list[int]:
        """The exit that each sample leaves at."""
        return [self._exit_of(sample, thresholds) for sample in range(len(self._last.hits))]

    def _exit_of(self, sample: int, thresholds: tuple[float, ...]) -> int:
        for index, (exit, threshold) in enumerate(zip(self._exits, thresholds, strict=True)):
            if exit.entropies[sample] < threshold:
                return index
        return len(self._exits)

    def _sums(self, places: Sequence[int]) -> tuple[int, int]:
        hits = sum(self._is_hit(sample, place) for sample, place in enumerate(places))
        return hits, sum(self._macs[place] for place in places)

    def _is_hit(self, sample: int, place: int) -> bool:
        return (self._last if place == len(self._exits) else self._exits[place]).hits[sample]


def _ascending(entropies: Sequence[float]) -> list[int]:
    keys = [math.inf if math.isnan(entropy) else entropy for entropy in entropies]
    return sorted(range(len(keys)), key=keys.__getitem__)


def _between(low: float, high: float) -> float:
    """A threshold above ``low`` that is not above ``high``, halfway if single precision has room there."""
    if not low < high:
        return high
    if math.isinf(high):
        return high
    halfway: float = struct.unpack("f", struct.pack("f", (low + high) / 2))[0]
    return halfway if low < halfway <= high else high
