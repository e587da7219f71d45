"""A network of a paper, written down by somebody who knows other tools: what they get wrong leads them on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import archdsl
from archdsl.diagnostic import Diagnostic
from archdsl.ops import catalogue, translate

Arch = Callable[..., "object"]

NIN = """net nin(classes=10)
title "Network in network"
paper "Lin, Chen, Yan: Network in network, ICLR 2014, arXiv:1312.4400"
input 3x32x32

mlpconv(a, b, c, kernel): conv(a, kernel=kernel) -> relu -> 1x1 conv b -> relu -> 1x1 conv c -> relu

5x5 mlpconv(192, 160, 96) -> 3x3 maxpool /2 -> dropout
5x5 mlpconv(192, 192, 192) -> 3x3 avgpool /2 -> dropout
3x3 mlpconv(192, 192, classes) -> gap -> flatten
"""


def found(text: str) -> list[tuple[str, str | None]]:
    diagnostics: tuple[Diagnostic, ...] = archdsl.check(archdsl.text(text))
    return [(item.code.id, item.hint) for item in diagnostics]


def test_the_network_as_it_ends_up() -> None:
    network = archdsl.load(archdsl.text(NIN))
    assert network.warnings == ()
    assert network.analysis.cost.parameters == 966_986, "that of the authors' file for CIFAR-10"


def test_a_definition_called_with_a_kernel_is_told_how() -> None:
    text = NIN.replace("c, kernel)", "c)").replace("conv(a, kernel=kernel)", "3x3 conv a")
    hint = "it has one if `kernel` is among its parameters, as in `mlpconv(a, b, c, kernel): …`"
    assert found(text) == [("E0203", hint)] * 3


@pytest.mark.parametrize("wrong", ["kernel conv a", "conv a kernel"])
def test_calls_of_a_definition_that_does_not_parse_are_not_reported(wrong: str) -> None:
    (only,) = found(NIN.replace("conv(a, kernel=kernel)", wrong))
    assert only[0] == "E0101"


@pytest.mark.parametrize("statement", ["stem = 3x3 conv a b c", "let stem = 3 4", "tied stem(i): conv a b"])
def test_uses_of_a_name_whose_statement_does_not_parse_are_not_reported(statement: str) -> None:
    assert [code for code, _ in found(f"input 3x8x8\n{statement}\nstem -> relu\n")] == ["E0101"]


def test_an_unknown_name_is_still_reported_behind_a_broken_statement() -> None:
    assert [code for code, _ in found("input 3x8x8\n3x3 conv a b c\nstem -> relu\n")] == ["E0101", "E0201"]


@pytest.mark.parametrize("call", ["maxpool 3x3 /2", "avgpool 3 /2", "maxpool(3, 2)"])
def test_a_kernel_behind_the_name_is_told_its_place(call: str) -> None:
    codes = found(NIN.replace("3x3 maxpool /2", call))
    assert codes == [("E0304", f"its kernel stands before the name: `3x3 {call[:7]}`")]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("global_avgpool", "gap"),
        ("GlobalAveragePooling2D", "gap"),
        ("Linear", "fc"),
        ("fully_connected", "fc"),
        ("BatchNorm2d", "bn"),
        ("Conv2d", "conv"),
        ("MaxPool2d", "maxpool"),
        ("LeakyReLU", "leaky"),
        ("ConvTranspose2d", "upconv"),
        ("identity", "skip"),
        ("cat", "concat"),
    ],
)
def test_words_of_other_tools_are_translated(said: str, meant: str) -> None:
    assert translate(said) == meant
    assert ("E0201", f"did you mean `{meant}`?") in found(f"input 3x8x8\n{said}\n")


def test_other_names_are_those_of_one_operator() -> None:
    names = [name for operator in catalogue().values() for name in operator.also]
    assert len(names) == len(set(names))
    assert not set(names) & set(catalogue())
    assert all(translate(name) is not None for name in names)


def test_a_missing_kernel_is_shown_with_the_operator_that_was_meant() -> None:
    assert ("E0302", "write it before the name: `3x3 conv`") in found("input 3x8x8\nconv2d 8\n")


def test_operators_are_found_by_what_they_have_to_do_with(arch: Arch) -> None:
    assert "maxpool" in arch("ops", "pool").out
    assert "gap" in arch("ops", "global").out
    assert arch("ops", "Linear").out.splitlines()[1].split()[0] == "fc"
    done = arch("ops", "cnv")
    assert (done.code, done.out) == (2, "")
    assert "did you mean conv?" in done.err


def test_a_structure_is_told_from_an_operator(arch: Arch) -> None:
    done = arch("ops", "residual")
    assert (done.code, done.out) == (2, "")
    assert "`archdsl explain residual`" in done.err
    assert arch("explain", "residual").out.startswith("residual: ")


SQUEEZENET = """net squeezenet(classes=1000)
title "SqueezeNet 1.0"
paper "Iandola et al.: SqueezeNet, arXiv:1602.07360"
input 3x224x224
set maxpool ceil=true

fire(squeeze, expand): {
  1x1 conv squeeze -> relu
  (1x1 conv expand -> relu | 3x3 conv expand -> relu) -> concat
}

conv1 = 7x7 conv 96 /2 pad=valid -> relu -> 3x3 maxpool /2
fire2 = fire(16, 64)
fire3 = fire(16, 64)
fire4 = fire(32, 128) -> 3x3 maxpool /2
fire5 = fire(32, 128)
fire6 = fire(48, 192)
fire7 = fire(48, 192)
fire8 = fire(64, 256) -> 3x3 maxpool /2
fire9 = fire(64, 256) -> dropout 0.5
conv10 = 1x1 conv classes -> relu -> gap -> flatten
"""


def test_another_network_as_it_ends_up() -> None:
    network = archdsl.load(archdsl.text(SQUEEZENET))
    assert network.warnings == ()
    assert network.analysis.cost.parameters == 1_248_424, "that of torchvision's module"


def test_a_definition_written_like_an_assignment_is_known_all_the_same() -> None:
    wrong = SQUEEZENET.replace("fire(squeeze, expand): {", "fire(squeeze, expand) = {")
    assert found(wrong) == [("E0101", "`name(a, b=1): …`")]


def test_a_body_by_indentation_is_told_about_braces() -> None:
    wrong = SQUEEZENET.replace("expand): {", "expand):").replace("concat\n}", "concat")
    hint = "a body of several lines stands in braces: `fire(…): { … }`"
    assert ("E0202", hint) in found(wrong)


def test_channels_at_the_end_are_noticed() -> None:
    (only,) = archdsl.check(archdsl.text("input 224x224x3\n1x1 conv 8\n"))
    assert (only.code.id, only.is_error) == ("W0603", False)
    assert only.hint == "channels come first: `input 3x224x224`"
    assert archdsl.check(archdsl.text("input 224x224x3  # arch: ignore[W0603]\n1x1 conv 8\n")) == ()
    assert archdsl.check(archdsl.text("input 8x8x3\n1x1 conv 8\n")) == ()
    assert archdsl.check(archdsl.text("input 20x20x5\n1x1 conv 8\n")) == ()


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        ("relu(y)", "what enters stands before: `y -> relu`"),
        ("3x3 conv(y, 64)", "what enters stands before: `y -> conv`"),
        ("add(y, in)", "what enters stands before: `(y | in) -> add`"),
        ("concat(y, z)", "what enters stands before: `(y | z) -> concat`"),
    ],
)
def test_operators_called_like_functions_are_told_where_streams_stand(call: str, hint: str) -> None:
    assert found(f"input 3x8x8\ny = relu\nz = relu\n{call}\n") == [("E0304", hint)]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("batch 128", "the batch is implied: no statement tells its size"),
        ("kxk conv", "a computed kernel is an argument: `conv(64, kernel=k)`"),
        ("global avgpool", "did you mean `gap`?"),
        ("3x3 conv 8 bias=True", "did you mean `true`?"),
        ("for i in range(3) { relu }", "a range is written `1..n`; both ends belong to it"),
        ("for i in 1..3 { x[i] = relu }\n(x[1] | x[2]) -> add", "begin with `x[0] = …` before the block"),
        ("if true { let n = 3 }\nrelu x (n)", "bind it before the block, or use it inside"),
        ("conv(64, 3)", "its kernel stands before the name, `3x3 conv`, or has its name: `kernel=…`"),
    ],
)
def test_what_others_write_leads_on(text: str, hint: str) -> None:
    assert hint in [item for _, item in found(f"input 3x8x8\n{text}\n")]
