"""Style ``graph``: boxes for operators in nested frames for blocks, copies folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from archdsl.backends.diagram.boxes import (
    BAND_HEIGHT,
    BAND_SIZE,
    DETAIL_LINE,
    DETAIL_SIZE,
    FRAME_LINE,
    FRAME_NAME_SIZE,
    FRAME_NOTE_SIZE,
    MARGIN,
    TITLE_LINE,
    TITLE_SIZE,
    badge_text,
    band_width,
    box_details,
    box_title,
    frame_heading,
)
from archdsl.backends.diagram.dot import Direction
from archdsl.backends.diagram.figure import COLD, Band, Box, Figure, Frame, Junction, Link, LinkKind, Member
from archdsl.backends.diagram.layout import Layout, Route
from archdsl.backends.diagram.metrics import text_width
from archdsl.backends.diagram.page import compose
from archdsl.backends.diagram.scene import (
    Curve,
    Mark,
    Paint,
    Part,
    Point,
    Polygon,
    Scene,
    Text,
    bent,
    rectangle,
    rounded,
)
from archdsl.backends.diagram.theme import tone_name
from archdsl.ops.base import Family

#: How far the boxes behind a folded one show.
STACK = 2.4
_SLANT = 9.0
#: Length of an arrow's head.
_HEAD = 4.5
#: How each kind of link is drawn.
PAINTS: dict[LinkKind, Paint] = {
    "flow": Paint(stroke="line", width=1.1),
    "identity": Paint(stroke="skip", width=1.1, dash="dashed"),
    "projection": Paint(stroke="line", width=0.7),
    "reference": Paint(stroke="tied", width=0.8),
    "tied": Paint(stroke="tied", width=1.1, dash="dotted"),
    "bus": Paint(stroke="line", width=2.6),
}


def paint_graph(figure: Figure, layout: Layout, *, legend: bool = True) -> Scene:
    """The scene of a figure that has been laid out."""
    boxes = {box.key: box for box in figure.boxes()}
    ids = _Ids()
    members = tuple(_member(member, layout, ids, 0) for member in figure.members)
    links = tuple(_link(route, boxes) for route in layout.routes)
    corners = tuple(
        Part(None, "link flow", marks=(bent(corner.points, 6, PAINTS["flow"]),)) for corner in layout.corners
    )
    labels = tuple(_frame_labels(figure.members, layout, 0))
    parts = (*members, Part(None, "links", parts=(*links, *corners)), Part(None, "labels", parts=labels))
    swatches, strokes = legend_of([figure]) if legend else ([], [])
    return compose(figure, layout.width, layout.height, parts, swatches, strokes)


def legend_of(
    figures: Sequence[Figure], *, bands: bool = True
) -> tuple[list[tuple[str, Mark]], list[tuple[str, Paint]]]:
    """What colours and lines mean that are in some figures, of which ``bands`` tells whether boxes show bands."""
    present = {family for figure in figures for family in figure.families(bands=bands)}
    swatches = [(_FAMILY_NAMES[family], _swatch(family)) for family in Family if family in present]
    if any(box.change for box in figures[0].boxes()):
        return _CHANGES, []
    if figures[0].heat:
        swatches = [(text, _heat_swatch(level)) for text, level in figures[0].heat]
    kinds = {link.kind for figure in figures for link in figure.links}
    return swatches, [(_LINK_NAMES[kind], paint) for kind, paint in PAINTS.items() if kind in kinds and kind != "flow"]


_LINK_NAMES: dict[LinkKind, str] = {
    "flow": "stream",
    "identity": "identity skip",
    "projection": "projection",
    "reference": "size only",
    "tied": "shared weights",
    "bus": "all streams before",
}


_CHANGES: list[tuple[str, Mark]] = [
    ("added", rectangle(0, 0, 16, 10, Paint("added.fill", "added.line", 1.8))),
    ("removed", rectangle(0, 0, 16, 10, Paint("removed.fill", "removed.line", 1.8, "dashed"))),
    ("changed", rectangle(0, 0, 16, 10, Paint("conv.fill", "conv.line", 1.8))),
    ("the same", rectangle(0, 0, 16, 10, Paint("same.fill", "same.line"))),
]

_FAMILY_NAMES = {
    Family.CONV: "convolution",
    Family.LINEAR: "linear",
    Family.NORM: "normalisation",
    Family.ACTIVATION: "activation",
    Family.POOL: "pooling",
    Family.RESAMPLE: "resampling",
    Family.DETECTION: "detection",
    Family.MERGE: "merge",
    Family.VIEW: "rearrangement",
    Family.REGULARISE: "regularisation",
    Family.IO: "input, output",
}


class _Ids:
    """Paths as ids, each once."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def claim(self, path: str) -> str:
        count = self._taken[path] = self._taken.get(path, 0) + 1
        return path if count == 1 else f"{path}-{count}"


def _member(member: Member, layout: Layout, ids: _Ids, depth: int) -> Part:
    if isinstance(member, Junction):
        return _junction(layout.centres[member.key])
    if isinstance(member, Box):
        x, y = layout.centres[member.key]
        role = tone_name(member.family) if member.kind == "operator" else member.kind
        marks = tuple(_box(member, x - member.width / 2, y - member.height / 2, layout.direction))
        return Part(ids.claim(member.path), f"box {role}", member.spoken, marks)
    left, top, right, bottom = layout.frames[member.key]
    paint = Paint(f"frame.{depth % 4}", "frame.line", 0.8, "dashed" if member.kind == "repeat" else "solid")
    shape = rounded(left, top, right - left, bottom - top, 6, paint)
    behind = _stacked(shape, paint) if member.count > 1 else ()
    own_id = ids.claim(member.path)
    parts = tuple(_member(part, layout, ids, depth + 1) for part in member.members)
    return Part(own_id, f"frame {member.kind}", member.spoken, (*behind, shape), parts)


def _junction(centre: Point) -> Part:
    x, y = centre
    return Part(None, "junction", marks=(rounded(x - 1.6, y - 1.6, 3.2, 3.2, 1.6, Paint("line")),))


# Boxes


def _box(box: Box, x: float, y: float, direction: Direction) -> Iterator[Mark]:
    """The outline, what is fused into it, and its lines."""
    tone = tone_of(box)
    width = 1.8 if box.change in ("added", "removed", "changed") else 1.0
    paint = Paint(f"{tone}.fill", f"{tone}.line", width, "dashed" if tone in ("regularise", "removed") else "solid")
    if box.count > 1:
        yield from _stacked(rectangle(x, y, box.width, box.height, paint), paint)
    top = y + (BAND_HEIGHT if box.before else 0)
    bottom = y + box.height - (BAND_HEIGHT if box.after else 0)
    yield _outline(box, x, top, bottom - top, paint, direction)
    if box.change == "changed":
        inner = replace(box, width=box.width - 5)
        yield _outline(inner, x + 2.5, top + 2.5, bottom - top - 5, replace(paint, fill=None, width=0.7), direction)
    line = replace(paint, width=0.7, dash="solid")
    plain = tone if box.change in ("same", "added", "removed") else "block" if box.heat is not None else None
    yield from _bands(box.before, x, y, box.width, line, plain=plain)
    inset = _SLANT if box.family is Family.POOL and direction == "TB" else 0
    yield from _bands(box.after, x + inset, bottom, box.width - 2 * inset, line, plain=plain)
    yield from _lines(box, x + box.width / 2, top + MARGIN, f"{tone}.text")


def tone_of(box: Box) -> str:
    """The palette's name for a box."""
    if box.change in ("same", "added", "removed"):
        return box.change
    if box.heat is not None and box.heat != COLD:
        return f"heat{box.heat}"
    if box.heat == COLD and box.family is not Family.IO:
        return "block"
    return "block" if box.kind == "block" else tone_name(box.family)


def _lines(box: Box, centre: float, top: float, role: str) -> Iterator[Text]:
    title, badge = box_title(box), badge_text(box.count)
    base = top + TITLE_LINE - 3
    if badge:
        gap = text_width(" ", TITLE_SIZE, bold=True) * 1.5
        total = text_width(title, TITLE_SIZE, bold=True) + gap + text_width(badge, TITLE_SIZE, bold=True)
        start = centre - total / 2
        yield Text(start, base, title, TITLE_SIZE, role, bold=True)
        yield Text(start + total, base, badge, TITLE_SIZE, role, bold=True, anchor="end")
    else:
        yield Text(centre, base, title, TITLE_SIZE, role, bold=True, anchor="middle")
    for number, detail in enumerate(box_details(box)):
        base = top + TITLE_LINE + DETAIL_LINE * (number + 1) - 2.5
        yield Text(centre, base, detail, DETAIL_SIZE, role, anchor="middle")


def _outline(box: Box, x: float, y: float, height: float, paint: Paint, direction: Direction) -> Polygon | Curve:
    """The shape that says what colour says; with strips above or below it, one that they fit."""
    if box.kind in ("output", "exit") or box.family is Family.IO:
        return rounded(x, y, box.width, height, 12, paint)
    if box.kind == "block":
        return rounded(x, y, box.width, height, 5, paint)
    is_pool = box.family is Family.POOL and direction == "TB"
    if (box.before or box.after) and not is_pool:
        return rectangle(x, y, box.width, height, paint)
    if direction == "LR" and box.family in (Family.POOL, Family.RESAMPLE):
        return _sideways(box, x, y, height, paint)
    return _shape(box.family, x, y, box.width, height, paint)


def _sideways(box: Box, x: float, y: float, height: float, paint: Paint) -> Polygon:
    """A trapezium whose short side is where a stream from left to right has the lower resolution."""
    slant = min(_SLANT, height / 5)
    left, right = (0.0, slant) if box.family is Family.POOL else (slant, 0.0)
    end, bottom = x + box.width, y + height
    return Polygon(((x, y + left), (end, y + right), (end, bottom - right), (x, bottom - left)), paint)


def _shape(family: Family, x: float, y: float, width: float, height: float, paint: Paint) -> Polygon | Curve:
    right, bottom = x + width, y + height
    slant = _SLANT if height > 12 else 3.0
    match family:
        case Family.POOL:
            return Polygon(((x, y), (right, y), (right - slant, bottom), (x + slant, bottom)), paint)
        case Family.RESAMPLE:
            return Polygon(((x + slant, y), (right - slant, y), (right, bottom), (x, bottom)), paint)
        case Family.VIEW:
            c = min(7.0, height / 3)
            cut = ((x + c, y), (right, y), (right, bottom - c))
            return Polygon((*cut, (right - c, bottom), (x, bottom), (x, y + c)), paint)
        case Family.DETECTION:
            c = min(7.0, height / 3)
            corners = ((x + c, y), (right - c, y), (right, y + c), (right, bottom - c))
            return Polygon((*corners, (right - c, bottom), (x + c, bottom), (x, bottom - c), (x, y + c)), paint)
        case Family.ACTIVATION:
            return rounded(x, y, width, height, height / 2, paint)
        case Family.MERGE:
            return rounded(x, y, width, height, min(9, height / 2), paint)
        case Family.LINEAR:
            return rounded(x, y, width, height, 5, paint)
        case _:
            return rectangle(x, y, width, height, paint)


def _stacked(shape: Polygon | Curve, paint: Paint) -> tuple[Mark, ...]:
    """Two more of a shape, behind it."""
    return tuple(
        replace(shape, points=tuple((x + shift, y + shift) for x, y in shape.points), paint=paint)
        for shift in (2 * STACK, STACK)
    )


def _bands(
    bands: Sequence[Band], x: float, y: float, width: float, line: Paint, *, plain: str | None
) -> Iterator[Mark]:
    """Strips side by side, each as wide as its word asks for, in the tone of ``plain`` if colour says other things."""
    natural = sum(band_width(band.text) for band in bands)
    for band in bands:
        own = band_width(band.text) * width / natural
        tone = plain or tone_name(band.family)
        yield rectangle(x, y, own, BAND_HEIGHT, replace(line, fill=f"{tone}.fill"))
        yield Text(x + own / 2, y + BAND_HEIGHT - 3, band.text, BAND_SIZE, f"{tone}.text", anchor="middle")
        x += own


# Links and labels


def _link(route: Route, boxes: dict[str, Box]) -> Part:
    paint = _link_paint(route.link)
    marks: list[Mark] = [Curve(route.points, paint)]
    if route.tip is not None:
        marks.append(arrow(route.points[-1], route.tip, paint))
    return Part(None, f"link {route.link.kind}", _link_label(route.link, boxes), tuple(marks))


def _link_paint(link: Link) -> Paint:
    """A link's own paint, or what became of it."""
    if link.change == "added":
        return Paint(stroke="added.line", width=1.8)
    if link.change == "removed":
        return Paint(stroke="removed.line", width=1.6, dash="dashed")
    paint = PAINTS[link.kind]
    return replace(paint, stroke="faint", width=0.8) if link.change == "same" else paint


def _link_label(link: Link, boxes: dict[str, Box]) -> str:
    if link.tail not in boxes or link.head not in boxes:
        return ""
    return f"{_LINK_NAMES[link.kind]} from {boxes[link.tail].path} to {boxes[link.head].path}"


def arrow(base: Point, tip: Point, paint: Paint) -> Polygon:
    """A triangle with its point at ``tip``."""
    dx, dy = tip[0] - base[0], tip[1] - base[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    across = (-dy / length * 2.4, dx / length * 2.4)
    corners = (tip, (base[0] + across[0], base[1] + across[1]), (base[0] - across[0], base[1] - across[1]))
    return Polygon(corners, Paint(paint.stroke, paint.stroke, 0.4))


def arrowed(points: Sequence[Point], paint: Paint) -> tuple[Mark, ...]:
    """A line along horizontal and vertical stretches, with an arrow at its end."""
    (x, y), tip = points[-2], points[-1]
    length = abs(tip[0] - x) + abs(tip[1] - y) or 1.0
    back = min(_HEAD, length)
    base = (tip[0] - (tip[0] - x) / length * back, tip[1] - (tip[1] - y) / length * back)
    return bent((*points[:-1], base), 4.0, paint), arrow(base, tip, paint)


def _frame_labels(members: Sequence[Member], layout: Layout, depth: int) -> Iterator[Part]:
    for member in members:
        if isinstance(member, Frame):
            yield _frame_label(member, layout, f"frame.{depth % 4}")
            yield from _frame_labels(member.members, layout, depth + 1)


def _frame_label(frame: Frame, layout: Layout, ground: str) -> Part:
    """Name, call and copies; parameters and MACs below: top left, on plates that lines pass behind."""
    left, top, _, _ = layout.frames[frame.key]
    name, caption = frame_heading(frame)
    start, base = left + 7, top + FRAME_LINE + 1
    texts = [Text(start, base, name, FRAME_NAME_SIZE, bold=True)]
    x = start + text_width(name, FRAME_NAME_SIZE, bold=True)
    if caption:
        x += 1.5 if caption.startswith("(") else 5
        texts.append(Text(x, base, caption, FRAME_NAME_SIZE, "faint"))
        x += text_width(caption, FRAME_NAME_SIZE)
    if frame.count > 1:
        texts.append(Text(x + 6, base, badge_text(frame.count), TITLE_SIZE, bold=True))
        x += 6 + text_width(badge_text(frame.count), TITLE_SIZE, bold=True)
    plates = [rectangle(start - 2, base - 8.5, x - start + 4, 11, Paint(ground))]
    if frame.note:
        texts.append(Text(start, base + FRAME_LINE - 1, frame.note, FRAME_NOTE_SIZE, "faint"))
        width = text_width(frame.note, FRAME_NOTE_SIZE)
        plates.append(rectangle(start - 2, base + 1.5, width + 4, 11, Paint(ground)))
    return Part(None, "heading", marks=(*plates, *texts))


def _swatch(family: Family) -> Mark:
    """A family's shape and colours, small."""
    tone = tone_name(family)
    paint = Paint(f"{tone}.fill", f"{tone}.line", 0.9, "dashed" if family is Family.REGULARISE else "solid")
    return rounded(0, 0, 16, 10, 5, paint) if family is Family.IO else _shape(family, 0, 0, 16, 10, paint)


def _heat_swatch(level: int) -> Mark:
    return rectangle(0, 0, 16, 10, Paint(f"heat{level}.fill", f"heat{level}.line", 0.9))
