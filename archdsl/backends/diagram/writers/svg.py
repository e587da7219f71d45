"""A scene as SVG: nested groups with ids and spoken labels, colours as attributes and, for dark, as a style sheet.

Attributes alone make the light picture, so programs that ignore style sheets (Inkscape's import, LaTeX packages)
show it as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from archdsl.backends.diagram.metrics import text_width
from archdsl.backends.diagram.scene import Curve, Line, Mark, Paint, Part, Point, Polygon, Scene, Text, roles_of
from archdsl.backends.diagram.theme import DARK, FONTS, LIGHT, Theme, ThemeName

#: Prefixes of the classes that paint a mark, and what they set.
_PROPERTIES = (("f", "fill"), ("s", "stroke"))
_DASHES = {"dashed": "4 2.5", "dotted": "1 2.2"}
#: Noughts at the end of a number with two decimals.
_IDLE = re.compile(r"(?:\.00|(?<=\.\d)0)(?!\d)")
_FAMILIES = ", ".join(f"'{font}'" if " " in font else font for font in (*FONTS, "sans-serif"))


def write_svg(scene: Scene, theme: ThemeName) -> bytes:
    """The picture as an SVG document."""
    return ("\n".join(_document(scene, theme)) + "\n").encode()


def svg_element(scene: Scene) -> str:
    """The picture by its classes alone, for a page that has colours for them, and makes titles of the labels."""
    return "\n".join(_element(scene, "light", None))


def theme_rules(marks: Iterable[Mark], colour: Callable[[str], str]) -> Iterator[str]:
    """Style rules that give the roles of some marks a colour."""
    used = {role for mark in marks for role in roles_of(mark)}
    return role_rules((role for role in DARK.roles() if role in used), colour)


def role_rules(roles: Iterable[str], colour: Callable[[str], str]) -> Iterator[str]:
    """Style rules that give roles a colour."""
    for role in roles:
        yield from (f".{prefix}-{_class(role)}{{{name}:{colour(role)}}}" for prefix, name in _PROPERTIES)


def _document(scene: Scene, theme: ThemeName) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield from _element(scene, theme, DARK if theme == "dark" else LIGHT)


def _element(scene: Scene, theme: ThemeName, base: Theme | None) -> Iterator[str]:
    """The root with all that it holds; without colours and style sheet if there is no ``base``."""
    width, height = _number(scene.width), _number(scene.height)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="{height}pt" '
        f'viewBox="0 0 {width} {height}" class={quoteattr(f"archdsl {theme}")} role="graphics-document" '
        f'aria-roledescription="network diagram" aria-labelledby="diagram-title" '
        f'aria-describedby="diagram-description" font-family="{_FAMILIES}">'
    )
    yield f'<title id="diagram-title">{_text(scene.title)}</title>'
    yield f'<desc id="diagram-description">{_text(scene.description)}</desc>'
    if base is not None:
        yield f"<style>{_style_sheet(scene, theme)}</style>"
    for part in scene.parts:
        yield from _part(part, base)
    yield "</svg>"


def _style_sheet(scene: Scene, theme: ThemeName) -> str:
    """Dark colours of the roles in the scene, for ``class="dark"``, and with ``auto`` where the reader prefers them."""
    rules = list(theme_rules(scene.marks(), DARK.colour))
    dark = "".join(f".archdsl.dark {rule}" for rule in rules)
    if theme != "auto":
        return dark
    return dark + "@media (prefers-color-scheme:dark){" + "".join(f".archdsl.auto {rule}" for rule in rules) + "}"


def _part(part: Part, theme: Theme | None) -> Iterator[str]:
    attributes = f" class={quoteattr(part.role)}"
    if part.id is not None:
        role = "graphics-object" if part.parts else "graphics-symbol"
        attributes = f' id={quoteattr(_identifier(part.id))}{attributes} role="{role}" aria-label={_quoted(part.label)}'
    elif not part.parts:
        attributes += ' aria-hidden="true"' if not part.label else ""
    yield f"<g{attributes}>"
    if part.label and theme is not None:
        yield f"<title>{_text(part.label)}</title>"
    for mark in part.marks:
        yield _mark(mark, theme)
    for inner in part.parts:
        yield from _part(inner, theme)
    yield "</g>"


def _mark(mark: Mark, theme: Theme | None) -> str:
    match mark:
        case Polygon():
            return f'<polygon points="{_points(mark.points)}"{_paint(mark.paint, theme)}/>'
        case Line():
            return f'<polyline points="{_points(mark.points)}"{_paint(mark.paint, theme)}/>'
        case Curve():
            start, *rest = mark.points
            close = "Z" if mark.points[0] == mark.points[-1] else ""
            return f'<path d="M{_points((start,))}C{_points(tuple(rest))}{close}"{_paint(mark.paint, theme)}/>'
        case Text():
            return _words(mark, theme)


def _words(mark: Text, theme: Theme | None) -> str:
    """A line of text, held to the width that the layout gave it whatever font the reader has."""
    attributes = f'class="f-{_class(mark.role)}"{_colour("fill", mark.role, theme)}'
    if mark.bold:
        attributes += ' font-weight="bold"'
    if mark.anchor != "start":
        attributes += f' text-anchor="{mark.anchor}"'
    length = _number(text_width(mark.text, mark.size, bold=mark.bold))
    return (
        f'<text x="{_number(mark.x)}" y="{_number(mark.y)}" font-size="{_number(mark.size)}" textLength="{length}" '
        f'lengthAdjust="spacingAndGlyphs" {attributes}>{_text(mark.text)}</text>'
    )


def _paint(paint: Paint, theme: Theme | None) -> str:
    classes = []
    attributes = ""
    if paint.fill is None:
        attributes += ' fill="none"'
    else:
        classes.append(f"f-{_class(paint.fill)}")
        attributes += _colour("fill", paint.fill, theme)
    if paint.stroke is not None:
        classes.append(f"s-{_class(paint.stroke)}")
        attributes += f'{_colour("stroke", paint.stroke, theme)} stroke-width="{_number(paint.width)}"'
    if paint.dash in _DASHES:
        attributes += f' stroke-dasharray="{_DASHES[paint.dash]}"'
    return f' class="{" ".join(classes)}"{attributes}'


def _colour(name: str, role: str, theme: Theme | None) -> str:
    return "" if theme is None else f' {name}="{theme.colour(role)}"'


def _class(role: str) -> str:
    return role.replace(".", "-")


def _identifier(path: str) -> str:
    """A path as an XML name."""
    name = re.sub(r"[^\w.\-]", "_", path)
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"


def _text(text: str) -> str:
    return escape(_legal(text))


def _quoted(text: str) -> str:
    return quoteattr(_legal(text))


def _legal(text: str) -> str:
    """Text without the control characters that XML forbids."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)


def _points(points: tuple[Point, ...]) -> str:
    flat = [value for point in points for value in point]
    text = ("%.2f,%.2f " * len(points))[:-1] % tuple(flat)
    return _IDLE.sub("", text.replace("-0.00", "0.00"))


def _number(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
