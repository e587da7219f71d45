"""A scene as PNG: the engine rasterises it, with the fonts that it brings.

The scene is handed over as a drawing in Graphviz's own drawing language (xdot), as the background of a graph that is
empty but for two invisible points at its corners.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from archdsl.backends.diagram.engine import DrawingError
from archdsl.backends.diagram.scene import Curve, Line, Mark, Paint, Point, Polygon, Scene, Text
from archdsl.backends.diagram.theme import Theme

#: Runs the engine on DOT text with arguments.
Rasterise = Callable[..., bytes]

#: Largest picture: longer sides are refused by most programs, more pixels take more memory than they are worth.
MAX_SIDE, MAX_PIXELS = 30_000, 120_000_000

_ANCHORS = {"start": -1, "middle": 0, "end": 1}
#: Half the size of the smallest node that the engine draws, in points.
_SPECK = 0.36


def write_png(scene: Scene, theme: Theme, dpi: float, run: Rasterise) -> bytes:
    """The picture as pixels, ``dpi`` of them to the inch.

    Raises
    ------
    DrawingError
        The picture is too large, or the engine fails.
    """
    width, height = (round(side * dpi / 72) for side in (scene.width, scene.height))
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise DrawingError(
            f"a PNG of {width} by {height} pixels is too large; draw an SVG, fewer dots per inch, or fewer blocks"
        )
    return run(_source(scene, theme, dpi), "-Kneato", "-n2", "-Tpng")


def _source(scene: Scene, theme: Theme, dpi: float) -> str:
    drawing = " ".join(_scene(scene, theme)).replace("\\", "\\\\").replace('"', '\\"')
    right, top = scene.width - _SPECK, scene.height - _SPECK
    return (
        f'graph {{ graph [pad=0 margin=0 dpi={dpi:g} bgcolor="{theme.colour("paper")}" _background="{drawing}"];'
        ' node [shape=point style=invis width=0.001 height=0.001 label=""];'
        f' a [pos="{_SPECK},{_SPECK}"]; b [pos="{right:.2f},{top:.2f}"] }}'
    )


def _scene(scene: Scene, theme: Theme) -> Iterator[str]:
    for mark in scene.marks():
        yield from _mark(mark, theme, scene.height)


def _mark(mark: Mark, theme: Theme, height: float) -> Iterator[str]:
    if isinstance(mark, Text):
        if mark.text:  # the engine stops reading at a string of no length
            yield from _words(mark, theme, height)
        return
    yield from _paint(mark.paint, theme)
    points = _points(mark.points, height)
    match mark:
        case Polygon():
            yield f"{_letter('P', mark.paint)} {points}"
        case Curve():
            yield f"{'b' if mark.paint.fill is not None else 'B'} {points}"
        case Line():
            yield f"L {points}"


def _letter(outlined: str, paint: Paint) -> str:
    """Upper case for filled polygons, lower case for lines around nothing."""
    return outlined if paint.fill is not None else outlined.lower()


def _paint(paint: Paint, theme: Theme) -> Iterator[str]:
    yield _style(f"setlinewidth({paint.width:g})")
    yield _style(paint.dash)
    stroke = paint.stroke if paint.stroke is not None else paint.fill
    if stroke is not None:
        yield f"c {_string(theme.colour(stroke))}"
    if paint.fill is not None:
        yield f"C {_string(theme.colour(paint.fill))}"


def _words(mark: Text, theme: Theme, height: float) -> Iterator[str]:
    font = "Helvetica-Bold" if mark.bold else "Helvetica"
    yield f"F {mark.size:g} {_string(font)}"
    yield f"c {_string(theme.colour(mark.role))}"
    yield f"T {mark.x:.2f} {height - mark.y:.2f} {_ANCHORS[mark.anchor]} 0 {_string(mark.text)}"


def _style(name: str) -> str:
    return f"S {_string(name)}"


def _string(text: str) -> str:
    """A string as the drawing language has it: its length in bytes, and itself."""
    return f"{len(text.encode())} -{text}"


def _points(points: tuple[Point, ...], height: float) -> str:
    return f"{len(points)} " + " ".join(f"{x:.2f} {height - y:.2f}" for x, y in points)
