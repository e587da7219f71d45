"""A checked network and everything that can be made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from archdsl.project import write

if TYPE_CHECKING:
    from fractions import Fraction
    from os import PathLike

    from archdsl.analysis import Analysis
    from archdsl.analysis.compare import Comparison
    from archdsl.analysis.tuning import TunedExits
    from archdsl.backends.python.module import PythonSource
    from archdsl.diagnostic import Diagnostic
    from archdsl.graph.fold import Folding
    from archdsl.graph.graph import Graph

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Network:
    """A network without errors.

    Parameters
    ----------
    graph
        Its operators and streams.
    warnings
        What the check found that is no error.
    """

    graph: Graph
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def name(self) -> str:
        return self.graph.name

    @cached_property
    def analysis(self) -> Analysis:
        """Parameters, multiply-accumulates, memory and receptive fields."""
        from archdsl.analysis import analyse

        return analyse(self.graph)

    def summary(
        self,
        *,
        depth: int | None = None,
        paths: bool = False,
        exits: Sequence[Fraction | float] | None = None,
        format: Literal["text", "markdown", "json"] = "text",
    ) -> str:
        """The network's parts with shapes, parameters and MACs, and its totals.

        Parameters
        ----------
        depth
            Levels of parts to list; None for all. JSON has a row for every operator, whatever the depth.
        paths
            Whether to count the paths from input to output by their length.
        exits
            Shares of the samples that leave at each early exit, to tell the mean of the MACs; the last may be left out.

        Raises
        ------
        ValueError
            The shares do not fit the exits.
        """
        if format == "json":
            from archdsl.backends.report.json import write_json

            return write_json(self.graph, self.analysis, paths=paths, shares=exits)
        if format == "markdown":
            from archdsl.backends.report.markdown import write_markdown

            return write_markdown(self.graph, self.analysis, depth=depth, paths=paths, shares=exits)
        from archdsl.backends.report.text import write_text

        return write_text(self.graph, self.analysis, depth=depth, paths=paths, shares=exits)

    def draw(self, path: str | PathLike[str] | None = None, *, beside: Sequence[Network] = (), **options: Any) -> bytes:
        """A picture, also written to ``path`` if one is given, whose suffix then decides the format.

        Parameters
        ----------
        options
            See ``archdsl.backends.diagram.options.Options``: ``format``, ``style``, ``theme``, ``depth`` …; and
            ``beside``, networks to draw beside this one.
        """
        from archdsl.backends.diagram.draw import draw

        if path is not None:
            options.setdefault("format", Path(path).suffix.lstrip(".").lower() or "svg")
        picture = draw(self.graph, *(other.graph for other in beside), analysis=self.analysis, **options)
        if path is not None:
            write(Path(path), picture)
        return picture

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """What notebooks show: the picture, light or dark as the reader has it; without an engine the summary alone."""
        from archdsl.backends.diagram.engine import DrawingError

        shown = {"text/plain": self.summary(depth=1)}
        with suppress(DrawingError):
            shown["image/svg+xml"] = self.draw(theme="auto").decode()
        return shown

    def compare(self, other: Network) -> Comparison:
        """Compare with another network: its operators, and which weights survive."""
        from archdsl.analysis.compare import compare

        return compare(self.graph, other.graph, self.analysis.cost, other.analysis.cost)

    def source(self) -> PythonSource:
        """A PyTorch module of its own as Python source, with the line of the specification for each of its lines."""
        return self._source

    @cached_property
    def _source(self) -> PythonSource:
        from archdsl.backends.python.module import write as write_module

        return write_module(self.graph)

    def module(
        self,
        *,
        device: Any = None,
        dtype: Any = None,
        memory_format: Any = None,
        devices: Mapping[str, Any] | None = None,
        seed: int | None = None,
    ) -> Any:
        """The network as a ``torch.nn.Module``, its weights initialised.

        Parameters
        ----------
        device, dtype, memory_format
            As of torch: where the weights are, their type, and their layout.
        devices
            Devices by the names that ``place`` gives them in the specification; ``device`` for those left out.
        seed
            Makes the weights the same each time; without it they follow torch's own generator.
        """
        from archdsl.backends.torch import build

        return build(
            self.graph,
            source=self._source,
            device=device,
            dtype=dtype,
            memory_format=memory_format,
            devices=devices,
            seed=seed,
        )

    def tune_exits(
        self,
        module: Any,
        loader: Iterable[tuple[Any, Any]],
        *,
        accuracy: float | None = None,
        macs: float | None = None,
    ) -> TunedExits:
        """Thresholds for the early exits: the cheapest for an accuracy, or the most accurate for a cost.

        They are not set: ``module.thresholds.copy_(torch.tensor(tuned.thresholds))`` does that. With one early exit the
        choice is the best one for these samples; see ``archdsl.analysis.tuning.tune`` for several.

        Parameters
        ----------
        module
            A trained module of this network.
        loader
            Batches of samples that were not trained with: an input, or a tuple of them, and the classes.
        accuracy
            Least share of the samples to classify rightly.
        macs
            Most multiply-accumulates for a sample in the mean.

        Raises
        ------
        ValueError
            The network has no early exits, not one of both targets is given, or no thresholds were found for it.
        """
        from archdsl.analysis.tuning import tune
        from archdsl.backends.torch import observe
        from archdsl.graph.exits import stages

        found = stages(self.graph)
        if not found:
            raise ValueError(f"{self.name} has no early exits")
        costs = [row.macs for row in self.analysis.exits.rows]
        return tune(observe(module, found, loader), costs, accuracy=accuracy, budget=macs)

    def program(self, *, seed: int | None = None, weights: Mapping[str, Any] | None = None) -> bytes:
        """An exported program with its weights, for inference without Python code: the bytes of a ``.pt2`` file.

        Parameters
        ----------
        weights
            A ``state_dict``; without one, weights are made as for ``module``.
        """
        from archdsl.backends.torch import export

        return export(self.graph, source=self._source, seed=seed, weights=weights)

    @overload
    def fold(self) -> Network: ...

    @overload
    def fold(self, module: Any) -> Any: ...

    def fold(self, module: Any = None) -> Any:
        """The network with norms and parametrised weights folded into plain layers, or a module of it folded so.

        Outputs in evaluation stay the same, and so do paths. See ``archdsl.graph.fold.fold`` for what is folded.

        Parameters
        ----------
        module
            A module of this network. Given one, the result is a module in evaluation mode, with weights of its own
            that are made of those.
        """
        if module is None:
            return self._folded
        from archdsl.backends.torch import fold_module

        return fold_module(self._folding, module, source=self._folded.source())

    def fold_weights(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The ``state_dict`` of the folded network out of one of this network.

        Raises
        ------
        ValueError
            It is one of another network.
        """
        from archdsl.backends.torch import fold_weights

        return fold_weights(self._folding, state)

    @cached_property
    def _folding(self) -> Folding:
        from archdsl.graph.fold import fold

        return fold(self.graph)

    @cached_property
    def _folded(self) -> Network:
        return Network(self._folding.graph, self.warnings)

    def extract(self, *, column: int) -> Network:
        """One column of a fractal network as a network of its own; ``weights_from`` has its weights.

        Parameters
        ----------
        column
            Its number: 1 for the column of the first streams of the joins, which is the deepest one of ``fractal``.

        Raises
        ------
        ValueError
            There is no such column.

        Notes
        -----
        With the same running statistics of norms it computes what the whole network does where all joins keep to the
        column. Those statistics are a mixture over all columns: measured anew in the column alone, as
        ``torch.optim.swa_utils.update_bn`` does, they are worth several points of accuracy.
        """
        from archdsl.graph.columns import extract

        return Network(extract(self.graph, column))

    def weights_from(self, state: Mapping[str, Value]) -> dict[str, Value]:
        """The weights of this network out of a ``state_dict`` that has more, such as that of the whole network.

        Raises
        ------
        ValueError
            Some of them are not there.
        """
        paths = {node.path: node for node in self.graph.nodes}.items()
        keys = [f"{path}.{name}" for path, node in paths for name in node.op.weights(*self.graph.input_types(node))]
        missing = [key for key in keys if key not in state]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise ValueError(f"there are no weights for {missing[0]}{more}")
        return {key: state[key] for key in keys}
