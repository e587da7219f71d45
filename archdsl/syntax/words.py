"""The words of the language, each with its documentation: ``archdsl explain`` and editors show it.

Every example is a specification that is right as it stands; a test checks them all.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """Something of the language that has a name.

    Parameters
    ----------
    form
        How it is written.
    summary
        What it is, in one line.
    explanation
        What else there is to know.
    also
        Signs and words that it may be looked up by.
    """

    name: str
    form: str
    summary: str
    explanation: str
    example: str
    also: tuple[str, ...] = ()


#: What a statement may begin with; ordinary names everywhere else.
STATEMENT_WORDS = (
    Word(
        "net",
        "net NAME(PARAMETER=DEFAULT, …)",
        "name of the network, and its parameters",
        "Parameters are values to build with: `--set classes=10`, `archdsl.load(…, classes=10)` and variants give "
        "others than the defaults. Without this statement the network is called like its file.",
        "net small(width=16, classes=10)\ninput 3x32x32\n3x3 conv width -> relu\nhead = gap -> fc classes",
    ),
    Word(
        "title",
        'title "TEXT"',
        "title of the network",
        "Summaries, pictures and the generated source carry it.",
        'title "A small network"\ninput 3x32x32\n3x3 conv 16 -> relu',
    ),
    Word(
        "paper",
        'paper "TEXT"',
        "a paper that describes the network",
        "The generated source cites it, and where it has an arXiv id or a DOI editors link to it. There may be "
        "several.",
        'paper "LeCun et al.: Gradient-based learning applied to document recognition, 1998"\n'
        "input 1x32x32\n5x5 conv 6 pad=valid -> tanh",
    ),
    Word(
        "note",
        'note "TEXT"',
        "a remark that every output carries",
        "For readers of the network; what only readers of the file need is a comment, `# …`.",
        'note "The second layer is half as wide as in the paper."\ninput 3x32x32\n3x3 conv 16 -> relu',
    ),
    Word(
        "variant",
        "variant NAME(PARAMETER=VALUE, …)",
        "a named preset of the network's parameters",
        "Variants are networks of their own: `FILE.arch:NAME` means one on the command line, and `archdsl check` "
        "checks all of a file. What they do not set keeps its default.",
        "net small(width=16)\nvariant large(width=64)\ninput 3x32x32\n3x3 conv width -> relu",
    ),
    Word(
        "input",
        "input SHAPE\ninput NAME: SHAPE [only=train]",
        "what enters the network: channels x height x width",
        "The batch is implied, and any number of axes may follow the channels. Several inputs are named, and a branch "
        "takes one by its name. A list, `[3, size, size]`, has room for computed sizes. `only=train` is for what "
        "training alone has, such as the true boxes of a detector.",
        "net two(size=64)\ninput left: [3, size, size]\ninput right: [3, size, size]\n"
        "(left | right) -> concat\n3x3 conv 16",
    ),
    Word(
        "use",
        'use "FILE.arch"\nuse "FILE.arch" as NAME',
        "definitions of another file",
        "The path is relative to this file and stays inside the project. With `as`, they stand behind a name and a "
        "dot: `b.unit(16)`; without, they are known by their own names. The file's network, if it has one, is "
        "left alone.",
        'use "blocks.arch" as b  # which holds unit(out): 3x3 conv out -> bn -> relu\ninput 3x32x32\nb.unit(16)',
        also=("as", "import", "include"),
    ),
    Word(
        "let",
        "let NAME = EXPRESSION",
        "a value that is computed while the network is built",
        "It may be a number, a text, a list or a table, and holds from here to the end of its block. A stream gets its "
        "name without `let`: `stem = 3x3 conv 16`.",
        "net small(depth=20)\nlet count = (depth - 2) // 6\ninput 3x32x32\n(3x3 conv 16 -> relu) x (count)",
    ),
    Word(
        "set",
        "set OPERATOR ARGUMENT=VALUE …",
        "defaults of an operator, from here on",
        "They hold to the end of the block, and in the definitions that are called from there. An argument at the "
        "operator itself wins. `set conv out=64` is how `dense` and `fractal` give their body its width.",
        "input 3x32x32\nset conv pad=valid bias=false\n3x3 conv 16 -> relu -> 3x3 conv 32 pad=same -> relu",
    ),
    Word(
        "tied",
        "tied NAME(PARAMETERS): PIPELINE",
        "a definition whose calls share their weights",
        "There is one set of weights for each tuple of arguments, within the definition that calls it. Without `tied`, "
        "each call makes new weights. Inputs of shared weights must have the channels that these were made for.",
        "input 8x32x32\ntied step(number): 3x3 conv 8 -> relu\nstep(1) -> step(1) -> step(2)",
    ),
    Word(
        "exit",
        "exit NAME [weight=NUMBER] [only=train] [entropy=NUMBER] { … }",
        "a further output grown from here; the trunk goes on undisturbed",
        "An auxiliary head has a `weight` in the joint loss, and often `only=train`, which leaves it out of inference. "
        "With `entropy`, samples whose prediction is surer than that leave here (`archdsl summary --exits`).",
        "input 3x32x32\n3x3 conv 16 /2 -> relu\nexit early weight=0.3 only=train { gap -> fc 10 }\n"
        "3x3 conv 32 /2 -> relu\ngap -> fc 10",
    ),
    Word(
        "tap",
        "tap NAME { … }",
        "a side stream to use later; the trunk goes on undisturbed",
        "It is no output. Inside its block it is known by its name; behind a step that holds it, by that step's name, "
        "a dot and its own.",
        "input 3x32x32\nstem = {\n  3x3 conv 16\n  tap fine { 1x1 conv 8 }\n  relu -> 2x2 maxpool\n}\n"
        "(stem.fine | upsample 2) -> concat",
    ),
    Word(
        "output",
        "output NAME = PIPELINE\noutput NAME only=train|eval = PIPELINE",
        "an output by name",
        "Without any, what the trunk ends with is the output `out`. A network with several returns a named tuple. "
        "`only=train` is for losses, `only=eval` for what only inference yields.",
        "input 3x32x32\n3x3 conv 16 -> relu -> gap\nfeatures = flatten\noutput classes = features -> fc 10\n"
        "output boxes = features -> fc 4",
    ),
    Word(
        "expect",
        "expect SHAPE",
        "pins the shape that the trunk has here",
        "The check fails where it is another: for shapes that a paper states, and to notice when an edit further up "
        "changes them. A list, `expect [4*width, 8, 8]`, has room for computed sizes.",
        "input 3x224x224\n7x7 conv 64 /2 -> 3x3 maxpool /2\nexpect 64x56x56",
    ),
    Word(
        "require",
        'require CONDITION "MESSAGE"',
        "a condition on the parameters",
        "The message is shown where it does not hold. What a single definition asks of its arguments stands behind its "
        "head: see `where`.",
        'net n(depth=20)\nrequire depth % 6 == 2 "the depth is 6n + 2"\ninput 3x32x32\n'
        "(3x3 conv 16 -> relu) x (depth // 6)",
    ),
    Word(
        "table",
        "table NAME { X . X / . X X }",
        "a table of zeros and ones: a row for each input, a column for each output",
        "`X` is a link and `.` none; rows end with `/` or the line. It is a list of lists of 1 and 0, which "
        "`conv … links=NAME` takes, or expressions: `NAME[row][column]`.",
        "table pairs {\n  X . X\n  X X .\n}\ninput 2x32x32\nconv(3, kernel=5, links=pairs)",
    ),
)

#: What is a name nowhere.
RESERVED_WORDS = (
    Word(
        "if",
        "if CONDITION { … } else { … }\nVALUE if CONDITION else VALUE",
        "a choice, made while the network is built",
        "Without `else`, the stream passes on. Between values it chooses one of two.",
        "net n(deep=true)\ninput 3x32x32\n3x3 conv(16 if deep else 8)\nif deep { 3x3 conv 16 -> relu } else { relu }",
    ),
    Word(
        "else",
        "if CONDITION { … } else { … }\nVALUE if CONDITION else VALUE",
        "the other side of an `if`",
        "`else if` goes on choosing.",
        "net n(kind=2)\ninput 3x32x32\nif kind == 1 { relu } else if kind == 2 { sigmoid } else { tanh }",
    ),
    Word(
        "for",
        "for NAME in LIST { … }\n( PIPELINE for NAME in LIST )\n[ EXPRESSION for NAME in LIST ]",
        "repetition with a value that changes",
        "With braces the copies stand in series, each with weights of its own; in parentheses side by side, which "
        "makes a list of streams; in brackets it makes a list of values. `where` behind the list chooses among "
        "its items.",
        "input 3x32x32\nfor width in [16, 32, 64] { 3x3 conv width /2 -> relu }\n"
        "(dwconv kernel=(size) for size in [3, 5, 7]) -> concat",
    ),
    Word(
        "where",
        "NAME(PARAMETERS) where CONDITION: PIPELINE\n[ EXPRESSION for NAME in LIST where CONDITION ]",
        "the contract of a definition, or a choice among the items of a list",
        "A contract is checked at each call, and the call is named that breaks it.",
        "unit(out, groups) where out % groups == 0: 3x3 conv out groups=groups -> relu\n"
        "let widths = [width for width in 16..64 where width % 16 == 0]\n"
        "input 4x32x32\nfor width in widths { unit(width, 4) }",
    ),
    Word(
        "in",
        "in\nfor NAME in LIST",
        "what entered the enclosing definition",
        "A branch that begins with it goes back there, and `in.channels` is a number. For a file it is the input. In "
        "braces of a call it is what it is around them. Behind `for NAME` it comes before the list.",
        "double: (in | 3x3 conv(in.channels) -> relu) -> concat\ninput 3x32x32\ndouble -> double",
    ),
    Word(
        "and",
        "CONDITION and CONDITION",
        "true if both sides are",
        "The right side is not looked at where the left one is false.",
        'net n(depth=3)\nrequire depth > 0 and depth < 9 "1 to 8 layers"\ninput 3x32x32\n'
        "(3x3 conv 8 -> relu) x (depth)",
    ),
    Word(
        "or",
        "CONDITION or CONDITION",
        "true if one of two sides is",
        "The right side is not looked at where the left one is true.",
        "net n(stride=1)\ninput 3x32x32\nif stride == 2 or in.channels > 8 { 1x1 conv 8 /stride } else { relu }",
    ),
    Word(
        "not",
        "not CONDITION",
        "true if the condition is false",
        "It binds looser than comparisons, and tighter than `and`.",
        "net n(plain=false)\ninput 3x32x32\nif not plain { bn }\n3x3 conv 8",
    ),
    Word(
        "true",
        "true",
        "the value of a condition that holds",
        "Arguments that say yes or no take it: `bias=true`.",
        "input 3x32x32\n3x3 conv 8 bias=true -> relu",
    ),
    Word(
        "false",
        "false",
        "the value of a condition that does not hold",
        "Arguments that say yes or no take it: `bias=false`.",
        "input 3x32x32\n3x3 conv 8 bias=false -> relu",
    ),
)

STATEMENTS = tuple(word.name for word in STATEMENT_WORDS)

RESERVED = tuple(word.name for word in RESERVED_WORDS)
"""What is a name nowhere."""
