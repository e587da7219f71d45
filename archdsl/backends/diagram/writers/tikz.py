r"""A scene as TikZ, to be read by LaTeX with ``\input``.

The document needs nothing but ``\usepackage{tikz}``. Text is set in Helvetica, whose widths the layout counted on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archdsl.backends.diagram.scene import Curve, Line, Mark, Paint, Point, Polygon, Scene, Text, roles_of
from archdsl.backends.diagram.theme import Theme

_ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}
_DASHES = {
    "dashed": "dash pattern=on 4bp off 2.5bp",
    "dotted": "dash pattern=on 1bp off 2.2bp",
}
#: Characters that mean something to TeX, and what stands for each.
_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "_": r"\_",
        "%": r"\%",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "×": r"\ensuremath{\times}",
        "·": r"\ensuremath{\cdot}",
        "→": r"\ensuremath{\to}",
        "…": r"\dots{}",
        "–": r"--",
    }
)


def write_tikz(scene: Scene, theme: Theme) -> bytes:
    """The picture as a ``tikzpicture``."""
    return ("\n".join(_document(scene, theme)) + "\n").encode()


def _document(scene: Scene, theme: Theme) -> Iterator[str]:
    colours = dict.fromkeys(theme.colour(role) for mark in scene.marks() for role in roles_of(mark))
    names = {colour: f"archdsl{number}" for number, colour in enumerate(colours, 1)}
    yield f"% {_one_line(scene.title)}"
    yield f"% {_one_line(scene.description)}"
    yield r"% Needs \usepackage{tikz}. Where the picture is too wide, put it into \resizebox{\linewidth}{!}{...}."
    yield r"\begingroup%"
    for colour, name in names.items():
        yield rf"\definecolor{{{name}}}{{HTML}}{{{colour.lstrip('#')}}}%"
    yield r"\begin{tikzpicture}[x=1bp, y=-1bp, inner sep=0pt, outer sep=0pt, line join=round]"
    yield rf"\useasboundingbox (0,0) rectangle {_point((scene.width, scene.height))};"
    for mark in scene.marks():
        yield _mark(mark, {role: names[theme.colour(role)] for role in roles_of(mark)})
    yield r"\end{tikzpicture}%"
    yield r"\endgroup"


def _mark(mark: Mark, names: Mapping[str, str]) -> str:
    match mark:
        case Text():
            return _words(mark, names[mark.role])
        case Polygon():
            path = " -- ".join(map(_point, mark.points)) + " -- cycle"
        case Line():
            path = " -- ".join(map(_point, mark.points))
        case Curve():
            path = _curves(mark.points)
    return rf"\path[{_options(mark.paint, names)}] {path};"


def _curves(points: tuple[Point, ...]) -> str:
    start, *rest = points
    path = _point(start)
    for place in range(0, len(rest), 3):
        one, other, end = map(_point, rest[place : place + 3])
        path += f" .. controls {one} and {other} .. {end}"
    return f"{path} -- cycle" if points[0] == points[-1] else path


def _options(paint: Paint, names: Mapping[str, str]) -> str:
    options = []
    if paint.fill is not None:
        options.append(f"fill={names[paint.fill]}")
    if paint.stroke is not None:
        options += [f"draw={names[paint.stroke]}", f"line width={_number(paint.width)}bp"]
    if paint.dash in _DASHES:
        options.append(_DASHES[paint.dash])
    return ", ".join(options)


def _words(mark: Text, colour: str) -> str:
    size, leading = f"{_number(mark.size)}bp", f"{_number(mark.size * 1.2)}bp"
    series = r"\bfseries" if mark.bold else r"\mdseries"
    font = rf"\fontfamily{{phv}}\fontsize{{{size}}}{{{leading}}}{series}\selectfont"
    options = f"anchor={_ANCHORS[mark.anchor]}, text={colour}, font={font}"
    return rf"\node[{options}] at {_point((mark.x, mark.y))} {{{escaped(_one_line(mark.text))}}};"


def escaped(text: str) -> str:
    """Text that TeX sets as it stands."""
    return text.translate(_ESCAPES)


def _point(point: Point) -> str:
    return f"({_number(point[0])},{_number(point[1])})"


def _number(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _one_line(text: str) -> str:
    return " ".join(text.split())
