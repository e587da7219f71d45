"""A page to look around in: pictures, figures and source of a network in one file that asks the network for nothing.

The pictures are those of the SVG writer by their classes alone, deflated together; the page has the colours of both
themes and inflates them. Its policy allows its own style sheet and script, by their hashes, and nothing else.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Any
from xml.sax.saxutils import escape

from archdsl.backends.diagram.engine import DrawingError
from archdsl.backends.diagram.model import viewer_model
from archdsl.backends.diagram.openings import Opening, openings
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.subject import Subject
from archdsl.backends.diagram.theme import DARK, HEAT_LEVELS, LIGHT, heat_colour
from archdsl.backends.diagram.writers.svg import role_rules, svg_element, theme_rules

#: Most bytes of a page without the model, unless the one picture that is asked for takes more.
PAGE_BUDGET = 120_000

_MARKUP = ("page.html", "bar.html", "view.html")
_SCRIPTS = (
    "elements.js",
    "still.js",
    "network.js",
    "camera.js",
    "blocks.js",
    "search.js",
    "heat.js",
    "walk.js",
    "keyboard.js",
    "panel.js",
    "viewer.js",
)
#: What shows the network that stands in the page itself.
_START = "start.js"
#: What the page is painted with, by the names of its variables: roles of the theme.
_VARIABLES = {
    "paper": "paper",
    "text": "text",
    "faint": "faint",
    "line": "line",
    "plate": "frame.0",
    "hover": "frame.2",
    "edge": "frame.line",
    "accent": "conv.line",
    "mark": "detection.line",
    "spot": "activation.line",
    "cold": "block.fill",
    "cold-edge": "block.line",
}
#: What stands between two pictures: a character that no XML has.
_BETWEEN = "\0"
#: Room for what is filled into the page beside its parts: titles and hashes.
_SLACK = 600
#: What ``default-src`` says nothing of.
_FORBIDDEN = "base-uri 'none'; form-action 'none'"
#: Letters that could end a script or begin a comment in it.
_JSON_ESCAPES = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def write_html(subject: Subject, options: Options) -> bytes:
    """The page.

    Raises
    ------
    DrawingError
        The options ask for a style that cannot be looked around in.
    """
    if options.style != "graph":
        raise DrawingError(f"format 'html' shows style 'graph'; style {options.style!r} can be an SVG or a PDF")
    found = openings(subject, replace(options, heat=None))
    style, script = _style_sheet(found), _script()
    fixed = len(style) + len(script) + sum(len(_resource(name)) for name in _MARKUP)
    pictures, shown = _packed(found, PAGE_BUDGET - fixed - _SLACK)
    model = {"shown": shown.index(found[0]), "heat": options.heat, **viewer_model(subject, shown)}
    page = Template(_resource("page.html")).substitute(
        policy=f"default-src 'none'; style-src {policy_hash(style)}; script-src {policy_hash(script)}; {_FORBIDDEN}",
        theme=options.theme or "auto",
        title=escape(subject.graph.title or subject.graph.name),
        bar=Template(_resource("bar.html")).substitute(name=escape(subject.graph.name), more=""),
        view=_resource("view.html"),
        style=style,
        script=script,
        pictures=pictures,
        model=_json(model),
    )
    return page.encode()


@dataclass(frozen=True, slots=True)
class Parts:
    """What this page is made of, for another page that shows networks as it does.

    Parameters
    ----------
    style
        Its style sheet, with the colours of every picture in both themes.
    script
        Its classes; ``Viewer`` is the one to begin with.
    bar
        The bar above the picture, a template: ``name`` of the network, and what else is in it, ``more``.
    view
        The picture and the panel beside it.
    """

    style: str
    script: str
    bar: str
    view: str


def parts() -> Parts:
    """The parts of the page, without a network."""
    script = "\n".join(map(_resource, _SCRIPTS))
    style = _with_palette(role_rules(DARK.roles(), _both))
    return Parts(style, script, _resource("bar.html"), _resource("view.html"))


def _packed(found: Sequence[Opening], room: int) -> tuple[str, list[Opening]]:
    """The first picture and those of the others that fit, fewest boxes first: packed, and as they are."""
    shown = [found[0]]
    packed = _deflated(shown)
    for opening in found[1:]:
        more = sorted((*shown, opening), key=lambda opening: opening.boxes)
        if len(text := _deflated(more)) <= room:
            shown, packed = more, text
    return packed, shown


def _deflated(shown: Sequence[Opening]) -> str:
    text = _BETWEEN.join(svg_element(opening.scene) for opening in shown)
    return b64encode(zlib.compress(text.encode(), 9)).decode()


def policy_hash(text: str) -> str:
    """How a policy names a text."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _json(model: dict[str, Any]) -> str:
    text = json.dumps(model, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_JSON_ESCAPES)


def _script() -> str:
    parts = "\n".join(map(_resource, (*_SCRIPTS, _START)))
    return f'\n"use strict";\n{{\n{parts}}}\n'


def _style_sheet(found: Sequence[Opening]) -> str:
    """The page's own rules, and the colours of the pictures in both themes."""
    return _with_palette(theme_rules((mark for opening in found for mark in opening.scene.marks()), _both))


def _with_palette(roles: Iterable[str]) -> str:
    """The page's own rules, with those of the roles."""
    variables = "".join(f"--{name}:{_both(role)};" for name, role in _VARIABLES.items())
    levels = map(_level, range(HEAT_LEVELS + 1))
    return "\n".join(("", f":root{{{variables}}}", *roles, *levels, _resource("viewer.css")))


def _both(role: str) -> str:
    return f"light-dark({LIGHT.colour(role)},{DARK.colour(role)})"


def _level(level: int) -> str:
    fill, line, text = (heat_colour(level, part) for part in ("fill", "line", "text"))
    return f".heat{level}{{--heat:{fill};--heat-line:{line};--heat-text:{text}}}"


def _resource(name: str) -> str:
    """A file of the page, without the indentation that is for those who work on it."""
    text = files("archdsl.backends.diagram").joinpath("viewer", name).read_text("utf-8")
    return re.sub(r"(?m)^ +", "", text)
