"""RF pass, rectification and DC pass with ngspice, against closed forms and against circuits run whole."""

import re

import numpy as np
import pytest

from resonet.cosim.ngspice.run import run_deck
from resonet.cosim.weights.passes import dc_gains, dc_pass, rectify, rf_pass
from resonet.models.circuit.bus import bus_currents
from resonet.models.resonator.linear import rectified_per_watt, susceptibility
from resonet.netlist.bus.deck import rf_deck
from resonet.netlist.bus.hardware import bus_hardware
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.planning.frequency_plan import sub_bus
from resonet.netlist.spice.deck import Deck


@pytest.mark.parametrize(("layer", "count"), [("conv1", 1), ("dense1", 1)])
def test_currents_are_those_of_the_nominal_bus_and_precession_is_chi_times_current(small_design, layer, count):
    buses = small_design.hardware(layer, "coupled")
    assert len(buses) == count
    device = small_design.plan.device
    for hardware, rf in zip(buses, rf_pass(buses), strict=True):
        bus = hardware.bus
        chains, size = bus.size
        nominal = bus_currents(bus.frequencies, device.resistance, size, chains, small_design.plan.circuit, bus.below)
        nominal *= bus.levels[:, None]
        turned = np.where(np.arange(size) % 2, -1, 1)  # every other resonator is measured from its other end
        assert np.abs(rf.current - nominal[:, None] * turned).max() <= 1e-9 * np.abs(nominal).max()
        for j, f_res in enumerate(hardware.f_res):
            chi = susceptibility(bus.frequencies[:, None], f_res[None], device.damping)
            wanted = chi * rf.current[:, j]
            assert np.abs(rf.precession[:, j] - wanted).max() <= 1e-6 * np.abs(wanted).max()


def test_rectification_curve_of_one_resonator_is_the_closed_form(small_design):
    plan = small_design.plan
    bus = sub_bus(plan.layer("conv1").buses[0], plan, 0, np.array([4]))
    f = bus.frequencies[0]
    for detuning in (-3.0, -1.0, -0.2, 0.5, 1.0, 4.0):
        f_res = np.array([[f / (1 + plan.device.damping * detuning)]])
        alone = bus_hardware(plan, bus, f_res)
        volts = rectify(rf_pass([alone])[0], plan.device.transduction)[0, 0, 0]
        assert volts == pytest.approx(float(rectified_per_watt(f, f_res, plan.device)[0, 0]), rel=1e-6)
        assert np.sign(volts) == np.sign(detuning)  # positive for a tone above the resonance


def test_every_source_enters_the_bus_like_source_0(small_design):
    # The RF pass sweeps source 0 only; here the sources take turns, as the hardware has it.
    deck = rf_deck(small_design.hardware("conv1", "coupled")[0])
    reference = run_deck(deck)[0]
    names = list(reference.variables[1:])
    for source in (3, 8):
        text = deck.text.replace("xsrc0 in0 tone_port z0=50 mag=1", "xsrc0 in0 tone_port z0=50 mag=0")
        text = text.replace(
            f"xsrc{source} in{source} tone_port z0=50 mag=0", f"xsrc{source} in{source} tone_port z0=50 mag=1"
        )
        assert text != deck.text
        found = run_deck(Deck(deck.name, text))[0].columns(names)
        wanted = reference.columns(names)
        assert np.abs(found - wanted).max() <= 1e-9 * np.abs(wanted).max()


def test_dc_gains_are_those_of_the_direct_dc_pass(small_design):
    rng = np.random.default_rng(3)
    for layer in ("conv1", "dense1"):
        buses = small_design.hardware(layer, "coupled")
        gains = dc_gains(buses)
        volts = {key: rng.normal(0, 1e-3, gain.size) for key, gain in gains.items()}
        direct = dc_pass(buses, volts)
        for (group, output), found in direct.items():
            assert group == 0
            assert found == pytest.approx(sum(volts[key] @ gains[key] for key in gains if key[1] == output), rel=1e-9)
        for gain in gains.values():
            size = gain.size
            loss = 1e9 / (1e9 + size * 1e3 + 1.0)  # readout against the chain and its choke
            assert gain == pytest.approx(loss * np.where(np.arange(size) % 2, -1.0, 1.0), rel=1e-9)


def test_tiles_can_be_simulated_one_by_one(small_model):
    # Both tiles of a neuron in one circuit, against the two that the RF pass simulates on their own.
    design = compile_cnn(small_model, read_parameters(settings=["plan.tile=18", "plan.fanout=1"]))
    lower, upper = "b0t0", "b0t1"
    buses = {built.bus.name: built for built in design.hardware("dense1", "coupled")}
    size = buses[lower].bus.size[1]
    decks = {bus: rf_deck(buses[bus]) for bus in (lower, upper)}
    alone = {bus: run_deck(deck)[0] for bus, deck in decks.items()}

    def circuit(bus: str, suffix: str) -> list[str]:
        circuit = decks[bus].text.partition(".save")[0].splitlines()
        lines = [line for line in circuit if re.match(r"(?!.low)[xvrflc]", line)]
        nodes = r"\b(in\d+|s\d+|bus|emf|dc0|t0|[ahxv]0_\d+)\b"  # and ammeters
        return [re.sub(nodes, rf"\1{suffix}", re.sub(r"^(\S+)", rf"\1{suffix}", line)) for line in lines]

    whole = [line for line in decks[upper].text.splitlines() if line.startswith(("*", ".include"))]
    whole += circuit(lower, "l") + [re.sub(r"\bt0u\b", "dc0l", line) for line in circuit(upper, "u")]
    whole = [line.replace("mag=1", "mag=0") if line.startswith("xsrc0l") else line for line in whole]
    # The lower tile's readout is the upper tile: only the top of a stack has one.
    whole = [line for line in whole if not line.startswith("xro0l")]
    tail = decks[upper].text[decks[upper].text.index(".control") :]
    text = "\n".join([*whole, tail])
    found = run_deck(Deck(decks[upper].name, text))[0]
    driven = [f"i(v0_{k}u)" for k in range(size)]
    wanted = alone[upper].columns([f"i(v0_{k})" for k in range(size)])
    assert np.abs(found.columns(driven) - wanted).max() <= 1e-3 * np.abs(wanted).max()
    # What leaks through the chokes into the tile below is weaker still, by far more than its own tones.
    leaked = found.columns([f"i(v0_{k}l)" for k in range(size)])
    assert np.abs(leaked).max() <= 0.05 * np.abs(wanted).max()


def test_without_parasitics_the_coupled_program_holds_the_weights_in_the_circuit(small_model):
    from resonet.cosim.weights.effective import effective_weights

    ideal = [
        "bus.node_capacitance=0",
        "bus.choke_inductance=1",
        "bus.block_capacitance=1mF",
        "bus.readout_resistance=1e15",
    ]
    design = compile_cnn(small_model, read_parameters(settings=ideal))
    for layer in ("conv1", "dense1"):
        assert effective_weights(design, layer, "coupled").rms_error < 1e-5
        assert effective_weights(design, layer, "formula").rms_error > 0.01
