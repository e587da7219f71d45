"""The analyses: published figures to the last digit, laws on random graphs, and values worked out by hand."""

from __future__ import annotations

import cProfile
import time
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.analysis import Analysis, analyse
from archdsl.analysis.receptive import Axis, block_fields
from archdsl.graph.elaborate import elaborate
from archdsl.graph.graph import Graph
from archdsl.graph.verify import verify
from archdsl.source import Source
from archdsl.syntax.parse import parse
from tests.examples import examples

LENET = """
net lenet5
input 1x32x32
set conv pad=valid
table s2_to_c3 {
  X . . . X X X . . X X X X . X X
  X X . . . X X X . . X X X X . X
  X X X . . . X X X . . X . X X X
  . X X X . . X X X X . . X . X X
  . . X X X . . X X X X . X X . X
  . . . X X X . . X X X X . X X X
}
c1 = 5x5 conv 6
s2 = 2x2 subsample -> sigmoid
c3 = 5x5 conv 16 links=s2_to_c3
s4 = 2x2 subsample -> sigmoid
c5 = 5x5 conv 120
f6 = fc 84 -> scaled_tanh
head = rbf 10 codes="ascii-7x12"
"""

RESNET = """
net resnet(units=[3, 4, 6, 3])
input 3x224x224
bottleneck(width, stride=1): residual {
  1x1 conv width         -> bn -> relu
  3x3 conv width /stride -> bn -> relu
  1x1 conv 4*width       -> bn
} -> relu
stage(width, count, stride=2): bottleneck(width, stride) -> bottleneck(width) x (count - 1)
stem = 7x7 conv 64 /2 -> bn -> relu -> 3x3 maxpool /2
stage1 = stage(64, units[0], stride=1)
stage2 = stage(128, units[1])
stage3 = stage(256, units[2])
stage4 = stage(512, units[3])
head = gap -> fc 1000
"""

VGG16 = "input 3x224x224\n" + "\n".join(
    f"(3x3 conv {width} -> relu) x {count}; 2x2 maxpool"
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
)

DENSENET = """
input 3x224x224
set conv bias=false
layer: bn -> relu -> 1x1 conv 128 -> bn -> relu -> 3x3 conv 32
transition: bn -> relu -> 1x1 conv(in.channels // 2) -> 2x2 avgpool
7x7 conv 64 /2 -> bn -> relu -> 3x3 maxpool /2
dense growth=32 layers=6 { layer }
for n in [12, 24, 16] {
  transition
  dense growth=32 layers=n { layer }
}
bn -> relu -> gap -> fc 1000
"""


def build(text: str) -> Graph:
    elaborated = elaborate(parse(Source("test.arch", text)).file)
    assert elaborated.graph is not None, elaborated.diagnostics
    verify(elaborated.graph)
    return elaborated.graph


def study(text: str) -> Analysis:
    return analyse(build(text))


def number(analysis: Analysis, path: str) -> int:
    return next(node.id for node in analysis.graph.nodes if node.path == path)


def scope(analysis: Analysis, path: str) -> int:
    return next(scope.id for scope in analysis.graph.scopes if scope.path == path)


def axis(analysis: Analysis, path: str, direction: int = 0) -> Axis:
    (field,) = analysis.receptive[number(analysis, path)].values()
    return field.axes[direction]


# Cost ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "parameters", "connections"),
    [
        ("c1.conv1", 156, 122_304),
        ("s2.subsample1", 12, 5_880),
        ("c3.conv1", 1_516, 151_600),
        ("s4.subsample1", 32, 2_000),
        ("c5.conv1", 48_120, 48_120),
        ("f6.fc1", 10_164, 10_164),
    ],
)
def test_lenet_layer_by_layer(layer: str, parameters: int, connections: int) -> None:
    analysis = study(LENET)
    row = analysis.cost[number(analysis, layer)]
    assert (row.parameters, row.connections) == (parameters, connections)


def test_lenet_as_a_whole() -> None:
    analysis = study(LENET)
    cost = analysis.cost
    assert (cost.parameters, cost.buffers, cost.macs, cost.flops) == (60_000, 840, 325_680, 651_360)
    assert cost.connections == 340_908
    assert (cost.layers, analysis.depth.depth) == (7, 7)
    assert cost.neurons == 4_704 + 1_176 + 1_600 + 400 + 120 + 84 + 10
    assert cost.not_counted == (("sigmoid", 2), ("subsample", 2), ("rbf", 1), ("scaled_tanh", 1))


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("input 256x56x56\nset conv bias=false\n1x1 conv 64 -> 3x3 conv 64 -> 1x1 conv 256", 69_632),
        ("input 256x56x56\nset conv bias=false\n3x3 conv 256 -> 3x3 conv 256", 1_179_648),
        ("input 256x14x14\n3x3 conv 256 groups=8 bias=false", 73_728),
        ("input 16x14x14\n3x3 dwconv bias=false -> 1x1 conv 32 bias=false", 656),
        ("input 64x14x14\nset conv bias=false\n3x3 conv 64 x 3", 27 * 64**2),
        ("input 64x14x14\n7x7 conv 64 bias=false", 49 * 64**2),
    ],
)
def test_textbook_weights(text: str, parameters: int) -> None:
    assert study(text).cost.parameters == parameters


def test_resnet_50() -> None:
    analysis = study(RESNET)
    assert (analysis.cost.parameters, analysis.cost.macs) == (25_557_032, 4_089_184_256)
    assert (analysis.depth.depth, analysis.cost.layers) == (50, 54)


def test_densenet_121() -> None:
    analysis = study(DENSENET)
    assert (analysis.cost.parameters, analysis.depth.depth) == (7_978_856, 121)


def test_training_outputs_count_parameters_but_no_macs_of_inference() -> None:
    analysis = study("""
        input 3x8x8
        stem = 1x1 conv 4 bias=false
        exit side only=train { fc 10 bias=false }
        tap probe { 1x1 conv 5 bias=false }
        head = gap -> fc 2 bias=false
    """)
    cost = analysis.cost
    assert cost.parameters == 12 + 256 * 10 + 20 + 8
    assert cost.macs == 12 * 64 + 8
    assert cost.train_macs == cost.macs + 2_560
    side, probe = cost[number(analysis, "side.fc1")], cost[number(analysis, "probe.conv1")]
    assert (side.is_inference, side.is_training) == (False, True)
    assert (probe.is_inference, probe.is_training) == (False, False)
    assert analysis.memory[number(analysis, "side.fc1")].live == 0


def test_shared_weights_count_once_and_their_macs_each_time() -> None:
    shared = "input 4x8x8\ntied f(i): 3x3 conv 4 bias=false\nf(1) -> relu -> f(1) -> relu -> f(2)"
    cost = study(shared).cost
    assert cost.parameters == 2 * 144
    assert cost.macs == 3 * 144 * 64
    assert [row.own_parameters for row in cost.rows if row.is_layer] == [144, 0, 144]
    assert cost.layers == 3


def test_operators_without_macs_are_listed() -> None:
    cost = study("input 3x8x8\n3x3 conv 4 -> bn -> relu -> 3x3 conv 4 -> bn -> relu -> 2x2 maxpool").cost
    assert cost.not_counted == (("bn", 2), ("relu", 2), ("maxpool", 1))
    assert [row.macs for row in cost.rows[2:4]] == [None, None]
    assert cost.rows[2].flops is None


def test_connections_need_every_layer_to_define_them() -> None:
    analysis = study("input 3x8x8\n3x3 conv 4 -> fc 10")
    assert analysis.cost.connections == 4 * 64 * 28 + 10 * 257
    assert study("input 3x8x8\nrelu").cost.connections is None


# Blocks ----------------------------------------------------------------------------------------------------------


def test_totals_of_blocks_add_up() -> None:
    analysis = study(RESNET)
    whole, totals = analysis.totals[0], analysis.totals
    parts = analysis.graph.children[0]
    assert whole.parameters == analysis.cost.parameters == sum(totals[part].parameters for part in parts)
    assert whole.macs == analysis.cost.macs == sum(totals[part].macs for part in parts)
    assert whole.activations == analysis.memory.activations
    assert totals[scope(analysis, "stage1")].parameters == 215_808
    block = totals[scope(analysis, "stage1.bottleneck1")]
    assert (block.parameters, block.macs) == (75_008, 231_211_008)
    result = block.result
    assert result is not None
    assert analysis.graph.nodes[result].path == "stage1.bottleneck1.relu3"


def test_shared_weights_count_once_in_every_block_that_uses_them() -> None:
    analysis = study("""
        input 4x8x8
        tied f(i): 3x3 conv 4 bias=false
        a = f(1) -> relu -> f(1)
        b = f(1) -> relu -> f(2)
        c = 1x1 conv 2 bias=false
    """)
    figures = {
        analysis.graph.scopes[part].name: analysis.totals[part].parameters for part in analysis.graph.children[0]
    }
    assert figures == {"a": 144, "b": 288, "c": 8}
    assert analysis.totals[0].parameters == 144 + 144 + 8 == analysis.cost.parameters


def test_output_of_a_block_is_not_that_of_its_exit() -> None:
    analysis = study("""
        input 3x8x8
        stem = { 3x3 conv 4 -> relu; exit early { fc 2 } }
        head = gap -> fc 2
    """)
    result = analysis.totals[scope(analysis, "stem")].result
    assert result is not None
    assert analysis.graph.nodes[result].path == "stem.relu1"


def test_equal_neighbours_are_one_run() -> None:
    analysis = study(RESNET)
    runs = [len(run) for run in analysis.structure.runs(scope(analysis, "stage3"))]
    assert runs == [1, 5]


def test_wiring_tells_blocks_apart() -> None:
    serial = "unit: { a = 1x1 conv 4; b = 1x1 conv 4; (a | b) -> add }\n"
    analysis = study(
        f"input 4x8x8\n{serial}unit -> unit -> other\nother: {{ a = 1x1 conv 4; b = 1x1 conv 4; (b | a) -> add }}"
    )
    kinds = [analysis.structure.kind(member) for member in analysis.structure.members[0][1:]]
    assert kinds[0] == kinds[1] != kinds[2]


# Memory ----------------------------------------------------------------------------------------------------------


def test_a_tensor_lives_until_its_last_use() -> None:
    analysis = study("input 2x4x4\n1x1 conv 4 -> relu -> 1x1 conv 1")
    assert [row.output for row in analysis.memory.rows] == [128, 256, 256, 64]
    assert [row.live for row in analysis.memory.rows] == [128, 384, 512, 320]
    assert (analysis.memory.peak, analysis.memory.peak_node) == (512, 2)
    assert analysis.memory.activations == 704


def test_a_skip_stays_alive() -> None:
    analysis = study("input 2x4x4\n(skip | 1x1 conv 2 -> relu) -> add")
    assert [row.live for row in analysis.memory.rows] == [128, 256, 384, 384]


def test_outputs_and_inputs_stay() -> None:
    analysis = study("input 2x4x4\na = 1x1 conv 2\noutput first = a -> relu\noutput second = a -> tanh")
    assert [row.live for row in analysis.memory.rows] == [128, 256, 256, 384]


def test_inputs_exist_from_the_start() -> None:
    analysis = study("input a: 2x4x4\ninput b: 2x4x4\nx = a -> 1x1 conv 2\n(x | b) -> add")
    assert [row.live for row in analysis.memory.rows] == [256, 256, 384, 384 - 128 + 128]


def test_views_take_nothing_and_keep_what_they_look_at() -> None:
    analysis = study("input 2x4x4\n1x1 conv 4 -> flatten -> fc 2")
    assert [row.output for row in analysis.memory.rows] == [128, 256, 0, 8]
    assert [row.live for row in analysis.memory.rows] == [128, 384, 256, 264]


def test_views_that_copy_take_memory() -> None:
    shuffled = study("input 2x4x4\n1x1 conv 4 -> shuffle 2 -> relu")
    assert [row.output for row in shuffled.memory.rows] == [128, 256, 256, 256]
    # what `permute` and `crop` made has gaps, and what follows closes them
    for strided in ("permute([1, 2, 0])", "crop 1"):
        laid_out = study(f"input 4x4x4\n{strided} -> flatten -> reshape([2, -1])")
        sizes = [row.output for row in laid_out.memory.rows]
        assert sizes == [256, 0, 256 if strided.startswith("p") else 64, 0]


def test_saved_for_training_counts_each_tensor_once() -> None:
    # conv1 keeps the image; relu keeps its output, which conv2 keeps as well
    analysis = study("input 2x4x4\n1x1 conv 4 -> relu -> 1x1 conv 1")
    assert analysis.memory.saved == 128 + 256


def test_element_size_scales_memory() -> None:
    graph = build(LENET)
    single, half = analyse(graph).memory, analyse(graph, element_size=2).memory
    assert (single.weights, half.weights) == (60_840 * 4, 60_840 * 2)
    assert (single.peak, single.activations) == (2 * half.peak, 2 * half.activations)


# Receptive fields ------------------------------------------------------------------------------------------------


def test_three_by_three_in_a_row() -> None:
    analysis = study("input 3x32x32\n3x3 conv 4 x 3")
    assert [axis(analysis, f"conv{layer}").size for layer in (1, 2, 3)] == [3, 5, 7]


def test_dilation_widens() -> None:
    analysis = study("input 3x32x32\n3x3 conv 4 -> 3x3 conv 4 dilation=2")
    assert axis(analysis, "conv2").size == 7


def test_axes_are_apart() -> None:
    analysis = study("input 3x32x32\n1x7 conv 4 -> 3x1 conv 4 stride=[2, 1]")
    assert (axis(analysis, "conv2", 0).size, axis(analysis, "conv2", 1).size) == (3, 7)
    assert (axis(analysis, "conv2", 0).stride, axis(analysis, "conv2", 1).stride) == (2, 1)


def test_vgg_16_as_published() -> None:
    """Araujo et al. 2019, table of receptive fields: 212, stride 32, padding 90."""
    last = axis(study(VGG16), "maxpool5")
    assert (last.size, last.stride, -last.low) == (212, 32, 90)


def test_alexnet_as_published() -> None:
    """Araujo et al. 2019: 195, stride 32, padding 64 at the last pooling of the one-tower network."""
    analysis = study("""
        input 3x224x224
        11x11 conv 64 /4 pad=valid -> relu -> 3x3 maxpool /2 pad=valid
        5x5 conv 192 -> relu -> 3x3 maxpool /2 pad=valid
        3x3 conv 384 -> relu -> 3x3 conv 384 -> relu -> 3x3 conv 256 -> relu -> 3x3 maxpool /2 pad=valid
    """)
    last = axis(analysis, "maxpool3")
    assert (last.size, last.stride, -last.low) == (195, 32, 64)


def test_resnet_50_features_and_whole_output() -> None:
    analysis = study(RESNET)
    ((source, node),) = analysis.receptive.features.items()
    features = analysis.receptive[node][source]
    assert analysis.graph.nodes[node].path == "stage4.bottleneck3.relu3"
    assert [(a.size, a.stride) for a in features.axes] == [(427, 32), (427, 32)]
    assert features.is_aligned
    assert analysis.receptive.outputs["out"][source].is_whole
    assert axis(analysis, "head.fc1").size is None


def test_offset_is_the_centre_of_the_first_place() -> None:
    analysis = study("input 1x32x32\n5x5 conv 6 pad=valid -> 2x2 avgpool")
    assert axis(analysis, "conv1").offset == 2
    assert axis(analysis, "avgpool1").offset == Fraction(5, 2)


def test_upsampling_halves_the_stride() -> None:
    analysis = study("input 1x8x8\nupsample 2 -> 3x3 conv 1")
    up, conv = axis(analysis, "upsample1"), axis(analysis, "conv1")
    assert (up.size, up.stride, up.offset) == (1, Fraction(1, 2), Fraction(-1, 4))
    assert (conv.size, conv.stride, conv.offset) == (2, Fraction(1, 2), Fraction(-1, 4))


def test_transposed_convolution_undoes_a_stride() -> None:
    analysis = study("input 1x16x16\n2x2 conv 1 /2 -> 2x2 upconv 1 /2")
    down, up = axis(analysis, "conv1"), axis(analysis, "upconv1")
    assert (down.size, down.stride, down.offset) == (2, 2, Fraction(1, 2))
    assert (up.size, up.stride, up.offset) == (2, 1, 0)


def test_u_net_is_centred() -> None:
    """572 in, 388 out, everything symmetric: the first output looks at the place (572 - 388) / 2 of the input."""
    analysis = study("""
        input 1x572x572
        set conv pad=valid
        double(width): 3x3 conv width -> relu -> 3x3 conv width -> relu
        level(width, depth): {
          left = double(width)
          if depth > 0 {
            up = 2x2 maxpool -> level(2*width, depth - 1) -> 2x2 upconv width /2
            (left -> crop like=up | up) -> concat -> double(width)
          }
        }
        level(2, 4)
    """)
    (field,) = analysis.receptive.outputs["out"].values()
    assert [(a.stride, a.offset) for a in field.axes] == [(1, 92), (1, 92)]
    assert not analysis.receptive.misaligned


def test_a_gate_sees_everything_and_keeps_the_stride() -> None:
    analysis = study("input 3x16x16\n3x3 conv 4 /2\n(skip | gap -> 1x1 conv 4 -> sigmoid) -> mul\n3x3 conv 4 /2")
    last = axis(analysis, "conv3")
    assert last.whole
    assert last.size is None
    assert last.stride == 4
    assert not analysis.receptive.misaligned


def test_paths_of_different_stride_are_flagged() -> None:
    # 2x2 pooling of 4 places and a valid 3x3 convolution of 4 places both leave 2
    analysis = study("input 1x4x4\n(2x2 maxpool | 3x3 conv 1 pad=valid) -> add")
    assert analysis.receptive.misaligned == (number(analysis, "add1"),)
    (field,) = analysis.receptive.outputs["out"].values()
    assert not field.is_aligned
    assert [a.size for a in field.axes] == [3, 3]


def test_a_model_of_the_size_is_not_seen() -> None:
    analysis = study("input 1x16x16\ny = 7x7 conv 2 pad=valid\ninput b: 1x16x16\nb -> 3x3 conv 2 -> crop like=y")
    fields = analysis.receptive[number(analysis, "crop1")]
    assert [analysis.graph.nodes[source].path for source in fields] == ["b"]
    assert [(a.size, a.offset) for a in fields[number(analysis, "b")].axes] == [(3, 3), (3, 3)]


def test_several_inputs_are_apart() -> None:
    analysis = study("input a: 1x8x8\ninput b: 1x8x8\nx = a -> 3x3 conv 1\ny = b -> 5x5 conv 1\n(x | y) -> add")
    fields = analysis.receptive.outputs["out"]
    assert {analysis.graph.nodes[source].path: field.axes[0].size for source, field in fields.items()} == {
        "a": 3,
        "b": 5,
    }


def test_field_of_a_block_is_relative_to_what_enters_it() -> None:
    analysis = study(RESNET)
    block = analysis.totals[scope(analysis, "stage3.bottleneck2")]
    assert block.result is not None
    ((entering, field),) = block_fields(analysis.graph, block.nodes, block.result).items()
    assert analysis.graph.nodes[entering].path == "stage3.bottleneck1.relu3"
    assert [(a.size, a.stride, a.offset) for a in field.axes] == [(3, 1, 0), (3, 1, 0)]


@dataclass(frozen=True)
class Slide:
    """A one-dimensional sliding operator of the test's own, to be compared with the analysis."""

    kernel: int
    stride: int
    padding: int
    dilation: int

    @property
    def text(self) -> str:
        return f"conv 1 kernel={self.kernel} /{self.stride} pad={self.padding} dilation={self.dilation}"

    def sources(self, place: int) -> set[int]:
        return {place * self.stride - self.padding + tap * self.dilation for tap in range(self.kernel)}


slides = st.builds(Slide, st.integers(1, 5), st.integers(1, 3), st.integers(0, 3), st.integers(1, 2))


def sees(chain: list[Slide], place: int) -> set[int]:
    """The places of the input that a place behind a chain of slides depends on, one by one."""
    places = {place}
    for slide in reversed(chain):
        places = {source for seen in places for source in slide.sources(seen)}
    return places


@examples(60)
@given(st.lists(slides, min_size=1, max_size=4), st.integers(0, 5))
def test_field_is_what_a_place_depends_on(chain: list[Slide], place: int) -> None:
    text = "input 1x4000\n" + "\n".join(slide.text for slide in chain)
    (field,) = study(text).receptive.outputs["out"].values()
    (along,) = field.axes
    seen = sees(chain, place)
    assert (along.low + place * along.stride, along.high + place * along.stride) == (min(seen), max(seen))


@examples(40)
@given(st.lists(slides, max_size=2), st.lists(slides, max_size=2), st.integers(0, 5))
def test_field_of_a_merge_is_that_of_all_its_paths(one: list[Slide], other: list[Slide], place: int) -> None:
    # padding by the reach keeps the size, so that the two paths can be added
    paths = [
        [Slide(s.kernel | 1, 1, (s.kernel | 1) // 2 * s.dilation, s.dilation) for s in path] for path in (one, other)
    ]
    branches = " | ".join(" -> ".join(slide.text for slide in path) or "skip" for path in paths)
    analysis = study(f"input 1x64\nconv 1 kernel=2 /2\n({branches}) -> add")
    (along,) = next(iter(analysis.receptive.outputs["out"].values())).axes
    stem = Slide(2, 2, 0, 1)
    seen = set().union(*(sees([stem, *path], place) for path in paths))
    assert (along.low + place * along.stride, along.high + place * along.stride) == (min(seen), max(seen))


@examples(40)
@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 2), st.integers(4, 9))
def test_transposed_field_is_the_largest_of_its_phases(kernel: int, stride: int, padding: int, place: int) -> None:
    padding = min(padding, kernel - 1)
    analysis = study(f"input 1x64\nupconv 1 kernel={kernel} /{stride} pad={padding}")
    (along,) = next(iter(analysis.receptive.outputs["out"].values())).axes
    first = place * stride
    phases = [
        {source for source in range(-64, 64) if 0 <= first + phase - source * stride + padding < kernel}
        for phase in range(stride)
    ]
    assert along.size == max(map(len, phases))
    assert along.stride == Fraction(1, stride)
    if len(set(map(len, phases))) == 1:
        middle = Fraction(sum(min(phase) + max(phase) for phase in phases), 2 * stride)
        assert along.offset + (first + Fraction(stride - 1, 2)) * along.stride == middle


# Speed -----------------------------------------------------------------------------------------------------------


def chain(layers: int) -> Graph:
    return build(f"input 4x8x8\n(3x3 conv 4 -> relu) x {layers}")


def run_all(graph: Graph) -> None:
    analysis = analyse(graph)
    for name in ("cost", "depth", "memory", "receptive", "totals", "structure"):
        getattr(analysis, name)


def calls(graph: Graph) -> int:
    profile = cProfile.Profile()
    profile.runcall(run_all, graph)
    return sum(entry.callcount for entry in profile.getstats())


def seconds(graph: Graph, repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        run_all(graph)
        best = min(best, time.process_time() - start)
    return best


def test_work_for_a_layer_does_not_depend_on_how_many_there_are() -> None:
    assert calls(chain(5_000)) / 5_000 < 1.3 * calls(chain(100)) / 100


def test_time_is_not_quadratic() -> None:
    # 50 times the layers: linear time gives a factor of 1 and quadratic one of 50, with room for a busy machine
    assert seconds(chain(5_000), 3) / 5_000 < 10 * seconds(chain(100), 20) / 100
