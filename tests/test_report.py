"""The summary of a network: what the tree folds and shows, and that every format has the figures of the analysis."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from archdsl.analysis import analyse
from archdsl.backends.report.json import summary_json, write_json
from archdsl.backends.report.markdown import write_markdown
from archdsl.backends.report.numbers import exact, lengths, short, size
from archdsl.backends.report.table import layout, shorten, width
from archdsl.backends.report.text import write_text
from archdsl.backends.report.totals import figures
from archdsl.backends.report.tree import Summary, summary_tree
from archdsl.graph.elaborate import elaborate
from archdsl.graph.graph import Graph
from archdsl.source import Source
from archdsl.syntax.parse import parse

TEXT = """
net small(width=8, table={1: [2, 3]})
title "A small network"
paper "Somebody: Something, 1998"
input 3x16x16
unit(width): residual { 3x3 conv width -> bn -> relu -> 3x3 conv width -> bn } -> relu
stem = 3x3 conv width
body = unit(width) x 3
exit early only=train { gap -> fc 2 }
tap probe { gap -> fc 5 }
head = gap -> fc 10
"""

LINES = """
small: A small network
  Somebody: Something, 1998

layer                   operator                       output   parameters     MACs
───────────────────────────────────────────────────────────────────────────────────────────────
input                   Input                          3x16x16
stem.conv1              Conv 3x3                       8x16x16         224   55,296
body                                                   8x16x16       3,552  884,736
  unit1..unit3 x3       unit(width=8)                  8x16x16       3,552  884,736
    residual1           residual  8x16x16       1,184  294,912
      conv1             Conv 3x3                       8x16x16         576  147,456
      bn1               BN                             8x16x16          16
      relu1             ReLU                           8x16x16
      conv2             Conv 3x3                       8x16x16         576  147,456
      bn2               BN                             8x16x16          16
      add1              Add                            8x16x16
    relu2               ReLU                           8x16x16
early                                                  2                18       16  training only
  gap1                  GAP                            8x1x1                         training only
  fc1                   FC                             2                18       16  training only
probe                                                  5                45       40  idle
  gap1                  GAP                            8x1x1                         idle
  fc1                   FC                             5                45       40  idle
head                                                   10               90       80
  gap1                  GAP                            8x1x1
  fc1                   FC                             10               90       80
───────────────────────────────────────────────────────────────────────────────────────────────
x2 and more: figures are those of all copies; the rows below show one of them
"""


def build(text: str) -> Graph:
    elaborated = elaborate(parse(Source("test.arch", text)).file)
    assert elaborated.graph is not None, elaborated.diagnostics
    return elaborated.graph


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build(TEXT)


@pytest.fixture(scope="module")
def summary(graph: Graph) -> Summary:
    return summary_tree(graph, analyse(graph))


def test_text_of_the_tree(graph: Graph) -> None:
    text = write_text(graph, analyse(graph))
    tree = [line.split() for line in text.splitlines()]
    expected = [line.split() for line in LINES.strip("\n").splitlines()]
    # the width of a rule follows from the table
    assert [line for line in tree[: len(expected)] if "─" not in "".join(line)] == [
        line for line in expected if "─" not in "".join(line)
    ]


def test_columns_line_up(graph: Graph) -> None:
    lines = write_text(graph, analyse(graph)).splitlines()
    top, rules = lines[3], [place for place, line in enumerate(lines) if line.startswith("─")]
    rows = lines[rules[0] + 1 : rules[1]]
    assert all(row[top.index("operator") - 1] == " " != row[top.index("operator")] for row in rows if "(" in row)
    ends = {row.index(figure) + len(figure) for row in rows for figure in ("884,736", "55,296") if figure in row}
    assert ends == {top.index("MACs") + 4}
    assert all(line == line.rstrip() for line in lines)


def test_every_parameter_is_in_exactly_one_row_of_a_level(summary: Summary) -> None:
    assert sum(row.parameters for row in summary.rows if row.level == 0) == summary.totals.parameters
    for place, row in enumerate(summary.rows):
        below = []
        for other in summary.rows[place + 1 :]:
            if other.level <= row.level:
                break
            below += [other] if other.level == row.level + 1 else []
        if below:
            assert row.parameters == row.count * sum(part.parameters for part in below)
            assert (row.macs or 0) == row.count * sum(part.macs or 0 for part in below)


def test_rows_know_their_role_and_line(summary: Summary) -> None:
    rows = {row.path: row for row in summary.rows if row.level == 0}
    assert [rows[path].role for path in ("stem.conv1", "early", "probe")] == ["inference", "training only", "idle"]
    assert [rows[path].line for path in ("input", "stem.conv1", "head")] == [5, 7, 11]


@pytest.mark.parametrize(("depth", "levels"), [(0, set()), (1, {0}), (2, {0, 1}), (None, {0, 1, 2, 3})])
def test_depth_limits_the_tree(graph: Graph, depth: int | None, levels: set[int]) -> None:
    analysis = analyse(graph)
    limited = summary_tree(graph, analysis, depth=depth)
    assert {row.level for row in limited.rows} == levels
    assert limited.totals == summary_tree(graph, analysis).totals


def test_blocks_of_different_shape_are_not_folded() -> None:
    graph = build("input 3x16x16\nunit: 3x3 conv 8 -> relu\nunit x 3")
    rows = summary_tree(graph, analyse(graph), depth=1).rows
    assert [(row.label, row.count) for row in rows] == [("input", 1), ("unit1", 1), ("unit2..unit3", 2)]


def test_shared_weights_are_said_and_not_summed() -> None:
    graph = build("input 4x8x8\ntied f(i): 3x3 conv 4 bias=false\nf(1) -> relu -> f(1)")
    rows = summary_tree(graph, analyse(graph)).rows
    assert [(row.parameters, row.is_shared) for row in rows if row.macs] == [(144, False), (0, True)]
    assert "shared" in write_text(graph, analyse(graph))


def test_totals_in_words(summary: Summary) -> None:
    found = {figure.name: figure for figure in figures(summary) if figure.name}
    assert found["parameters"].value == "3,929"
    assert found["MACs"].value == exact(55_296 + 884_736 + 80)
    assert found["training MACs"].value == exact(55_296 + 884_736 + 80 + 16)
    assert found["FLOPs"].value == exact(2 * (55_296 + 884_736 + 80))
    assert found["depth"].value == "8"
    assert found["no MACs by convention"].note == "bn 6, relu 6, add 3, gap 3"
    assert [figure.value for figure in figures(summary) if figure.note.startswith("early")] == ["2", "whole input"]


def test_what_runs_for_each_region_is_said() -> None:
    graph = build("input 8x4x4\n1x1 conv 4 bias=false -> gap -> fc 5 bias=false")
    last = graph.nodes[-1]
    region = replace(last, outputs=tuple(replace(stream, batch="roi") for stream in last.outputs))
    graph = graph.replace(nodes=(*graph.nodes[:-1], region))
    analysis = analyse(graph)
    assert (analysis.cost.macs, analysis.cost.region_macs) == (32 * 16 + 20, 20)
    found = figures(summary_tree(graph, analysis))
    assert "of these again for every further region" in [figure.note for figure in found if figure.value == "20"]
    assert "out, for each region" in [figure.note for figure in found]


def test_several_inputs_are_named_where_fields_are_given() -> None:
    graph = build("input a: 1x8x8\ninput b: 1x8x8\nx = a -> 3x3 conv 1\ny = b -> 5x5 conv 1\n(x | y) -> add")
    notes = [figure.note for figure in figures(summary_tree(graph, analyse(graph)))]
    assert "out, stride 1, offset 0, on a" in notes
    assert "out, stride 1, offset 0, on b" in notes


def test_json_has_every_figure(graph: Graph) -> None:
    analysis = analyse(graph)
    found = summary_json(graph, analysis)
    assert found == json.loads(write_json(graph, analysis))
    assert found["name"] == "small"
    assert found["title"] == "A small network"
    assert found["papers"] == ["Somebody: Something, 1998"]
    assert found["arguments"] == {"width": 8, "table": {"1": [2, 3]}}
    assert found["params"] == analysis.cost.parameters == 3_929
    assert (found["flops"], found["train_macs"] - found["macs"]) == (2 * found["macs"], 16)
    assert found["inputs"] == {"input": [3, 16, 16]}
    assert found["outputs"] == {"early": [2], "out": [10]}
    assert found["training_outputs"] == ["early"]
    assert (found["nodes"], found["layers"], found["depth"]) == (len(graph.nodes), 10, 8)
    assert found["memory"]["peak"] == analysis.memory.peak
    assert found["memory"]["weights"] == 4 * (found["params"] + found["buffers"])
    assert found["receptive_field"]["outputs"]["out"]["input"]["size"] == [None, None]
    assert found["receptive_field"]["features"]["input"]["size"] == [15, 15]
    assert found["not_counted"] == {"bn": 6, "relu": 6, "add": 3, "gap": 3}


def test_json_has_a_row_for_every_node(graph: Graph) -> None:
    rows = summary_json(graph, analyse(graph))["rows"]
    assert [row["path"] for row in rows] == [node.path for node in graph.nodes]
    stem = rows[1]
    assert (stem["op"], stem["output"], stem["params"], stem["line"]) == ("conv", [8, 16, 16], 224, 7)
    assert (stem["arguments"]["out"], stem["arguments"]["stride"]) == (8, 1)
    assert stem["inputs"] == [{"node": 0, "output": 0}]
    add = next(row for row in rows if row["op"] == "add")
    assert len(add["inputs"]) == 2
    assert (add["macs"], add["shared"]) == (None, False)


def test_json_writes_fractions_as_numbers() -> None:
    graph = build("input 1x8x8\nupsample 2 -> 3x3 conv 1")
    field = summary_json(graph, analyse(graph))["receptive_field"]["outputs"]["out"]["input"]
    assert (field["stride"], field["offset"], field["size"]) == ([0.5, 0.5], [-0.25, -0.25], [2, 2])


def test_markdown_is_a_table_that_escapes_names(graph: Graph) -> None:
    text = write_markdown(graph, analyse(graph), depth=1)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert "| stem.conv1 | Conv 3x3 | 8x16x16 | 224 | 55,296 |" in rows
    tree = rows[: rows.index("| figure | value | |")]
    assert {row.count("|") for row in tree} == {6}
    assert "| parameters | 3,929 | 3.93 k, all trainable |" in rows
    titled = build('title "a | b <c>"\ninput 3x8x8\nrelu')
    assert "a \\| b \\<c\\>" in write_markdown(titled, analyse(titled))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1.00 k"),
        (9_994, "9.99 k"),
        (9_996, "10.0 k"),
        (99_960, "100 k"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (25_557_032, "25.6 M"),
        (4_089_184_256, "4.09 G"),
    ],
)
def test_short_numbers_have_three_digits(number: int, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize(("count", "text"), [(1_023, "1023 B"), (1_024, "1.00 KiB"), (102_228_128, "97.5 MiB")])
def test_sizes_are_binary(count: int, text: str) -> None:
    assert size(count) == text


def test_lengths_per_axis() -> None:
    assert lengths((7, None)) == "7xall"


def test_wide_characters_take_two_columns() -> None:
    assert width("層a") == 3
    lines = layout([("層", "1"), ("abc", "23")], "lr")
    assert [width(line) for line in lines] == [7, 7]
    assert shorten("層層層", 4) == "層…"
    assert shorten("short", 5) == "short"
