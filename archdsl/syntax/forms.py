"""What of the language has a form but no word to begin with, under the names that people look for it by."""

from __future__ import annotations

from archdsl.syntax.words import Word

FORMS = (
    Word(
        "pipeline",
        "ELEMENT -> ELEMENT -> …",
        "steps in series: each takes what the one before it yields",
        "An element is an operator, a call of a definition, a name, a block in braces, branches in parentheses, `if` "
        "or `for`. The next statement goes on where the one before it ended, so long pipelines may be cut into lines.",
        "input 3x32x32\n3x3 conv 16 -> bn -> relu\n2x2 maxpool",
        also=("->", "series", "flow", "sequential"),
    ),
    Word(
        "branches",
        "( PIPELINE | PIPELINE )",
        "pipelines side by side, fed from the same stream",
        "They yield a list of streams, which `concat`, `add`, `mul`, `mean`, `max` or `join` merges. A branch that "
        "begins with a stream's name starts from that one; an empty branch, or `skip`, passes the stream on.",
        "input 16x32x32\n(1x1 conv 8 | 3x3 conv 8 | skip) -> concat",
        also=("|", "branch", "parallel", "group"),
    ),
    Word(
        "kernel",
        "KxK OPERATOR",
        "size of the window, before the operator",
        "As papers write it: `3x3 conv 64`, `2x2 maxpool`, `3x1x1 conv 8` for three axes. A computed one is an "
        "argument: `conv(64, kernel=size)`. A definition with a parameter `kernel` takes it in the same place.",
        "unit(out, kernel): conv(out, kernel=kernel) -> relu\ninput 3x32x32\n5x5 unit(16) -> 3x3 dwconv",
        also=("window",),
    ),
    Word(
        "stride",
        "OPERATOR … /NUMBER",
        "step of the window, behind the operator",
        "A slash outside parentheses is always a stride, and inside them a division. A pool without one takes its "
        "kernel. `stream.stride` is by how much a stream is coarser than what entered.",
        "unit(out, stride=1): 3x3 conv out /stride -> relu\ninput 3x32x32\nunit(16) /2 -> 3x3 maxpool /2",
        also=("/",),
    ),
    Word(
        "padding",
        "OPERATOR … pad=same|valid|tf_same|NUMBER|[NUMBER, …]",
        "what a window sees beyond the border",
        "`same` unless you say otherwise: an odd kernel keeps the size (before the stride); an even kernel, and a pool "
        "whose stride is its kernel, have none. `valid` is none.",
        "input 1x32x32\n5x5 conv 6 pad=valid -> tanh\n3x3 maxpool /2 pad=[0, 1]",
        also=("pad=", "same", "valid", "tf_same"),
    ),
    Word(
        "bias",
        "OPERATOR … bias=true|false",
        "whether a layer adds a bias",
        "Left out, a layer has one, unless the very next operator is a norm, which would cancel it.",
        "input 3x32x32\n3x3 conv 16 -> bn -> relu  # none\n3x3 conv 32 -> relu        # one",
    ),
    Word(
        "width",
        "conv WIDTH",
        "number of output channels, behind the operator",
        "Input channels are inferred. A product needs no parentheses, `conv 4*width`; other expressions do, "
        "`conv(width // 4)`. A convolution without a width takes the one of `set conv out=…`.",
        "net n(width=16)\ninput 3x32x32\n3x3 conv 2*width -> relu -> 1x1 conv(width // 2)",
    ),
    Word(
        "repetition",
        "ELEMENT x NUMBER\nELEMENT x (EXPRESSION)",
        "copies in series, each with weights of its own",
        "Several steps are repeated in parentheses or braces. Where something changes from copy to copy, see `for`; "
        "for weights that copies share, see `tied`.",
        "net n(depth=4)\ninput 3x32x32\n3x3 conv 16 -> (3x3 conv 16 -> relu) x 2\n"
        "unit: 3x3 conv 16 -> relu\nunit x (depth - 1)",
        also=("x", "×", "repeat"),
    ),
    Word(
        "step",
        "NAME = PIPELINE",
        "a part of the trunk with a name",
        "The name is a stream to use later, and part of the paths of the weights: `stem.conv1.weight`. It is bound "
        "once in its block; `NAME[INDEX] = PIPELINE` makes a family of streams, whose members may be bound again.",
        "input 3x32x32\nstem = 3x3 conv 16 -> relu\nbody = 3x3 conv 16\n(stem | body) -> add",
        also=("=", "name", "assign", "stream"),
    ),
    Word(
        "indexed name",
        "NAME[INDEX] = PIPELINE",
        "a stream of a family, chosen by number",
        "A family holds to the end of the block in which its first member is bound, so one that a loop fills begins "
        "before the loop. Members may be bound again; the newest counts.",
        "input 8x32x32\nx[0] = in\nfor i in 1..3 {\n  x[i] = 3x3 conv 8 -> relu\n}\n(x[i] for i in 0..3) -> concat",
        also=("index", "[]"),
    ),
    Word(
        "definition",
        "NAME(PARAMETER, PARAMETER=DEFAULT, …): PIPELINE",
        "a part of a network that is called by its name",
        "Each call makes new weights. It may call itself, as long as an argument decreases, and stand anywhere in its "
        "block. Parameters called `kernel` and `stride` are given as to an operator, one called `body` in braces.",
        "unit(out, stride=1): 3x3 conv out /stride -> bn -> relu\ninput 3x32x32\nunit(16) -> unit(32, stride=2)",
        also=(":", "define", "def", "function", "call", "recursion", "parameter"),
    ),
    Word(
        "body",
        "NAME(PARAMETERS) { PIPELINE }",
        "what a call wraps: the argument in braces",
        "A definition with a parameter `body` takes it, and uses it like a step. It keeps the names, and the `in`, of "
        "the place where it is written. `dense` and `fractal` take the definition `block` where none is given.",
        "twice(body): body -> body\ninput 3x32x32\ntwice { 3x3 conv 16 -> relu }\nresidual { 3x3 conv 16 -> bn }",
        also=("block", "{}", "{", "braces"),
    ),
    Word(
        "comprehension",
        "[ EXPRESSION for NAME in LIST where CONDITION ]\n( PIPELINE for NAME in LIST where CONDITION )",
        "a list made of another one",
        "In brackets it is a list of values, in parentheses one of streams. `where` is optional.",
        "let widths = [16*i for i in 1..4 where i != 3]\ninput 3x32x32\n(3x3 conv width for width in widths) -> concat",
    ),
    Word(
        "range",
        "FIRST..LAST",
        "integers from the first to the last, both included",
        "`xs[1..3]` takes those items of a list, counted from 0.",
        "let widths = [8, 16, 32, 64]\ninput 3x32x32\nfor i in 1..2 { 3x3 conv(widths[i]) }\n"
        "for width in widths[2..3] { 1x1 conv width }",
        also=("..", "slice"),
    ),
    Word(
        "lookup",
        "{KEY: VALUE, …}[KEY]",
        "one of several values, chosen by a key",
        "A key that is not there is an error that lists those that are.",
        "net n(depth=18)\nvariant n34(depth=34)\nlet units = {18: [2, 2], 34: [3, 4]}[depth]\ninput 3x32x32\n"
        "for count in units { (3x3 conv 16 -> relu) x (count) }",
        also=("dictionary", "dict", "choose"),
    ),
    Word(
        "shape",
        "CxHxW\n[EXPRESSION, EXPRESSION, …]",
        "sizes of a stream, channels first; the batch is implied",
        "`stream.shape` is a list of them. See also `channels`, `height` and `width`, `input` and `expect`.",
        "input 3x32x32\ny = 3x3 conv 16 /2\nif y.shape == [16, 16, 16] { relu }",
    ),
    Word(
        "division",
        "A / B\nA // B\nA % B",
        "exact division, division rounded down, and what it leaves",
        "`/` of integers is exact or an error, so that no width is rounded by accident. A slash outside parentheses is "
        "a stride.",
        "net n(width=64)\ninput 3x32x32\n3x3 conv(width / 4) -> 3x3 conv(width // 3) -> 3x3 conv(width % 5)",
        also=("//", "%"),
    ),
    Word(
        "comment",
        "# TEXT",
        "words for readers of the file alone",
        "It ends with the line. One right above a definition documents it in editors. `# arch: ignore[W0705]` hides a "
        "warning, on its line or the one before, `# arch: ignore-file[W0705]` everywhere in the file.",
        "input 3x32x32  # as in the paper\n# Halves the plane.\nhalve(out): 3x3 conv out /2 -> relu\nhalve(16)",
        also=("#", "ignore"),
    ),
    Word(
        "separator",
        "STATEMENT; STATEMENT",
        "what ends a statement: the line, or a semicolon",
        "A line goes on when it ends with, or the next one begins with, `->` or `|`; after a comma or an opening "
        "bracket; before a closing one.",
        "input 3x32x32\n3x3 conv 16\n  -> bn\n  -> relu",
        also=(";", "newline", "line"),
    ),
)
