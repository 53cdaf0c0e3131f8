"""Shared: a case for every place that warns of validity, just beyond its limit and just within."""

import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, make_dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import skrf
from conftest import RNG
from networks import SETTINGS, dense, tiny_model

from resonet.api import gathering
from resonet.api.designs import HELD, warn_held
from resonet.api.laws import MUCH_CLIPPED, MUCH_LOST, warn_clipped, warn_of_noise
from resonet.cli.commands.operate import _warn_below
from resonet.cli.commands.run import MUCH_INTERFERENCE, warn_of_run
from resonet.core import touchstone
from resonet.cosim.cascade import image_run
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.level_faults import MUCH_NOISE, warn_noisy
from resonet.cosim.feed import store
from resonet.cosim.montecarlo.levels import MOST_GAIN, limited_gain
from resonet.cosim.operate.latency import Latency
from resonet.cosim.operate.measuring import Measured
from resonet.cosim.operate.memory import Memory
from resonet.cosim.operate.points import Setting
from resonet.cosim.operate.power import Drawn
from resonet.cosim.operate.surrogate import LayerSurrogate, Surrogate
from resonet.cosim.saturation import accuracy as saturating
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.sweep.journal import read_journal, sealed_line
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.maxima import MUCH_POOLED, warn_maximum
from resonet.models.fit.measured import read_curve
from resonet.models.fit.residuals import Second, warn_of_structure
from resonet.models.resonator.fold_over import fold_over_power, warn_fold_over
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.linear_range import linear_range
from resonet.models.resonator.tone_balance import MIXING, Saturation, balance_tones
from resonet.netlist.cascade.level_planning import SAME_SEED
from resonet.netlist.chips.spread import SpreadOptions, largest_normal
from resonet.netlist.design.chips import ChipSampler
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.design.written import warn_of_edits
from resonet.netlist.network.activations.oscillator import OscillatorActivation
from resonet.netlist.network.chance import chance, check_chance
from resonet.netlist.network.images import ImageSet, read_images
from resonet.netlist.network.neuron_scales import find_scales, scaled_network
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.network.pixels import Pixels
from resonet.netlist.planning.frequency_plan import plan, source_power
from resonet.netlist.planning.powers import check_gains, check_source_power, check_tone_power
from resonet.netlist.planning.tile_coupling import check_tiles
from resonet.netlist.programming.fitted import Fitted
from resonet.report.style import figure, save
from resonet.sparams import compare, fixture
from resonet.sparams.measured import fit_part
from resonet.sparams.reference import constant_reference

__all__ = ["CASES", "World", "near"]


@dataclass(frozen=True)
class World:
    """What a case may use."""

    beyond: bool
    folder: Path
    patch: pytest.MonkeyPatch
    model: Path
    design: Design
    build: Path  # of the design; nobody writes into it


Case = Callable[[World], object]
CASES: dict[tuple[str, str], Case] = {}


def case(place: str, code: str) -> Callable[[Case], Case]:
    """The case of a place, file and function, and its code."""

    def put(one: Case) -> Case:
        assert (place, code) not in CASES
        CASES[place, code] = one
        return one

    return put


def near(world: World, limit: float, part: float = 1e-3) -> float:
    """A value just above the limit, or just below."""
    return limit * (1 + part if world.beyond else 1 - part)


# netlist, models


@case("netlist/planning/powers.py:check_tone_power", "tone-power")
def _(world):
    device = SpinDiode()
    check_tone_power(device, near(world, linear_range(device, 1.0).limit))


@case("netlist/planning/powers.py:check_source_power", "source-power")
def _(world):
    plan = world.design.plan
    most = max(10 ** (source_power(entry, plan) / 10 - 3) for entry in plan.layers)
    check_source_power(plan, most**2 / near(world, most))


@case("netlist/planning/powers.py:check_gains", "neuron-gain")
def _(world):
    """Two neurons, the weights of one a hundred times those of the other, or a bit more."""
    weight = RNG(1).uniform(0.5, 1, (2, 6))
    cnn = dense(weight / weight.max(1, keepdims=True) / [[1.0], [near(world, 100.0)]])
    scaled = scaled_network(cnn, {}, find_scales(cnn, "neuron", 100.0).raised)
    check_gains(plan(scaled, options=replace(read_parameters().plan, gain_range=100.0)))


@case("netlist/planning/tile_coupling.py:check_tiles", "tile-coupling")
def _(world):
    """κ goes with 1 / |1 - w² L C|, about 1 / C: 0.02 lies between the two."""
    tees = ["bus.block_capacitance=10 fF", f"bus.bypass_capacitance={0.111 if world.beyond else 0.114} pF"]
    check_tiles(compile_cnn(world.model, read_parameters(None, ["plan.tile=12", *tees])).plan)


@case("netlist/design/parameters.py:_name_unused", "unused-parameter")
def _(world):
    path = world.folder / "mine.toml"
    path.write_text(f"[auto_oscillator]\npsi = '{0.1 if world.beyond else 0} rad'\n")
    read_parameters(path)


@case("netlist/design/chips.py:_check", "unused-parameter")
def _(world):
    ChipSampler(world.design, SpreadOptions(nonlinear_damping=1e-9 * world.beyond))


@case("netlist/design/chips.py:_check_laws", "spread-law")
def _(world):
    count = sum(bus.size[0] * bus.size[1] for entry in world.design.plan.layers for bus in entry.buses)
    sigma = largest_normal(count) * (1.001 if world.beyond else 0.999)
    ChipSampler(world.design, SpreadOptions(resistance=sigma))


@case("cosim/montecarlo/levels.py:limited_gain", "layer-gain")
def _(world):
    limited_gain("conv1", MOST_GAIN * (1.001 if world.beyond else 0.999), 1.0)


@case("netlist/design/written.py:warn_of_edits", "edited-deck")
def _(world):
    copy = shutil.copytree(world.build, world.folder / "copy")
    if world.beyond:
        deck = next(copy.glob("decks/coupled/*.cir"))
        deck.write_text(deck.read_text() + "\n")
    warn_of_edits(copy)


@case("netlist/network/chance.py:check_chance", "chance-accuracy")
def _(world):
    """As many right as guessing explains, 57.5 %, and one more; the labels are alternately 0 and 1."""
    cnn, path, count = read_cnn(world.model), world.folder / "images.npz", 400
    np.savez(path, images=np.zeros((count, 1, 8, 8)), labels=np.arange(count) % 2)
    data = read_images(path, cnn.input_shape, Pixels.parse("0..1"))
    right = round(chance(data.labels) * count) + (not world.beyond)
    logits = np.eye(3)[np.where(np.arange(count) < right, data.labels, 2)]
    check_chance(cnn, path, data, logits)


@case("netlist/cascade/level_planning.py:_own_options", "thermal-seed")
def _(world):
    seed = 0.01 * (1 + near(world, SAME_SEED, 0.02))
    law = OscillatorActivation("three_terminal", drive=1.3, scale=0.8, clamp=3.0, seed=seed)
    images = ImageSet("images", RNG(3).uniform(0, 1, (6, 1, 3, 4)), np.zeros(0))
    given = read_parameters(None, [*SETTINGS, "neuron.seed=0.01"])
    parallel_hardware(compile_cnn(tiny_model(world.folder, activation=law), given, images), "coupled")


@case("models/resonator/tone_balance.py:warn_mixing", "tone-mixing")
def _(world):
    device, law, f0 = SpinDiode(), Saturation(frequency_shift=-0.1), 8e9
    tones, powers = f0 * (1 + device.damping * np.array([0.4, 8.1])), np.array([4e-7, 3.2e-7])
    per_watt, (low, high) = 2 / device.resistance, (0.1, 1.0)
    while high - low > 1e-3:  # of these powers, where mixing is at its limit
        middle = (low + high) / 2
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("resonet.models.resonator.tone_balance.MIXING", np.inf)
            most = balance_tones(device, law, f0, tones, per_watt, middle * powers).mixing.max()
        low, high = (low, middle) if most > MIXING else (middle, high)
    balance_tones(device, law, f0, tones, per_watt, (high if world.beyond else low) * powers)


@case("models/resonator/fold_over.py:warn_fold_over", "fold-over")
def _(world):
    device, law = SpinDiode(), Saturation(frequency_shift=-0.1)
    warn_fold_over(device, law, near(world, fold_over_power(device, law)))


@case("models/fit/residuals.py:warn_of_structure", "fit-residual")
def _(world):
    """A second resonance that explains 1 % of the line, in amplitude, a bit more or less."""
    rows = [RNG(1).normal(0, 1, 50)]
    left = float(rows[0] @ rows[0])
    gain = left * 0.99  # of what is left, that resonance explains nearly all
    without = left + gain / near(world, 0.01) ** 2
    warn_of_structure("curve.csv", rows, 46, without, 0.99, Second(5e9, gain, 5.0), False)


@case("models/fit/measured.py:_warn_of_units", "unit-assumed")
def _(world):
    path = world.folder / "curve.csv"
    head = "f (GHz),V (mV),P" if world.beyond else "f (GHz),V (mV),P (uW)"
    path.write_text("\n".join([head, *(f"{f},{f},0.5" for f in range(1, 9))]))
    read_curve(path)


# cosim


@case("cosim/weights/maxima.py:warn_maximum", "soft-maximum")
def _(world):
    warn_maximum("conv1", 4, near(world, MUCH_POOLED) * 1e-3, 1e-3, "")


@case("cosim/weights/spot_check.py:warn_unwitnessed", "unwitnessed")
def _(world):
    if world.beyond:
        world.patch.setenv("PATH", str(world.folder))
        world.patch.delenv("RESONET_NGSPICE", raising=False)
    network_weights(world.design, "formula")


def _stored(world):
    """A folder, and what computes a result of it or reads it there; without ngspice, which takes longer."""
    world.patch.setenv("PATH", str(world.folder))
    world.patch.delenv("RESONET_NGSPICE", raising=False)
    copy = shutil.copytree(world.build, world.folder / "copy")
    return copy, lambda: store.stored_effective_weights(copy, world.design, "coupled", ["conv1"])


@case("cosim/feed/store.py:_computed", "damaged-result")
def _(world):
    copy, run = _stored(world)
    run()
    if world.beyond:
        (path,) = copy.glob("results/effective_conv1_*.nc")
        path.write_bytes(path.read_bytes()[:-1])
    run()


@case("api/gathering.py:_warnings", "damaged-result")
def _(world):
    """Warnings that a command left, whole and cut off; others of the folder are whole."""
    path = world.folder / "results" / "warnings_levels.json"
    path.parent.mkdir()
    row = {"code": "noise", "text": "much", "value": 2.0, "limit": 1.0, "unit": ""}
    path.write_text(json.dumps([row])[: -1 if world.beyond else None])
    assert len(list(gathering._warnings(world.folder))) == (not world.beyond)


@case("cosim/feed/store.py:_keep", "not-written")
def _(world):
    _, run = _stored(world)
    if world.beyond:

        def refuse(*_):
            raise OSError(errno.EROFS, "Read-only file system")

        world.patch.setattr(store, "write_result", refuse)
    run()


@case("cosim/sweep/journal.py:_lines", "damaged-result")
def _(world):
    """A line that is whole and wrong; one that a kill cut off is none."""
    path = world.folder / "sweep.jsonl"
    path.write_text(sealed_line({"sweep": {}}) + '{"start": 1' + "\n" * world.beyond)
    read_journal(path)


def _memory(world):
    """A search, its file, and what it looked at."""
    tolerance = SimpleNamespace()
    layer = LayerSurrogate("conv1", {"johnson": 1.0}, np.ones(2), np.array([0.1, np.inf]))
    kept = Surrogate(world.design, tolerance, (layer,), np.ones(2), (Latency(1.0, 2.0, {}),), np.ones(2),
                     Drawn(1.0, 1.0, 1.0, 1))  # fmt: skip
    path, images = world.folder / "search.jsonl", ImageSet("images", np.zeros((1, 1, 8, 8)), np.zeros(1, int))
    return path, lambda: Memory.open(path, 0, images, lambda _: world.design, tolerance), kept


@case("cosim/operate/memory.py:open", "damaged-result")
def _(world):
    path, opened, kept = _memory(world)
    opened().keep((1.0,), kept)
    with path.open("a") as file:
        file.write('{"of"' + "\n" * world.beyond)
    opened()


@case("cosim/operate/memory.py:recall", "damaged-result")
def _(world):
    path, opened, kept = _memory(world)
    opened().keep((1.0,), kept)
    if world.beyond:
        line = json.loads(path.read_text())
        del line["surrogate"]["powers"]
        path.write_text(json.dumps(line) + "\n")
    assert (opened().recall((1.0,)) is None) == world.beyond


@case("cosim/saturation/accuracy.py:warn_fitted_elsewhere", "fitted-elsewhere")
def _(world):
    parameters = world.design.parameters
    power = parameters.plan.p_max * (1.001 if world.beyond else 1)
    fitted = Fitted(world.design.programs["coupled"], power, parameters.saturation, 1)
    saturating.warn_fitted_elsewhere(replace(world.design, fitted=fitted))


@case("cosim/saturation/accuracy.py:_measured", "fast-balance")
def _(world):
    """Of a small network both balances agree within 1e-6: the limit is put beside what they are apart."""
    own, images = saturating.at_power(world.design, 2e-7), RNG(6).uniform(0, 1, (3, 1, 8, 8))
    held = saturating_weights(own, network_weights(own, "coupled", linear))
    off = saturating.balance_error(own, held, images)
    world.patch.setattr(saturating, "LOOSE", off**2 / near(world, off))
    data = ImageSet("images", images, np.zeros(3, int))
    saturating._measured(own, "coupled", held, None, data, np.zeros(3, int), lambda *_: None)


@case("cosim/cascade/image_run.py:_resolved", "coarse-grid")
def _(world):
    """Logits that jump to their end at the twentieth step are read well enough."""
    hardware = image_run.prepare(world.design, "coupled", images=RNG(6).uniform(0, 1, (3, 1, 8, 8)))
    step = 1e-9
    time = step * np.arange(60)
    sums = np.where(np.arange(60) >= image_run.FEWEST_STEPS - world.beyond, 1.0, 0.0)[:, None]
    run = SimpleNamespace(time=time, stages=[SimpleNamespace(sums=sums)])
    image_run._resolved(hardware, np.zeros((1, 8, 8)), run, 0.0, step, np.ones(1))


@case("cosim/cascade/level_faults.py:warn_noisy", "noise")
def _(world):
    row = SimpleNamespace(layer="conv1", chain_noise=near(world, MUCH_NOISE) * 1e-3, full_scale=1e-3)
    budgets = [SimpleNamespace(dominant="johnson")]
    warn_noisy(SimpleNamespace(layers=[row], budgets=budgets, linear_power=2e-9, p_max=2e-9))


# The command line


@case("api/laws.py:warn_of_noise", "noise")
def _(world):
    found = SimpleNamespace(mean=0.9 - near(world, MUCH_LOST), software=0.9)
    warn_of_noise(world.design, 0.9, {"coupled": 0.9}, {"coupled": found})


@case("api/laws.py:warn_clipped", "inputs-clipped")
def _(world):
    warn_clipped(world.design, {"conv1": near(world, MUCH_CLIPPED)})


@case("cli/commands/operate.py:_warn_below", "below-target")
def _(world):
    confirmed = Measured(Setting(1e-9, 1e6), 0.9, 900)  # error 0.01
    _warn_below(make_dataclass("Found", ["confirmed"])(confirmed), near(world, 0.91))


@case("api/designs.py:warn_held", "weights-held")
def _(world):
    warn_held({"dense1": near(world, HELD)})


def _run(settled=0.0, beating=0.0):
    run = image_run.ImageRun.__new__(image_run.ImageRun)
    shown = {"stop": 1.0, "settling": (SimpleNamespace(sums=settled),), "interference": {"conv1": beating}}
    for name, value in shown.items():
        object.__setattr__(run, name, value)
    return run


@case("cli/commands/run.py:warn_of_run", "unsettled")
def _(world):
    warn_of_run(_run(settled=near(world, image_run.STILL)))


@case("cli/commands/run.py:warn_of_run", "interference")
def _(world):
    warn_of_run(_run(beating=near(world, MUCH_INTERFERENCE)))


@case("report/style.py:save", "not-written")
def _(world):
    folder = world.folder / "report"
    if world.beyond:
        folder.write_text("a file in the way")
    save(figure(1.0, 1.0), folder, "empty")


# Networks with ports


def network(s, f, z0=50.0, name="part"):
    return skrf.Network(f=np.asarray(f, float), f_unit="Hz", s=np.asarray(s, complex), z0=z0, name=name)


def through(f, delay, gain=1.0):
    """A line without reflection, [f, 2, 2]."""
    s = np.zeros((len(f), 2, 2), complex)
    s[:, 0, 1] = s[:, 1, 0] = gain * np.exp(-2j * np.pi * f * delay)
    return s


@case("sparams/reference.py:constant_reference", "touchstone-renormalised")
def _(world):
    """Complex, however little."""
    f = np.linspace(1e9, 2e9, 5)
    constant_reference(network(through(f, 1e-11, 0.5), f, 50 + 1e-6j * world.beyond))


@case("sparams/compare.py:_warn_of_gain", "measured-gain")
def _(world):
    f = np.linspace(1e9, 2e9, 5)
    gain = 10 ** (near(world, compare.UNCERTAIN) / 20)
    compare.compare_networks(network(through(f, 1e-11), f), network(through(f, 1e-11, gain), f))


@case("sparams/compare.py:compare_networks", "coarse-grid")
def _(world):
    """Two paths: the longer the second, the more a grid of 100 MHz misses. 0.01 lies between the two."""
    f, fine = np.arange(1e9, 1e10, 1e8), np.linspace(1e9, 9.9e9, 101)
    measured = through(f, 2e-9, 0.4) + through(f, 4.4e-9 if world.beyond else 3.4e-9, 0.4)
    compare.compare_networks(network(through(fine, 2e-9, 0.4), fine), network(measured, f))


@case("sparams/fixture.py:_warn_of_ends", "gate-edge")
def _(world):
    """One sample at the end of the band is off: a tenth of the RMS is allowed."""
    f = np.linspace(1e7, 1e10, 201)
    s = through(f, 1e-9, 0.5)[:, 1, 0]
    s[-1] += 0.5 * near(world, fixture.UNPREDICTED, 0.02)
    fixture._warn_of_ends("part", s)


@case("sparams/measured.py:_warn_of_fit", "part-gain")
def _(world):
    """Four digits explain a gain of 2e-4, not more."""
    f = np.linspace(1e9, 1e10, 101)
    s = through(f, 5e-11, 1.0 if not world.beyond else 1.0003)
    fit_part(network(np.round(s.real, 4) + 1j * np.round(s.imag, 4), f), "line", seconds=0.0)


@case("sparams/measured.py:_warn_of_fit", "fit-residual")
def _(world):
    f = np.linspace(1e9, 1e10, 101)
    data = network(through(f, 5e-11, 0.9), f)
    error = fit_part(data, "line", target=1.0, seconds=0.0).rms_error
    fit_part(data, "line", target=error**2 / near(world, error), seconds=0.0)


# Touchstone files

ROWS = [f"{n} 0.1 0 0.5 0 0.5 0 0.1 0" for n in range(1, 13)]
HEAD = "# GHz S RI R 50"


def touch(world, head, name="x.s2p", rows=ROWS):
    path = world.folder / name
    path.write_text("\n".join([head, *rows, ""]))
    return touchstone.read(path)


def keyed(*words, version="[Version] 2.0\n"):
    more = "\n".join(words)
    return (
        f"{version}{HEAD}\n[Number of Ports] 2\n[Two-Port Data Order] 12_21\n[Number of Frequencies] 12\n"
        f"{more}\n[Network Data]"
    )


@case("core/touchstone/read.py:_version", "touchstone-option-line")
def _(world):
    touch(world, "! nothing" if world.beyond else HEAD)


@case("core/touchstone/scan.py:option", "touchstone-option-line")
def _(world):
    """A second option line that says the same is none."""
    touch(world, f"{HEAD}\n{'# Hz S MA R 50' if world.beyond else '# ghz s ri R 50.0'}")


@case("core/touchstone/read.py:_version", "touchstone-version")
def _(world):
    touch(world, keyed("[Reference] 50 50", version="" if world.beyond else "[Version] 2.0\n"), "x.ts")


@case("core/touchstone/read.py:_ports", "touchstone-ports")
def _(world):
    touch(world, keyed("[Reference] 50 50"), "x.s3p" if world.beyond else "x.s2p")


@case("core/touchstone/read.py:_ports", "touchstone-kind")
def _(world):
    touch(world, HEAD if world.beyond else HEAD.replace("S", "Y"), "x.y2p")


@case("core/touchstone/reference.py:_chosen", "touchstone-impedance")
def _(world):
    touch(world, keyed("[Reference] 50" if world.beyond else "[Reference] 50 50"), "x.ts")


@case("core/touchstone/convert.py:real_reference", "touchstone-renormalised")
def _(world):
    data = touch(world, HEAD)
    touchstone.real_reference(replace(data, z0=data.z0 + 1e-6j * world.beyond))


@case("core/touchstone/frame.py:merged", "touchstone-segments")
def _(world):
    """A frequency that stands twice; one that differs in its last digit does not."""
    rows = [*ROWS[:6], ROWS[5] if world.beyond else ROWS[5].replace("6 ", "6.000001 ", 1), *ROWS[6:]]
    touch(world, HEAD, rows=rows)
