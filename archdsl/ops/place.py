"""Placing parts of a network on devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from archdsl.ops.base import Sample, TensorType, TorchCode, construct, register
from archdsl.ops.view import View


@register
class Place(View):
    """Move a stream to a device of the given name, where all that follows from it runs, up to the next ``place``.

    The name stands for a device that is chosen when the network is compiled:
    ``compile(…, devices={"upper": "cuda:0"})``.
    A name that is given none is the device of all the rest, so that the network runs on a single one as well. Streams
    that meet must be on one device.

    Shape: any. References: Krizhevsky, Sutskever, Hinton: ImageNet classification with deep convolutional neural
    networks, NIPS 2012, section 3.2 (two towers on two GPUs).
    """

    keyword = "place"
    positional = "device"
    samples = (Sample('place "upper"', "48x27x27"), Sample('place "lower"', "120"))

    device: Annotated[str, Field(min_length=1, max_length=64)]
    """Name of the device."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return inputs

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode("{module}({0})", module=construct("Place"), runtime=("place",))

    def caption(self) -> str:
        return f"On {self.device}"
