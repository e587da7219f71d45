"""The catalogue of diagnostic codes: one entry is all that a code is, and ``archdsl explain`` prints it.

``bad`` is a file that provokes the code and ``good`` the same file mended; a test runs both.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding: its number, its name, why it is one, and a bad and a good example."""

    id: str
    title: str
    explanation: str
    bad: str
    good: str

    def __str__(self) -> str:
        return self.id


CATALOGUE: dict[str, Code] = {}


def _code(id: str, title: str, explanation: str, bad: str = "", good: str = "") -> Code:
    code = CATALOGUE[id] = Code(id, title, explanation.strip(), bad.strip("\n"), good.strip("\n"))
    return code


# Syntax

SYNTAX = _code(
    "E0101",
    "unexpected text",
    "The text does not continue a statement here. Statements end with the line or `;`; a line goes on after `->`, `|`, "
    "a comma or an opening bracket, and before `->`, `|` or a closing one.",
    "input 3x32x32\n3x3 conv 16, stride=2",
    "input 3x32x32\n3x3 conv 16 stride=2",
)
UNCLOSED = _code(
    "E0102",
    "unclosed bracket",
    "A bracket, brace or string is opened but never closed.",
    "input 3x32x32\n(3x3 conv 8 | 1x1 conv 8\nrelu",
    "input 3x32x32\n(3x3 conv 8 | 1x1 conv 8) -> add\nrelu",
)
REPEAT_COUNT = _code(
    "E0103",
    "repeat count needs parentheses",
    "`element x n` would make `x` a name, so a count that is not a plain integer stands in parentheses.",
    "net n(n=3)\ninput 3x32x32\n3x3 conv 8 x n",
    "net n(n=3)\ninput 3x32x32\n3x3 conv 8 x (n)",
)
TOO_DEEP = _code(
    "E0104",
    "nested too deeply",
    "Brackets and braces nest deeper than any network needs. Give the inner part a name of its own.",
    "input 3x32x32\n" + "(" * 80 + "relu" + ")" * 80,
    "input 3x32x32\nrelu",
)

# Names

UNKNOWN_OP = _code(
    "E0201",
    "unknown operator",
    "No operator, definition or stream of this name is known here. `archdsl ops` lists the operators; definitions may "
    "stand anywhere in the file.",
    "input 3x32x32\n3x3 conv 16 -> rellu",
    "input 3x32x32\n3x3 conv 16 -> relu",
)
UNKNOWN_NAME = _code(
    "E0202",
    "unknown name",
    "No value of this name is known here: it is neither a parameter, nor bound by `let`, nor a stream.",
    "net n(classes=10)\ninput 3x32x32\nfc clases",
    "net n(classes=10)\ninput 3x32x32\nfc classes",
)
UNKNOWN_KEYWORD = _code(
    "E0203",
    "unknown argument",
    "The operator or definition has no argument of this name. `archdsl ops NAME` lists those of an operator.",
    "input 3x32x32\n3x3 conv 16 strid=2",
    "input 3x32x32\n3x3 conv 16 stride=2",
)
UNKNOWN_VARIANT = _code(
    "E0204",
    "unknown variant",
    "The file declares no variant of this name. Variants are never guessed from a file's name.",
)
UNKNOWN_PARAMETER = _code(
    "E0205",
    "unknown parameter",
    "The `net` statement declares no parameter of this name.",
    "net n(depth=2)\nvariant n3(dept=3)\ninput 3x32x32\nrelu x (depth)",
    "net n(depth=2)\nvariant n3(depth=3)\ninput 3x32x32\nrelu x (depth)",
)
REBOUND = _code(
    "E0206",
    "name bound twice",
    "A name is bound once in its block, so that it means one stream. Only indexed names (`x[i] = …`) may be bound "
    "again.",
    "input 3x32x32\nstem = 3x3 conv 16\nstem = relu",
    "input 3x32x32\nstem = 3x3 conv 16\nact = relu",
)
SHADOWS = _code(
    "E0207",
    "shadowed name",
    "Values, streams, definitions and operators share one namespace, so that a name in a pipeline means one thing.",
    "input 3x32x32\nrelu = 3x3 conv 16",
    "input 3x32x32\nstem = 3x3 conv 16",
)
USED_BEFORE = _code(
    "E0208",
    "stream used before its step",
    "A stream can be used only after the step that makes it: networks have no cycles.",
    "input 3x32x32\n(late | skip) -> concat\nlate = 3x3 conv 16",
    "input 3x32x32\nearly = 3x3 conv 16\n(early | in) -> concat",
)
UNKNOWN_ATTRIBUTE = _code(
    "E0209",
    "unknown attribute",
    "A stream has channels, height, width, shape, stride and the taps that were set on its way; a used file has its "
    "definitions.",
    "input 3x32x32\n1x1 conv(2 * in.channel)",
    "input 3x32x32\n1x1 conv(2 * in.channels)",
)

# Arguments and values

MISSING_WIDTH = _code(
    "E0301",
    "missing width",
    "A convolution needs its number of output channels: as the value behind its name, or for all by `set conv out=…`.",
    "input 3x32x32\n3x3 conv -> bn",
    "input 3x32x32\n3x3 conv 64 -> bn",
)
MISSING_ARGUMENT = _code(
    "E0302",
    "missing argument",
    "An argument without a default must be given.",
    "input 3x32x32\nconv 64",
    "input 3x32x32\n3x3 conv 64",
)
BAD_ARGUMENT = _code(
    "E0303",
    "argument out of range",
    "The argument's value is of the wrong kind or out of bounds.",
    "input 3x32x32\ndropout 1.5",
    "input 3x32x32\ndropout 0.5",
)
EXTRA_ARGUMENT = _code(
    "E0304",
    "too many arguments",
    "There are more values than arguments, or an argument is given twice.",
    "input 3x32x32\nrelu 6",
    "input 3x32x32\nrelu6",
)
CONTRACT = _code(
    "E0305",
    "contract broken",
    "The `where` condition of a definition is its contract; it does not hold for this call.",
    "input 24x8x8\nunit(w) where w % 8 == 0: 1x1 conv w groups=8\nunit(60)",
    "input 24x8x8\nunit(w) where w % 8 == 0: 1x1 conv w groups=8\nunit(64)",
)
REQUIRED = _code(
    "E0306",
    "requirement not met",
    "A `require` condition does not hold for these parameters.",
    'net n(depth=21)\nrequire depth % 6 == 2 "the depth is 6n + 2"\ninput 3x8x8\nrelu x (depth)',
    'net n(depth=20)\nrequire depth % 6 == 2 "the depth is 6n + 2"\ninput 3x8x8\nrelu x (depth)',
)
EXPECTED = _code(
    "E0307",
    "expectation not met",
    "`expect` states the shape that the stream has at this point; it has another.",
    "input 3x224x224\n7x7 conv 64 /2\nexpect 64x56x56",
    "input 3x224x224\n7x7 conv 64 /2\nexpect 64x112x112",
)
BAD_VALUE = _code(
    "E0308",
    "expression has no value",
    "The expression cannot be computed: a division that is not exact, an index beyond a list, a number where a list is "
    "needed.",
    "input 3x32x32\n1x1 conv(in.channels / 2)",
    "input 3x32x32\n1x1 conv(in.channels // 2)",
)
MISSING_BODY = _code(
    "E0309",
    "missing body",
    "A structural definition needs a body: `{ … }` behind the call, or a definition named `block` in scope.",
    "input 3x32x32\ndense growth=32",
    "input 3x32x32\ndense growth=32 { 3x3 conv -> bn -> relu }",
)
UNINDEXED_EXIT = _code(
    "E0310",
    "exit repeats without an index",
    "An exit in a repeated body needs an indexed name, since outputs have names of their own.",
    "input 3x32x32\nfor i in 1..2 { exit aux { gap -> fc 10 }; 3x3 conv 16 }",
    "input 3x32x32\nfor i in 1..2 { exit aux[i] { gap -> fc 10 }; 3x3 conv 16 }",
)
TIED = _code(
    "E0311",
    "tied weights differ",
    "Calls of a `tied` definition with the same arguments share weights, so they must need weights of one shape.",
    "input 4x8x8\ntied unit: 3x3 conv 8\nunit -> unit",
    "input 8x8x8\ntied unit: 3x3 conv 8\nunit -> unit",
)

# Streams and shapes

MISSING_MERGE = _code(
    "E0401",
    "missing merge",
    "Several streams flow into an operator that takes one. Merge them first: concat, add, mul, mean, max or join.",
    "input 3x32x32\n(3x3 conv 8 | 1x1 conv 8) -> relu",
    "input 3x32x32\n(3x3 conv 8 | 1x1 conv 8) -> concat -> relu",
)
MERGE_MISMATCH = _code(
    "E0402",
    "shapes do not merge",
    "The streams that meet here have shapes that do not fit. The labels show where each comes from.",
    "input 64x56x56\n(3x3 conv 64 /2 | skip) -> add",
    "input 64x56x56\n(3x3 conv 64 /2 | 1x1 conv 64 /2) -> add",
)
GROUPS = _code(
    "E0403",
    "groups do not divide",
    "Channels in and out must be multiples of the number of groups.",
    "input 30x32x32\n3x3 conv 64 groups=4",
    "input 32x32x32\n3x3 conv 64 groups=4",
)
KERNEL_TOO_LARGE = _code(
    "E0404",
    "kernel larger than its input",
    "The window does not fit into the padded input.",
    "input 3x5x5\n7x7 conv 16 pad=valid",
    "input 3x5x5\n7x7 conv 16",
)
EMPTY_SIZE = _code(
    "E0405",
    "size becomes 0",
    "Nothing is left of an axis.",
    "input 3x2x2\ncrop 1",
    "input 3x4x4\ncrop 1",
)
BAD_SHAPE = _code(
    "E0406",
    "shape does not fit",
    "The operator cannot take a stream of this shape.",
    "input 3x32x32\n3x3x3 conv 16",
    "input 3x32x32\n3x3 conv 16",
)
STREAM_COUNT = _code(
    "E0407",
    "wrong number of streams",
    "The operator takes another number of streams, or what flows into a stream's name would be lost.",
    "input 3x32x32\na = 3x3 conv 8\nrelu -> a",
    "input 3x32x32\na = 3x3 conv 8\na -> relu",
)
NO_INPUT = _code(
    "E0408",
    "no input",
    "A network needs an `input` before its first step.",
    "3x3 conv 16",
    "input 3x32x32\n3x3 conv 16",
)

MISPLACED = _code(
    "E0409",
    "streams on several devices",
    "Operators run where their inputs are, so streams that meet must be on one device. `place` moves a stream.",
    'input 4x8x8\n(3x3 conv 4 | place "other" -> 3x3 conv 4) -> add',
    'input 4x8x8\n(place "one" | place "other" -> 3x3 conv 4 -> place "one") -> add',
)

UNTIMELY = _code(
    "E0410",
    "output without its input",
    "An output of evaluation takes an input that only training has, so it could not be computed there.",
    "input 3x8x8\ninput truth: 4x5 only=train\noutput boxes = truth -> fc 4",
    "input 3x8x8\ninput truth: 4x5 only=train\noutput loss only=train = truth -> fc 4",
)

# Files and limits

ENDLESS_RECURSION = _code(
    "E0501",
    "recursion does not end",
    "A definition calls itself and no argument decreases. Recursion happens while the network is built, so it "
    "must end.",
    "input 3x32x32\nagain(n): relu -> again(n)\nagain(3)",
    "input 3x32x32\nagain(n): relu -> if n > 1 { again(n - 1) }\nagain(3)",
)
TOO_LARGE = _code(
    "E0502",
    "too large",
    "The network, a repetition or a number is beyond every sensible limit.",
    "input 3x32x32\nrelu x 1000000000",
    "input 3x32x32\nrelu x 10",
)
UNREADABLE = _code(
    "E0503",
    "file cannot be read",
    "The file does not exist or cannot be read.",
    'use "nowhere.arch" as n\ninput 3x32x32\nrelu',
    "input 3x32x32\nrelu",
)
NOT_UTF8 = _code("E0504", "not UTF-8", "A specification is UTF-8 text.")
FILE_TOO_LARGE = _code("E0505", "file too large", "A specification is at most a megabyte; the largest here has 5 kB.")
USE_CYCLE = _code("E0506", "files use each other in a circle", "A file uses itself, directly or through others.")
OUTSIDE_ROOT = _code(
    "E0507",
    "file outside the project",
    "`use` reads files inside the project root only, so that checking a stranger's specification is safe. The root is "
    "the nearest folder above the file that holds a pyproject.toml, a .git or a specs folder, else the file's "
    "own folder.",
)
UNKNOWN_NETWORK = _code(
    "E0508",
    "unknown network",
    "No network that comes with the package has this name, and no file is called so. `archdsl zoo` lists the names.",
)

# Warnings

UNUSED_DEFINITION = _code(
    "W0601",
    "unused definition",
    "The definition is never called.",
    "input 3x32x32\nunit: 3x3 conv 8\nrelu",
    "input 3x32x32\nunit: 3x3 conv 8\nunit -> relu",
)
UNUSED_NAME = _code(
    "W0602",
    "unused name",
    "The value, table or parameter is never used.",
    "input 3x32x32\nlet width = 8\nrelu",
    "input 3x32x32\nlet width = 8\n1x1 conv width",
)
CHANNELS_LAST = _code(
    "W0603",
    "channels at the end",
    "Shapes begin with the channels, as in PyTorch: `3x224x224`. One of equal sizes that ends with 1 or 3 was most "
    "likely meant the other way round.",
    "input 224x224x3\n1x1 conv 8 -> relu",
    "input 3x224x224\n1x1 conv 8 -> relu",
)
