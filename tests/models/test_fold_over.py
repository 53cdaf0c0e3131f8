"""Where resonances fold over: the closed form against the branches of the cubic, and the warning on both sides."""

import numpy as np
import pytest

from resonet.core.validity import collected
from resonet.models.resonator import AutoOscillator, Saturation, SpinDiode
from resonet.models.resonator.fold_over import fold_over, fold_over_power, warn_fold_over
from resonet.models.resonator.forced_oscillation import forced_power


@pytest.mark.parametrize(("shift", "damping"), [(0.1, 2.0), (-0.1, 2.0), (0.05, 0.5), (0.03, 0.0)])
def test_two_answers_begin_at_the_closed_form(shift, damping):
    device, law, f0 = SpinDiode(), Saturation(damping, shift), 3e9
    oscillator = AutoOscillator.from_spin_diode(device, f0, damping, shift * f0)
    limit, at = fold_over_power(device, law), fold_over(damping, shift / device.damping)[1]
    two = {}
    for part in (0.99, 1.03):
        u = np.sign(shift) * at * np.linspace(0.5, 1.5, 20_001)
        f = oscillator.free + u * device.damping * f0
        low, high = (forced_power(oscillator, f, part * limit, branch=branch) for branch in ("low", "high"))
        two[part] = u[high > 1.001 * low]
    assert not len(two[0.99])
    assert two[1.03] == pytest.approx(np.sign(shift) * at, rel=3e-2)
    assert len(two[1.03])


def test_without_damping_it_is_duffing():
    assert fold_over(0.0, 4.0) == pytest.approx((8 / (3 * np.sqrt(3) * 4), np.sqrt(3)), rel=1e-12)


def test_damping_that_grows_faster_never_folds_over():
    """|n| <= sqrt(3) Q: no shift of 0.03 f0 makes two answers at Q = 2 and alpha = 0.01."""
    device, law = SpinDiode(), Saturation(2.0, 0.03)
    assert fold_over_power(device, law) == np.inf
    oscillator = AutoOscillator.from_spin_diode(device, 3e9, 2.0, 0.03 * 3e9)
    f = oscillator.free + device.damping * 3e9 * np.linspace(-5, 60, 500)[:, None]
    low, high = (forced_power(oscillator, f, np.geomspace(1e-9, 1e-4, 40), branch=branch) for branch in ("low", "high"))
    assert high == pytest.approx(low, rel=1e-9)


def test_the_warning_is_on_one_side_of_the_limit():
    device, law = SpinDiode(), Saturation(2.0, -0.1)
    limit = fold_over_power(device, law)
    with collected() as warnings:
        warn_fold_over(device, law, 0.999 * limit)
        warn_fold_over(device, Saturation(), 1.0)
        assert not warnings
        warn_fold_over(device, law, 1.001 * limit)
    assert [(one.code, one.limit) for one in warnings] == [("fold-over", limit)]
    assert "possible: plan.p_max up to 229.3 nW" in warnings[0].text
