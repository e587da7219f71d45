"""The room of a column's parts, each measured once; a style says how each kind of part is measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from archdsl.backends.diagram.column import Around, Branches, Part, Series

Extent = TypeVar("Extent")


class Rooms(ABC, Generic[Extent]):
    """Rooms of boxes, of branches, and of series with the arcs that lead around their parts."""

    def __init__(self) -> None:
        self._extents: dict[Part | Series, Extent] = {}

    def extent(self, part: Part | Series, around: Around = (None, None)) -> Extent:
        """The room of a part of a column or of a series of them.

        Arcs lead from and to what is around branches too, so that what holds them is asked first.
        """
        if part not in self._extents:
            self._extents[part] = self._measured(part, around)
        return self._extents[part]

    def _measured(self, part: Part | Series, around: Around) -> Extent:
        if isinstance(part, Series):
            return self._series(part, around)
        return self._branches(part, around) if isinstance(part, Branches) else self._box(part)

    @abstractmethod
    def _box(self, key: str) -> Extent: ...

    @abstractmethod
    def _branches(self, branches: Branches, around: Around) -> Extent: ...

    @abstractmethod
    def _series(self, series: Series, around: Around) -> Extent: ...
