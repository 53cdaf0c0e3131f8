"""Many tones in a saturating resonator: the balance against closed forms, the fast form, and integration in time."""

import warnings

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.core.validity import ValidityWarning, collected
from resonet.models.resonator import AutoOscillator, Saturation, SpinDiode, ToneBank, balance_tones
from resonet.models.resonator.forced_oscillation import forced_power, forced_voltage
from resonet.models.resonator.linear import rectified_per_watt
from resonet.models.resonator.precession_noise import balanced_density
from resonet.models.resonator.tone_balance import MIXING, Tones
from resonet.models.resonator.tone_time import integrate_tones

DEVICE = SpinDiode()
PER_WATT = 2 / DEVICE.resistance  # |i|² of a tone of 1 W in R0
PLAIN = Saturation()
RNG = np.random.default_rng(5)


def chains(count, tones, spacing=12.7, seed=1):
    """Resonance frequencies [count, tones], |u| <= 1 half-widths off tones [tones] at such a spacing."""
    f = 1e9 * (1 + DEVICE.damping * spacing) ** np.arange(tones)
    u = np.random.default_rng(seed).uniform(-1, 1, (count, tones))
    return f / (1 + DEVICE.damping * u), f


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3, -0.1])
def test_one_tone_is_the_cubic_with_its_fold_over(shift):
    f0, power = 3e9, np.geomspace(1e-10, 3e-6, 40)
    device = AutoOscillator.from_spin_diode(DEVICE, f0, PLAIN.nonlinear_damping, shift * f0)
    jumps = 0
    for u in (-4.0, -0.5, 0.0, 4.0, 8.0):
        f = device.free + u * DEVICE.damping * f0
        found = balance_tones(DEVICE, Saturation(frequency_shift=shift), f0, f, PER_WATT, power[:, None])
        assert found.solved
        assert found.p[:, 0, 0] == pytest.approx(forced_power(device, f, power), rel=1e-10)
        assert found.voltages[:, 0] == pytest.approx(forced_voltage(device, f, power), rel=1e-10)
        jumps += found.jumped.sum()
    assert (jumps > 0) == (abs(shift) >= 0.1)  # n = 10 folds at u = ±4 within these powers


def test_without_power_it_is_the_linear_law():
    f_res, f = chains(3, 9)
    signs, powers = np.where(np.arange(9) % 2, -1.0, 1.0), 1e-18 * np.eye(9)
    linear = rectified_per_watt(f, f_res[..., None], DEVICE) * 1e-18
    full = balance_tones(DEVICE, PLAIN, f_res.ravel(), f, PER_WATT, powers).voltages
    assert full == pytest.approx(linear.reshape(-1, 9).T, rel=1e-9)
    bank = ToneBank.of(DEVICE, PLAIN, f_res, f, PER_WATT, signs, 1e-18)
    assert bank.voltages(powers) == pytest.approx(np.einsum("jkt,k->tj", linear, signs), rel=1e-9)


def test_another_tone_saturates_twice_as_much():
    """A weak tone far from a strong one in resonance sees the damping 1 + 2 Q p of the strong one's p alone."""
    f0, apart = 2e9, 60.0
    device = AutoOscillator.from_spin_diode(DEVICE, f0)
    width = DEVICE.damping * f0
    f = device.free + width * np.array([0.0, apart])
    strong, weak = 2e-7, 1e-12
    both = balance_tones(DEVICE, PLAIN, f0, f, PER_WATT, [[strong, 0.0], [strong, weak]])
    p = float(forced_power(device, f[0], strong))
    assert both.p[1, 0, 0] == pytest.approx(p, rel=1e-6)
    gain = both.p[1, 0, 1] / (weak * PER_WATT * device.drive**2)
    assert gain == pytest.approx(1 / (apart**2 + (1 + 4 * p) ** 2), rel=2 * (2 * p / apart) ** 2)


def unmixed(law, f0, f, powers):
    """Voltages of two tones by eq. 5 without eq. 6, iterated."""
    at = Tones.at(DEVICE, law, f0, f, PER_WATT)
    p = np.zeros(2)
    for _ in range(500):
        y = 2 * p.sum() - p
        loss, u = 1 + law.nonlinear_damping * y, at.detuning[0] - at.shift * y
        p += 0.2 * (at.drive[0] * powers / (u**2 + loss**2) - p)
    return at.voltages(powers[None], loss, u).sum()


@pytest.mark.parametrize(("shift", "power", "off"), [(0.0, 1e-7, 5e-5), (0.05, 1e-7, 3e-4), (-0.1, 2e-8, 3e-5)])
def test_two_tones_against_integration(shift, power, off):
    law, f0 = Saturation(frequency_shift=shift), 8e9
    f = f0 * (1 + DEVICE.damping * np.array([0.4, 8.1]))
    powers, unit = power * np.array([1.0, 0.8]), DEVICE.sensitivity * power
    theirs = integrate_tones(DEVICE, law, f0, f, PER_WATT, powers, [0.3, 1.9], 2e-7)[0] / unit
    ours = balance_tones(DEVICE, law, f0, f, PER_WATT, powers).voltages[0, 0] / unit
    assert abs(ours - theirs) <= off
    assert abs(unmixed(law, f0, f, powers) / unit - theirs) > 5 * abs(ours - theirs)  # mixing is no decoration


def test_a_chain_against_integration():
    f_res, f = chains(1, 6)
    powers = 5e-8 * np.array([1.0, 0.2, 0.7, 0.0, 0.9, 0.5])
    ours = balance_tones(DEVICE, PLAIN, f_res[0], f, PER_WATT, powers).voltages[0]
    theirs = integrate_tones(DEVICE, PLAIN, f_res[0], f, PER_WATT, powers, np.arange(6.0), 4e-7)
    assert ours == pytest.approx(theirs, abs=5e-5 * DEVICE.sensitivity * 5e-8)


@pytest.mark.parametrize(
    ("most", "off", "shift"),
    [(2e-9, 1e-6, 0.0), (5e-8, 6e-5, 0.0), (1e-6, 4e-4, 0.0), (5e-8, 6e-5, 0.1), (5e-8, 6e-5, -0.1), (2e-7, 1e-3, 0.1)],
)
def test_the_fast_form_is_the_full_balance(most, off, shift):
    f_res, f = chains(5, 12, spacing=6.4)  # no multiple of four chains
    rng = np.random.default_rng(2)
    signs = np.where(np.arange(12) % 2, -1.0, 1.0)
    currents = PER_WATT * rng.uniform(0.5, 1.0, (12, 12))
    powers = most * rng.random((30, 12)) * (rng.random((30, 12)) < 0.6)
    law = Saturation(frequency_shift=shift)
    with collected() as warnings:
        bank = ToneBank.of(DEVICE, law, f_res, f, currents, signs, most)
        full = balance_tones(DEVICE, law, f_res.ravel(), f, np.tile(currents, (5, 1)), powers)
    assert full.solved
    wanted = (full.voltages.reshape(30, 5, 12) * signs).sum(-1)
    with collected() as own:
        volts = [bank.voltages(powers, threads=count) for count in (1, 2)]
    assert [one.code for one in own] == [one.code for one in warnings] == ["tone-mixing"] * (most * shift > 1e-8)
    difference = (volts[0] - wanted) / (DEVICE.sensitivity * most)
    assert np.sqrt(np.mean(difference**2)) <= off
    assert (volts[0] == volts[1]).all()
    assert (
        np.abs(
            wanted
            - powers
            @ np.einsum("jkt,kt,k->tj", rectified_per_watt(f, f_res[..., None], DEVICE), currents / PER_WATT, signs)
        ).max()
        > 50 * off * DEVICE.sensitivity * most
    )


def test_the_fast_form_leaves_folded_resonances_to_the_full_balance():
    """Chains tuned into their fold-over at 400 nW: every voltage and its noise are those of the full balance."""
    f, law, most = chains(1, 4)[1], Saturation(frequency_shift=0.1), 4e-7
    f_res = f / (1 + DEVICE.damping * np.array([[3.5], [2.0], [-1.0]]))
    powers = most * RNG.uniform(0.1, 1, (6, 4))
    with collected():
        bank = ToneBank.of(DEVICE, law, f_res, f, PER_WATT, 1.0, most)
        full = balance_tones(DEVICE, law, f_res.ravel(), f, PER_WATT, powers)
        volts, noise = bank.noisy_voltages(powers)
    assert full.solved
    wanted = full.voltages.reshape(6, 3, 4).sum(-1)
    assert np.abs(volts - wanted)[:, :2].max() <= 1e-3 * DEVICE.sensitivity * most
    hiss = balanced_density(DEVICE, law, f_res.ravel(), f, PER_WATT, powers, full.p).reshape(6, 3, 4).sum(-1)
    assert noise[:, :2] == pytest.approx(hiss[:, :2], rel=2e-2)


def test_a_line_width_adds_to_the_loss():
    """One tone against the susceptibility at f - jΔ/2 and against eq. 8 by iteration; chains, fast against full."""
    f0, x, f = 3e9, 0.2, 3e9 * (1 + DEVICE.damping * np.array([-1.0, 0.3, 4.0]))
    for power in (1e-15, 2e-7):
        volts = []
        for tone in f:
            found = balance_tones(DEVICE, PLAIN, f0, tone, PER_WATT, power, x)
            at = Tones.at(DEVICE, PLAIN, f0, tone, PER_WATT)
            u, s, p = at.detuning.item(), at.drive.item() * power, 0.0
            for _ in range(200):
                g = 1 + 2 * p
                p = 0.5 * (p + s * (1 + x / g) / (u**2 + (g + x) ** 2))
            assert found.p.item() == pytest.approx(p, rel=1e-9)
            volts.append(found.voltages.item() / power)
        r = (f - 1j * x * DEVICE.damping * f0) / f0
        law = -4 * DEVICE.damping * DEVICE.sensitivity * np.real(1 / (1 - r**2 + 2j * DEVICE.damping * r))
        assert (volts == pytest.approx(law, rel=1e-6)) == (power < 1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_line_widths_and_noise_of_the_fast_form(shift):
    f_res, tones = chains(3, 12)
    law = Saturation(frequency_shift=shift)
    powers, widths = 5e-8 * RNG.uniform(0, 1, (4, 12)), RNG.uniform(0.02, 0.1, (4, 12))
    full = balance_tones(DEVICE, law, f_res.ravel(), tones, PER_WATT, powers, widths)
    bank = ToneBank.of(DEVICE, law, f_res, tones, PER_WATT, np.ones(12), 5e-8)
    volts, noise = bank.noisy_voltages(powers, widths)
    wanted = full.voltages.reshape(4, 3, 12).sum(-1)
    assert np.abs(volts - wanted).max() < 3e-4 * np.abs(wanted).max()
    made = (DEVICE, law, f_res.ravel(), tones, PER_WATT, powers, full.p)
    assert noise == pytest.approx(balanced_density(*made).reshape(4, 3, 12).sum(-1), rel=1e-3)


def test_order_of_tones_and_lone_tones():
    f_res, f = chains(2, 5)
    order = np.array([3, 0, 4, 1, 2])
    powers = 1e-7 * np.random.default_rng(0).random((4, 5))
    bank = ToneBank.of(DEVICE, PLAIN, f_res, f, PER_WATT, 1.0, 1e-7).voltages(powers)
    other = ToneBank.of(DEVICE, PLAIN, f_res[:, order], f[order], PER_WATT, 1.0, 1e-7).voltages(powers[:, order])
    assert other == pytest.approx(bank, rel=1e-9)
    alone = ToneBank.of(DEVICE, PLAIN, f_res[:, :1], f[:1], PER_WATT, 1.0, 1e-7).voltages(powers[:, :1])
    for j in range(2):
        device = AutoOscillator.from_spin_diode(DEVICE, f_res[j, 0])
        assert alone[:, j] == pytest.approx(forced_voltage(device, f[0], powers[:, 0]), rel=1e-7)


def test_mixing_warns_beyond_its_limit():
    f0, law = 8e9, Saturation(frequency_shift=-0.1)
    f = f0 * (1 + DEVICE.damping * np.array([0.4, 8.1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = balance_tones(DEVICE, law, f0, f, PER_WATT, [2e-7, 1.6e-7])
    assert 0.5 * MIXING < found.mixing.max() <= MIXING
    with pytest.warns(ValidityWarning, match="tone-mixing: resonators whose tones mix"):
        found = balance_tones(DEVICE, law, f0, f, PER_WATT, [4e-7, 3.2e-7])
    assert found.mixing.max() > MIXING


def test_what_cannot_be_is_refused():
    f_res, f = chains(2, 3)
    with pytest.raises(InputError, match="RF power -1 W: possible: finite, not negative"):
        balance_tones(DEVICE, PLAIN, f_res[0], f, PER_WATT, [1.0, -1.0, 0.0])
    with pytest.raises(InputError, match="tone 0 Hz: possible: positive"):
        balance_tones(DEVICE, PLAIN, f_res[0], [0.0, 1e9, 2e9], PER_WATT, np.zeros(3))
    with pytest.raises(InputError, match="largest power 0 W"):
        ToneBank.of(DEVICE, PLAIN, f_res, f, PER_WATT, 1.0, 0.0)
    bank = ToneBank.of(DEVICE, PLAIN, f_res, f, PER_WATT, 1.0, 1e-9)
    with pytest.raises(InputError, match=r"RF powers 0 ... 2e-09 W: possible: 0 ... 1e-09 W"):
        bank.voltages(np.array([[0.0, 2e-9, 0.0]]))
    with pytest.raises(InputError, match=r"step 5e-11 s: possible: above 0, at most"):
        integrate_tones(DEVICE, PLAIN, f_res[0], f, PER_WATT, np.zeros(3), np.zeros(3), 1e-9, step=5e-11)
