"""Generated source: it reads well, stands alone, and knows its lines; the text itself is in ``data/source``."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import archdsl
from archdsl.backends.python.module import PythonSource, write
from archdsl.backends.python.names import MODULE_ATTRIBUTES, attribute, variable
from archdsl.backends.python.template import Splitter, comes_first, literal, without_defaults
from archdsl.backends.torch import build, load
from archdsl.graph.graph import Graph

DATA = Path(__file__).parent / "data" / "source"
SPECS = Path(__file__).parents[1] / "specs"
EXAMPLES = sorted(path.stem for path in DATA.glob("*.arch"))
ZOO = ["densenet/densenet", "googlenet/googlenet", "lenet/lenet", "resnet/resnet", "unet/unet"]


def graph_of(text: str) -> Graph:
    return archdsl.load(archdsl.text(text, "specs/net.arch")).graph


def example(name: str) -> Graph:
    return archdsl.load(DATA / f"{name}.arch").graph


def zoo(name: str) -> Graph:
    return archdsl.load(SPECS / f"{name}.arch").graph


@pytest.mark.parametrize("name", EXAMPLES)
def test_text_is_the_golden_one(name: str, accept: bool) -> None:
    golden = DATA / f"{name}.py"
    text = write(example(name)).text
    if accept:
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


@pytest.mark.parametrize("name", ZOO)
def test_text_is_formatted_and_short_of_line(name: str) -> None:
    text = write(zoo(name)).text
    assert max(map(len, text.splitlines())) <= 120
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "120", "-"]
    assert subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout == text


@pytest.mark.parametrize("name", ZOO)
def test_text_has_no_lint(name: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,I,B,UP,N,SIM,RET,PIE"]
    command += ["--line-length", "120", "--target-version", "py311", "--ignore", "N812", "-"]
    done = subprocess.run(command, input=write(zoo(name)).text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


STAND_ALONE = """
import sys, json, torch
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "archdsl":
            raise ImportError("archdsl is not here")
sys.meta_path.insert(0, Gone())
folder, class_name = sys.argv[1:]
space = {"__name__": "exported"}
exec(open(folder + "/net.py").read(), space)
network = space[class_name]()
network.load_state_dict(torch.load(folder + "/weights.pt", weights_only=True))
inputs = torch.load(folder + "/inputs.pt", weights_only=True)
result = network.eval()(*inputs)
torch.save(tuple(result) if isinstance(result, tuple) else (result,), folder + "/outputs.pt")
print(json.dumps("archdsl" in sys.modules))
"""


@pytest.mark.parametrize("graph", [*EXAMPLES, "lenet/lenet"])
def test_source_stands_alone(graph: str, tmp_path: Path, python: Callable[..., str]) -> None:
    network = zoo(graph) if "/" in graph else example(graph)
    module = build(network, seed=3).eval()
    source = write(network)
    inputs = [torch.randn(2, *node.outputs[0].shape) for node in network.inputs]
    (tmp_path / "net.py").write_text(source.text, "utf-8")
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    torch.save(inputs, tmp_path / "inputs.pt")
    assert json.loads(python(STAND_ALONE, str(tmp_path), source.class_name)) is False
    expected = module(*inputs)
    expected = tuple(expected) if isinstance(expected, tuple) else (expected,)
    torch.testing.assert_close(torch.load(tmp_path / "outputs.pt", weights_only=True), expected)


def test_text_is_the_same_in_every_process(python: Callable[..., str]) -> None:
    code = "import sys, archdsl; sys.stdout.write(archdsl.load(sys.argv[1]).source().text)"
    path = str(SPECS / "googlenet" / "googlenet.arch")
    assert python(code, path) == write(zoo("googlenet/googlenet")).text


def test_writing_needs_no_torch(python: Callable[..., str]) -> None:
    code = "import sys, archdsl; archdsl.load(sys.argv[1]).source(); print('torch' in sys.modules)"
    assert python(code, str(SPECS / "resnet" / "resnet.arch")).strip() == "False"


# Lines -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_operator_has_its_line(name: str) -> None:
    graph = example(name)
    source = write(graph)
    lines = source.text.splitlines()
    assert len(lines) == len(source.lines) == len(source.marks)
    sole = [node for node in graph.nodes if sum(node.path == other.path for other in graph.nodes) == 1]
    assert source.places == {node.path: node.span for node in sole}
    assert {span for span in source.lines if span is not None} <= {item.span for item in (*graph.nodes, *graph.scopes)}
    for line, span, marks in zip(lines, source.lines, source.marks, strict=True):
        assert span is not None or not marks
        for mark in marks:
            assert 0 <= mark.start < mark.stop
            assert mark.stop <= len(line) or mark.start == 0


def test_marks_lie_on_their_expressions() -> None:
    source = write(example("residual"))
    number = next(i for i, line in enumerate(source.text.splitlines()) if "F.relu(self.bn1(self.conv1(x))" in line)
    line = source.text.splitlines()[number]
    assert {line[mark.start : mark.stop]: mark.path for mark in source.marks[number]} == {
        "F.relu(self.bn1(self.conv1(x)), inplace=True)": "relu1",
        "self.bn1(self.conv1(x))": "bn1",
        "self.conv1(x)": "conv1",
    }


# Classes ---------------------------------------------------------------------------------------------------------


def classes(source: PythonSource) -> list[str]:
    return [node.name for node in ast.parse(source.text).body if isinstance(node, ast.ClassDef)]


def test_bottlenecks_of_resnet_are_two_classes() -> None:
    source = write(zoo("resnet/resnet"))
    assert [name for name in classes(source) if name.startswith("Bottleneck")] == ["BottleneckProjection", "Bottleneck"]
    assert "self.bottleneck2 = Bottleneck(width=" in source.text


def test_numbers_that_vary_alike_are_one_parameter() -> None:
    source = write(graph_of("input 3x8x8\nu(n, p): 3x3 conv n -> bn -> dropout p\nu(4, 0.1) -> u(6, 0.2) -> u(4, 0.5)"))
    assert "def __init__(self, in_channels: int, n: int, p: float) -> None:" in source.text
    assert "self.conv1 = nn.Conv2d(in_channels, n, kernel_size=3, padding=1, bias=False)" in source.text
    assert "self.bn1 = nn.BatchNorm2d(n)" in source.text
    assert "self.u2 = U(in_channels=4, n=6, p=0.2)" in source.text
    module = load(source)()
    assert [(module.get_submodule(f"u{i}").p, module.get_submodule(f"u{i}").conv1.out_channels) for i in (1, 2, 3)] == [
        (0.1, 4),
        (0.2, 6),
        (0.5, 4),
    ]


def test_classes_that_differ_in_more_than_numbers_stay_apart() -> None:
    source = write(
        graph_of("input 4x8x8\nu(f): if f { 3x3 conv 4 -> relu } else { 3x3 conv 4 -> sigmoid }\nu(1 > 0) -> u(1 < 0)")
    )
    assert len([name for name in classes(source) if name.startswith("U")]) == 2


def test_default_and_given_strides_share_a_class() -> None:
    source = write(graph_of("input 3x16x16\nu(s): 3x3 conv 3 /s -> relu\nu(1) -> u(2) -> u(1)"))
    assert classes(source) == ["U", "Net"]
    assert "stride=s" in source.text


# Names -----------------------------------------------------------------------------------------------------------


def test_attributes_of_modules_are_known() -> None:
    public = {name for name in dir(nn.Module()) if not name.startswith("_")}
    assert public <= MODULE_ATTRIBUTES


@pytest.mark.parametrize("name", ["half", "train", "forward", "lambda", "type", "self", "torch", "F", "nn", "print"])
def test_steps_may_have_names_that_python_or_torch_use(name: str) -> None:
    graph = graph_of(
        f"net Tensor()\ninput 3x8x8\n{name} = 3x3 conv 4 -> bn -> relu\n({name} | 1x1 conv 4) -> add\nfc 2"
    )
    module = build(graph)
    assert f"{name}.conv1.weight" in module.state_dict()
    assert module(torch.randn(2, 3, 8, 8)).shape == (2, 2)
    assert torch.compile(module, backend="eager", fullgraph=True)(torch.randn(2, 3, 8, 8)).shape == (2, 2)


def test_variables_and_attributes_are_legal() -> None:
    assert variable("lambda") == "lambda_"
    assert variable("torch") is None
    assert attribute("self", "a.train.b") == 'self.a._modules["train"].b'


def test_documentation_cannot_break_out() -> None:
    text = (
        r"net n()"
        '\ntitle "\\"\\"\\" + boom() + \\"\\"\\" \\\\"\nnote "ends with a quote\\""\ninput 3x8x8\n3x3 conv 4'
    )
    source = write(graph_of(text))
    ast.parse(source.text)
    assert not [node for node in ast.walk(ast.parse(source.text)) if isinstance(node, ast.Name) and node.id == "boom"]


# Text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "numbers", "hints"),
    [
        ("nn.Conv2d(3, 64, kernel_size=7)", ("3", "64", "7"), ("in_channels", "out_channels", "kernel_size")),
        ("F.max_pool2d({0}, (3, 2), stride=(2, 1))", ("3", "2", "2", "1"), ("max_pool2d",) * 2 + ("stride",) * 2),
        ("{0}[:, 4:12]", ("4", "12"), ("value", "value")),
        ("drop_path({0}, 0.2, {training})", ("0.2",), ("p",)),
        ('nn.Upsample(mode="nearest 2")', (), ()),
        ("1.5e-05 * torch.tanh({0})", ("1.5e-05",), ("value",)),
    ],
)
def test_numbers_are_taken_out_with_what_they_are(text: str, numbers: tuple[str, ...], hints: tuple[str, ...]) -> None:
    template, found = Splitter({"drop_path": ("x", "p", "training")}).split(text)
    assert (found, template.hints) == (numbers, hints)
    assert template.fill(found) == text


def test_values_are_written_as_python_writes_them() -> None:
    assert literal((1, (2.5,), "a'b", None, float("inf"))) == '(1, (2.5,), "a\'b", None, math.inf)'
    assert without_defaults("nn.Conv2d(3, 4, kernel_size=1, stride=1, padding=0, groups=2)") == (
        "nn.Conv2d(3, 4, kernel_size=1, groups=2)"
    )


def test_thousands_of_layers_take_linear_time() -> None:
    def seconds(layers: int) -> float:
        graph = graph_of(f"input 4x8x8\nb: 3x3 conv 4 -> bn -> relu\nb x {layers}\n(3x3 conv 4 -> relu) x {layers}")
        start = time.process_time()
        source = write(graph)
        spent = time.process_time() - start
        assert len(re.findall(r"self\.b\d+[ (]", source.text)) == 2 * layers
        return spent

    assert seconds(4000) < 12 * max(seconds(1000), 0.02)


@pytest.mark.parametrize(
    ("call", "hole", "is_first"),
    [
        ("{module}({0})", "0", True),
        ("{0} + {1}", "1", True),
        ("{0} + {1} + {2}", "2", False),
        ("({0} + {1}).add_({2})", "2", False),
        ("({0} + {1}).add_({2})", "1", True),
        ("torch.cat(({inputs}), 1)", "inputs", True),
        ("{0}.reshape({0}.shape[0], 4)", "0", True),
    ],
)
def test_an_operand_is_computed_before_anything_else_of_its_expression(call: str, hole: str, is_first: bool) -> None:
    assert comes_first(call, hole) == is_first
