"""Strip lines of layers that add up several inputs: each resonator sits under the line of its own value."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG

from resonet.netlist.network.cnn import Addend, Synapses, patches
from resonet.netlist.network.forward import layer_sums
from resonet.netlist.strip.usage import layer_usage

CASES = [(1, 3, 2, "d"), (2, 4, 4, "da"), (1, 3, 2, "ad"), (3, 3, 3, "a"), (2, 4, 2, "dd"), (1, 2, 1, "")]


def layer(groups: int, outputs: int, channels: int, added: str) -> Synapses:
    """A padded convolution with stride, to which identities (d) and 2x2 convolutions (a) add."""
    rng, size, stride = RNG(3), (5, 4), (2, 1)
    rows, columns = 3, 4
    own = Synapses(
        name="conv1",
        source="",
        kind="conv",
        weight=rng.normal(size=(outputs, channels // groups, 3, 3)),
        bias=np.zeros(outputs),
        in_shape=(channels, *size),
        out_shape=(outputs, rows, columns),
        stride=stride,
        padding=(1, 1, 1, 1),
        groups=groups,
    )
    addends = [
        Addend("", rng.normal(size=(outputs, 1, 1, 1)), (outputs, rows, columns), diagonal=outputs > groups)
        if kind == "d"
        else Addend("", rng.normal(size=(outputs, 2, 2, 2)), (2 * groups, rows + 1, columns + 1))
        for kind in added
    ]
    return replace(own, addends=tuple(addends))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("parallel", [True, False])
def test_what_lines_carry_times_weights_are_the_sums(case, parallel):
    added = layer(*case)
    x = RNG(4).normal(size=(2, sum(int(np.prod(shape)) for shape in added.inputs)))
    x = x if added.addends else x.reshape(2, *added.in_shape)
    usage, weights = layer_usage(added, parallel), added.resonator_weights
    assert usage.weights == len(weights) == added.series * len(added.bias)
    steps = x.reshape(2, 1, -1)
    if not parallel:
        steps = patches(x, added).transpose(1, 2, 0, 3).reshape(2, added.positions, -1)
    sums = np.zeros((*steps.shape[:2], usage.chains))
    np.add.at(sums.T, usage.chain, (weights[usage.weight] * steps[..., usage.inputs[usage.line]]).T)
    wanted = layer_sums(added, x)
    found = sums.reshape(wanted.shape) if parallel else sums.transpose(0, 2, 1).reshape(wanted.shape)
    np.testing.assert_allclose(found, wanted, atol=1e-13)


@pytest.mark.parametrize("case", CASES)
def test_no_chain_hears_a_tone_twice_and_no_line_has_two(case):
    usage = layer_usage(layer(*case))
    heard = np.stack([usage.chain, usage.tone])
    assert np.unique(heard, axis=1).shape == heard.shape
    lines = np.unique(np.stack([usage.line, usage.tone]), axis=1)
    assert len(np.unique(lines[0])) == lines.shape[1]
