"""Layers under strip lines whose resonators saturate: against integration in time, closed forms, the linear limit."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG
from networks import SETTINGS, tiny_model

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.cosim.cascade.hardware import saturating_hardware
from resonet.cosim.cascade.image_run import prepare
from resonet.cosim.cascade.level_diagrams import level_diagram
from resonet.cosim.cascade.line_dynamics import line_passes
from resonet.cosim.cascade.two_pass import cascade
from resonet.cosim.noise.repeats import Reads
from resonet.cosim.saturation.accuracy import at_power, balance_error, saturating_accuracy
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.weights.inference import forward
from resonet.models.resonator.precession_noise import saturated_line, saturated_precession_density
from resonet.models.resonator.tone_balance import Saturation, Tones, balance_tones
from resonet.models.resonator.tone_time import integrate_tones
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import classes, propagate
from resonet.netlist.network.images import ImageSet

IMAGES = RNG(2).uniform(0, 1, (6, 1, 3, 4))
LINES = ["feed.kind=stripline", "feed.layers=all", "neuron.p1db=1 kW"]
SHARP = "noise.sources=johnson,precession"


def compiled(path, *settings):
    parameters = read_parameters(None, [*SETTINGS, *LINES, *settings])
    with collected():  # tones above the linear range are what this is about
        return compile_cnn(path, parameters, ImageSet(path, IMAGES, np.zeros(0)))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("saturating_lines"))


@pytest.fixture(scope="module")
def real(path):
    """All layers under lines with all their parasitics, at 200 nW."""
    return prepare(compiled(path, "plan.p_max=200 nW", SHARP), "coupled", engines=("two-pass",), images=IMAGES)


def currents_of(line, passes, carried):
    """|i|² of every tone in every resonator, A² [resonators, tones], summed line by line, for carried [lines]."""
    found = np.zeros((passes.current.shape[1], len(line.frequencies)))
    for n, tone in enumerate(passes.tones):
        found[:, tone] += np.abs(passes.current[n]) ** 2 * carried[passes.lines[n]]
    return found


def resonances(line, passes):
    built = line.frequencies[passes.circuit.tone]
    return built + (line.f_res[passes.circuit.resonators] - built) * passes.share


def volts_of(hardware, name, carried):
    """Voltages of the chains of a layer, V [chains], for carried [lines]."""
    own = hardware.saturating[name]
    return own.table.heard(carried[None], None, noisy=False)[0][0]


@pytest.mark.slow
@pytest.mark.parametrize(("power", "shift", "bar"), [(2e-9, 0.0, 1e-6), (2e-7, 0.0, 3e-5), (2e-7, 0.01, 4e-5)])
def test_chains_are_those_of_the_oscillators_in_time(path, power, shift, bar) -> None:
    """The equation of motion of every resonator under the currents of all lines, integrated, tones in any phases."""
    law = [f"plan.p_max={power:g} W", f"saturation.frequency_shift={shift:g}", SHARP]
    hardware = prepare(compiled(path, *law), "coupled", engines=("two-pass",), images=IMAGES).saturated()
    line, law = hardware.lines["conv1"], hardware.holder.parameters.saturation
    passes = next(line_passes(line))
    carried = RNG(4).uniform(0.2, 1, len(line.usage.inputs))
    currents, f_res = currents_of(line, passes, carried), resonances(line, passes)
    phases = RNG(5).uniform(0, 2 * np.pi, len(line.frequencies))
    theirs = integrate_tones(line.device, law, f_res, line.frequencies, currents, power, phases)
    wanted = passes.gains @ theirs
    unit = line.device.sensitivity * power
    found = volts_of(hardware, "conv1", carried)[passes.chains]
    assert np.abs(found - wanted).max() <= bar * unit


def test_the_linear_limit_is_the_weights_of_the_lines(real, path) -> None:
    """At 2 nW within a hundredth, at 2 pW within 1e-4 of 1 %, without Q_nl at any power but for rounding."""
    carried = RNG(3).uniform(0, 1, (5, 1, len(real.lines["conv1"].usage.inputs)))
    wanted = real.held["conv1"].products(carried)
    off = []
    for power in (2e-9, 2e-12):
        weak = replace(real.saturated(), saturating=None).saturated(tables=real.line_tables())
        own = weak.saturating["conv1"]
        own = replace(own, table=replace(own.table, p_max=power))
        off.append(np.abs(own.products(carried) - wanted).max() / np.abs(wanted).max())
    assert off[1] < 2e-5 < off[0] < 0.01
    assert off[0] / off[1] == pytest.approx(1000, rel=0.05)
    plain = replace(own, table=replace(own.table, law=Saturation(nonlinear_damping=0.0), p_max=1e-6))
    assert plain.products(carried) == pytest.approx(wanted, abs=1e-9 * np.abs(wanted).max())


def test_each_resonator_has_the_powers_of_its_own_lines_and_of_its_neighbours(real) -> None:
    """½ R0 |i|² of every line, by tone; each resonator's balance is that of `balance_tones` alone."""
    hardware, line = real.saturated(), real.lines["conv1"]
    table, passes = hardware.saturating["conv1"].table, next(line_passes(line))
    carried = RNG(6).uniform(0, 1, len(line.usage.inputs))
    currents = currents_of(line, passes, carried)
    powers = table.windows[0].powers(carried[None])[0]
    assert powers == pytest.approx(0.5 * line.device.resistance * currents, rel=1e-12)
    own = powers[np.arange(len(powers)), passes.circuit.tone]
    assert np.all(own > 0)
    assert (powers.sum(1) - own).max() > 1e-6 * own.max()  # crosstalk is there
    f_res, alone = resonances(line, passes), np.zeros(len(own))
    for k in range(len(own)):
        made = (f_res[k], line.frequencies, 2 / line.device.resistance, powers[k] * table.p_max)
        alone[k] = balance_tones(line.device, table.law, *made).voltages[0, 0]
    found = volts_of(hardware, "conv1", carried)[passes.chains]
    assert found == pytest.approx(passes.gains @ alone, rel=1e-12)
    dark = hardware.saturating["conv1"].products(np.zeros((1, 1, len(carried))))
    assert np.all(dark == 0)


def test_noise_is_that_of_the_saturated_resonators(real) -> None:
    """Each chain has the sum of eq. 3 over its resonators and all their tones, with the gains squared."""
    hardware, line = real.saturated(), real.lines["conv1"]
    table, passes = hardware.saturating["conv1"].table, next(line_passes(line))
    carried = RNG(7).uniform(0, 1, len(line.usage.inputs))
    noise = table.heard(carried[None], None)[1][0, passes.chains]
    powers, f_res = table.windows[0].powers(carried[None])[0] * table.p_max, resonances(line, passes)
    device, law = line.device, table.law
    density = np.zeros(len(f_res))
    for k, f0 in enumerate(f_res):
        made = (f0, line.frequencies, 2 / device.resistance)
        p, at = balance_tones(device, law, *made, powers[k]).p[0, 0], Tones.at(device, law, *made)
        lines = saturated_line(at.detuning[0], p, p.sum() - p, law.nonlinear_damping)
        density[k] = saturated_precession_density(device, f0, powers[k], 1.0, lines).sum()
    assert noise == pytest.approx(passes.gains**2 @ density, rel=2e-3)  # and 0.1 % of what turns the other way
    weak = replace(table, p_max=1e-15).heard(carried[None], None)[1][0] / 1e-15
    made = hardware.noisy()["conv1"]
    agitation, linear = made.noise.agitation[0], made.noise.linear_precession(carried[None, None, None])[0, 0, :, 0]
    assert weak * agitation * table.p_max == pytest.approx(linear, rel=0.02)  # of its own line's tone alone


def test_run_levels_and_accuracy_are_the_same_network(real, path) -> None:
    """Parallel cascade and forward pass; noise of zero repeats; levels with the saturated voltages."""
    hardware = real.saturated()
    run, wanted = (
        cascade(hardware.levels, hardware.answering, IMAGES),
        forward(real.holder, hardware.saturating, IMAGES),
    )
    assert run.logits == pytest.approx(wanted, abs=1e-6 * np.abs(wanted).max())
    assert balance_error(real.holder, hardware.saturating, IMAGES) == 0
    assert (
        level_diagram(hardware, IMAGES).layers[0].full_scale < 0.98 * level_diagram(real, IMAGES).layers[0].full_scale
    )
    flat = hardware.saturating["conv1"].flat
    lines = RNG(1).uniform(0, 1, (2, 1, len(real.lines["conv1"].usage.inputs)))
    assert hardware.saturating["conv1"].by_output(flat.products(lines[None])[0].swapaxes(1, 2)) == pytest.approx(
        hardware.saturating["conv1"].products(lines), rel=1e-12
    )
    trained = classes(propagate(real.holder.cnn, IMAGES), None)
    data = ImageSet(path, IMAGES, trained)
    saturate = saturating_hardware("coupled", real.held)
    found = saturating_accuracy(real.holder, real.held, data, trained, (2e-12, 2e-7), reads=Reads(1, 2, None),
                                saturate=saturate)  # fmt: skip
    assert [(one.p_max, one.balance, one.checked) for one in found] == [(2e-12, "full", 0), (2e-7, "full", 0)]
    assert found[0].same_class == 1
    for one in found:
        made = saturate(at_power(real.holder, one.p_max))
        assert one.circuit == np.mean(classes(forward(real.holder, made.answering, IMAGES), None) == trained)
        assert len(one.noisy.shares) == 2


def test_line_widths_of_the_tones_count(path) -> None:
    """Tones of neurons have a width: sums of the second layer are smaller than those of sharp ones."""
    hardware = prepare(compiled(path, "plan.p_max=50 nW"), "coupled", engines=("two-pass",), images=IMAGES)
    wide, sharp = hardware.saturated(), hardware.saturated(wide=False)
    last = list(hardware.held)[-1]
    lines = RNG(8).uniform(0.2, 1, (3, 1, len(hardware.lines[last].usage.inputs)))
    blurred, whole = wide.saturating[last].products(lines), sharp.saturating[last].products(lines)
    assert wide.saturating[last].sharp(lines) == pytest.approx(whole, rel=1e-12)
    assert 0 < 1 - np.linalg.norm(blurred) / np.linalg.norm(whole) < 0.3
    noisy = wide.noisy()[last]
    assert noisy.products(lines) == pytest.approx(blurred, rel=1e-12)


def test_what_strip_lines_refuse(real, path) -> None:
    with pytest.raises(InputError, match="accuracy, run or levels --resonators saturating"):
        saturating_weights(real.holder, real.held)
    with pytest.raises(InputError, match="--balance fast: all layers are on strip lines"):
        real.saturated("fast")
    data = ImageSet(path, IMAGES, np.zeros(6, int))
    with pytest.raises(InputError, match=r"layer conv1 is on strip lines .* without calibration images"):
        saturating_accuracy(real.holder, real.held, data, np.zeros(6, int), calibration=data,
                            saturate=saturating_hardware("coupled", real.held))  # fmt: skip
    folding = compiled(path, "plan.p_max=1 uW", "saturation.frequency_shift=0.5", "feed.causes=none")
    with collected() as warnings:
        prepare(folding, "coupled", engines=("two-pass",), images=IMAGES).line_tables()
    assert [one.code for one in warnings] == ["fold-over"]
