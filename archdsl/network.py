"""A checked network and everything that can be made of it; the functions that people call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from archdsl.codes import NO_INPUT
from archdsl.diagnostic import ArchError, Diagnostic, LoadError
from archdsl.graph.elaborate import Elaborated, Load, elaborate
from archdsl.project import Target, TargetLike, find, write
from archdsl.render import in_order
from archdsl.source import Source, Span
from archdsl.syntax import tree
from archdsl.syntax.parse import parse

if TYPE_CHECKING:
    from fractions import Fraction
    from os import PathLike

    from archdsl.analysis import Analysis
    from archdsl.analysis.compare import Comparison
    from archdsl.analysis.tuning import TunedExits
    from archdsl.backends.python.module import PythonSource
    from archdsl.graph.fold import Folding
    from archdsl.graph.graph import Graph
    from archdsl.graph.passage import Watch

Shape = tuple[int, ...]
Value = TypeVar("Value")

#: One shape as text or numbers, channels first and without the batch; or one for each named input.
InputLike = str | Sequence[int] | Mapping[str, str | Sequence[int]]


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


def load(target: TargetLike, *, input: InputLike | None = None, **parameters: Any) -> Network:
    """Read and check a network.

    Parameters
    ----------
    target
        A name of the zoo (``"resnet50"``), a file (``"nets/resnet.arch"``, or a path), a variant in it
        (``"nets/resnet.arch:resnet101"``), or ``archdsl.text("…")``.
    input
        Shape of the input in place of the one in the file: ``"3x512x512"``, ``(3, 512, 512)``; for several inputs a
        mapping of names to shapes.
    parameters
        Parameters of the network: ``classes=10``.

    Raises
    ------
    ArchError
        The specification has errors, or there is none.
    """
    return read(target, parameters, input)


def read(target: TargetLike, parameters: Mapping[str, Any], input: InputLike | None = None) -> Network:
    """``load`` with the parameters as a mapping.

    A network that was built before, from the same texts with the same parameters, is not built again: it never changes.
    """
    found = find(target)
    key = found.source, found.variant, repr(sorted(parameters.items())), repr(input)
    known = _KNOWN.get(key)
    if known is not None and all(_is_unchanged(found, use) for use in known.uses):
        return known.network
    uses: list[_Use] = []

    def load(using: Source, name: str, /) -> Source:
        uses.append(_Use(using, name, found.project.use(using, name)))
        return uses[-1].source

    network = _checked(found, parameters, input, load)
    while len(_KNOWN) >= _REMEMBERED:
        del _KNOWN[next(iter(_KNOWN))]
    _KNOWN[key] = _Known(network, tuple(uses))
    return network


@dataclass(frozen=True)
class _Use:
    """A file that another one uses, as it was read."""

    using: Source
    name: str
    source: Source


@dataclass(frozen=True)
class _Known:
    network: Network
    uses: tuple[_Use, ...]


_KNOWN: dict[tuple[Source, str | None, str, str], _Known] = {}
_REMEMBERED = 32


def _is_unchanged(found: Target, use: _Use) -> bool:
    try:
        return found.project.use(use.using, use.name) == use.source
    except LoadError:
        return False


def _checked(found: Target, parameters: Mapping[str, Any], input: InputLike | None, load: Load) -> Network:
    parsed = parse(found.source)
    elaborated = _elaborated(parsed.file, found.variant, parameters, input, load)
    diagnostics = in_order(dict.fromkeys((*parsed.diagnostics, *elaborated.diagnostics)))
    if elaborated.graph is None or any(diagnostic.is_error for diagnostic in diagnostics):
        raise ArchError(diagnostics)
    if not elaborated.graph.outputs:
        nothing = "the file holds definitions alone: there is no network to build"
        raise ArchError([Diagnostic(NO_INPUT, nothing, found.source.span(0, 0))])
    return Network(elaborated.graph, without_ignored(diagnostics))


def compile(
    target: TargetLike,
    *,
    input: InputLike | None = None,
    device: Any = None,
    dtype: Any = None,
    memory_format: Any = None,
    devices: Mapping[str, Any] | None = None,
    seed: int | None = None,
    **parameters: Any,
) -> Any:
    """A network as a ``torch.nn.Module``; see ``load`` and ``Network.module``."""
    network = read(target, parameters, input)
    return network.module(device=device, dtype=dtype, memory_format=memory_format, devices=devices, seed=seed)


def draw(
    target: TargetLike,
    path: str | PathLike[str] | None = None,
    *,
    input: InputLike | None = None,
    parameters: Mapping[str, Any] | None = None,
    **options: Any,
) -> bytes:
    """A picture of a network; see ``load`` and ``Network.draw``."""
    return read(target, parameters or {}, input).draw(path, **options)


def summarize(target: TargetLike, *, input: InputLike | None = None, **parameters: Any) -> str:
    """A table of a network's parts as text; see ``load`` and ``Network.summary``."""
    return read(target, parameters, input).summary()


def check(target: TargetLike, *, input: InputLike | None = None, **parameters: Any) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with a specification: as it stands and with each of its variants.

    What several variants have in common is said once.

    Raises
    ------
    ArchError
        There is no such specification, or its file cannot be read.
    """
    return without_ignored(survey(find(target), parameters, input).diagnostics)


def without_ignored(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Diagnostics less the warnings that comments hide: ``# arch: ignore[W0602]``."""
    if all(diagnostic.is_error for diagnostic in diagnostics):
        return diagnostics
    from archdsl.lint.ignore import kept

    return kept(diagnostics)


@dataclass(frozen=True)
class Survey:
    """A file, the networks that it and its variants build as far as they have no errors, and what was found."""

    file: tree.File
    graphs: tuple[Graph, ...]
    diagnostics: tuple[Diagnostic, ...]


def survey(
    found: Target, parameters: Mapping[str, Any], input: InputLike | None = None, *, watch: Watch | None = None
) -> Survey:
    """Build what a file describes, as it stands and with each of its variants; see ``check`` and ``elaborate``."""
    parsed = parse(found.source)
    variants = _variants(parsed.file) if found.variant is None else (found.variant,)
    findings = {_place(diagnostic): diagnostic for diagnostic in parsed.diagnostics}
    graphs = []
    for variant in variants:
        elaborated = _elaborated(parsed.file, variant, parameters, input, found.project.use, watch)
        graphs += [elaborated.graph] if elaborated.graph is not None and elaborated.graph.outputs else []
        for diagnostic in elaborated.diagnostics:
            findings.setdefault(_place(diagnostic), diagnostic)
    return Survey(parsed.file, tuple(graphs), in_order(findings.values()))


def _place(diagnostic: Diagnostic) -> tuple[str, Span]:
    return diagnostic.code.id, diagnostic.span


def _variants(file: tree.File) -> tuple[str | None, ...]:
    return None, *(statement.name for statement in file.statements if isinstance(statement, tree.Variant))


def _elaborated(
    file: tree.File,
    variant: str | None,
    parameters: Mapping[str, Any],
    input: InputLike | None,
    load: Load,
    watch: Watch | None = None,
) -> Elaborated:
    return elaborate(file, arguments=parameters, variant=variant, inputs=_shapes(input), load=load, watch=watch)


def _shapes(input: InputLike | None) -> tuple[Shape, ...] | Mapping[str, Shape] | None:
    if input is None:
        return None
    if isinstance(input, Mapping):
        return {name: shape_of(shape) for name, shape in input.items()}
    return (shape_of(input),)


def shape_of(shape: str | Sequence[int]) -> Shape:
    """A shape from text (``"3x224x224"``) or numbers.

    Raises
    ------
    ValueError
        It is no shape.
    """
    sizes = shape.split("x") if isinstance(shape, str) else shape
    try:
        result = tuple(int(size) for size in sizes)
    except ValueError:
        result = ()
    if not result or min(result) < 1:
        raise ValueError(f"{shape!r} is not a shape like 3x224x224")
    return result
