"""How large a box is: a pure function of its words, so that no engine measures text."""

from __future__ import annotations

from math import ceil

from archdsl.backends.diagram.figure import Box, Frame
from archdsl.backends.diagram.metrics import shorten, text_width
from archdsl.ops.base import Family

TITLE_SIZE = 10.0
DETAIL_SIZE = 8.0
BAND_SIZE = 7.0
FRAME_NAME_SIZE = 9.0
FRAME_NOTE_SIZE = 7.5

TITLE_LINE = 12.5
DETAIL_LINE = 10.5
BAND_HEIGHT = 10.5
MARGIN = 3.5
FRAME_LINE = 11.0

#: Widest line of a box; longer ones are cut short.
MAX_LINE = 190.0
MAX_DETAIL = 150.0
MAX_HEADING = 176.0
#: Less room than this is not worth the beginning of a call.
MIN_CAPTION = 30.0
#: Boxes come in a few widths, so that columns look even.
_WIDTHS = (72.0, 96.0, 120.0, 144.0, 172.0, 210.0)
_SLANTED = frozenset({Family.POOL, Family.RESAMPLE})


def box_size(box: Box) -> tuple[float, float]:
    """Width and height in points, bands included."""
    lines = [text_width(box_title(box), TITLE_SIZE, bold=True) + badge_width(box.count)]
    lines += [text_width(detail, DETAIL_SIZE) for detail in box_details(box)]
    lines += [sum(band_width(band.text) for band in bands) - 8 for bands in (box.before, box.after) if bands]
    padding = 26 if box.family in _SLANTED and box.kind == "operator" else 14
    natural = max(lines) + padding
    width = next((width for width in _WIDTHS if width >= natural), ceil(natural))
    bands = BAND_HEIGHT * (bool(box.before) + bool(box.after))
    return width, 2 * MARGIN + TITLE_LINE + DETAIL_LINE * len(box_details(box)) + bands


def box_title(box: Box) -> str:
    """The title, cut to fit."""
    return shorten(box.title, TITLE_SIZE, MAX_LINE - badge_width(box.count), bold=True)


def box_details(box: Box) -> tuple[str, ...]:
    """The lines below the title; a long call goes on in a second line, and what is longer still is cut to fit."""
    return tuple(line for detail in box.details for line in _wrapped(detail))


def _wrapped(detail: str) -> tuple[str, ...]:
    """One line, or two that break between arguments."""
    words = detail.split(", ")
    fits = [text_width(", ".join(words[:count]) + ",", DETAIL_SIZE) <= MAX_DETAIL for count in range(1, len(words))]
    if text_width(detail, DETAIL_SIZE) <= MAX_DETAIL or not any(fits) or not detail.endswith(")"):
        return (shorten(detail, DETAIL_SIZE, MAX_DETAIL),)
    first = sum(fits)
    rest = shorten(", ".join(words[first:]), DETAIL_SIZE, MAX_DETAIL)
    return f"{', '.join(words[:first])},", rest


def band_width(text: str) -> float:
    """Least width of a band's part that names one operator."""
    return text_width(text, BAND_SIZE) + 8


def badge_text(count: int) -> str:
    """How a box or frame says that it stands for several: ``×3``."""
    return f"×{count}" if count > 1 else ""


def badge_width(count: int) -> float:
    """Room that the badge takes beside the title."""
    return text_width(badge_text(count), TITLE_SIZE, bold=True) + 10 if count > 1 else 0.0


def frame_heading(frame: Frame) -> tuple[str, str]:
    """The bold and the plain part of a frame's first line, cut to fit."""
    name = shorten(frame.name, FRAME_NAME_SIZE, MAX_HEADING - badge_width(frame.count), bold=True)
    room = MAX_HEADING - badge_width(frame.count) - text_width(name, FRAME_NAME_SIZE, bold=True)
    return name, shorten(frame.caption, FRAME_NAME_SIZE, room) if frame.caption and room > MIN_CAPTION else ""


def frame_label_size(frame: Frame) -> tuple[float, float]:
    """Width and height of a frame's label."""
    name, caption = frame_heading(frame)
    first = text_width(name, FRAME_NAME_SIZE, bold=True) + badge_width(frame.count)
    first += text_width(caption, FRAME_NAME_SIZE) + 5 if caption else 0
    return max(first, text_width(frame.note, FRAME_NOTE_SIZE)) + 4, FRAME_LINE * (2 if frame.note else 1)
