"""Device families: what goes with frequency and damping, and what the free layer must be."""

import pytest

from resonet.core.errors import InputError
from resonet.models.resonator.family import FAMILIES, member
from resonet.models.resonator.linear import SpinDiode

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


def test_a_family_that_there_is_not():
    with pytest.raises(InputError, match="possible: fixed_threshold, fixed_volume"):
        member(DEVICE, "fixed_shape", 0.01, 1e9, 1e9)
    assert FAMILIES == ("fixed_threshold", "fixed_volume")
