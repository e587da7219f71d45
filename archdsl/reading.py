"""From a specification to checked networks; the functions that people call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archdsl.codes import NO_INPUT
from archdsl.diagnostic import ArchError, Diagnostic, LoadError
from archdsl.graph.elaborate import Elaborated, Load, elaborate
from archdsl.network import Network
from archdsl.project import Target, TargetLike, find
from archdsl.render import in_order
from archdsl.source import Source, Span
from archdsl.syntax import tree
from archdsl.syntax.parse import parse

if TYPE_CHECKING:
    from os import PathLike

    from archdsl.graph.graph import Graph
    from archdsl.graph.passage import Watch

Shape = tuple[int, ...]

#: One shape as text or numbers, channels first and without the batch; or one for each named input.
InputLike = str | Sequence[int] | Mapping[str, str | Sequence[int]]


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
