"""Noise of whole networks: densities against ngspice and closed forms, draws against budgets, both ways of hardware."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG

from resonet.core.errors import InputError
from resonet.cosim.cascade.image_run import RunOptions, prepare, run_image
from resonet.cosim.cascade.two_pass import cascade
from resonet.cosim.ngspice.run import run_deck
from resonet.cosim.noise.budget import Tally, effective_bits, noise_budget, signal_to_noise
from resonet.cosim.noise.layer_noise import layer_noise
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.noise.repeats import Reads, noisy_accuracy
from resonet.cosim.noise.tones import Oscillators, ToneNoise
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import linear, readout_divider
from resonet.cosim.weights.inference import circuit_logits, forward
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.dc_side import DcStack
from resonet.models.neuron.electronics import POLES
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.noise_options import NOISE_SOURCES, NoiseOptions
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.images import ImageSet
from resonet.netlist.spice.deck import Deck

BOLTZMANN = 1.380649e-23
CIRCUIT = BusCircuit(block_capacitance=0.1e-12, bypass_capacitance=0.15e-12, readout_resistance=1e6)
SIZES, R0, BANDWIDTH = [4, 3], 1e3, 30e6
IMAGES = RNG(6).uniform(0, 1, (12, 1, 8, 8))


def with_noise(design: Design, **options: object) -> Design:
    return replace(design, parameters=replace(design.parameters, noise=replace(design.parameters.noise, **options)))


@pytest.fixture(scope="module")
def small(small_model) -> tuple[Design, dict]:
    made = read_parameters(None, ["plan.tile=24", "plan.p_max=50 nW", "neuron.bandwidth=1 MHz"])
    with pytest.warns(UserWarning, match="tone-power"):
        design = compile_cnn(small_model, made, ImageSet("images", IMAGES, np.zeros(0, np.int64)))
    return design, network_weights(design, "coupled", linear)


def transfer(stack: DcStack, inputs: np.ndarray, f: np.ndarray) -> np.ndarray:
    """|output per input|² [f, inputs]."""
    system = 2j * np.pi * f[:, None, None] * np.eye(len(stack.matrix)) - stack.matrix
    return np.abs(np.linalg.solve(system, inputs.astype(complex))[:, -1]) ** 2


def test_bandwidths_are_integrals_over_frequency():
    stack = DcStack.of_tiles(SIZES, R0, CIRCUIT, BANDWIDTH, POLES)
    f = np.concatenate([[0.0], np.linspace(1e3, 2e8, 12_001), np.geomspace(2.001e8, 1e11, 3001)])
    for inputs in (stack.drive, stack.inputs.choke, stack.inputs.feed, stack.inputs.readout):
        passed = transfer(stack, inputs, f)
        for average in (0.0, 20e-9, 3e-6):
            wanted = np.trapezoid(passed * np.sinc(f * average)[:, None] ** 2, f, axis=0)
            assert stack.bandwidths(inputs, average) == pytest.approx(wanted, rel=2e-3)


def test_three_poles_and_a_long_average():
    stack = DcStack.of_tiles(SIZES, R0, CIRCUIT, BANDWIDTH, POLES)
    assert stack.bandwidths(stack.inputs.transconductor) == pytest.approx(3 * np.pi / 16 * BANDWIDTH, rel=1e-9)
    assert stack.bandwidths(stack.inputs.transconductor, 1e-3) == pytest.approx(1 / 2e-3, rel=1e-4)


def test_johnson_noise_of_a_stack_is_ngspices():
    """Chains, chokes, sources of the buses and readout, `.noise` of two tiles, 77 K, integrated behind three poles."""
    lines = ["* noise of two tiles", '.include "../lib/bias_tee.lib"', '.include "../lib/readout.lib"']
    tee = "bias_tee cblock=1e-13 lchoke=1e-05 rchoke=1 cbypass=1.5e-13"
    lines += [".options temp=-196.15 tnom=-196.15", "rs0 b0 0 50", "rs1 b1 0 50", "r0 0 h0 4k", f"x0 b0 d0 h0 {tee}"]
    lines += ["r1 d0 h1 3k", f"x1 b1 d1 h1 {tee}", "xr d1 readout rin=1meg", "i1 0 d1 dc 0 ac 1"]
    run = ["noise v(d1) i1 dec 200 1k 100g", "setplot previous", "write stack_noise.raw onoise_spectrum"]
    lines += [".control", "set filetype=binary", *run, "quit", ".endc", ".end", ""]
    plot = run_deck(Deck("stack_noise", "\n".join(lines)))[0]
    density, f = plot.columns(["onoise_spectrum"])[:, 0].real ** 2, plot.axis
    wanted = np.trapezoid(density / (1 + (f / BANDWIDTH) ** 2) ** 3, f) + density[0] * f[0]
    stack, kt = DcStack.of_tiles(SIZES, R0, CIRCUIT, BANDWIDTH, POLES), 4 * BOLTZMANN * 77
    found = stack.bandwidths() @ (kt * R0 * np.array(SIZES)) + stack.bandwidths(stack.inputs.choke).sum() * kt
    found += stack.bandwidths(stack.inputs.feed).sum() * kt * 50
    found += stack.bandwidths(stack.inputs.readout).sum() * kt / 1e6
    assert found == pytest.approx(wanted, rel=1e-3)


def test_precession_noise_is_a_sum_over_resonators(small):
    """Against the phasors of the engine: every tone in every resonator of a chain, Lorentzians summed one by one."""
    design, held = small
    noise = layer_noise(design, held["dense1"])
    entry, program = design.plan.layer("dense1"), design.program("coupled").layer("dense1")
    passes, device = linear(design.plan, entry, program.f_res), design.plan.device
    stack = DcStack.of_tiles(entry.tile_sizes, R0, design.plan.circuit, 1e6, POLES)
    thermal = 0.01 * 1.602176634e-19 * BOLTZMANN * 300 / (1.054571817e-34 * 0.6 * 10e-6)
    for bus, f_res, rf in zip(entry.buses, program.f_res, passes.rf, strict=True):
        for j, output in enumerate(bus.outputs):
            for t, tap in enumerate(bus.taps):
                watts = 0.5 * R0 * np.abs(rf.current[t, j]) ** 2 * 50e-9
                u = (bus.frequencies[t] - f_res[j]) / (device.damping * f_res[j])
                density = (R0 * thermal * watts / (8 * np.pi * device.damping * f_res[j] * (1 + u**2))).sum()
                wanted = density * stack.bandwidths()[bus.tile]
                assert noise.precession[0, output, tap] == pytest.approx(wanted, rel=0.02)  # tails are no Lorentzians


def test_the_slope_is_what_a_shifted_tone_changes(small):
    design, held = small
    noise = layer_noise(design, held["conv1"])
    entry, program = design.plan.layer("conv1"), design.program("coupled").layer("conv1")
    (bus,), (f_res,) = entry.buses, program.f_res
    volts = []
    for shift in (-1e4, 1e4):  # of all resonators the other way: currents of the bus stay as they are
        moved = linear(design.plan, entry, [f_res * (1 - shift / bus.frequencies[3])])
        rf = moved.rf[0]
        volts.append(0.5 * device_k(design) * np.real(rf.current * np.conj(rf.precession))[3] @ bus.signs * 50e-9)
    wanted = (volts[1] - volts[0]) / 2e4
    assert noise.slope[0, bus.outputs, bus.taps[3]] == pytest.approx(wanted, rel=1e-3)


def device_k(design: Design) -> float:
    return design.plan.device.transduction


def test_noise_that_rides_on_a_tone_beats_with_it():
    """A complex carrier with white noise of density S (W/Hz, one-sided): its power over a time T strays by 2PS/T."""
    rng, power, density, rate, points, reads = RNG(3), 1e-9, 2e-19, 1e6, 400, 4000
    sigma = np.sqrt(density * rate)  # |a|² is the power; both sidebands within the rate
    noise = sigma * (rng.normal(size=(2, reads, points)) / np.sqrt(2))
    means = (np.abs(np.sqrt(power) + noise[0] + 1j * noise[1]) ** 2).mean(1)
    shape = np.ones((1, 1))
    tones = ToneNoise(shape * rate / (2 * points), {"amplifier": shape * density / 5e-9}, None, False, False)
    found = tones.carried_variances(np.full((1, 1, 1, 1), power / 5e-9))["amplifier"].item() * 5e-9**2
    assert found == pytest.approx(2 * power * density * rate / points, rel=1e-12)
    assert means.var() == pytest.approx(found, rel=0.1)


def test_amplitude_noise_is_bounded_by_its_variance_and_phase_noise_is_that_of_the_line():
    oscillators = Oscillators(np.full((1, 1), 5e9), 2.7, True, 0.01, 2.0, 0.01)
    full, narrow, wide = np.ones((1, 1, 1, 1)), np.full((1, 1), 1e3), np.full((1, 1), 1e12)
    gamma0, xi, p = 2 * np.pi * 5e7, 3.7, 2.7 / 5.7
    slow = 8 * p * gamma0 * (1 + 2 * p) * 0.01 / (2 * gamma0 * (2 + xi) * p) ** 2 / p**2  # linearised, far above
    assert oscillators.amplitude(full, narrow).item() == pytest.approx(slow * 1e3, rel=0.1)
    assert oscillators.amplitude(full, wide).item() == pytest.approx((1 + 2 * p) * 0.01 / (2.7 * p), rel=0.1)
    other = replace(oscillators, ideal=False)  # the same at full drive; at half the power p is half, not ξ - 1
    assert other.frequency(full, narrow) == pytest.approx(oscillators.frequency(full, narrow), rel=1e-9)
    half = (1 + p) / (1 - p / 2)
    at = replace(oscillators, drive=2 * (half - 1)).frequency(full / 2, narrow)
    assert other.frequency(full / 2, narrow) == pytest.approx(at, rel=1e-9)
    line = gamma0 * (1 + 2 * p) * 0.01 / (2 * np.pi * p)
    assert oscillators.frequency(full, narrow).item() == pytest.approx(line / np.pi * 1e3, rel=0.05)


def test_draws_have_the_variance_of_the_budget_and_products_none(small):
    design, held = small
    noisy = noisy_weights(design, held, seed=4)["dense1"]
    carried = np.repeat(RNG(1).uniform(0, 1, (1, 1, 1, 36)), 20_000, axis=1)
    sharp = noisy_weights(with_noise(design, sources="phase"), held)["dense1"].products(carried[:, :3])
    assert sharp == pytest.approx(held["dense1"].products(carried[:, :3]), rel=1e-15)
    volts = noisy.answers(carried)[0, :, :, 0] * noisy.noise.unit[0]
    sources = dict(noisy.noise.sources(noisy.values, carried[:, :1]))
    assert set(sources) == set(NOISE_SOURCES) - {"linewidth"}  # which is no noise
    wanted = sum(np.broadcast_to(own, (1, 1, 3, 1)) for own in sources.values())[0, 0, :, 0]
    assert volts.var(0) == pytest.approx(wanted, rel=0.06)
    again = noisy_weights(design, held, seed=4)["dense1"].answers(carried)[0, :, :, 0] * noisy.noise.unit[0]
    assert np.array_equal(volts, again)


def test_a_line_width_dulls_the_weights(small):
    """Against the susceptibility at f - jΔ/2: what a phase that forgets itself as exp(-πΔ|t|) makes of the tone."""
    design, held = small
    noisy = noisy_weights(design, held)["dense1"]
    carried = RNG(8).uniform(0, 1, (1, 4, 1, 36))
    width = noisy.noise.tones.oscillators.width(carried)[0, :, 0]  # [4, taps] Hz
    entry, program = design.plan.layer("dense1"), design.program("coupled").layer("dense1")
    passes, device = linear(design.plan, entry, program.f_res), design.plan.device
    wanted, sharp = np.zeros((2, 4, 3))
    for bus, f_res, rf in zip(entry.buses, program.f_res, passes.rf, strict=True):
        for t, tap in enumerate(bus.taps):
            watts = 0.5 * R0 * np.abs(rf.current[t]) ** 2 * carried[0, :, 0, tap, None, None] * 50e-9
            for found, blur in ((wanted, width[:, tap, None, None] / 2), (sharp, 0.0)):
                r = (bus.frequencies[t] - 1j * blur) / f_res
                chi = np.real(1 / (1 - r**2 + 2j * device.damping * r))
                found[:, bus.outputs] += -4 * device.damping * device.sensitivity * (watts * chi) @ bus.signs
    divider = readout_divider(design.plan, entry)
    volts = noisy.products(carried)[0, :, :, 0] * noisy.noise.unit[0]
    assert np.abs(volts - wanted * divider).max() < 2e-5 * np.abs(sharp).max()
    lost = ((sharp - wanted) * sharp).sum() / (sharp**2).sum()
    assert 0.02 < lost < 0.3
    tally = Tally(noisy, 1)
    tally.add(carried)
    assert tally.budget().dulled == pytest.approx(lost, rel=5e-3)


def test_what_all_chains_hear_is_the_same_for_all(small):
    """Phase noise alone: what two neurons get of it follows the two slopes, tone by tone."""
    design, held = small
    noisy = noisy_weights(with_noise(design, sources="phase"), held)["dense1"]
    carried = np.repeat(RNG(1).uniform(0.2, 1, (1, 1, 1, 36)), 8000, axis=1)
    volts = noisy.answers(carried)[0, :, :, 0] * noisy.noise.unit[0]
    moved = noisy.noise.tones.frequency_variance(carried[:, :1])[0, 0, 0] * carried[0, 0, 0] ** 2
    slope = noisy.noise.slope[0]
    wanted = np.corrcoef(volts.T)
    covariance = (slope * moved) @ slope.T
    found = covariance / np.sqrt(np.outer(covariance.diagonal(), covariance.diagonal()))
    assert wanted == pytest.approx(found, abs=0.04)
    assert np.abs(found - np.eye(3)).max() > 0.1


def test_sources_are_chosen_and_temperature_counts(small):
    design, held = small
    quiet = with_noise(design, sources="none")
    assert np.array_equal(forward(quiet, noisy_weights(quiet, held), IMAGES), forward(design, held, IMAGES))
    cold, warm = (
        layer_noise(with_noise(design, temperature=t, sources="johnson, precession"), held["conv1"]) for t in (30, 300)
    )
    assert set(cold.constant) == {"johnson"}
    assert warm.constant["johnson"] == pytest.approx(10 * cold.constant["johnson"], rel=1e-12)
    assert warm.precession == pytest.approx(10 * cold.precession, rel=1e-12)
    for wrong in ("thermal", "all, johnson"):
        with pytest.raises(InputError, match=r"noise\.sources = "):
            NoiseOptions(sources=wrong)
    with pytest.raises(InputError, match=r"noise\.temperature = -1"):
        read_parameters(None, ["noise.temperature=-1"])


def test_cascade_and_sequential_hardware_have_the_same_noise(small):
    """Per neuron, at the operating point of a single image: one function of what the tones carry, two callers."""
    design, held = small
    hardware = prepare(design, "coupled", engines=("two-pass",), images=IMAGES)
    reads = 3000
    many = np.repeat(IMAGES[:1], reads, axis=0)
    run = cascade(hardware.levels, hardware.noisy(2), many)
    quiet = cascade(hardware.levels, hardware.held, IMAGES[:1])
    seen = {}

    def watch(synapses, x):
        noisy = noisy_weights(design, held, 3)[synapses.name]
        sums = noisy.sums(synapses, np.repeat(x[:1], reads, axis=0), design.scales[synapses.name])
        seen[synapses.name] = sums[0].transpose(0, 2, 1).reshape(reads, -1)  # copies of a kernel one after another

    forward(design, held, IMAGES[:1], watch=watch)
    first = run.stages[0].sums - quiet.stages[0].sums
    stage = hardware.design.stages[0]
    assert first.std(0) == pytest.approx(seen["conv1"].std(0)[stage.first], rel=0.1)
    # The second layer gets the noise of the first besides: the neurons' own, read with quiet tones, is all but that.
    quiet_first = {"conv1": hardware.held["conv1"], "dense1": hardware.noisy(2)["dense1"]}
    last = cascade(hardware.levels, quiet_first, many).stages[-1].sums
    assert last.std(0) == pytest.approx(seen["dense1"].std(0), rel=0.1)


def test_noise_never_goes_through_float32(small):
    design, held = small
    many = np.repeat(IMAGES, 30, axis=0)
    found = circuit_logits(design, noisy_weights(design, held), many)
    assert found.exact.all()
    assert "NoisyWeights" in found.reason


def test_bits_are_those_of_a_converter():
    x = RNG(2).uniform(-1, 1, 200_000)
    for bits in (4, 7):
        step = 2 / 2**bits
        error = step * np.round(x / step) - x
        assert effective_bits(2.0, float(error.std())) == pytest.approx(bits, abs=0.02)
    assert signal_to_noise(1.0, 0.1) == pytest.approx(20)
    assert np.isnan(effective_bits(0.0, 1.0))
    assert effective_bits(1.0, 0.0) == np.inf


def test_a_budget_adds_up(small):
    design, held = small
    budgets = noise_budget(design, held, IMAGES)
    assert [one.layer for one in budgets] == ["conv1", "dense1"]
    for one in budgets:
        assert one.noise**2 == pytest.approx(sum(rms**2 for rms in one.sources.values()), rel=1e-9)
        assert one.noise**2 == pytest.approx(np.mean([n.noise**2 for n in one.neurons]), rel=1e-9)
        assert one.density**2 * one.bandwidth == pytest.approx(one.noise**2, rel=1e-12)
        assert one.bandwidth == pytest.approx(3 * np.pi / 16 * 1e6, rel=0.05)
        assert one.worst.enob == min(n.enob for n in one.neurons)
    of_neurons = {"amplitude", "phase", "linewidth", "tiles"}
    assert set(budgets[0].sources) == set(NOISE_SOURCES) - of_neurons  # of pixels, one tile a neuron
    assert budgets[0].dulled == 0


def test_accuracy_with_noise_is_seeded_and_repeated(small):
    design, held = small
    logits = forward(design, held, IMAGES)
    data = ImageSet("images", IMAGES, logits.argmax(1))
    found = noisy_accuracy(design, held, data, data.labels, 5, 4)
    assert found.shares[:2] == noisy_accuracy(design, held, data, data.labels, 5, 2).shares
    assert (found.software, len(found.shares)) == (1.0, 4)
    assert found.mean == pytest.approx(np.mean(found.shares))
    slow = replace(design, parameters=replace(design.parameters, neuron=replace(design.parameters.neuron, bandwidth=1)))
    assert noisy_accuracy(slow, held, data, data.labels).mean == 1.0
    assert len(Reads(few=5).of(design, data).images) == 5
    assert Reads(few=None).of(design, data) is data
    with pytest.raises(InputError, match="0 repeats"):
        noisy_accuracy(design, held, data, data.labels, repeats=0)


def test_a_run_reads_with_noise_and_engines_in_time_do_not_integrate(small):
    design, _ = small
    hardware = prepare(design, "coupled", engines=("two-pass",), images=IMAGES)
    run = run_image(hardware, IMAGES, 0, RunOptions(("two-pass",), reads=200, seed=3))
    assert run.noisy.logits.shape == (200, 3)
    assert sum(run.noisy.predicted.values()) == pytest.approx(1)
    assert len(run.noisy.noise) == 2
    neuron = replace(design.parameters.neuron, integration=1e-6)
    slow = replace(design, parameters=replace(design.parameters, neuron=neuron))
    with pytest.raises(InputError, match=r"neuron\.integration = 1e-06 s: the engine envelope has no gated integrator"):
        run_image(prepare(slow, "coupled", images=IMAGES), IMAGES, 0)
