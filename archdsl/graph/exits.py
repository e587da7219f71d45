"""What runs until each early exit: the order in which inference goes through a network that samples may leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archdsl import codes
from archdsl.diagnostic import Diagnostic
from archdsl.graph.graph import Graph, Output
from archdsl.graph.reach import needed_by


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs between one exit and the next.

    Parameters
    ----------
    output
        The exit that the stage leads to; behind the last one, the network's own output.
    nodes
        Numbers of the nodes that this exit needs and those before it do not, in running order; those that it needs in
        training alone are among them.
    """

    output: Output
    nodes: tuple[int, ...]


def stages(graph: Graph) -> tuple[Stage, ...]:
    """The stages of a network with early exits, in order of the exits; none for a network without.

    A stage holds no more than its exit needs, wherever that stands in the source. Nodes that neither the early exits
    nor the main output need, as those of auxiliary heads, are in no stage.
    """
    exits = early_exits(graph)
    if not exits:
        return ()
    found: list[Stage] = []
    reached = [False] * len(graph.nodes)
    for output in (*exits, *_main_outputs(graph)):
        needed = needed_by(graph, (output,))
        found.append(Stage(output, tuple(node for node, is_new in enumerate(needed) if is_new and not reached[node])))
        reached = [was or now for was, now in zip(reached, needed, strict=True)]
    return tuple(found)


def early_exits(graph: Graph) -> tuple[Output, ...]:
    """The exits that samples may leave at, in order of the source."""
    return tuple(output for output in graph.outputs if output.entropy is not None)


def exit_state(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Key and shape of what early exits add to a ``state_dict``: their thresholds, under a name that no step has."""
    exits = early_exits(graph)
    taken = {node.path.split(".")[0] for node in graph.nodes}
    return {"exit_thresholds" if "thresholds" in taken else "thresholds": (len(exits),)} if exits else {}


def unfit_exits(graph: Graph) -> Iterator[Diagnostic]:
    """Early exits that cannot stand in for the network's output."""
    mains = _main_outputs(graph)
    for output in early_exits(graph):
        span = graph.nodes[output.port.node].span
        head = f"the early exit `{output.name}`"
        own = graph.type_of(output.port)
        if output.only is not None:
            message = f"{head} exists in training only: no sample can leave there"
            hint = "leave out `only`, or `entropy`"
        elif len(mains) != 1 or mains[0].only is not None:
            message = f"{head} stands in for the one output of both modes, but there is no such output"
            hint = "keep a single `output` without `only`, or leave out `entropy`"
        elif own.rank or own.batch != "image":
            message, hint = f"{head} decides by the scores of classes, a vector, but yields {own}", "end it with `fc`"
        elif own != graph.type_of(mains[0].port):
            main = mains[0]
            message = f"{head} yields {own}, but the output `{main.name}` is {graph.type_of(main.port)}"
            hint = "give both the same classes"
        else:
            continue
        yield Diagnostic(codes.BAD_ARGUMENT, message, span, hint=hint)


def _main_outputs(graph: Graph) -> tuple[Output, ...]:
    return tuple(output for output in graph.outputs if output.kind == "output" and output.only != "train")
