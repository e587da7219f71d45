"""The page: that of the viewer with an editor beside it."""

from __future__ import annotations

import json
import re
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from archdsl.backends.diagram.writers.html import parts, policy_hash
from archdsl.ops import catalogue
from archdsl.syntax.words import RESERVED, STATEMENTS

#: Nothing but what the server itself serves, and nobody may put the page into a frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

#: Words that the editor shows as such beside those with which statements begin.
_WORDS = (*RESERVED, "as", "x")

_SCRIPTS = (
    "text.js",
    "sheet.js",
    "editor.js",
    "link.js",
    "banner.js",
    "connection.js",
    "file.js",
    "downloads.js",
    "problems.js",
    "summary.js",
    "choices.js",
    "tabs.js",
    "splitter.js",
    "preview.js",
)


def page(file: str, variant: str) -> bytes:
    """The page for a file, on which one of its networks is chosen first."""
    start = {
        "file": file,
        "variant": variant,
        "operators": list(catalogue()),
        "words": [*STATEMENTS, *_WORDS],
    }
    more = _resource("tools.html")
    text = Template(_resource("page.html")).substitute(
        title=escape(file),
        file=escape(file),
        bar=Template(parts().bar).substitute(name="", more=more),
        view=parts().view,
        start=json.dumps(start).replace("<", "\\u003c"),
    )
    return text.encode()


def refused(reason: str) -> tuple[str, bytes]:
    """The page for those who are not let in, with its policy; it tells nothing of the file."""
    said = reason[:1].upper() + reason[1:]
    text = Template(_resource("refused.html")).substitute(reason=re.sub("`(.+?)`", r"<code>\1</code>", escape(said)))
    (style,) = re.findall("(?s)<style>(.*?)</style>", text)
    rules = "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return f"default-src 'none'; style-src {policy_hash(style)}; {rules}", text.encode()


@cache
def assets() -> dict[str, tuple[str, bytes]]:
    """Every further file of the page by its address, with its type."""
    script = "\n".join((parts().script, *map(_resource, _SCRIPTS)))
    style = "\n".join((parts().style, _resource("preview.css")))
    return {
        "/preview.js": ("text/javascript; charset=utf-8", f'"use strict";\n{{\n{script}}}\n'.encode()),
        "/preview.css": ("text/css; charset=utf-8", style.encode()),
        "/icon.svg": ("image/svg+xml", _resource("icon.svg").encode()),
    }


def _resource(name: str) -> str:
    return files("archdsl.preview").joinpath("static", name).read_text("utf-8")
