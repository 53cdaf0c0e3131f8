"""Noisy, saturated reads of layers in torch: `ReadLaw` with a gradient, for training scripts."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from resonet.core.types import Array
from resonet.examples.injected import ReadLaw

__all__ = ["Read", "plain"]


def plain(layer: nn.Module, x: Tensor) -> Tensor:
    """Sums of a layer without hardware."""
    return layer(x)


class Read:
    """Sums of a convolution without padding, or of a dense layer, as hardware reads them, new noise in every call.

    Inputs are parts of `full_scale`, or of the largest one of the batch; weights are parts of the largest. Gradients go
    through both, so that training makes use of the whole range of tones and of weights; not through what the noise's
    variance depends on besides, which is half of the time.
    """

    def __init__(self, law: ReadLaw, full_scale: float | None = None, noise: bool = True) -> None:
        self.law, self.full_scale, self.noise = law, full_scale, noise

    def __call__(self, layer: nn.Module, x: Tensor) -> Tensor:
        """[n, outputs, ...] of x [n, ...]."""
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        full = x.amax() if self.full_scale is None else torch.tensor(self.full_scale, dtype=x.dtype)
        top = layer.weight.abs().amax()
        a, w = torch.clamp(x / full, 0, 1), layer.weight / top
        square, bent, mean = a * a, w * w.abs(), torch.full_like(w[:1], 1 / w[0].numel())
        c = [float(value) for value in self.law.compression]
        first, second = _sums(layer, a, (1 + c[0]) * w + c[4] * bent), _sums(layer, square, c[1] * w + c[5] * bent)
        both = _sums(layer, a, mean) * (_sums(layer, a, c[2] * w) + _sums(layer, square, c[3] * w))
        z = first + second + both
        if self.noise:
            z = z + torch.sqrt(self._variance(layer, a, w)) * torch.randn_like(z)
        bias = layer.bias if isinstance(layer, nn.Linear) else layer.bias[:, None, None]
        return full * top * z + bias

    @torch.no_grad()
    def _variance(self, layer: nn.Module, a: Tensor, w: Tensor) -> Tensor:
        """Of the noise, as `ReadLaw.variance`; never below its constant part."""
        law = self.law
        power, frequency = _polynomial(law.power, a), _polynomial(law.frequency, a)
        found = _sums(layer, a, _like(law.precession, w)) + law.constant
        found = found + _sums(layer, a * a, torch.full_like(w[:1], law.spread))
        if law.power.any():
            found = found + _sums(layer, power, w * w)
        if law.frequency.any():
            found = found + _sums(layer, frequency, _like(law.slope**2, w))
        return torch.clamp(found, min=law.constant or 1e-30)


def _like(values: Array, w: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(w.dtype).reshape(w.shape)


def _polynomial(coefficients: Array, a: Tensor) -> Tensor:
    """Σ c_k a^k, k from 1, not below zero."""
    found = torch.zeros_like(a)
    for c in coefficients[::-1]:
        found = (found + float(c)) * a
    return torch.clamp(found, min=0)


def _sums(layer: nn.Module, a: Tensor, w: Tensor) -> Tensor:
    if isinstance(layer, nn.Conv2d):
        return functional.conv2d(a, w, stride=layer.stride)
    return functional.linear(a, w)
