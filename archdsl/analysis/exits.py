"""What inference costs until each early exit."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from archdsl.graph.exits import stages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archdsl.analysis.cost import CostTable
    from archdsl.graph.graph import Graph

#: How far shares may be from a sum of 1, since those that papers print are rounded.
TOLERANCE = Fraction(1, 100)


@dataclass(frozen=True, slots=True)
class ExitCost:
    """What it costs a sample to leave at an exit.

    Parameters
    ----------
    entropy
        The threshold of the specification; None for the network's output, where all leave that are left.
    macs
        Multiply-accumulates of all that runs until there, the exits before it included.
    """

    name: str
    entropy: float | None
    macs: int


@dataclass(frozen=True)
class ExitTable:
    """The exits of a network in the order in which inference passes them, its output last.

    There are no rows for a network without early exits.
    """

    rows: tuple[ExitCost, ...]

    def expected(self, shares: Sequence[Fraction | float]) -> ExpectedCost:
        """The mean cost of a sample where these shares of the samples leave at each exit.

        Parameters
        ----------
        shares
            One for each exit; the last may be left out, whose share is then the rest. Printed shares are rounded: a sum
            within 0.01 of 1 is taken as 1.

        Raises
        ------
        ValueError
            They are no such shares, or the network has no early exits.
        """
        if not self.rows:
            raise ValueError("the network has no early exits")
        given = tuple(Fraction(share) for share in shares)
        if len(given) == len(self.rows) - 1:
            given = (*given, 1 - sum(given, Fraction()))
        names = ", ".join(row.name for row in self.rows)
        if len(given) != len(self.rows):
            raise ValueError(f"there are {len(self.rows)} exits ({names}), not {len(given)}")
        total = sum(given, Fraction())
        if min(given) < 0 or abs(total - 1) > TOLERANCE:
            raise ValueError(f"the shares of the exits ({names}) are at least 0 and add up to 1")
        normal = tuple(share / total for share in given)
        macs = sum((share * row.macs for share, row in zip(normal, self.rows, strict=True)), Fraction())
        return ExpectedCost(normal, macs)


@dataclass(frozen=True, slots=True)
class ExpectedCost:
    """The mean cost of a sample.

    Parameters
    ----------
    shares
        Of the samples that leave at each exit; their sum is 1.
    macs
        Mean of the multiply-accumulates.
    """

    shares: tuple[Fraction, ...]
    macs: Fraction


def analyse_exits(graph: Graph, cost: CostTable) -> ExitTable:
    """Multiply-accumulates until each early exit and until the output.

    References
    ----------
    Teerapittayanon, McDanel, Kung: BranchyNet: fast inference via early exiting from deep neural networks, ICPR 2016,
    arXiv:1709.01686.
    """
    rows: list[ExitCost] = []
    macs = 0
    for stage in stages(graph):
        macs += sum(cost[node].macs or 0 for node in stage.nodes if cost[node].is_inference)
        rows.append(ExitCost(stage.output.name, stage.output.entropy, macs))
    return ExitTable(tuple(rows))
