"""Saturating resonators that are not alike: one by one each is the device, and the law, that its own values say."""

from dataclasses import replace

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.models.resonator import Saturation, SpinDiode, ToneBank, balance_tones
from resonet.models.resonator.own_diodes import OwnDiodes
from resonet.models.resonator.precession_noise import balanced_density

DEVICE, LAW, SHAPE = SpinDiode(), Saturation(), (3, 5)
RNG = np.random.default_rng(8)
FACTORS = {
    name: 1 + 0.1 * RNG.standard_normal(SHAPE)
    for name in ("damping", "resistance", "magnetoresistance", "threshold_current", "nonlinear_damping")
}
TONES = 1e9 * 1.13 ** np.arange(SHAPE[1])
F_RES = TONES / (1 + DEVICE.damping * RNG.uniform(-1, 1, SHAPE))
CURRENTS = 2 / (1e3 * (1 + 0.1 * RNG.random((*SHAPE, SHAPE[1]))))
POWERS = RNG.uniform(0, 3e-7, (4, SHAPE[1]))


def alone(j, k):
    """What resonator k of chain j rectifies and how it hisses, by a device and a law of one resonator, [n]."""
    own = {name: float(of[j, k]) for name, of in FACTORS.items()}
    law = replace(LAW, nonlinear_damping=LAW.nonlinear_damping * own.pop("nonlinear_damping"))
    device = replace(DEVICE, **{name: getattr(DEVICE, name) * factor for name, factor in own.items()})
    made = (device, law, F_RES[j, k], TONES, CURRENTS[j, k], POWERS)
    balance = balance_tones(*made)
    return balance.voltages[:, 0], balanced_density(*made, balance.p)[:, 0]


def test_each_resonator_is_the_device_that_its_values_say():
    wanted = np.array([[alone(j, k) for k in range(SHAPE[1])] for j in range(SHAPE[0])])  # [chains, K, 2, n]
    own, gains = OwnDiodes.around(DEVICE, SHAPE, **FACTORS), RNG.uniform(0.5, 1, SHAPE)
    made = (own.arranged(np.ravel), LAW, F_RES.ravel(), TONES, CURRENTS.reshape(-1, SHAPE[1]), POWERS)
    full = balance_tones(*made)
    assert full.voltages.reshape(-1, *SHAPE) == pytest.approx(wanted[:, :, 0].transpose(2, 0, 1), rel=1e-8)
    density = balanced_density(*made, full.p).reshape(-1, *SHAPE)
    assert density == pytest.approx(wanted[:, :, 1].transpose(2, 0, 1), rel=1e-8)
    bank = ToneBank.of(own, LAW, F_RES, TONES, CURRENTS, gains, 3e-7)
    volts, noise = bank.noisy_voltages(POWERS)
    sums = np.einsum("jkn,jk->nj", wanted[:, :, 0], gains)
    assert volts == pytest.approx(sums, abs=1e-4 * DEVICE.sensitivity * 3e-7)
    assert noise == pytest.approx(wanted[:, :, 1].sum(1).T, rel=0.01)


def test_a_frequency_shift_takes_resonators_that_are_alike():
    with pytest.raises(InputError, match="all alike"):
        ToneBank.of(OwnDiodes.around(DEVICE, SHAPE), Saturation(frequency_shift=0.1), F_RES, TONES, 2e-3, 1.0, 1e-7)
    one = OwnDiodes.around(DEVICE, (1,))
    with pytest.raises(InputError, match="all alike"):  # the full balance as well: it would have to mean over α
        balance_tones(one, Saturation(frequency_shift=0.1), F_RES[0, :1], TONES, 2e-3, POWERS)
    with pytest.raises(InputError, match="currents by chain"):
        ToneBank.of(DEVICE, Saturation(frequency_shift=0.1), F_RES, TONES, CURRENTS, 1.0, 1e-7)
