"""Writes a graph as a PyTorch module that stands alone: readable, and exactly what ``compile`` runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import shorten, wrap

from archdsl.backends.python.classes import UnitClass, classify, parametrise
from archdsl.backends.python.draws import draw_names, with_draws
from archdsl.backends.python.exits import (
    RUNTIME,
    Inference,
    Segment,
    has_joint_loss,
    over_segments,
    segments,
    write_inference_type,
    write_joint_loss,
    write_segment_description,
    write_thresholds,
    write_thresholds_field,
)
from archdsl.backends.python.forward import Forward, argument_names, input_names
from archdsl.backends.python.initialise import write_reset
from archdsl.backends.python.names import MODULE_NAMES, Registry, attribute, camel_case, is_plain
from archdsl.backends.python.naming import describe, name_classes
from archdsl.backends.python.runtime import gather, imports
from archdsl.backends.python.units import CallItem, Item, OpItem, Unit, partition
from archdsl.backends.python.writer import Mark, PythonSource, Writer
from archdsl.graph.exits import early_exits, exit_state
from archdsl.graph.graph import Graph, Node, Output, Port
from archdsl.source import Span

_DOCSTRING_WIDTH = 110
_DEVICE = "device: torch.device | str | None = None"
_DTYPE = "dtype: torch.dtype | None = None"

__all__ = ["Mark", "PythonSource", "write"]


def write(graph: Graph) -> PythonSource:
    """The network as the text of a Python module that needs nothing but torch.

    Its last class is the network; ``load_state_dict`` keys are the paths of the graph's nodes, and
    ``thresholds`` where there are early exits.
    """
    return _ModuleWriter(with_draws(graph)).run()


class _ModuleWriter:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._writer = Writer()
        self._draws = draw_names(graph)
        self._classes = classify(partition(graph))
        codes = [item.code for cls in self._classes for item in cls.model.items if isinstance(item, OpItem)]
        own = [RUNTIME] if early_exits(graph) else []
        self._runtimes = gather([*(name for code in codes for name in code.runtime), *own])
        self._registry = Registry(MODULE_NAMES.union(*(module.names for module in self._runtimes)))
        self._root = self._classes[-1]
        self._root.name = self._registry.claim(camel_case(graph.name))
        #: Outputs of training, those of evaluation, and the names of their types if they are several.
        self._training = [output for output in graph.outputs if output.only != "eval"]
        self._evaluation = [output for output in graph.outputs if output.only != "train"]
        self._training_type = self._output_type(self._training, "Output")
        same = self._training == self._evaluation
        self._evaluation_type = self._training_type if same else self._output_type(self._evaluation, "EvaluationOutput")
        self._inference_type = self._registry.claim(f"{self._root.name}Inference") if early_exits(graph) else ""
        self._has_joint_loss = has_joint_loss(graph, self._training)
        self._segments: tuple[Segment, ...] = ()

    def _output_type(self, outputs: Sequence[Output], suffix: str) -> str | None:
        return self._registry.claim(f"{self._root.name}{suffix}") if len(outputs) > 1 else None

    def run(self) -> PythonSource:
        name_classes(self._graph, self._classes[:-1], self._registry)
        parametrise(self._graph, self._classes)
        self._segments = segments(self._graph, self._root)
        self._write_head()
        for module in self._runtimes:
            self._gap()
            self._writer.verbatim(module.body)
        for cls in self._classes[:-1]:
            self._gap()
            self._write_class(cls)
        for name, outputs in self._output_types().items():
            self._gap()
            self._write_output_type(name, outputs)
        if self._segments:
            self._gap()
            shape = str(self._graph.type_of(self._segments[-1].output.port))
            write_inference_type(self._writer, self._inference_type, self._root.name, self._segments, shape)
        self._gap()
        self._write_root()
        return self._writer.finish(self._root.name, _places(self._graph))

    def _gap(self) -> None:
        self._writer.line()
        self._writer.line()

    def _output_types(self) -> dict[str, Sequence[Output]]:
        types = {self._evaluation_type: self._evaluation, self._training_type: self._training}
        return {name: outputs for name, outputs in types.items() if name is not None}

    # Head --------------------------------------------------------------------------------------------------------

    def _write_head(self) -> None:
        graph = self._graph
        title = f": {graph.title.strip().rstrip('.')}" if graph.title else ""
        lines = [f"{graph.name}{title}.", *_paragraph(graph.papers)]
        lines += _paragraph(graph.notes)
        facts = [f"{_shapes(graph.inputs)} -> {', '.join(map(_output_text, graph.output_types().items()))}"]
        facts += [f"{_trainable(graph):,} parameters"]
        if graph.arguments:
            facts.append(
                "Built with " + ", ".join(f"{name}={_shown(value)}" for name, value in graph.arguments.items())
            )
        lines += ["", *(f"{fact}." for fact in facts)]
        lines = [part for line in lines for part in wrap(line, _DOCSTRING_WIDTH) or [""]]
        self._writer.verbatim(f'"""{_docstring(lines)}\n"""' if len(lines) > 1 else f'"""{_docstring(lines)}"""')
        self._writer.line()
        self._writer.line("from __future__ import annotations")
        self._writer.line()
        for line in imports(self._runtimes, self._needed_imports()):
            self._writer.line(line)

    def _needed_imports(self) -> list[str]:
        code = "\n".join(text for cls in self._classes for text in (*cls.calls, *cls.constructions))
        needed = ["import torch", "from torch import Tensor, nn"]
        if "F." in code or self._has_joint_loss:
            needed.append("import torch.nn.functional as F")
        if "math." in code:
            needed.append("import math")
        if self._output_types():
            needed.append("from typing import NamedTuple")
        return needed

    # Classes -----------------------------------------------------------------------------------------------------

    def _write_class(self, cls: UnitClass) -> None:
        writer, unit = self._writer, cls.model
        writer.line(f"class {cls.name}(nn.Module):", unit.scope.span)
        with writer.indented():
            self._write_description(*describe(cls), is_step=cls.definition is None)
            writer.line()
            parameters = "".join(f", {parameter.name}: {parameter.annotation}" for parameter in cls.parameters)
            writer.line(f"def __init__(self{parameters}) -> None:")
            with writer.indented():
                writer.line("super().__init__()")
                for parameter in cls.stored:
                    writer.line(f"self.{parameter.name} = {parameter.name}")
                self._write_children(cls)
            writer.line()
            self._write_method("forward", cls)

    def _write_method(self, name: str, cls: UnitClass, segment: Segment | None = None) -> None:
        """Write a method that runs the items of a class, or of a segment of the network."""
        writer, unit = self._writer, cls.model
        names = argument_names(unit, self._draws)
        arguments = "".join(f", {argument}: {_annotation(unit, port)}" for port, argument in names.items())
        results = [_annotation(unit, port) for port in unit.outputs]
        result = results[0] if len(results) == 1 else f"tuple[{', '.join(results)}]"
        writer.line(f"def {name}(self{arguments}) -> {result}:")
        preferred = {} if segment is None else {segment.output.port: segment.output.name}
        with writer.indented():
            if segment is not None:
                write_segment_description(writer, segment)
            forward = Forward(
                self._graph,
                cls,
                writer,
                names,
                preferred=preferred,
                draws=self._draws,
                leaving=unit.outputs,
                guarded=True,
            )
            self._write_return(forward, forward.run(), unit.outputs)

    def _write_description(self, what: str, where: str, *, is_step: bool) -> None:
        text = _docstring([f"{what} {where}." if is_step else f"{what}, {where}."])
        if len(text) <= _DOCSTRING_WIDTH:
            self._writer.line(f'"""{text}"""')
            return
        self._writer.line(f'"""{_docstring([what])}.')
        self._writer.line()
        self._writer.line(
            shorten(_docstring([where[:1].upper() + where[1:]]), _DOCSTRING_WIDTH, placeholder=" …") + "."
        )
        self._writer.line('"""')

    def _write_return(
        self, forward: Forward, result: tuple[str, Span | None, Sequence[Mark], str] | None, outputs: Sequence[Port]
    ) -> None:
        if result is None:
            self._writer.line(f"return {', '.join(map(forward.name, outputs))}")
            return
        text, span, marks, comment = result
        marks = [mark.shifted(len("return ")) for mark in marks]
        self._writer.line(f"return {text}", span, comment=comment, marks=marks)

    def _write_children(self, cls: UnitClass) -> None:
        """Make the modules, with plain containers for levels of paths that are no modules of their own."""
        made: set[str] = set()
        for item, construction in zip(cls.model.items, cls.constructions, strict=True):
            path = item.attribute
            if path is None or path in made:
                continue
            parts = path.split(".")
            for level in range(1, len(parts)):
                container = ".".join(parts[:level])
                if container not in made:
                    made.add(container)
                    self._writer.line(f"{attribute('self', container)} = nn.Module()")
            made.add(path)
            self._writer.line(f"{attribute('self', path)} = {construction}", _span(item))

    # The network -------------------------------------------------------------------------------------------------

    def _write_output_type(self, name: str, outputs: Sequence[Output]) -> None:
        when = " in training" if outputs is self._training else " in evaluation"
        if self._training == self._evaluation:
            when = ""
        self._writer.line(f"class {name}(NamedTuple):")
        with self._writer.indented():
            self._writer.line(f'"""What ``{self._root.name}`` yields{when}."""')
            self._writer.line()
            for output in outputs:
                self._writer.line(f"{field_name(output.name)}: Tensor", comment=str(self._graph.type_of(output.port)))

    def _write_root(self) -> None:
        writer, root = self._writer, self._root
        thresholds = next(iter(exit_state(self._graph)), "")
        writer.line(f"class {root.name}(nn.Module):", self._graph.scopes[0].span)
        with writer.indented():
            writer.line('"""The network; its weights are initialised on ``device``, once."""')
            writer.line()
            if self._segments:
                write_thresholds_field(writer, self._graph, thresholds)
                writer.line()
            writer.line(f"def __init__(self, {_DEVICE}, {_DTYPE}) -> None:")
            with writer.indented():
                writer.line("super().__init__()")
                writer.line('with torch.device("meta"):')
                with writer.indented():
                    self._write_children(root)
                    if self._segments:
                        writer.line(f'self.register_buffer("{thresholds}", torch.empty({len(self._segments) - 1}))')
                    elif not any(root.constructions):
                        writer.line("pass")
                writer.line("if dtype is not None:")
                with writer.indented():
                    writer.line("self.to(dtype=dtype)")
                # What `to_empty` does, in half the time: `empty_like` is slow on the meta device.
                writer.line("self._apply(lambda weight: torch.empty(weight.shape, dtype=weight.dtype, device=device))")
                writer.line("self.reset_parameters()")
            writer.line()
            self._write_root_forward()
            writer.line()
            self._write_exits(thresholds)
            self._write_parameter_groups()
            write_reset(writer, self._graph, self._runtimes)
            if self._segments:
                with writer.indented():
                    write_thresholds(writer, self._graph, thresholds)

    def _write_exits(self, thresholds: str) -> None:
        """Write what a network with several exits has beside ``forward``."""
        for segment in self._segments:
            if segment.unit.items:
                self._write_method(segment.method, segment.cls, segment)
                self._writer.line()
        if self._segments:
            absent = {Port(node.id) for node in self._graph.inputs if node.is_training_input}
            names = {port: name for port, name in input_names(self._graph).items() if port not in absent}
            Inference(self._graph, self._writer, self._segments, names, self._inference_type, thresholds).write()
            self._writer.line()
        if self._has_joint_loss:
            fields = [(field_name(output.name), output.weight) for output in self._training]
            write_joint_loss(self._writer, self._training_type or "", fields)
            self._writer.line()

    def _write_parameter_groups(self) -> None:
        if not any("parameter_groups" in module.names for module in self._runtimes):
            return
        arguments = "self, lr: float, weight_decay: float = 0.0"
        self._writer.line(f"def parameter_groups({arguments}) -> list[dict[str, Any]]:")
        with self._writer.indented():
            self._writer.line('"""The weights as groups for an optimiser: some want another learning rate or decay."""')
            self._writer.line("return parameter_groups(self, lr, weight_decay)")
        self._writer.line()

    def _write_root_forward(self) -> None:
        names = input_names(self._graph)
        absent = {names[Port(node.id)] for node in self._graph.inputs if node.is_training_input}
        arguments = ", ".join(f"{name}: Tensor{' | None = None' * (name in absent)}" for name in names.values())
        preferred = {output.port: output.name for output in self._graph.outputs if output.name != "out"}
        leaving = tuple(output.port for output in self._graph.outputs)
        results = dict.fromkeys((self._training_type or "Tensor", self._evaluation_type or "Tensor"))
        self._writer.line(f"def forward(self, {arguments}) -> {' | '.join(results)}:")
        with self._writer.indented():
            forward = Forward(
                self._graph,
                over_segments(self._root, self._segments) if self._segments else self._root,
                self._writer,
                names,
                preferred=preferred,
                draws=self._draws,
                leaving=leaving,
                guarded=False,
            )
            for name in sorted(absent):
                self._writer.line(f"if self.training and {name} is None:")
                with self._writer.indented():
                    self._writer.line(f'raise ValueError("training needs {name}")')
            result = forward.run()
            if len(self._graph.outputs) == 1 and self._training == self._evaluation:
                self._write_return(forward, result, leaving)
                return
            if self._training != self._evaluation:
                self._writer.line("if self.training:")
                with self._writer.indented():
                    self._writer.line(self._results(forward, self._training, self._training_type))
                self._writer.line(self._results(forward, self._evaluation, self._evaluation_type))
                return
            self._writer.line(self._results(forward, self._training, self._training_type))

    @staticmethod
    def _results(forward: Forward, outputs: Sequence[Output], type_name: str | None) -> str:
        if type_name is None:
            return f"return {forward.name(outputs[0].port)}" if outputs else "return ()"
        fields = ", ".join(f"{field_name(output.name)}={forward.name(output.port)}" for output in outputs)
        return f"return {type_name}({fields})"


# Text ------------------------------------------------------------------------------------------------------------


def _span(item: Item) -> Span:
    return item.unit.scope.span if isinstance(item, CallItem) else item.node.span


def _annotation(unit: Unit, port: Port) -> str:
    return "Tensor | None" if port in unit.optional else "Tensor"


def field_name(name: str) -> str:
    """Name of an output as a field of a named tuple, which must not begin with an underscore."""
    chosen = name.lstrip("_") or "out"
    taken = chosen in ("count", "index") or not is_plain(chosen)
    return f"{chosen}_" if taken else chosen


def _paragraph(texts: Sequence[str]) -> list[str]:
    return ["", *texts] if texts else []


def _docstring(lines: Sequence[str]) -> str:
    """Text that is safe within triple quotes."""
    text = "\n".join(" ".join(line.split()) for line in lines)
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'{text[:-1]}\\"' if text.endswith('"') else text


def _shapes(nodes: Sequence[Node]) -> str:
    return ", ".join(
        str(node.outputs[0]) if node.path == "input" else f"{node.path} {node.outputs[0]}" for node in nodes
    )


def _output_text(output: tuple[str, object]) -> str:
    return f"{output[0]} {output[1]}"


def _shown(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        return str(value)


def _trainable(graph: Graph) -> int:
    """Number of trainable parameters; tied ones count once."""
    sizes: dict[str, int] = {}
    for node in graph.nodes:
        if node.path not in sizes:
            weights = node.op.weights(*graph.input_types(node))
            sizes[node.path] = sum(weight.size for weight in weights.values() if weight.trainable)
    return sum(sizes.values())


def _places(graph: Graph) -> Mapping[str, Span]:
    """Where each operator was written, but for those that share their path."""
    counts = Counter(node.path for node in graph.nodes)
    return {node.path: node.span for node in graph.nodes if counts[node.path] == 1}
