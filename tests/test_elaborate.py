"""Elaboration: what the language means, statement by statement."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from archdsl import codes
from archdsl.diagnostic import Diagnostic
from archdsl.graph.elaborate import Elaborated, Load, LoadError, elaborate, load_nothing
from archdsl.graph.functions import divisible
from archdsl.graph.graph import Graph, Node
from archdsl.graph.verify import verify
from archdsl.source import Source
from archdsl.syntax.parse import parse


def run(text: str, *, load: Load = load_nothing, **options: object) -> Elaborated:
    parsed = parse(Source("test.arch", text))
    assert not parsed.diagnostics
    return elaborate(parsed.file, load=load, **options)  # type: ignore[arg-type]


def build(text: str, *, load: Load = load_nothing, **options: object) -> Graph:
    result = run(text, load=load, **options)
    assert result.graph is not None, [item.message for item in result.diagnostics]
    verify(result.graph)
    return result.graph


def only(text: str, **options: object) -> Diagnostic:
    """The one diagnostic of a text."""
    found = run(text, **options).diagnostics
    assert len(found) == 1, [item.message for item in found]
    return found[0]


def paths(graph: Graph, keyword: str | None = None) -> list[str]:
    return [node.path for node in graph.nodes if keyword in (None, node.op.keyword)]


def ops(graph: Graph) -> list[str]:
    return [node.op.keyword for node in graph.nodes]


def node(graph: Graph, path: str) -> Node:
    return next(item for item in graph.nodes if item.path == path)


def shape(graph: Graph, path: str) -> str:
    return str(node(graph, path).outputs[0])


# Flow ----------------------------------------------------------------------------------------------------------------


def test_pipeline_runs_in_series() -> None:
    graph = build("input 3x32x32\n3x3 conv 16 /2 -> bn -> relu")
    assert ops(graph) == ["input", "conv", "bn", "relu"]
    assert {name: str(type_) for name, type_ in graph.output_types().items()} == {"out": "16x16x16"}


def test_group_feeds_every_branch_from_the_same_stream_and_lists_flatten() -> None:
    graph = build("input 3x8x8\n((3x3 conv 4 | 1x1 conv 4) | skip) -> concat")
    concat = node(graph, "concat1")
    assert [graph.nodes[port.node].op.keyword for port in concat.inputs] == ["conv", "conv", "input"]
    assert str(concat.outputs[0]) == "11x8x8"


def test_empty_branch_is_skip() -> None:
    assert paths(build("input 3x8x8\n(| relu) -> add")) == ["input", "relu1", "add1"]


def test_group_over_a_range_with_a_condition() -> None:
    graph = build("input 3x8x8\n(1x1 conv(8 * i) for i in 1..4 where i != 2) -> concat")
    assert str(node(graph, "concat1").outputs[0]) == "64x8x8"


def test_merge_of_one_stream_is_that_stream() -> None:
    assert ops(build("input 3x8x8\n(relu) -> add -> concat")) == ["input", "relu"]


def test_branch_that_starts_with_a_name_replaces_its_input() -> None:
    graph = build("input 3x8x8\na = 1x1 conv 4\nb = 1x1 conv 5\n(a | b) -> concat")
    assert shape(graph, "concat1") == "9x8x8"


def test_repeat_makes_fresh_weights() -> None:
    graph = build("input 8x8x8\n3x3 conv 8 x 3")
    assert paths(graph, "conv") == ["conv1", "conv2", "conv3"]


def test_if_without_else_passes_on() -> None:
    text = "net n(deep=false)\ninput 3x8x8\nif deep { 3x3 conv 8 -> relu } -> 1x1 conv 4"
    assert len(build(text).nodes) == 2
    assert len(build(text, arguments={"deep": True}).nodes) == 4


def test_for_runs_over_lists_and_ranges() -> None:
    graph = build("input 3x8x8\nlet widths = [4, 8]\nfor w in widths { for i in 1..2 { 1x1 conv w } }")
    assert [str(item.outputs[0]) for item in graph.nodes[1:]] == ["4x8x8", "4x8x8", "8x8x8", "8x8x8"]


def test_exits_and_taps_leave_the_trunk_alone() -> None:
    graph = build(
        "input 3x8x8\nexit early weight=0.3 entropy=0.05 { gap -> fc 10 }\nexit aux only=train { fc 2 }\nrelu -> fc 10"
    )
    assert [(o.name, o.kind, o.weight, o.entropy, o.only) for o in graph.outputs] == [
        ("early", "exit", 0.3, 0.05, None),
        ("aux", "exit", 1.0, None, "train"),
        ("out", "output", 1.0, None, None),
    ]
    assert graph.nodes[node(graph, "relu1").inputs[0].node].op.keyword == "input"


def test_tap_is_reached_from_outside() -> None:
    graph = build(
        "input 3x8x8\nunit: { tap seen { gap }\n1x1 conv 4 }\na = unit\nb = unit\n(a.seen | b.seen) -> concat"
    )
    assert shape(graph, "concat1") == "7x1x1"


def test_several_inputs_are_named() -> None:
    graph = build("input left: 3x8x8\ninput right: 5x8x8\n(left | right) -> concat")
    assert [item.path for item in graph.inputs] == ["left", "right"]
    assert shape(graph, "concat1") == "8x8x8"


def test_explicit_outputs() -> None:
    graph = build("input 3x8x8\nbody = 1x1 conv 4\noutput classes = gap -> fc 2\noutput map = body -> 1x1 conv 1")
    assert [(o.name, str(graph.type_of(o.port))) for o in graph.outputs] == [("classes", "2"), ("map", "1x8x8")]


def test_a_list_at_the_end_gives_numbered_outputs() -> None:
    graph = build("input 4x8x8\n(relu | 2x2 avgpool)")
    assert [output.name for output in graph.outputs] == ["out_0", "out_1"]


# Names, paths and weights --------------------------------------------------------------------------------------------


def test_paths_are_named_steps_calls_and_ordinals() -> None:
    graph = build(
        "input 3x32x32\n"
        "unit(width): residual { 3x3 conv width -> bn } -> relu\n"
        "stage(width): unit(width) -> unit(width)\n"
        "stem = 3x3 conv 8 -> bn\nstage1 = stage(8)\nstage(16)\nhead = gap -> fc 10"
    )
    assert paths(graph, "conv") == [
        "stem.conv1",
        "stage1.unit1.conv1",
        "stage1.unit2.conv1",
        "stage2.unit1.conv1",
        "stage2.unit1.projection.conv1",
        "stage2.unit2.conv1",
    ]
    assert paths(graph, "fc") == ["head.fc1"]


def test_paths_do_not_change_with_comments_formatting_or_other_statements() -> None:
    plain = "input 3x8x8\na = 3x3 conv 8 -> bn\nb = 3x3 conv 8 -> bn"
    other = "# c\ninput 3x8x8\n\n\na = 3x3 conv 8\n  -> bn # d\nnew = relu; b = 3x3 conv 8 -> bn"
    assert paths(build(plain), "conv") == paths(build(other), "conv")


def test_a_named_step_never_takes_the_path_of_another() -> None:
    graph = build("input 3x8x8\n1x1 conv 3\nconv1 = 1x1 conv 3\nfor i in 1..2 { y = 1x1 conv 3 }")
    assert len(set(paths(graph))) == len(graph.nodes)


def test_body_belongs_to_the_place_where_it_is_written() -> None:
    graph = build("input 3x8x8\nwidth = 1x1 conv 4\ndense growth=2 layers=2 { 1x1 conv(width.channels) -> 3x3 conv }")
    assert paths(graph, "conv") == ["width.conv1", "conv1", "conv2", "conv3", "conv4"]
    assert str(graph.nodes[-1].outputs[0]) == "8x8x8"


def test_tied_definition_shares_weights_per_arguments_within_a_call() -> None:
    block = "block(n): { tied w(i): 3x3 conv 4\n for k in 1..2 { for i in 1..n { w(i) } } }"
    text = f"input 4x8x8\n{block}\na = block(2)\nb = block(2)"
    assert paths(build(text), "conv") == [
        *["a.w_1.conv1", "a.w_2.conv1"] * 2,
        *["b.w_1.conv1", "b.w_2.conv1"] * 2,
    ]


def test_tied_weights_must_have_one_shape() -> None:
    text = "input 4x8x8\ntied w: 3x3 conv 8\nw -> w"
    assert only(text).code is codes.TIED


def test_indexed_names_may_be_bound_again() -> None:
    graph = build(
        "input 4x8x8\nx[0] = in\nfor i in 1..2 { x[i] = x[i - 1] -> 1x1 conv 4 }\nx[1] = x[2] -> relu\nx[1] -> relu"
    )
    assert paths(graph) == ["input", "x_1.conv1", "x_2.conv1", "x_1_2.relu1", "relu1"]
    assert graph.nodes[4].inputs[0].node == 3


def test_named_step_that_is_one_call_takes_its_place() -> None:
    graph = build("input 3x8x8\nunit: 1x1 conv 4 -> relu\na = unit\nb = unit -> unit")
    assert paths(graph, "conv") == ["a.conv1", "b.unit1.conv1", "b.unit2.conv1"]


def test_operators_and_definitions_are_values() -> None:
    start = "net n(light=true)\ninput 3x8x8\nlet act = relu6 if light else relu\n"
    text = start + "unit(gate=skip): 1x1 conv 4 -> gate -> act\n"
    assert ops(build(text + "unit")) == ["input", "conv", "relu6"]
    assert ops(build(text + "unit(sigmoid)", arguments={"light": False})) == ["input", "conv", "sigmoid", "relu"]
    assert only("input 3x8x8\nfc relu").message == "`out` of `fc` cannot be relu"


# Defaults ------------------------------------------------------------------------------------------------------------


def test_set_holds_to_the_end_of_the_block_and_in_what_it_calls() -> None:
    graph = build(
        "input 3x8x8\nunit: conv 4\n{ set conv kernel=3 pad=valid\n unit }\n1x1 conv 5 -> unit_\nunit_: 3x3 conv 6"
    )
    assert [str(item.outputs[0]) for item in graph.nodes[1:]] == ["4x6x6", "5x6x6", "6x6x6"]


def test_explicit_argument_wins_over_set() -> None:
    graph = build("input 3x8x8\nset conv pad=valid out=7\n3x3 conv pad=same\n3x3 conv 4")
    assert [str(item.outputs[0]) for item in graph.nodes[1:]] == ["7x8x8", "4x6x6"]


@pytest.mark.parametrize(
    ("text", "biases"),
    [
        ("3x3 conv 4 -> bn", [False]),
        ("3x3 conv 4 -> relu -> bn", [True]),
        ("3x3 conv 4", [True]),
        ("a = 3x3 conv 4\n(a -> bn | a -> relu) -> add", [True]),
        ("set conv bias=true\n3x3 conv 4 -> bn", [True]),
        ("3x3 conv 4 bias=false -> relu", [False]),
    ],
)
def test_bias_is_off_when_the_very_next_op_is_a_norm(text: str, biases: list[bool]) -> None:
    graph = build(f"input 3x8x8\n{text}")
    found = ["bias" in item.op.weights(*graph.input_types(item)) for item in graph.nodes if item.op.keyword == "conv"]
    assert found == biases


def test_the_users_own_line() -> None:
    graph = build("input 3x32x32\nblock: 3x3 conv -> bn -> relu; dense growth=32; fractal cols=4")
    assert str(graph.output_types()["out"]) == "131x32x32"
    assert [len(item.inputs) for item in graph.nodes if item.op.keyword == "join"] == [2, 3, 2, 4]


def test_fractal_joins_are_n_ary() -> None:
    graph = build("input 8x8x8\nblock: 3x3 conv -> relu\nfractal cols=3")
    assert [len(item.inputs) for item in graph.nodes if item.op.keyword == "join"] == [2, 3]
    assert len(paths(graph, "conv")) == 7


# Parameters, variants, inputs, files ---------------------------------------------------------------------------------

NET = "net n(depth=1, width=4)\nvariant wide(width=8)\ninput 3x8x8\n1x1 conv width x (depth)"


def test_variants_and_arguments() -> None:
    assert str(build(NET).output_types()["out"]) == "4x8x8"
    wide = build(NET, variant="wide", arguments={"depth": 3})
    assert wide.name == "wide"
    assert wide.arguments == {"depth": 3, "width": 8}
    assert len(wide.nodes) == 4


def test_unknown_variant_and_parameter_name_the_near_one() -> None:
    assert only(NET, variant="wid").hint == "did you mean `wide`?"
    assert only(NET, arguments={"widht": 3}).hint == "did you mean `width`?"


def test_inputs_can_be_given_other_shapes() -> None:
    assert str(build(NET, inputs=((3, 5, 7),)).output_types()["out"]) == "4x5x7"
    text = "input a: 3x8x8\ninput b: 3x8x8\n(a | b) -> concat"
    assert str(build(text, inputs={"a": (1, 4, 4), "b": (2, 4, 4)}).output_types()["out"]) == "3x4x4"
    assert only(NET, inputs={"c": (3, 8, 8)}).code is codes.UNKNOWN_PARAMETER


def test_any_number_of_axes() -> None:
    assert str(build("input 2x64\nconv 4 kernel=5 /2").output_types()["out"]) == "4x32"
    assert str(build("input 2x8x8x8\n3x3x3 conv 4 -> 2x2x2 maxpool").output_types()["out"]) == "4x4x4x4"
    assert str(build("input 784\nfc 10").output_types()["out"]) == "10"


def files(**texts: str) -> Load:
    def load(_: Source, path: str, /) -> Source:
        name = PurePosixPath(path).stem
        if name not in texts:
            raise LoadError(codes.UNREADABLE, f"`{path}` does not exist")
        return Source(path, texts[name])

    return load


def test_use_brings_definitions_with_their_files_defaults() -> None:
    library = "set conv bias=false\nlet base = 8\nunit: 3x3 conv base -> relu"
    text = 'use "blocks.arch" as b\ninput 3x8x8\nb.unit'
    graph = build(text, load=files(blocks=library))
    assert shape(graph, "unit1.conv1") == "8x8x8"
    assert "bias" not in graph.nodes[1].op.weights(*graph.input_types(graph.nodes[1]))
    assert paths(build('use "blocks.arch"\ninput 3x8x8\nunit', load=files(blocks=library)), "conv") == ["unit1.conv1"]


def test_files_that_use_each_other_are_an_error() -> None:
    load = files(a='use "b.arch"\nunit: relu', b='use "a.arch"')
    found = run('use "a.arch" as a\ninput 3x8x8\na.unit', load=load).diagnostics
    assert [item.code for item in found] == [codes.USE_CYCLE]


# Expressions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3 ** 2", 19),
        ("-2 ** 2 + 20", 16),
        ("7 // 2 * 2 + 7 % 2", 7),
        ("12 / 4", 3),
        ("floor(7 / 2.0)", 3),
        ("5 if 1 < 2 and not 2 < 1 else 6", 5),
        ("sum([i * i for i in 1..4 where i % 2 == 0])", 20),
        ("{18: 3, 34: 4}[34]", 4),
        ("[1, 2, 3, 4][1..2][1]", 3),
        ("len(1..9) + max(1, 5) + min([2, 3])", 16),
        ("divisible(36.4, 8)", 40),
        ("([1, 2] + [3])[2]", 3),
        ("round(2.5) + ceil(0.2)", 3),
        ("in.channels + in.height * in.width", 67),
    ],
)
def test_expressions(expression: str, value: int) -> None:
    assert str(build(f"input 3x8x8\n1x1 conv({expression})").output_types()["out"]) == f"{value}x8x8"


@pytest.mark.parametrize(("value", "expected"), [(32 * 1.4, 48), (16 * 0.35, 8), (24 * 0.75, 24), (1, 8), (90, 88)])
def test_divisible(value: float, expected: int) -> None:
    assert divisible(value, 8) == expected


def test_stride_is_relative_to_what_entered() -> None:
    graph = build(
        "input 3x57x57\n"
        "unit: { y = 3x3 conv 8 /2 -> 3x3 maxpool /2\n in -> 1x1 conv 8 /(y.stride) }\n"
        "3x3 conv 4 /2\nunit"
    )
    assert shape(graph, "unit1.conv1") == "8x8x8"


def test_one_mistake_gives_one_diagnostic() -> None:
    found = run("input 3x8x8\nlet w = 7 / 2\na = 3x3 conv w -> bn\n(a -> 1x1 conv w | a) -> add -> fc(w)").diagnostics
    assert [item.code for item in found] == [codes.BAD_VALUE]


def test_same_text_gives_the_same_graph() -> None:
    assert build(NET) == build(NET)


@pytest.mark.parametrize("block", ["for i in 1..2 { SAID }", "if 1 > 0 { SAID }", "part(): { SAID; relu }\npart"])
@pytest.mark.parametrize("said", ["net n(a=1)", 'title "x"', 'paper "x"', 'note "x"', "variant a()", "input 3x8x8"])
def test_what_describes_a_file_stands_at_its_top(said: str, block: str) -> None:
    word = said.partition(" ")[0]
    found = only(f"input 3x8x8\n{block.replace('SAID', said)}\nrelu")
    assert found.message == f"`{word}` stands at the top of a file, not inside a block"
