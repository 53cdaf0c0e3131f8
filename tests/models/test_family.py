"""Device families: what goes with frequency and damping, and what the free layer must be."""

from dataclasses import replace

import pytest

from resonet.core.errors import InputError
from resonet.models.resonator.family import FAMILIES, channel_members, member
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.precession_noise import precession_density
from resonet.models.resonator.tone_balance import Saturation, balance_tones

DEVICE = SpinDiode()


def test_one_free_layer_needs_more_current_at_more_frequency_and_damping():
    low, high = (member(DEVICE, "fixed_volume", 0.01, f, 1e9) for f in (1e9, 20e9))
    assert low.threshold_current == pytest.approx(DEVICE.threshold_current)
    assert high.threshold_current / low.threshold_current == pytest.approx(20)
    assert low.sensitivity / high.sensitivity == pytest.approx(20)
    assert high.linear_power / low.linear_power == pytest.approx(400, rel=0.01)
    assert low.thermal_power / high.thermal_power == pytest.approx(20)
    assert high.moment == pytest.approx(low.moment)
    lossy = member(DEVICE, "fixed_volume", 0.02, 1e9, 1e9)
    assert lossy.threshold_current == pytest.approx(2 * DEVICE.threshold_current)
    assert lossy.thermal_power == pytest.approx(low.thermal_power)  # of a given volume: kT over its energy
    assert lossy.moment == pytest.approx(low.moment)


def test_one_threshold_is_many_volumes():
    low, high = (member(DEVICE, "fixed_threshold", 0.01, f, 1e9) for f in (1e9, 20e9))
    assert high.sensitivity == low.sensitivity == DEVICE.sensitivity
    assert low.linear_power == pytest.approx(2e-9, rel=0.06)  # of 1.05 % of the largest weight
    assert low.moment / high.moment == pytest.approx(20)
    assert member(DEVICE, "fixed_threshold", 0.02, 1e9, 1e9).moment == pytest.approx(low.moment / 2)


def test_channels_of_one_free_layer_with_tones_of_the_same_voltage():
    """P K_SD and the precession noise are those of one threshold on every channel; the precession goes as 1/f."""
    middle, p_max = 20e9**0.5 * 1e9**0.5, 2e-9
    channels = [1e9, middle, 20e9]
    layer, one = (
        channel_members(DEVICE, name, channels, middle, p_max) for name in ("fixed_volume", "fixed_threshold")
    )
    p = []
    for f, own, same in zip(channels, layer, one, strict=True):
        assert (same.tone_power, same.device.sensitivity) == (p_max, DEVICE.sensitivity)
        assert own.tone_power == pytest.approx(p_max * f / middle)
        assert own.tone_power * own.device.sensitivity == pytest.approx(p_max * DEVICE.sensitivity)
        noise, wanted = (
            float(precession_density(DEVICE, f, f, x.tone_power, x.device.thermal_power)) for x in (own, same)
        )
        assert noise == pytest.approx(wanted)
        made = replace(DEVICE, threshold_current=own.device.threshold_current)
        p.append(balance_tones(made, Saturation(), f, f, 2 / DEVICE.resistance, own.tone_power * 1e-4).p.item())
    assert p[0] / p[1] == pytest.approx(middle / 1e9, rel=1e-3)
    assert p[0] / p[2] == pytest.approx(20, rel=1e-3)
    assert layer[0].over_linear / layer[2].over_linear == pytest.approx(20, rel=0.01)


def test_a_family_that_there_is_not():
    with pytest.raises(InputError, match="possible: fixed_threshold, fixed_volume"):
        member(DEVICE, "fixed_shape", 0.01, 1e9, 1e9)
    assert FAMILIES == ("fixed_threshold", "fixed_volume")
