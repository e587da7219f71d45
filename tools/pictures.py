"""Pictures of what networks find in images of shapes."""

from __future__ import annotations

import struct
import zlib

import torch
from torch import Tensor

from tools.shapes import Found, Scenes

#: Colours of the classes: red, green, blue.
COLOURS = torch.tensor([[1.0, 0.35, 0.3], [0.3, 1.0, 0.4], [0.4, 0.55, 1.0]])


def paint(data: Scenes, found: Found) -> Tensor:
    """The images side by side in the colours of the classes: what is there above, what was found below."""
    above = ((data.images + 1) / 2).clamp(0, 1)
    below = above.clone()
    for image in range(len(above)):
        if found.classes is not None:
            _tint(above[image], data.classes[image])
            _tint(below[image], found.classes[image])
            continue
        assert found.boxes is not None
        assert found.scores is not None
        assert found.labels is not None
        for label, *edges in data.objects[image].tolist():
            if label >= 0:
                _frame(above[image], edges, COLOURS[int(label)])
        for box, score, number in zip(found.boxes[image], found.scores[image], found.labels[image], strict=True):
            if number >= 0 and score > 0.3:
                _frame(below[image], box.tolist(), COLOURS[number])
    return torch.cat((torch.cat(list(above), dim=2), torch.cat(list(below), dim=2)), dim=1)


def _tint(image: Tensor, classes: Tensor) -> None:
    for label, colour in enumerate(COLOURS, start=1):
        mask = classes == label
        image[:, mask] = image[:, mask] * 0.2 + colour[:, None] * 0.8


def _frame(image: Tensor, edges: list[float], colour: Tensor) -> None:
    limit = image.shape[-1] - 1
    left, top, right, bottom = (min(max(round(edge), 0), limit) for edge in edges)
    for near in range(2):
        rows = [min(top + near, limit), max(bottom - near, 0)]
        columns = [min(left + near, limit), max(right - near, 0)]
        image[:, rows, left : right + 1] = colour[:, None, None]
        image[:, top : bottom + 1, columns] = colour[:, None, None]


def png(picture: Tensor) -> bytes:
    """``(3, height, width)`` values from 0 to 1 as a PNG file."""
    _, height, width = picture.shape
    pixels = (picture * 255).round().byte().permute(1, 2, 0).reshape(height, width * 3)
    rows = b"".join(b"\0" + bytes(row.tolist()) for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
