"""The documentation of what expressions can ask: functions, and the attributes of streams."""

from __future__ import annotations

from archdsl.syntax.words import Word

FUNCTION_WORDS = (
    Word(
        "floor",
        "floor(value)",
        "the greatest integer that is not greater",
        "`//` does the same to a quotient.",
        "net n(scale=1.3)\ninput 3x32x32\n3x3 conv(floor(16*scale))",
    ),
    Word(
        "ceil",
        "ceil(value)",
        "the least integer that is not less",
        "EfficientNet counts its layers with it.",
        "net n(depth=1.8)\ninput 3x32x32\n(3x3 conv 16 -> relu) x (ceil(2*depth))",
    ),
    Word(
        "round",
        "round(value)\nround(value, digits)",
        "the nearest integer; of two, the even one",
        "With a number of digits, the nearest number that has so many behind the point.",
        "net n(scale=1.3)\ninput 3x32x32\n3x3 conv(round(16*scale))",
    ),
    Word(
        "min",
        "min(value, value, …)\nmin(list)",
        "the least of some values, or of a list",
        "An empty list has none.",
        "input 3x32x32\nfor i in 0..4 { 3x3 conv(min(64, 16 * 2**i)) }",
    ),
    Word(
        "max",
        "max(value, value, …)\nmax(list)",
        "the greatest of some values, or of a list",
        "An empty list has none.",
        "net n(width=64, ratio=16)\ninput 3x32x32\n3x3 conv width -> 1x1 conv(max(8, width // ratio))",
    ),
    Word(
        "len",
        "len(list)",
        "how many items a list has",
        "Tables have as many as keys, and lists of streams as many as streams.",
        "net n(widths=[16, 32, 64])\ninput 3x32x32\nfor i in 0..len(widths) - 1 { 3x3 conv(widths[i]) }",
    ),
    Word(
        "sum",
        "sum(list)",
        "the sum of a list",
        "That of an empty list is 0.",
        "let units = [3, 4, 6, 3]\ninput 3x32x32\n(3x3 conv 16 -> relu) x (sum(units))",
    ),
    Word(
        "sqrt",
        "sqrt(value)",
        "the square root",
        "The result is a number with a point, even where it is whole; `round` makes an integer of it.",
        "input 3x32x32\n3x3 conv(round(sqrt(256)))",
    ),
    Word(
        "log2",
        "log2(value)",
        "the logarithm to base 2",
        "The result is a number with a point, even where it is whole; `round` makes an integer of it.",
        "input 3x32x32\nlet halvings = round(log2(in.width // 4))\n(3x3 conv 16 /2) x (halvings)",
    ),
    Word(
        "divisible",
        "divisible(value, divisor)",
        "the nearest multiple that is not more than a tenth less",
        "MobileNets round their widths with it (Howard et al., arXiv:1704.04861, and the authors' code).",
        "net n(width=0.75)\ninput 3x32x32\n3x3 conv(divisible(32*width, 8))",
    ),
)

ATTRIBUTE_WORDS = (
    Word(
        "channels",
        "STREAM.channels",
        "number of channels of a stream",
        "It is an integer, known while the network is built.",
        "input 16x32x32\n1x1 conv(in.channels // 4) -> relu",
    ),
    Word(
        "height",
        "STREAM.height",
        "size along the last axis but one",
        "It is an integer, known while the network is built.",
        "input 16x32x32\nif in.height > 16 { 2x2 maxpool }\n3x3 conv 8",
    ),
    Word(
        "width",
        "STREAM.width",
        "size along the last axis",
        "It is an integer, known while the network is built.",
        "input 16x32x32\navgpool kernel=(in.width // 4)",
    ),
    Word(
        "shape",
        "STREAM.shape",
        "all sizes of a stream, channels first",
        "It is a list of integers, known while the network is built.",
        "input 16x32x32\ny = 3x3 conv 16 -> bn\nif y.shape == in.shape { (y | in) -> add }",
    ),
    Word(
        "stride",
        "STREAM.stride",
        "by how much a stream is coarser than what entered the definition",
        "`residual` gives its shortcut the stride of its body with it.",
        "input 3x32x32\ny = 3x3 conv 16 /2 -> bn\nshortcut = in -> 1x1 conv 16 /(y.stride) -> bn\n"
        "(y | shortcut) -> add",
    ),
)
