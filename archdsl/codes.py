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
SYNTAX = _code("E0101", "unexpected text", "The text does not continue a statement here.")
UNCLOSED = _code("E0102", "unclosed bracket", "A bracket, brace or string is opened but never closed.")
REPEAT_COUNT = _code(
    "E0103",
    "repeat count needs parentheses",
    "`element x n` would make `x` a name; a count that is not a plain integer stands in parentheses: `x (n)`.",
)
TOO_DEEP = _code("E0104", "nested too deeply", "Brackets and braces nest deeper than any network needs.")

# Names
UNKNOWN_OP = _code("E0201", "unknown operator", "No operator, definition or stream of this name is known here.")
UNKNOWN_NAME = _code("E0202", "unknown name", "No value of this name is known here.")
UNKNOWN_KEYWORD = _code("E0203", "unknown argument", "The operator or definition has no argument of this name.")
UNKNOWN_VARIANT = _code("E0204", "unknown variant", "The file declares no variant of this name.")
UNKNOWN_PARAMETER = _code("E0205", "unknown parameter", "The network has no parameter of this name.")
REBOUND = _code("E0206", "name bound twice", "A name is bound once in its block; only indexed names may be bound again.")
SHADOWS = _code("E0207", "shadowed name", "Values, streams, definitions and operators share one namespace.")
USED_BEFORE = _code("E0208", "stream used before its step", "A stream can be used only after the step that makes it.")
UNKNOWN_ATTRIBUTE = _code("E0209", "unknown attribute", "A stream or a used file has no such member.")

# Arguments and values
MISSING_WIDTH = _code("E0301", "missing width", "A convolution needs its number of output channels.")
MISSING_ARGUMENT = _code("E0302", "missing argument", "An argument without a default must be given.")
BAD_ARGUMENT = _code("E0303", "argument out of range", "The argument's value is of the wrong kind or out of bounds.")
EXTRA_ARGUMENT = _code("E0304", "too many arguments", "There are more values than arguments, or one is given twice.")
CONTRACT = _code("E0305", "contract broken", "The `where` condition of a definition does not hold for this call.")
REQUIRED = _code("E0306", "requirement not met", "A `require` condition does not hold.")
EXPECTED = _code("E0307", "expectation not met", "The stream does not have the shape that `expect` states.")
BAD_VALUE = _code("E0308", "expression has no value", "The expression cannot be computed.")
MISSING_BODY = _code("E0309", "missing body", "A structural definition needs a body: `{ … }`, or a `block:` in scope.")
UNINDEXED_EXIT = _code("E0310", "exit repeats without an index", "An exit in a repeated body needs an indexed name.")
TIED = _code("E0311", "tied weights differ", "Calls that share weights must need weights of one shape.")

# Streams and shapes
MISSING_MERGE = _code("E0401", "missing merge", "Several streams flow into an operator that takes one.")
MERGE_MISMATCH = _code("E0402", "shapes do not merge", "The streams that meet here have shapes that do not fit.")
GROUPS = _code("E0403", "groups do not divide", "Channels in and out must be multiples of the number of groups.")
KERNEL_TOO_LARGE = _code("E0404", "kernel larger than its input", "The window does not fit into the padded input.")
EMPTY_SIZE = _code("E0405", "size becomes 0", "Nothing is left of an axis.")
BAD_SHAPE = _code("E0406", "shape does not fit", "The operator cannot take a stream of this shape.")
STREAM_COUNT = _code("E0407", "wrong number of streams", "The operator takes another number of streams.")
NO_INPUT = _code("E0408", "no input", "A network needs an `input` before its first step.")
NO_OUTPUT = _code("E0409", "no output", "Nothing flows out of the network.")

# Files and limits
ENDLESS_RECURSION = _code("E0501", "recursion does not end", "A definition calls itself and no argument decreases.")
TOO_LARGE = _code("E0502", "too large", "The network, a repetition or a number is beyond every sensible limit.")
UNREADABLE = _code("E0503", "file cannot be read", "The file does not exist or cannot be read.")
NOT_UTF8 = _code("E0504", "not UTF-8", "A specification is UTF-8 text.")
FILE_TOO_LARGE = _code("E0505", "file too large", "A specification is at most a megabyte.")
USE_CYCLE = _code("E0506", "files use each other in a circle", "A file uses itself, directly or through others.")
OUTSIDE_ROOT = _code("E0507", "file outside the project", "`use` reads files inside the project root only.")
UNKNOWN_NETWORK = _code("E0508", "unknown network", "The zoo has no network of this name, and no file is called so.")

# Warnings
UNUSED_DEFINITION = _code("W0601", "unused definition", "The definition is never called.")
UNUSED_NAME = _code("W0602", "unused name", "The name is bound but never used.")
