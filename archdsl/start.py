"""Starting points: specifications that teach, to be copied and changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from archdsl.project import SUFFIX
from archdsl.source import Source
from archdsl.syntax.format import format
from archdsl.syntax.words import RESERVED

_TITLE = re.compile(r'^title "([^"\n]*)"', re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Template:
    """A network to start from.

    Parameters
    ----------
    name
        What it is asked for by, and the name of its network.
    """

    name: str
    text: str

    @property
    def title(self) -> str:
        """What kind of network it is, in words."""
        found = _TITLE.search(self.text)
        assert found is not None, f"the template {self.name} has no title"
        return found[1]


def templates() -> dict[str, Template]:
    """Every template by its name."""
    paths = sorted((Path(__file__).parent / "templates").glob(f"*{SUFFIX}"))
    return {path.stem: Template(path.stem, path.read_text("utf-8")) for path in paths}


def is_name(name: str) -> bool:
    """Whether a network may be called so."""
    return _NAME.fullmatch(name) is not None and name not in RESERVED


def begin(name: str, template: Template) -> Source:
    """A specification of a network ``name``, made from a template: its variants are renamed with it."""
    assert is_name(name)
    mentions = re.compile(rf"(?<=^net ){template.name}\b|\b{template.name}(?=_)", re.MULTILINE)
    return Source(f"{name}{SUFFIX}", format(mentions.sub(name, template.text)))
