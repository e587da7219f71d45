"""Colours by what they mean, once for paper and once for dark screens.

Both keep their categories apart in normal vision and under protanopia, deuteranopia and tritanopia (smallest colour
difference of fills and of borders: 13.7 and 15.4 on paper, 13.0 and 13.0 on dark screens).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from archdsl.ops.base import Family

#: ``light`` and ``dark`` are fixed; ``auto`` follows the reader's screen and is light wherever that is not known.
ThemeName = Literal["light", "dark", "auto"]

_INK, _SNOW = "#222B33", "#E8ECEF"

#: Steps of a heat map above the lowest.
HEAT_LEVELS = 32
_CIVIDIS = ("00204D", "00336F", "39486B", "575C6D", "707173", "8A8779", "A69D75", "C4B56C", "E4CF5B", "FFEA46")

#: Fonts with the metrics of Helvetica, and what to do without.
FONTS = ("Helvetica", "Arial", "Arimo", "Liberation Sans")


@dataclass(frozen=True, slots=True)
class Tone:
    """A fill with the line around it and the text on it."""

    fill: str
    line: str
    text: str


@dataclass(frozen=True, slots=True)
class Theme:
    """Tones and lines by role."""

    paper: str
    text: str
    faint: str
    line: str
    skip: str
    tied: str
    frame_fills: tuple[str, ...]
    frame_line: str
    tones: dict[str, Tone]

    def colour(self, role: str) -> str:
        """The colour of a role, such as ``paper``, ``conv.fill`` or ``frame.1``."""
        name, _, part = role.partition(".")
        if name == "frame" and part.isdigit():
            return self.frame_fills[int(part) % len(self.frame_fills)]
        if name == "frame":
            return self.frame_line
        if name.startswith("heat"):
            return heat_colour(int(name.removeprefix("heat")), part)
        if part in _SHADES:
            return _mixed(self.tones[name].fill, *_SHADES[part])
        if part:
            return str(getattr(self.tones[name], part))
        return str(getattr(self, name))

    def roles(self) -> list[str]:
        """Every role."""
        plain = ["paper", "text", "faint", "line", "skip", "tied", "frame.line"]
        frames = [f"frame.{depth}" for depth in range(len(self.frame_fills))]
        return plain + frames + [f"{name}.{part}" for name in self.tones for part in ("fill", "line", "text", *_SHADES)]


def heat_colour(level: int, part: str) -> str:
    """Fill, line or text of a level, on every theme the same."""
    place = level / HEAT_LEVELS * (len(_CIVIDIS) - 1)
    before = min(int(place), len(_CIVIDIS) - 2)
    share = place - before
    low, high = (bytes.fromhex(colour) for colour in _CIVIDIS[before : before + 2])
    mixed = [round(one + (other - one) * share) for one, other in zip(low, high, strict=True)]
    if part == "text":
        return "#000000" if _luminance(mixed) > _EVEN else "#FFFFFF"
    return "#" + "".join(f"{value if part == 'fill' else round(value * 0.75):02X}" for value in mixed)


def _mixed(colour: str, other: str, share: float) -> str:
    """A colour with a share of another in it."""
    pairs = zip(bytes.fromhex(colour[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02X}" for one, two in pairs)


#: The sides of a volume that face up and to the right: what is mixed into the fill, and how much of it.
_SHADES = {"top": ("#FFFFFF", 0.35), "side": ("#000000", 0.14)}

#: Luminance on which white and black text are equally legible.
_EVEN = 0.179


def _luminance(colour: Sequence[int]) -> float:
    """Relative luminance, as of WCAG 2.2."""
    shares = [value / 255 for value in colour]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def tone_name(family: Family) -> str:
    """The palette's name for a family; pooling and resampling share one."""
    return "pool" if family is Family.RESAMPLE else family.value


LIGHT = Theme(
    paper="#FFFFFF",
    text=_INK,
    faint="#56616B",
    line="#3B464F",
    skip="#5C6770",
    tied="#8A949C",
    frame_fills=("#F7F8F9", "#EEF1F3", "#E6EAED", "#DEE3E7"),
    frame_line="#A9B2B9",
    tones={
        "conv": Tone("#BDCEE8", "#0F5A8E", _INK),
        "linear": Tone("#CFBAFB", "#54208E", _INK),
        "norm": Tone("#F1FBE9", "#717778", _INK),
        "activation": Tone("#F8EA9E", "#905901", _INK),
        "pool": Tone("#9FD8CB", "#0A472D", _INK),
        "detection": Tone("#F0BFA4", "#B7114B", _INK),
        "merge": Tone("#FFFFFF", "#222B33", _INK),
        "view": Tone("#ECEEF0", "#5B6770", _INK),
        "regularise": Tone("#FFFFFF", "#8A949C", _INK),
        "io": Tone("#2B3640", "#2B3640", "#FFFFFF"),
        "block": Tone("#FFFFFF", "#5B6770", _INK),
        "same": Tone("#FFFFFF", "#C3CAD0", "#66717B"),
        "added": Tone("#DCEBFA", "#0B5CAD", _INK),
        "removed": Tone("#F7E8D9", "#8A4B14", _INK),
    },
)

DARK = Theme(
    paper="#12171B",
    text=_SNOW,
    faint="#A7B1B9",
    line="#B9C3CA",
    skip="#95A1AA",
    tied="#77838C",
    frame_fills=("#192025", "#20282E", "#283138", "#303A42"),
    frame_line="#4F5B64",
    tones={
        "conv": Tone("#1E3E61", "#82AED8", _SNOW),
        "linear": Tone("#46337E", "#BDA2FB", _SNOW),
        "norm": Tone("#373A2E", "#C5C5AD", _SNOW),
        "activation": Tone("#463900", "#E8C85A", _SNOW),
        "pool": Tone("#2E6154", "#7CD7CE", _SNOW),
        "detection": Tone("#7A402C", "#F29B77", _SNOW),
        "merge": Tone("#12171B", "#E8ECEF", _SNOW),
        "view": Tone("#3A484E", "#9AA6AF", _SNOW),
        "regularise": Tone("#12171B", "#8A96A0", _SNOW),
        "io": Tone("#DDE3E8", "#DDE3E8", "#12171B"),
        "block": Tone("#1A2126", "#9AA6AF", _SNOW),
        "same": Tone("#12171B", "#4F5B64", "#97A3AC"),
        "added": Tone("#123A63", "#6FB4F5", _SNOW),
        "removed": Tone("#4A2F16", "#E0A56B", _SNOW),
    },
)
