"""Drop-path of joins, columns taken out of fractal networks, and paths counted by length."""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import comb
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import archdsl
from archdsl.analysis.paths import Binomial
from archdsl.backends.python.draws import with_draws
from archdsl.backends.runtime.draw import draw_column
from archdsl.backends.runtime.drop_path import drop_path
from archdsl.backends.runtime.join import join
from archdsl.cli.main import run
from archdsl.graph.columns import ColumnError, column_count, extract
from archdsl.graph.graph import Graph
from archdsl.graph.verify import verify
from archdsl.network import Network
from archdsl.ops.base import ShapeError, TensorType
from archdsl.ops.merge import Join
from tests.examples import examples

COLUMNS, SAMPLES = 3, 12


def fractal(
    cols: int = COLUMNS, *, stages: int = 2, norm: bool = True, join: str = "drop=0.15", pool: bool = True
) -> str:
    """A fractal network of several blocks, pooled in its columns or behind the join."""
    unit = "3x3 conv -> bn -> relu" if norm else "3x3 conv -> relu"
    body = "(paths[i] -> 2x2 maxpool for i in 0..len(paths) - 1) -> join" if pool else "join -> 2x2 maxpool"
    return f"""
net tiny
input 2x16x16
set join {join}
unit: {unit}
stage(width): {{
  set conv out=width
  paths = columns({cols}, unit)
  {body if cols > 1 else "2x2 maxpool"}
}}
for i in 1..{stages} {{ stage(2 + 2*i) }}
head = gap -> fc 5
"""


def load(text: str) -> Network:
    return archdsl.load(archdsl.text(text))


def one_hot(streams: int, samples: int) -> tuple[Tensor, ...]:
    """Streams that tell in the mean of them which ones are in it."""
    return tuple(torch.eye(streams)[i].expand(samples, streams) for i in range(streams))


def namespace(module: nn.Module) -> Any:
    return sys.modules[type(module).__module__]


def fix_column(monkeypatch: pytest.MonkeyPatch, module: nn.Module, column: int) -> None:
    """Make the network keep to one column, from 1, as its own draw could have it."""

    def fixed(x: Tensor, columns: int, share: float, per: str = "sample") -> Tensor:
        assert 0 < share <= 1
        assert column <= columns
        return torch.full((x.shape[0] if per == "sample" else 1, 1), column - 1)

    monkeypatch.setattr(namespace(module), "draw_column", fixed)


# The draws ---------------------------------------------------------------------------------------------------------


@examples(100)
@given(
    st.integers(2, 5),
    st.integers(1, 40),
    st.floats(0, 0.99),
    st.sampled_from(["sample", "batch"]),
    st.one_of(st.none(), st.floats(0, 1)),
    st.integers(0, 2**20),
)
def test_a_join_keeps_at_least_one_stream(
    streams: int, samples: int, drop: float, per: str, share: float | None, seed: int
) -> None:
    torch.manual_seed(seed)
    inputs = one_hot(streams, samples)
    column = None if share is None else draw_column(inputs[0], streams + 1, share, per)
    shares = join(inputs, drop, True, column, per)
    kept = shares > 0
    assert kept.any(1).all()
    assert bool((shares == kept / kept.sum(1, keepdim=True)).all())
    assert per == "sample" or bool((shares == shares[0]).all())
    if column is not None:
        chosen = column.expand(samples, 1).squeeze(1)
        for row, number in zip(kept, chosen.tolist(), strict=True):
            if 0 <= number < streams:
                assert row.nonzero().flatten().tolist() == [number]


@pytest.mark.parametrize("drop", [0.15, 0.5, 0.9])
def test_expectation_of_local_drop_path(drop: float) -> None:
    """Each stream is kept with ``1 - p + p**k / k``, and the mean over draws is the mean of the streams."""
    torch.manual_seed(1)
    for count in (2, 3, 4):
        shares = join(one_hot(count, 40_000), drop, True)
        assert (shares > 0).float().mean(0).sub(1 - drop + drop**count / count).abs().max() < 0.01
        assert shares.mean(0).sub(1 / count).abs().max() < 0.01


def test_columns_are_drawn_alike_and_samples_are_independent() -> None:
    torch.manual_seed(2)
    rows, samples = 4000, 4
    draws = torch.stack([draw_column(torch.empty(samples, 1), COLUMNS, 0.5)[:, 0] for _ in range(rows)])
    for sample in range(samples):
        counts = torch.bincount(draws[:, sample] + 1, minlength=COLUMNS + 1) / rows
        torch.testing.assert_close(counts, torch.tensor([1 / 2, 1 / 6, 1 / 6, 1 / 6]), atol=0.03, rtol=0)
    correlation = torch.corrcoef(draws.T.double())
    assert (correlation - torch.eye(samples)).abs().max() < 0.06


def test_a_draw_for_the_batch_is_one_for_all() -> None:
    torch.manual_seed(3)
    assert draw_column(torch.empty(7, 1), COLUMNS, 1.0, "batch").shape == (1, 1)
    seen = {int(draw_column(torch.empty(7, 1), COLUMNS, 1.0, "batch")) for _ in range(60)}
    assert seen == {0, 1, 2}
    assert int(draw_column(torch.empty(7, 1), COLUMNS, 0.0, "batch")) == -1
    kept = drop_path(torch.ones(50, 3), 0.5, True, per="batch")
    assert len(kept.unique()) == 1
    assert len(drop_path(torch.ones(50, 3), 0.5, True).unique()) == 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_join_keeps_the_type(dtype: torch.dtype) -> None:
    streams = tuple(stream.to(dtype) for stream in one_hot(3, 8))
    assert join(streams, 0.5, True, draw_column(streams[0], 3, 0.5)).dtype == dtype


# The whole network -------------------------------------------------------------------------------------------------


def test_the_draw_is_put_in_for_code_alone() -> None:
    graph = load(fractal()).graph
    drawn = with_draws(graph)
    verify(drawn)
    assert len(drawn.nodes) == len(graph.nodes) + 1
    assert not any("draw" in node.op.keyword for node in graph.nodes)
    for plain in ("", "drop=0.15 column=0", "column=0"):
        local = load(fractal(join=plain) if plain else fractal().replace("set join drop=0.15\n", "")).graph
        assert with_draws(local) is local


def test_a_join_of_evaluation_alone_draws_nothing() -> None:
    graph = load(fractal()).graph
    evaluated = graph.replace(outputs=tuple(replace(output, only="eval") for output in graph.outputs))
    assert with_draws(evaluated) is evaluated


def test_the_draw_is_written_once() -> None:
    text = load(fractal(join="drop=0.15 per=batch")).source().text
    _, _, root = text.rpartition("    def forward")
    assert text.count('draw_column(x, 3, 0.5, per="batch")') == root.count("draw_column(") == 1
    assert "if self.training:\n            column = draw_column" in root


def test_joins_of_other_settings_have_a_draw_of_their_own() -> None:
    text = "input 4x8x8\n(3x3 conv 4 | relu) -> join drop=0.1\n(3x3 conv 4 | relu | skip) -> join column=1.0\nrelu"
    source = load(text).source().text
    assert "column = draw_column(x, 2, 0.5)" in source
    assert "column2 = draw_column(x, 3, 1.0)" in source


def test_published_mix_is_what_the_zoo_has() -> None:
    source = archdsl.load("fractalnet20").source().text
    assert 'draw_column(x, 3, 0.5, per="batch")' in source
    assert source.count('0.15, self.training, column, per="batch")') == 4


def test_regions_have_no_column_of_an_image() -> None:
    regions = TensorType((8, 7, 7), batch="roi")
    assert Join.make(drop=0.1).infer(regions, regions) == (regions,)
    assert Join.make(drop=0.1).share(regions) == 0
    with pytest.raises(ShapeError, match="regions"):
        Join.make(column=0.5).infer(regions, regions)


def test_seeds_reproduce() -> None:
    network = load(fractal())
    module = network.module(seed=0)
    x = torch.randn(SAMPLES, 2, 16, 16)
    results = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        results.append(module(x))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_a_join_between_columns_of_one_sample_sees_one_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a column for each sample, each sample comes out as the column alone would have it."""
    network = load(fractal(norm=False, join="drop=0.3 column=1.0"))
    module = network.module(seed=0).double()
    drawn: list[Tensor] = []
    original = namespace(module).draw_column

    def watched(*arguments: Any, **keywords: Any) -> Tensor:
        drawn.append(original(*arguments, **keywords))
        return drawn[-1]

    monkeypatch.setattr(namespace(module), "draw_column", watched)
    torch.manual_seed(0)
    x = torch.randn(SAMPLES, 2, 16, 16, dtype=torch.double)
    y = module(x)
    (columns,) = drawn
    assert set(columns.flatten().tolist()) == {0, 1, 2}
    for column in range(COLUMNS):
        single = network.extract(column=column + 1)
        alone = single.module().double()
        alone.load_state_dict(single.weights_from(module.state_dict()))
        rows = columns[:, 0] == column
        torch.testing.assert_close(y[rows], alone(x[rows]))


def test_nothing_waits_for_a_draw() -> None:
    """On the meta device no value can be looked at."""
    module = load(fractal()).module(device="meta").train()
    assert module(torch.empty(4, 2, 16, 16, device="meta")).shape == (4, 5)


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_compiles_as_one_graph(mode: str) -> None:
    module = load(fractal()).module(seed=0).train(mode == "training")
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    x = torch.randn(4, 2, 16, 16)
    torch.manual_seed(1)
    eager = module(x)
    torch.manual_seed(1)
    torch.testing.assert_close(compiled(x), eager)


def test_exports_for_inference_without_a_draw() -> None:
    module = load(fractal()).module(seed=0).eval()
    x = torch.randn(4, 2, 16, 16)
    program = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
    assert "rand" not in str(program.graph)
    torch.testing.assert_close(program.module()(x[:3]), module(x[:3]))


@pytest.mark.parametrize("column", [1, 2, 3])
def test_gradients_reach_the_kept_column_alone(monkeypatch: pytest.MonkeyPatch, column: int) -> None:
    network = load(fractal(join="drop=0.15 per=batch"))
    module = network.module(seed=0)
    fix_column(monkeypatch, module, column)
    module(torch.randn(4, 2, 16, 16)).square().sum().backward()
    kept = network.extract(column=column).weights_from(module.state_dict()).keys()
    for name, weight in module.named_parameters():
        reached = weight.grad is not None and bool(weight.grad.ne(0).any())
        assert reached == (name in kept), name


# Columns -----------------------------------------------------------------------------------------------------------


@examples(12)
@given(st.integers(2, 4), st.integers(1, 2), st.booleans(), st.booleans(), st.data())
def test_a_column_is_the_network_that_keeps_to_it(
    cols: int, stages: int, norm: bool, pool: bool, data: st.DataObject
) -> None:
    """Outputs, and statistics of norms, to the last bit."""
    per = data.draw(st.sampled_from(["sample", "batch"]))
    column = data.draw(st.integers(1, cols))
    network = load(fractal(cols, stages=stages, norm=norm, pool=pool, join=f"drop=0.15 column=1.0 per={per}"))
    whole = network.module(seed=0)
    single = network.extract(column=column)
    verify(single.graph)
    alone = single.module(seed=1)
    alone.load_state_dict(single.weights_from(whole.state_dict()))
    x = torch.randn(4, 2, 16, 16)
    with pytest.MonkeyPatch.context() as patch:
        fix_column(patch, whole, column)
        assert torch.equal(whole(x), alone(x))
    kept = single.weights_from(whole.state_dict())
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, kept[name]), name


def test_an_extracted_column_is_a_chain() -> None:
    whole = archdsl.load("fractalnet40")
    assert column_count(whole.graph) == 4
    for column, layers in ((1, 41), (2, 21), (3, 11), (4, 6)):
        single = whole.extract(column=column)
        paths = single.analysis.paths
        assert (paths.whole.total, paths.whole.longest, single.analysis.depth.depth) == (1, layers, layers)
        assert single.name == f"fractalnet40_column{column}"
        assert single.graph.title == f"FractalNet, column {column} of 4"
        assert {node.path for node in single.graph.nodes} < {node.path for node in whole.graph.nodes}
    assert single.draw().startswith(b"<")
    assert "join" not in single.source().text
    assert "fractalnet40_column4" in single.summary(depth=1)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("input 3x8x8\nrelu", 1, "no columns"),
        ("input 3x8x8\n(relu | sigmoid) -> join", 3, "columns 1 to 2, and no column 3"),
        ("input 3x8x8\n(relu | sigmoid) -> join", 0, "no column 0"),
        ("input 3x8x8\n(relu | tanh) -> join\n(relu | tanh | sigmoid) -> join", 3, "joins columns 1 to 2"),
    ],
)
def test_a_column_that_is_not_there(text: str, column: int, message: str) -> None:
    with pytest.raises(ColumnError, match=message):
        load(text).extract(column=column)


def test_a_column_of_some_joins_alone_has_no_length() -> None:
    network = load("input 3x8x8\n(relu | tanh) -> join\n(relu | tanh | sigmoid) -> join")
    assert network.analysis.paths.columns == ()
    assert column_count(extract(network.graph, 2)) == 0


def test_outputs_and_inputs_outlive_extraction() -> None:
    text = "input a: 3x8x8\ninput b: 3x8x8\n(a -> relu | b -> tanh) -> join\nrelu"
    network = load(text)
    single = network.extract(column=1)
    assert [node.path for node in single.graph.inputs] == ["a", "b"]
    assert [output.name for output in single.graph.outputs] == [output.name for output in network.graph.outputs]


def test_weights_that_are_missing_are_named() -> None:
    network = load(fractal()).extract(column=3)
    with pytest.raises(ValueError, match=r"no weights for stage1\.paths\.unit7\.conv1\.weight and \d+ more"):
        network.weights_from({})


# Paths -------------------------------------------------------------------------------------------------------------


def listed(network: Network) -> Counter[int]:
    """Lengths of all paths, one by one."""
    graph, cost = network.graph, network.analysis.cost
    lengths: Counter[int] = Counter()
    pending = [(output.port.node, 0) for output in graph.outputs]
    while pending:
        node, length = pending.pop()
        length += cost[node].is_layer
        if graph.nodes[node].op.keyword == "input":
            lengths[length] += 1
        pending += [(port.node, length) for port in graph.nodes[node].inputs]
    return lengths


@pytest.mark.parametrize(
    "text",
    [
        fractal(2),
        fractal(3, stages=1),
        "input 3x8x8\ny = 3x3 conv 4 -> bn -> relu\n(y | y -> 3x3 conv 4 | y) -> add -> gap -> fc 3",
        "input 4x8x8\ngate: (in | in -> gap -> fc 4 -> sigmoid) -> mul\n3x3 conv 4 -> gate -> 3x3 conv 4 -> gate",
        "input a: 4x8x8\ninput b: 4x8x8\n(a -> 3x3 conv 4 | b) -> add -> relu",
        "input 4x8x8\nrelu -> tanh",
    ],
)
def test_paths_are_those_that_one_can_list(text: str) -> None:
    network = load(text)
    paths = network.analysis.paths.whole
    lengths = listed(network)
    assert dict(paths.counts) == dict(lengths)
    assert paths.total == lengths.total()
    assert (paths.shortest, paths.longest) == (min(lengths), max(lengths))
    assert paths.mean * paths.total == sum(length * count for length, count in lengths.items())


@pytest.mark.parametrize("depth", [20, 110, 1202])
def test_residual_networks_are_binomial(depth: int) -> None:
    units = (depth - 2) // 2
    network = archdsl.load("resnet_cifar", depth=depth)
    paths = network.analysis.paths.whole
    assert dict(paths.counts) == {2 + 2 * k: comb(units, k) for k in range(units + 1)}
    assert paths.binomial == Binomial(units, 2)
    assert paths.mean == 2 + units


@pytest.mark.parametrize("cols", [2, 3, 4])
def test_paths_of_a_fractal(cols: int) -> None:
    """A block of ``c`` columns has the lengths of ``p(c) = (p(c - 1) behind p(c - 1)) + 1 layer``."""
    network = load(fractal(cols, stages=1, norm=False))
    block = Counter({1: 1})
    inner = block
    for _ in range(cols - 1):
        twice = Counter[int]()
        for (one, several), (other, more) in itertools.product(inner.items(), repeat=2):
            twice[one + other] += several * more
        inner = twice + Counter({1: 1})
    table = network.analysis.paths
    assert dict(table.whole.counts) == {length + 1: count for length, count in inner.items()}
    assert table.columns == tuple(2 ** (cols - 1 - column) + 1 for column in range(cols))


def test_exits_are_counted_one_by_one() -> None:
    network = archdsl.load("googlenet")
    table = network.analysis.paths
    assert [output.name for output in table.outputs] == ["out"]
    assert table.columns == ()
    assert table.whole == table.outputs[0].paths


# The command line --------------------------------------------------------------------------------------------------


@pytest.fixture
def arch(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


SMALL = ("fractalnet20", "--set", "widths=[4, 4, 8, 8, 8]")


def test_summary_with_paths(arch: Any) -> None:
    code, out, _ = arch("summary", "resnet_cifar", "--set", "depth=20", "--depth", "0", "--paths")
    assert code == 0
    assert "paths from input to output: 512, of 2 to 20 layers with weights, 11 on average" in out
    assert "binomial: C(9, k) paths of 2 + 2k layers, k = 0 to 9" in out
    code, out, _ = arch("summary", *SMALL, "--json", "--paths")
    values = json.loads(out)["paths"]
    assert values["columns"] == [21, 11, 6]
    assert values["total"] == sum(values["counts"].values()) == 5**5
    assert "paths" not in json.loads(arch("summary", *SMALL, "--json")[1])
    assert "```text\npaths from" in arch("summary", *SMALL, "--paths", "--format", "markdown")[1]


def test_extract_writes_what_the_suffix_says(arch: Any, tmp_path: Path) -> None:
    network = archdsl.load("fractalnet20", widths=[4, 4, 8, 8, 8])
    whole = network.module(seed=3)
    state = tmp_path / "whole.pt"
    torch.save(whole.state_dict(), state)
    x = torch.randn(2, 3, 32, 32)
    for name in ("column.py", "column.svg"):
        code, out, _ = arch("extract", *SMALL, "--column", "2", "-o", str(tmp_path / name))
        assert (code, out) == (0, f"wrote {tmp_path / name}\n")
    for name in ("column.pt", "column.pt2"):
        written = ("--weights", str(state), "-o", str(tmp_path / name))
        assert arch("extract", *SMALL, "--column", "2", *written)[0] == 0
    space: dict[str, Any] = {"__name__": "column"}
    exec(compile((tmp_path / "column.py").read_text(), "column.py", "exec"), space)
    module = space["Fractalnet20Column2"]()
    module.load_state_dict(torch.load(tmp_path / "column.pt", weights_only=True))
    program = torch.export.load(tmp_path / "column.pt2").module()
    torch.testing.assert_close(program(x), module.eval()(x))
    assert b"<svg" in (tmp_path / "column.svg").read_bytes()


def test_extract_says_what_it_is(arch: Any) -> None:
    code, out, _ = arch("extract", "fractalnet20", "--column", "2", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts == {
        "name": "fractalnet20_column2",
        "column": 2,
        "columns": 3,
        "params": 9_410_122,
        "macs": 228_267_008,
        "depth": 11,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fractalnet20", "--column", "4", "--json"), "columns 1 to 3, and no column 4"),
        (("lenet5", "--column", "1", "-o", "x.py"), "nothing in it is joined"),
        (("fractalnet20", "--column", "1"), "-o FILE"),
        (("fractalnet20", "--column", "1", "-o", "x.gif"), "none of .py"),
        (("fractalnet20", "--column", "1", "-o", "x.pt"), "--weights FILE"),
        (("fractalnet20", "--column", "1", "-o", "x.py", "--weights", __file__), "holds no weights"),
        (("fractalnet20", "--column", "1", "-o", "x.pt", "--weights", __file__), "not a state_dict"),
        (("fractalnet20", "--column", "1", "-o", "-", "--json"), "both"),
    ],
)
def test_extract_refuses(arch: Any, arguments: tuple[str, ...], message: str) -> None:
    code, _, err = arch("extract", *arguments)
    assert code == 2
    assert message in " ".join(err.split())


def test_extract_refuses_weights_of_another_network(arch: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    torch.save({"weight": torch.zeros(3)}, other)
    code, _, err = arch("extract", *SMALL, "--column", "1", "--weights", str(other), "-o", str(tmp_path / "x.pt"))
    assert code == 2
    assert "no weights for" in err
    torch.save({"weight": 3}, other)
    assert "other things" in arch("extract", *SMALL, "--column", "1", "--weights", str(other), "-o", "x.pt")[2]


def test_drawn_graphs_of_the_zoo_are_legal() -> None:
    graphs: list[Graph] = [archdsl.load(name).graph for name in ("fractalnet20", "fractalnet34", "stochastic_depth")]
    for graph in graphs:
        verify(with_draws(graph))
