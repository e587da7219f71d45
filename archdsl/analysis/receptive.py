"""Which part of each input a place of a stream sees: receptive field, stride and offset per axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, NamedTuple

from archdsl.collector import paused

if TYPE_CHECKING:
    from archdsl.graph.graph import Graph, Node
    from archdsl.ops.base import Shape, TensorType, Window

#: A length or a place in elements of an input: a whole number until a stream is upsampled.
Length = int | Fraction


class Axis(NamedTuple):
    """What the places of a stream see of an input along one axis.

    Place ``n`` of the stream sees the elements from ``low + n * stride`` to ``high + n * stride`` of the input, both
    included, padding included: the first place usually begins left of the input.

    Parameters
    ----------
    low, high
        First and last element that place 0 sees.
    stride
        Step on the input between neighbours in the stream; 0 if all places see the same.
    whole
        Each place sees the whole input; ``low`` and ``high`` are then those of the path that keeps its place, if any.
    """

    low: Length
    high: Length
    stride: Length
    whole: bool = False

    @property
    def size(self) -> Length | None:
        """Number of elements seen; None for the whole input."""
        return None if self.whole else self.high - self.low + 1

    @property
    def offset(self) -> Fraction:
        """Centre of what place 0 sees; 0 is the centre of the input's first element."""
        return Fraction(self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class Field:
    """What a stream sees of one input.

    Parameters
    ----------
    axes
        One entry for each spatial axis of the input.
    is_aligned
        False if streams of different stride were merged on the way, so that the field moves against its stride.
    """

    axes: tuple[Axis, ...]
    is_aligned: bool = True

    @property
    def is_whole(self) -> bool:
        """Whether every place sees the whole input."""
        return all(axis.whole for axis in self.axes)

    @property
    def area(self) -> Length:
        """Number of elements seen, axes that see the whole input aside."""
        area: Length = 1
        for axis in self.axes:
            area *= 1 if axis.size is None else axis.size
        return area


class Slide(NamedTuple):
    """The window of an operator along one axis; ``reach`` is the distance from its first tap to its last."""

    reach: int
    stride: int
    padding: int
    upscale: int


#: How an operator changes the fields of an input: not at all, to the whole input, or by a window along each axis.
Motion = tuple[Slide, ...] | Literal["everywhere"] | None

#: What a stream sees of each input, by the input's node; inputs that it does not depend on are missing.
Fields = Mapping[int, Field]


@dataclass(frozen=True)
class ReceptiveTable:
    """Receptive fields by number of node.

    Parameters
    ----------
    rows
        For each node, the field on every input that it depends on.
    outputs
        The fields of the outputs by name.
    features
        For each input, the node that sees the most of it without seeing all of it: the last of the features, before
        global pooling and linear maps; missing for an input that no node sees a part of.
    misaligned
        Nodes at which streams of different stride meet.
    """

    rows: tuple[Fields, ...]
    outputs: Mapping[str, Fields]
    features: Mapping[int, int]
    misaligned: tuple[int, ...]

    def __getitem__(self, node: int) -> Fields:
        return self.rows[node]


@paused()
def analyse_receptive(graph: Graph) -> ReceptiveTable:
    """Receptive field, stride and offset of every node on every input.

    Notes
    -----
    A window of ``k`` taps with stride ``s``, padding ``p`` and dilation ``d`` takes an axis (low, high, stride) to::

        low - p * stride,   high + ((k - 1) * d - p) * stride,   s * stride

    Where the input is spread by ``u`` first (transposed convolution, upsampling), at most
    ``ceil(((k - 1) * d + 1) / u)`` of the places under the window are places of the input; that many are seen, around
    the centre of the window, and the stride becomes ``s * stride / u``. Where paths meet, the
    field reaches from the lowest to the highest element that any of them sees: the field of the largest path, if all
    have the same centre. Where strides differ, the larger field is kept and the node is reported.

    Cost: linear in the number of streams times the number of inputs.

    References
    ----------
    Araujo, Norris, Sim: Computing receptive fields of convolutional neural networks, Distill 2019,
    doi:10.23915/distill.00021.
    """
    rows, misaligned = _propagate(graph, graph.nodes, {})
    outputs = {output.name: rows[output.port.node] for output in graph.outputs}
    return ReceptiveTable(tuple(rows.values()), outputs, _features(graph, rows), tuple(misaligned))


def block_fields(graph: Graph, nodes: range, result: int) -> Fields:
    """Find what node ``result`` of a contiguous block sees of the streams that enter the block.

    The fields are in elements of those streams, by the node that makes each.
    """
    entering: dict[int, Fields] = {}
    for node in nodes:
        for port in graph.nodes[node].inputs:
            if port.node < nodes.start:
                entering[port.node] = {port.node: _point(graph.type_of(port))}
    rows, _ = _propagate(graph, graph.nodes[nodes.start : nodes.stop], entering)
    return rows[result]


def _point(stream: TensorType) -> Field:
    return Field((Axis(0, 0, 1),) * stream.rank)


def _propagate(
    graph: Graph, nodes: Iterable[Node], entering: Mapping[int, Fields]
) -> tuple[dict[int, Fields], list[int]]:
    """Fields of nodes in running order, given those of the streams that enter; and the nodes where strides differ."""
    rows = dict(entering)
    misaligned = []
    # layers repeat: an operator object is asked once for each combination of input types
    motions: dict[tuple[int, tuple[TensorType, ...]], tuple[Motion, ...]] = {}
    for node in nodes:
        if not node.inputs:
            rows[node.id] = {node.id: _point(node.outputs[0])}
            continue
        key = (id(node.op), graph.input_types(node))
        if key not in motions:
            motions[key] = tuple(_motions(node, key[1]))
        if len(motions[key]) == 1:
            rows[node.id] = _along_one(rows[node.inputs[0].node], motions[key][0])
            continue
        seen = _collect(node, motions[key], rows)
        rows[node.id] = {source: _merge(candidates) for source, candidates in seen.items()}
        if any(_differ_in_stride(candidates) for candidates in seen.values()):
            misaligned.append(node.id)
    return rows, misaligned


def _motions(node: Node, types: Sequence[TensorType]) -> Iterator[Motion]:
    """Tell for each input of a node how its fields change on the way to the output.

    A window slides over the first input; what else there is (offsets, say) is seen place by place. A stream given as
    an argument (``crop like=y``) lends its size alone: none of its values is seen.
    """
    window, after = node.op.window(*types), node.outputs[0].spatial
    models = sum(1 for argument in node.op.stream_arguments if getattr(node.op, argument))
    for position, stream in enumerate(types[: len(types) - models]):
        applied = window if window is not None and (position == 0 or window.everywhere) else None
        if _is_everywhere(applied, stream.spatial, after):
            yield "everywhere"
        else:
            yield None if applied is None else tuple(_slide(applied, number) for number in range(len(after)))


def _is_everywhere(window: Window | None, before: Shape, after: Shape) -> bool:
    """Whether every place of the output sees every place of the input.

    True also where an axis is gone, or where one place is spread over many (a gate for each channel).
    """
    if len(before) != len(after) or (window is not None and window.everywhere):
        return True
    return window is None and before != after and set(before) == {1}


def _slide(window: Window, number: int) -> Slide:
    kernel, dilation = _along(window.kernel, number, 1), _along(window.dilation, number, 1)
    return Slide(
        reach=(kernel - 1) * dilation,
        stride=_along(window.stride, number, 1),
        padding=_along(window.padding, number, 0),
        upscale=_along(window.upscale, number, 1),
    )


def _along(values: Shape, number: int, default: int) -> int:
    return values[number] if number < len(values) else default


def _along_one(fields: Fields, motion: Motion) -> Fields:
    """Move the fields of an only input through a node; operators that look at each place alone hand them on."""
    return fields if motion is None else {source: _through(field, motion) for source, field in fields.items()}


def _collect(node: Node, motions: Sequence[Motion], rows: Mapping[int, Fields]) -> dict[int, list[Field]]:
    """Move the fields of a node's inputs through the node; the result is by what they are fields of."""
    seen: dict[int, list[Field]] = {}
    for port, motion in zip(node.inputs, motions, strict=False):
        for source, field in rows[port.node].items():
            seen.setdefault(source, []).append(_through(field, motion))
    return seen


def _through(field: Field, motion: Motion) -> Field:
    if motion is None:
        return field
    if motion == "everywhere":
        return Field(tuple(axis._replace(stride=0, whole=True) for axis in field.axes), field.is_aligned)
    axes, slides = field.axes, motion
    if len(set(axes)) == 1 and len(set(slides)) == 1:
        return Field((_move(axes[0], slides[0]),) * len(axes), field.is_aligned)
    return Field(tuple(map(_move, axes, slides)), field.is_aligned)


def _move(axis: Axis, slide: Slide) -> Axis:
    reach, stride, padding, upscale = slide
    if upscale == 1:
        low, high = axis.low - padding * axis.stride, axis.high + (reach - padding) * axis.stride
        return Axis(low, high, axis.stride * stride, axis.whole)
    taps = -(-(reach + 1) // upscale)
    shift = Fraction(reach - 2 * padding, 2 * upscale) * axis.stride
    spread = Fraction(taps - 1, 2) * axis.stride
    step = Fraction(axis.stride * stride) / upscale
    return Axis(axis.low + shift - spread, axis.high + shift + spread, step, axis.whole)


def _merge(fields: list[Field]) -> Field:
    """Unite the fields of a stream that depends on its input along several paths."""
    first = fields[0]
    if all(field == first for field in fields[1:]):
        return first
    axes = tuple(_join(axes) for axes in zip(*(field.axes for field in fields), strict=True))
    return Field(axes, not _differ_in_stride(fields) and all(field.is_aligned for field in fields))


def _join(axes: Sequence[Axis]) -> Axis:
    local = [axis for axis in axes if axis.stride]
    if not local:
        return axes[0]
    largest = max(local, key=lambda axis: axis.high - axis.low)
    alike = [axis for axis in local if axis.stride == largest.stride]
    low, high = min(axis.low for axis in alike), max(axis.high for axis in alike)
    return Axis(low, high, largest.stride, any(axis.whole for axis in axes))


def _differ_in_stride(fields: list[Field]) -> bool:
    if len(fields) == 1:
        return False
    by_axis = zip(*(field.axes for field in fields), strict=True)
    return any(len({axis.stride for axis in axes if axis.stride}) > 1 for axes in by_axis)


def _features(graph: Graph, rows: Mapping[int, Fields]) -> dict[int, int]:
    best: dict[int, int] = {}
    fields: dict[int, Field] = {}
    for node in graph.nodes:
        for source, field in rows[node.id].items():
            if not field.axes or any(axis.whole for axis in field.axes):
                continue
            largest = fields.get(source)
            # operators that look at each place alone hand on the very same field
            if largest is None or field is largest or field.area >= largest.area:
                best[source], fields[source] = node.id, field
    return best
