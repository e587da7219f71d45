"""What makes colours legible."""

from __future__ import annotations


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, as of WCAG 2.2."""

    def luminance(colour: str) -> float:
        shares = [value / 255 for value in bytes.fromhex(colour[1:])]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
