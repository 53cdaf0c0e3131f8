"""Tiles of a neuron that talk to each other: κ against ngspice, its variance, its warning, on both sides."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG

from resonet.core.validity import collected
from resonet.cosim.ngspice.run import run_deck
from resonet.cosim.noise.layer_noise import layer_noise
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import linear
from resonet.models.circuit.bus import BusCircuit, bus_currents, tone_levels
from resonet.models.circuit.groups import group_starts
from resonet.models.circuit.multiplexer import channel_filters
from resonet.models.circuit.tile_coupling import stack_currents, tone_coupling
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.images import ImageSet
from resonet.netlist.planning.tile_coupling import MOST, TileCoupling, tile_coupling
from resonet.netlist.spice.deck import Deck

R0 = 1e3
SMALL = BusCircuit(block_capacitance=10e-15, bypass_capacitance=10e-15)


def filtered(t: int, count: int, circuit: BusCircuit, channels: np.ndarray, on: int | None) -> list[str]:
    """Sources of a tile's tones behind the filters of a multiplexer, for one of `count` chains; one source is on."""
    lines, own = [f"lret{t} b{t} 0 {count * circuit.filter_return:.12g}"], channel_filters(channels, circuit)
    for m in range(len(channels)):
        lines.append(f"ve{t}_{m} e{t}_{m} 0 dc 0 ac {int(m == on)}")
        lines.append(f"rs{t}_{m} e{t}_{m} p{t}_{m} {count * (circuit.impedance + own.resistance[m]):.12g}")
        lines.append(f"lf{t}_{m} p{t}_{m} q{t}_{m} {count * own.inductance[m]:.12g}")
        lines.append(f"cf{t}_{m} q{t}_{m} b{t} {own.capacitance[m] / count:.12g}")
    return lines


def spice_currents(
    sizes: list[int], chains: list[int], circuit: BusCircuit, driven: int, f: float, channels: np.ndarray | None = None
) -> list[np.ndarray]:
    """|current| of all resonators, A per V of EMF of one tile's source, tile by tile: `.ac` at f.

    With `channels` the sources are behind filters, and the one of f is on.
    """
    tee = "bias_tee " + " ".join(
        f"{name}={value:.12g}"
        for name, value in (
            ("cblock", circuit.block_capacitance),
            ("lchoke", circuit.choke_inductance),
            ("rchoke", circuit.choke_resistance),
            ("cbypass", circuit.bypass_capacitance),
        )
    )
    lines, tail, names = ["* tiles of a neuron", '.include "../lib/bias_tee.lib"'], "0", []
    half = circuit.node_capacitance / 2
    for t, (size, count) in enumerate(zip(sizes, chains, strict=True)):
        if channels is None:
            lines.append(f"ve{t} e{t} 0 dc 0 ac {int(t == driven)}")
            lines.append(f"rs{t} e{t} b{t} {count * circuit.impedance:.12g}")
        else:
            lines += filtered(t, count, circuit, channels, int(np.argmin(abs(channels - f))) if t == driven else None)
        starts = group_starts(size, circuit.groups)
        for k in range(size):
            foot = tail if k == size - 1 else (f"g{t}_{k + 1}" if k + 1 in starts else f"h{t}_{k + 1}")
            lines += [f"vs{t}_{k} h{t}_{k} i{t}_{k} 0", f"r{t}_{k} i{t}_{k} {foot} {R0:g}"]
            lines += [f"ca{t}_{k} h{t}_{k} 0 {half:.12g}", f"cb{t}_{k} {foot} 0 {half:.12g}"]
            if k in starts:
                lines.append(f"xt{t}_{k} b{t} {f'g{t}_{k}' if k else f'w{t}'} h{t}_{k} {tee}")
        names.append([f"i(vs{t}_{k})" for k in range(size)])
        tail = f"w{t}"
    lines.append(f"rin {tail} 0 {circuit.readout_resistance:.12g}")
    every = [name for own in names for name in own]
    lines += [".save " + " ".join(every), f".ac lin 1 {f:.15g} {f:.15g}"]
    lines += [".control", "set filetype=binary", "run", "write tiles.raw", "quit", ".endc", ".end", ""]
    plot = run_deck(Deck("tiles", "\n".join(lines)))[0]
    return [np.abs(plot.columns(own))[0] for own in names]


@pytest.mark.parametrize(("groups", "chains"), [(1, [10, 10]), (2, [3, 3])])
def test_what_a_tone_does_in_the_other_tile_is_ngspices(groups, chains):
    circuit, sizes, f = replace(SMALL, groups=groups), [5, 5], np.geomspace(20e9, 1e9, 5)
    for driven in (0, 1):
        levels = tone_levels(f, R0, chains[driven], circuit, 5 * driven)
        (other, found), *more = tone_coupling(f, R0, sizes, chains, circuit, driven, levels).items()
        assert (other, more) == (1 - driven, [])
        for k in (0, 4):
            currents = spice_currents(sizes, chains, circuit, driven, f[k])
            assert found[k] == pytest.approx(currents[other][k] * levels[k] / np.sqrt(2 / R0), rel=1e-3)
            mine = stack_currents(f, R0, sizes, chains, circuit)
            assert np.abs(mine[driven][driven, k]) == pytest.approx(currents[driven], rel=1e-3)


def test_behind_filters_it_is_ngspices_as_well():
    """A large block lets a tile see what feeds its bus: with Z0 in the place of the filters κ would be 1-10 % off."""
    circuit, sizes, f = (
        replace(SMALL, combining="multiplexer", block_capacitance=1e-12),
        [5, 5],
        np.geomspace(20e9, 1e9, 5),
    )
    for driven in (0, 1):
        levels = tone_levels(f, R0, 10, circuit, 5 * driven)
        found = tone_coupling(f, R0, sizes, [10, 10], circuit, driven, levels)[1 - driven]
        for k in (0, 2, 4):
            currents = spice_currents(sizes, [10, 10], circuit, driven, f[k], f)
            assert found[k] == pytest.approx(currents[1 - driven][k] / currents[driven][k], rel=1e-3)


@pytest.mark.parametrize("groups", [1, 3])
def test_one_tile_has_the_currents_of_its_bus(groups):
    circuit, f = BusCircuit(groups=groups, junction_capacitance=0.4e-15, capacitance=3e-15), np.geomspace(20e9, 1e9, 7)
    (found,) = stack_currents(f, R0, [7], [12], circuit)
    assert found[0] == pytest.approx(bus_currents(f, R0, 7, 12, circuit), rel=1e-9)


def test_a_large_choke_and_bypass_keep_tiles_apart_as_an_lc_divider():
    """κ falls as 1 / (w² L C): far above the resonance, where the bypass is a short circuit next to the chain."""
    f = np.array([2e9])
    circuit = BusCircuit(choke_inductance=50e-6, bypass_capacitance=4e-12)
    base = tone_coupling(f, R0, [1, 1], [4, 4], circuit, 0, tone_levels(f, R0, 4, circuit))[1]
    for change in ({"choke_inductance": 100e-6}, {"bypass_capacitance": 8e-12}):
        other = replace(circuit, **change)
        less = tone_coupling(f, R0, [1, 1], [4, 4], other, 0, tone_levels(f, R0, 4, other))[1]
        assert less == pytest.approx(base / 2, rel=0.02)


def test_the_variance_is_that_of_all_phases():
    carried, kappa = RNG(3).uniform(0, 1, (1, 1, 1, 3)), np.array([[[0.0, 0.04, 0.02]], [[0.03, 0.0, 0.0]]])
    coupling = TileCoupling(np.array([[[0, 0, 1]], [[2, 1, 2]]]), kappa)
    c, phi = carried[0, 0, 0], RNG(4).uniform(0, 2 * np.pi, (200_000, 2))
    moved = np.zeros((len(phi), 3))
    for side in (0, 1):
        beside = kappa[side, 0] * np.sqrt(c[coupling.neighbour[side, 0]])
        moved += 2 * np.sqrt(c) * beside * np.cos(phi[:, side, None])
    assert coupling.variance(carried)[0, 0, 0] == pytest.approx(moved.var(0), rel=0.02)


@pytest.fixture(scope="module")
def designs(small_model):
    images = ImageSet("images", RNG(6).uniform(0, 1, (6, 1, 8, 8)), np.zeros(0, np.int64))
    made = {}
    for bypass in ("10 fF", "0.2 pF"):
        with collected() as warned:
            tees = ["bus.block_capacitance=10 fF", f"bus.bypass_capacitance={bypass}"]
            given = read_parameters(None, ["plan.tile=12", "neuron.bandwidth=1 MHz", *tees])
            made[bypass] = (
                compile_cnn(small_model, given, images),
                [one for one in warned if one.code == "tile-coupling"],
            )
    return made


def test_the_warning_is_there_on_one_side_of_the_limit_only(designs):
    for bypass, wanted in (("10 fF", True), ("0.2 pF", False)):
        design, warned = designs[bypass]
        largest = max(own.largest for entry in design.plan.layers if (own := tile_coupling(design.plan, entry)))
        assert (largest > MOST) == wanted == bool(warned)
        if warned:
            assert (warned[0].value, warned[0].limit) == (pytest.approx(largest), MOST)


def test_noise_has_it_whatever_the_bandwidth_and_single_tiles_have_none(designs, small_model):
    design, _ = designs["10 fF"]
    held = network_weights(design, "coupled", linear)
    for entry in (one for one in design.plan.layers if len(one.tile_sizes) > 1):
        tones = layer_noise(design, held[entry.layer.name]).tones
        carried = np.full((entry.layer.groups, 1, 1, entry.layer.taps), 0.5)
        found = tones.carried_variances(carried)["tiles"]
        assert found.max() > 2 * MOST**2 * 0.25
        slow = replace(tones, bandwidth=tones.bandwidth / 100).carried_variances(carried)["tiles"]
        assert slow == pytest.approx(found)
        for side, bus in ((0, entry.buses[0]), (1, entry.buses[-1])):  # nothing under the first, over the last
            assert not tones.tiles.kappa[side, bus.group, bus.taps].any()
    chosen = replace(design.parameters, noise=replace(design.parameters.noise, sources="johnson"))
    assert layer_noise(replace(design, parameters=chosen), held["dense1"]).tones.tiles is None
    whole = compile_cnn(small_model, read_parameters(None, ["plan.tile=64"]), None)
    alone = [tile_coupling(whole.plan, entry) for entry in whole.plan.layers if len(entry.tile_sizes) == 1]
    assert alone
    assert set(alone) == {None}
