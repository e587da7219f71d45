"""Texts of the whole grammar, drawn by hypothesis: right in syntax, free in spaces, comments and line ends."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

NAMES = ["a", "bb", "width", "x1", "relu", "conv", "xs", "input_", "kernel"]
GAPS = ["", " ", "   ", "\t"]
COMMENTS = ["# one", "#two", "#  three, (", '# "four', "# → five", "#"]

name = st.sampled_from(NAMES)
number = st.sampled_from(["0", "3", "64", "1024", "0.5", "1e-5", "2.50"])
dims = st.sampled_from(["3x3", "1x7", "3x224x224"])
string = st.sampled_from(['"text"', '"# no comment"', r'"a \" quote"', '"->"'])


@st.composite
def gap(draw: DrawFn) -> str:
    """Blanks inside a line."""
    return draw(st.sampled_from([" ", " ", "  ", "\t "]))


@st.composite
def free(draw: DrawFn) -> str:
    """What may stand where a line may end: blanks, line ends, comments."""
    parts = [draw(st.sampled_from(GAPS))]
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2, 3]))):
        comment = draw(st.sampled_from(["", "", *COMMENTS]))
        parts.append(f"{comment}\n{draw(st.sampled_from(GAPS))}")
    return "".join(parts)


@st.composite
def separator(draw: DrawFn) -> str:
    """What stands between statements."""
    first = draw(st.sampled_from(["\n", "\n", "\n", ";", " ; ", "\n\n", "\n\n\n"]))
    comment = draw(st.sampled_from(["", "", "", *COMMENTS]))
    if comment and first.strip():
        return f"{first} {comment}\n"
    return f" {comment}{first}{draw(free())}" if comment else first + draw(free())


@st.composite
def joined(draw: DrawFn, item: SearchStrategy[str], mark: str, most: int = 3, *, trailing: bool = False) -> str:
    """Items with a mark between them, after which a line may end."""
    items = draw(st.lists(item, min_size=1, max_size=most))
    text = items[0]
    for other in items[1:]:
        text += f"{mark}{draw(free())}{other}"
    return text + (mark if trailing and draw(st.booleans()) else "") + (draw(free()) if trailing else "")


def _atoms(expression: SearchStrategy[str]) -> SearchStrategy[str]:
    return st.one_of(
        number, name, st.just("in"), string, dims, st.sampled_from(["true", "false"]), bracketed(expression)
    )


@st.composite
def bracketed(draw: DrawFn, expression: SearchStrategy[str]) -> str:
    """Lists, comprehensions, tables, calls, parentheses."""
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return f"({draw(free())}{draw(expression)}{draw(free())})"
    if kind == 1:
        return f"[{draw(free())}{draw(joined(expression, ',', 4, trailing=True))}]"
    if kind == 2:
        condition = f" where {draw(expression)}" if draw(st.booleans()) else ""
        return f"[{draw(free())}{draw(expression)} for i in {draw(expression)}{condition}{draw(free())}]"
    if kind == 3:
        entry = st.builds("{}:{}{}".format, expression, free(), expression)
        return f"{{{draw(free())}{draw(joined(entry, ' ,', trailing=True))}}}"
    if kind == 4:
        return f"{draw(name)}({draw(free())}{draw(joined(expression, ',', trailing=True))})"
    return draw(rows())


@st.composite
def rows(draw: DrawFn) -> str:
    """A list of lists of one length, as tables of papers are."""
    width = draw(st.integers(1, 4))
    row = st.lists(st.sampled_from(["1", "16", "-3", "true", '"RE"', "0.25"]), min_size=width, max_size=width)
    items = draw(st.lists(row.map(lambda cells: f"[{','.join(cells)}]"), min_size=1, max_size=5))
    return f"[{draw(free())}" + f",{draw(free())}".join(items) + f"{draw(free())}]"


@st.composite
def _composed(draw: DrawFn, expression: SearchStrategy[str]) -> str:
    kind = draw(st.integers(0, 4))
    atom = _atoms(expression)
    if kind == 0:
        operator = draw(st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "==", "<", "and", "or", ".."]))
        return f"({draw(expression)}){draw(gap())}{operator}{draw(gap())}{draw(free())}{draw(atom)}"
    if kind == 1:
        return f"{draw(name)} if {draw(name)} else {draw(free())}{draw(expression)}"
    if kind == 2:
        return f"{draw(st.sampled_from(['-', 'not ', '- ']))}{draw(atom)}"
    if kind == 3:
        return f"{draw(name)}[{draw(free())}{draw(expression)}]"
    factors = draw(st.lists(st.one_of(name, number), min_size=2, max_size=5))
    return draw(st.sampled_from(["*", " * ", " + ", " +\n ", "*\n"])).join(factors)


expression: SearchStrategy[str] = st.recursive(
    st.one_of(number, name, string, dims, st.just("in"), st.builds("{}.{}".format, name, name)),
    lambda inner: st.one_of(_composed(inner), bracketed(inner)),
    max_leaves=6,
)

bare = st.one_of(number, name, st.builds("{}{}*{}{}".format, number, gap(), gap(), name), st.just("in.width"))


@st.composite
def keyword(draw: DrawFn) -> str:
    """``name=value`` outside of parentheses."""
    value = draw(st.one_of(bare, bare.map("-{}".format), expression.map("({})".format), string))
    return (
        f"{draw(st.sampled_from([*NAMES, 'kernel']))}{draw(st.sampled_from(GAPS))}={draw(st.sampled_from(GAPS))}{value}"
    )


@st.composite
def call(draw: DrawFn) -> str:
    """Arguments in parentheses."""
    if draw(st.integers(0, 5)) == 0:
        return f"({draw(free())})"
    argument = st.one_of(expression, st.builds("{} ={}".format, name, expression))
    return f"({draw(free())}{draw(joined(argument, ',', 5, trailing=True))})"


@st.composite
def step(draw: DrawFn, block: SearchStrategy[str]) -> str:
    """``3x3 conv 64 /2 groups=4 { body }``."""
    text = f"{draw(dims)} " if draw(st.booleans()) else ""
    text += draw(st.one_of(name, st.builds("{}.{}".format, name, name)))
    text += draw(st.one_of(st.just(""), call(), bare.map(" {}".format)))
    tail = [f" {draw(keyword())}" for _ in range(draw(st.sampled_from([0, 0, 1, 2])))]
    if draw(st.booleans()):
        stride = draw(st.one_of(bare.filter(lambda value: "*" not in value), expression.map("({})".format)))
        tail.insert(draw(st.integers(0, len(tail))), f" /{draw(st.sampled_from(['', ' ']))}{stride}")
    text += "".join(tail)
    return f"{text} {draw(block)}" if draw(st.integers(0, 5)) == 0 else text


@st.composite
def _element(draw: DrawFn, pipeline: SearchStrategy[str]) -> str:
    block = _block(pipeline)
    kind = draw(st.integers(0, 12))
    if kind == 0:
        return draw(block)
    if kind in {1, 2}:
        branches = draw(st.lists(st.one_of(pipeline, pipeline, st.just("")), min_size=1, max_size=4))
        return f"({draw(free())}" + f"{draw(free())}|{draw(free())}".join(branches) + f"{draw(free())})"
    if kind == 3:
        return f"({draw(free())}{draw(pipeline)} for i in {draw(expression)}{draw(free())})"
    if kind == 4:
        otherwise = draw(st.sampled_from(["", "else ", "else if a "]))
        tail = f"{draw(gap())}{otherwise}{draw(block)}" if otherwise else ""
        return f"if {draw(expression)} {draw(block)}{tail}"
    if kind == 5:
        return f"for i in {draw(expression)} {draw(block)}"
    if kind == 6:
        count = draw(st.one_of(st.just(" 3"), expression.map("({})".format), expression.map(" ( {} )".format)))
        return f"{draw(name)} {draw(st.sampled_from(['x', '×']))}{count}"
    if kind == 7:
        return f"{draw(name)}[{draw(expression)}]"
    return draw(step(block))


@st.composite
def _pipeline(draw: DrawFn, inner: SearchStrategy[str]) -> str:
    elements = draw(st.lists(_element(inner), min_size=1, max_size=5))
    text = elements[0]
    for element in elements[1:]:
        text += f"{draw(free())}->{draw(free())}{element}"
    return text


@st.composite
def _block(draw: DrawFn, pipeline: SearchStrategy[str]) -> str:
    statements = draw(st.lists(_inner_statement(pipeline), max_size=4))
    text = draw(free())
    for number_, statement in enumerate(statements):
        text += (draw(separator()) if number_ else "") + statement
    return f"{{{text}{draw(st.sampled_from(['', ' ', chr(10), ' # end' + chr(10)]))}}}"


def _inner_statement(pipeline: SearchStrategy[str]) -> SearchStrategy[str]:
    return st.one_of(
        pipeline,
        pipeline,
        st.builds("{} ={}{}".format, name, free(), pipeline),
        st.builds("{}[{}] = {}".format, name, expression, pipeline),
        st.builds("let {}={}{}".format, name, free(), expression),
        st.builds("set {} {}".format, name, st.lists(keyword(), min_size=1, max_size=3).map(" ".join)),
        st.builds("tap {} {{ {} }}".format, name, pipeline),
        st.builds("{}({}, b=1) where {}:{}{}".format, name, name, expression, free(), pipeline),
    )


pipeline: SearchStrategy[str] = st.recursive(
    st.one_of(name, st.just("3x3 conv 64 /2"), st.just("bn")), _pipeline, max_leaves=8
)

statement = st.one_of(
    _inner_statement(pipeline),
    _inner_statement(pipeline),
    st.builds("net {}{}".format, name, st.sampled_from(["", "( a=1 , b = [2,3] )", "(\n  a=1, # a\n b=2)"])),
    st.builds("{} {}".format, st.sampled_from(["title", "paper", "note"]), string),
    st.builds("variant {}{}".format, name, call()),
    st.builds("input {}".format, st.sampled_from(["3x8x8", "a :3x8x8", "[3, a , 8]", "4", "b: 3x2 only=train"])),
    st.builds("use {}{}".format, string, st.sampled_from(["", " as b"])),
    st.builds("tied {}: {}".format, name, pipeline),
    st.builds("exit {}[i] weight=0.3 {{{}}}".format, name, pipeline),
    st.builds("output {} = {}".format, name, pipeline),
    st.builds("output {} only=eval = {}".format, name, pipeline),
    st.builds("expect {}".format, dims),
    st.builds("require {} {}".format, expression, string),
    st.sampled_from(["table t { X . x / . X . }", "table t {\n X.X # a\n\n  ..X\n}", "table u { X }"]),
)


@st.composite
def texts(draw: DrawFn) -> str:
    """A whole file."""
    text = draw(free())
    for number_, item in enumerate(draw(st.lists(statement, max_size=6))):
        text += (draw(separator()) if number_ else "") + item
    return text + draw(st.sampled_from(["", "\n", " # last", "\n\n# last\n\n"]))
