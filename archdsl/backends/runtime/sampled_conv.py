"""Convolution whose taps may lie between the places of its input.

What a tap sees is interpolated from the four places around it; beyond the borders there are zeros. Of a tap's distance
from its place in the window, the whole part only chooses among places, and the fraction is all that is computed with:
in half precision a tap is as exact far from the origin as next to it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """One number for each of two axes."""
    return (value, value) if isinstance(value, int) else value


def window_places(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    device: torch.device,
) -> Tensor:
    """Where in the input the taps of a sliding window lie, as ``(places, taps, 2)`` integers: y and x.

    Parameters
    ----------
    size
        Rows and columns of places that the window stops at.
    """
    down, across = (
        torch.arange(places, device=device)[:, None] * step - pad + torch.arange(taps, device=device) * gap
        for places, taps, step, pad, gap in zip(size, kernel, stride, padding, dilation, strict=True)
    )
    y = down[:, None, :, None].expand(*size, *kernel)
    x = across[None, :, None, :].expand(*size, *kernel)
    return torch.stack((y, x), dim=-1).reshape(size[0] * size[1], kernel[0] * kernel[1], 2)


def sampled_conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    places: Tensor,
    offsets: Tensor,
    mask: Tensor | None,
    size: tuple[int, int],
    groups: int = 1,
) -> Tensor:
    """Convolve ``x`` with taps that are moved off their places.

    Parameters
    ----------
    x
        ``(batch, channels, height, width)``.
    weight
        ``(out, channels/groups, kernel height, kernel width)``.
    places
        ``(places, taps or 1, 2)`` integers: y and x of each tap.
    offsets
        ``(batch or 1, places or 1, taps, offset groups, 2)``: by how much y and x are moved. Each group of channels
        has its own.
    mask
        ``(batch, places, taps, offset groups)``: what each sample is multiplied by.
    size
        Rows and columns that the places are arranged in.

    Returns
    -------
    ``(batch, out, *size)``.
    """
    batch, out = x.shape[0], weight.shape[0]
    columns = sample(x, places, offsets, mask).view(-1, weight[0, 0].numel(), groups, weight.shape[1])
    columns = columns.permute(2, 0, 1, 3).flatten(2)  # groups, batch x places, taps x channels
    matrix = weight.view(groups, out // groups, weight.shape[1], -1).permute(0, 3, 2, 1).flatten(1, 2)
    y = torch.bmm(columns, matrix) if bias is None else torch.baddbmm(bias.view(groups, 1, -1), columns, matrix)
    return y.view(groups, batch, size[0] * size[1], -1).permute(1, 0, 3, 2).reshape(batch, out, *size)


def sample(x: Tensor, places: Tensor, offsets: Tensor, mask: Tensor | None) -> Tensor:
    """Interpolate what each tap sees: ``(samples, channels of an offset group)``.

    The samples are ordered by image, place, tap and offset group.
    """
    batch, channels, height, width = x.shape
    groups = offsets.shape[3]
    whole = offsets.detach().floor()
    fraction = offsets - whole
    first = places.unsqueeze(2) + whole.long()
    rows, down = neighbours(first[..., 0], fraction[..., 0], height)
    columns, across = neighbours(first[..., 1], fraction[..., 1], width)
    index = rows.unsqueeze(-1) * width + columns.unsqueeze(-2)  # images, places, taps, groups, 2, 2
    share = down.unsqueeze(-1) * across.unsqueeze(-2)
    if mask is not None:
        share = share * mask[..., None, None]
    image = torch.arange(batch, device=x.device).view(-1, 1, 1, 1, 1, 1) * (height * width)
    index = (index + image) * groups + torch.arange(groups, device=x.device).view(-1, 1, 1)
    table = x.permute(0, 2, 3, 1).reshape(-1, channels // groups)
    # The weighted sum of four rows of a table in one pass; torch has it for bags of words.
    weights = share.to(x.dtype).expand(index.shape).reshape(-1, 4)
    return F.embedding_bag(index.reshape(-1, 4), table, mode="sum", per_sample_weights=weights)


def neighbours(first: Tensor, fraction: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """The two places around a point of an axis and their shares, 0 for one that is not among its ``length`` places.

    Returns
    -------
    Both with a new last axis of length 2.
    """
    place = torch.stack((first, first + 1), dim=-1)
    share = torch.stack((1 - fraction, fraction), dim=-1)
    within = (place >= 0) & (place < length)
    return place.clamp(0, length - 1), share * within
