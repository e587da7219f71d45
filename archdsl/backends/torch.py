"""Runs generated source: a graph becomes a ``torch.nn.Module``.

The source runs exactly as it is exported. Around it stands what only a living module can have: its text is registered
for tracebacks and debuggers, an exception on the way through ``forward`` gets a note that names the line of the
specification, and a module can be pickled as a whole, since its pickle carries the source.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from hashlib import sha256
from io import BytesIO
from pickle import UnpicklingError
from types import FunctionType, ModuleType, TracebackType
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import unset_fake_temporarily

from archdsl.analysis.tuning import Observation
from archdsl.backends.python.module import field_name, write
from archdsl.backends.python.writer import Mark, PythonSource
from archdsl.backends.runtime.early_exit import softmax_entropy
from archdsl.graph.exits import Stage, exit_state
from archdsl.graph.fold import Folding
from archdsl.graph.graph import Graph
from archdsl.graph.placement import ANYWHERE, placement
from archdsl.source import Span

#: Generated sources by the name of their file in tracebacks.
_SOURCES: dict[str, PythonSource] = {}


def build(
    graph: Graph,
    *,
    source: PythonSource | None = None,
    device: torch.device | str | int | None = None,
    dtype: torch.dtype | None = None,
    memory_format: torch.memory_format | None = None,
    devices: Mapping[str, torch.device | str | int] | None = None,
    seed: int | None = None,
) -> nn.Module:
    """The network as a module, its weights initialised once, on ``device``.

    Parameters
    ----------
    source
        What ``write`` made of the graph, if that is at hand.
    device, dtype
        Where the weights are and of what type; torch's own defaults if None.
    memory_format
        Layout of the weights with four axes, as ``torch.channels_last``.
    devices
        Devices by the names that ``place`` gives them; a name that is left out means ``device``.
    seed
        Makes the weights the same each time, and leaves torch's generators as they were.

    Raises
    ------
    ValueError
        The network places nothing on a device of such a name.
    """
    network = load(write(graph) if source is None else source)
    with _seeded(seed, device):
        module = _fake(network, device, dtype) if _is_faking() else network(device=device, dtype=dtype)
    if memory_format is not None:
        module.to(memory_format=memory_format)  # type: ignore[call-overload]
    if devices:
        _place(module, graph, devices)
    return module


def _place(module: nn.Module, graph: Graph, devices: Mapping[str, torch.device | str | int]) -> None:
    """Move each part of a module to the device on which the graph places it."""
    names = placement(graph)
    unknown = devices.keys() - set(names)
    if unknown:
        known = ", ".join(sorted(set(names) - {ANYWHERE})) or "none"
        raise ValueError(f"the network places nothing on {', '.join(sorted(unknown))}; its devices are {known}")
    for node, name in zip(graph.nodes, names, strict=True):
        if name in devices and (node.op.keyword == "place" or node.op.weights(*graph.input_types(node))):
            module.get_submodule(node.path).to(devices[name])


def export(
    graph: Graph,
    *,
    source: PythonSource | None = None,
    seed: int | None = None,
    weights: Mapping[str, Any] | None = None,
) -> bytes:
    """The network in evaluation mode as an exported program: the bytes of a ``.pt2`` file, weights included.

    The size of the batch stays free where the operators allow it. Several outputs are a dictionary, since the type that
    the module has for them is known to nobody who loads the file.
    """
    module = build(graph, source=source, seed=seed).eval()
    if sum(output.only != "train" for output in graph.outputs) > 1:
        module.__class__ = _by_name(type(module))
    if weights is not None:
        module.load_state_dict(weights)
    types = [node.outputs[0] for node in graph.inputs if not node.is_training_input]
    examples = tuple(torch.zeros(2, *type.shape, dtype=torch.long if type.dtype == "int" else None) for type in types)
    batches = tuple({0: torch.export.Dim.AUTO} for _ in examples)
    program = torch.export.export(module, examples, dynamic_shapes=batches)
    file = BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def _by_name(network: type[nn.Module]) -> type[nn.Module]:
    """The network with its outputs in a dictionary, by their names."""
    forward: Callable[..., Any] = network.forward

    @wraps(forward)
    def named(self: nn.Module, *inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        return dict(forward(self, *inputs)._asdict())

    return type(network.__name__, (network,), {"forward": named})


def fold_weights(folding: Folding, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of a folded network, each with the type and on the device of those that it is made of.

    Products are formed in double precision, so that little is lost but by the last rounding.

    Raises
    ------
    ForeignWeightsError
        They are not those of the network that was folded.
    """
    folding.require(state)
    folded: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for layer in folding.layers:
            like = state[layer.keys[0]]
            wide = {key: _widened(state[key]) for key in layer.keys}
            for key, tensor in layer.fold(wide).items():
                as_before = state.get(key, like)
                folded[key] = tensor.to(as_before.device, as_before.dtype, copy=True)
        folded |= {key: state[key].clone() for key in exit_state(folding.graph)}
    return folded


def _widened(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to("cpu", torch.float64) if tensor.is_floating_point() else tensor.detach()


def fold_module(folding: Folding, module: nn.Module, *, source: PythonSource | None = None) -> nn.Module:
    """A folded network with the weights of a module of the network that was folded, in evaluation mode.

    Raises
    ------
    ForeignWeightsError
        It is a module of another network.
    """
    weights = fold_weights(folding, module.state_dict())
    device = next((tensor.device for tensor in weights.values()), None)
    folded = build(folding.graph, source=source, device=device, seed=0)
    folded.load_state_dict(weights, assign=True)
    return folded.eval()


def read_weights(content: bytes) -> Mapping[str, Any]:
    """The tensors of a ``state_dict`` that ``torch.save`` wrote.

    Raises
    ------
    ValueError
        It is no such thing; nothing else in it is executed.
    """
    try:
        state = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, UnpicklingError) as error:
        raise ValueError("this is not a state_dict that torch.save wrote") from error
    if not isinstance(state, Mapping) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise ValueError("this holds other things than the tensors of a state_dict")
    return state


def write_weights(state: Mapping[str, Any]) -> bytes:
    """A ``state_dict`` as ``torch.save`` writes it, each tensor without the rest of what it is a view of."""
    file = BytesIO()
    torch.save({name: tensor.clone() for name, tensor in state.items()}, file)
    return file.getvalue()


def _is_faking() -> bool:
    """Whether a ``FakeTensorMode`` is active, in which tensors have no values."""
    return type(torch.empty(0)) is not torch.Tensor


def _fake(network: type[nn.Module], device: torch.device | str | int | None, dtype: torch.dtype | None) -> nn.Module:
    """The network with fake weights.

    Fake modules can neither be made on the meta device nor be moved off it, so the mode is left while they are made.
    """
    with unset_fake_temporarily():
        module = network(device="meta", dtype=dtype)
    place = torch.get_default_device() if device is None else device
    for part in module.modules():
        for name, weight in part.named_parameters(recurse=False):
            made = torch.empty(weight.shape, dtype=weight.dtype, device=place)
            part.register_parameter(name, nn.Parameter(made, weight.requires_grad))
        for name, buffer in part.named_buffers(recurse=False):
            setattr(part, name, torch.empty(buffer.shape, dtype=buffer.dtype, device=place))
    return module


@contextmanager
def _seeded(seed: int | None, device: torch.device | str | int | None) -> Iterator[None]:
    if seed is None:
        yield
        return
    place = torch.get_default_device() if device is None else torch.device(device)
    devices = [torch.empty(0, device=place).get_device()] if place.type in ("cuda", "xpu") else []
    with torch.random.fork_rng(devices=devices, device_type=place.type if devices else "cuda"):
        torch.manual_seed(seed)
        yield


def load(source: PythonSource) -> type[nn.Module]:
    """The class that a generated source defines; the same class for the same source."""
    network = getattr(_execute(source), source.class_name)
    assert isinstance(network, type)
    assert issubclass(network, nn.Module)
    return network


def _execute(source: PythonSource) -> ModuleType:
    """A module with the source run in it, known to ``sys.modules`` so that pickle and inspect find its classes."""
    key = sha256(source.text.encode()).hexdigest()[:12]
    name = f"archdsl_{source.class_name.lower()}_{key}"
    file = f"<archdsl {source.class_name} {key}>"
    if name in sys.modules:
        _SOURCES[file] = source  # the same text may come from another place in a specification
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = file
    linecache.cache[file] = len(source.text), None, source.text.splitlines(keepends=True), file
    _SOURCES[file] = source
    sys.modules[name] = module
    exec(compile(source.text, file, "exec"), module.__dict__)  # noqa: S102 - text that this package wrote
    network = getattr(module, source.class_name)
    # Code of its own, since torch.compile counts what it compiles by code object.
    network.__call__ = FunctionType(_call.__code__.replace(co_name="__call__"), globals(), "__call__")
    network.__reduce__ = _reduce
    if "infer" in vars(network):
        network.infer = _explained(network.infer)
    return module


def _call(self: nn.Module, *arguments: Any, **keywords: Any) -> Any:
    """Run the network; an exception learns where in the specification it came up."""
    try:
        return nn.Module.__call__(self, *arguments, **keywords)
    except Exception as error:
        explain(error)
        raise


def _explained(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of the network that is called directly, with exceptions explained as those of ``forward`` are."""

    @wraps(method)
    def run(*arguments: Any, **keywords: Any) -> Any:
        try:
            return method(*arguments, **keywords)
        except Exception as error:
            explain(error)
            raise

    return run


def _reduce(self: nn.Module) -> tuple[Any, ...]:
    """Pickle the network together with its source."""
    own = type(self)
    generated = next(cls for cls in own.__mro__ if _file(cls) in _SOURCES)
    return _restore, (_SOURCES[_file(generated)], None if own is generated else own), self.__dict__


def _file(cls: type) -> str:
    return getattr(sys.modules[cls.__module__], "__file__", None) or ""


def _restore(source: PythonSource, derived: type[nn.Module] | None) -> nn.Module:
    network = load(source) if derived is None else derived
    return network.__new__(network)


# Early exits -----------------------------------------------------------------------------------------------------


def observe(module: nn.Module, stages: Sequence[Stage], loader: Iterable[tuple[Any, Any]]) -> list[Observation]:
    """What each early exit and the output say of samples with known classes, in evaluation.

    Parameters
    ----------
    loader
        Batches: an input, or a tuple of them, and the classes.
    """
    entropies: list[list[float]] = [[] for _ in stages]
    hits: list[list[bool]] = [[] for _ in stages]
    device = next((parameter.device for parameter in module.parameters()), None)
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            for batch, classes in loader:
                inputs = batch if isinstance(batch, tuple | list) else (batch,)
                outputs = module(*(tensor.to(device) for tensor in inputs))
                for index, stage in enumerate(stages):
                    scores = getattr(outputs, field_name(stage.output.name))
                    entropies[index] += softmax_entropy(scores).tolist()
                    hits[index] += (scores.argmax(1) == classes.to(scores.device)).tolist()
    finally:
        module.train(was_training)
    return [
        Observation(stage.output.name, tuple(values), tuple(rights))
        for stage, values, rights in zip(stages, entropies, hits, strict=True)
    ]


# Tracebacks ------------------------------------------------------------------------------------------------------


def explain(error: BaseException) -> None:
    """Add a note to an exception that names the operator, its line in the specification, and what stands there."""
    path, mark, source = "", None, None
    for frame in _frames(error.__traceback__):
        found = _mark(frame)
        if found is None:
            continue
        path = f"{path}.{found.path}" if path else found.path
        mark = found
        source = source or _SOURCES[frame.tb_frame.f_code.co_filename]
    if mark is None or source is None:
        return
    span = source.places.get(path, mark.span)
    note = f"{span} in {path}: {_first_line(span)}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    """The frames of generated code, the outermost first."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename in _SOURCES:
            yield traceback
        traceback = traceback.tb_next


def _mark(traceback: TracebackType) -> Mark | None:
    """The operator that a frame was running: the smallest that has the failing instruction in it."""
    code = traceback.tb_frame.f_code
    marks = _SOURCES[code.co_filename].marks[traceback.tb_lineno - 1]
    start, stop = _columns(traceback)
    around = [mark for mark in marks if mark.start <= start and stop <= mark.stop]
    return min(around or marks, key=lambda mark: mark.stop - mark.start, default=None)


def _columns(traceback: TracebackType) -> tuple[int, int]:
    """Columns of the failing instruction; none at all if Python does not keep them."""
    positions = list(traceback.tb_frame.f_code.co_positions())
    _, _, start, stop = positions[traceback.tb_lasti // 2]
    return (start or 0, stop or 0) if stop is not None else (1, 0)


def _first_line(span: Span) -> str:
    return span.text.split("\n", 1)[0].strip()
