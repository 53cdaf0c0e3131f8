"""RF options of a bus: closed form, linear engine, decks and S-parameters say the same, and powers follow."""

import re

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.cosim import calibrate, effective_weights, transient
from resonet.cosim.noise.layer_noise import layer_noise
from resonet.cosim.noise.tones import riding_noise
from resonet.cosim.operate.latency import latency
from resonet.cosim.operate.power import drawn
from resonet.cosim.weights.engines import find_engine
from resonet.models.circuit.bus import bus_load
from resonet.models.circuit.multiplexer import channel_filters, multiplexer_scattering, multiplexer_transfers
from resonet.netlist.bus import build_graph, rf_deck
from resonet.netlist.cascade.paths import all_paths, parallel_design
from resonet.netlist.design import folder
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.planning.bus_options import rf_options
from resonet.netlist.planning.frequency_plan import bus_gains, source_power
from resonet.sparams.build import bus_block
from resonet.sparams.combining import multiplexer_block
from resonet.sparams.extract import extract
from resonet.sparams.linear import linear_s
from resonet.sparams.window import design_block, layer_stand

SMALL = ("plan.tile=12", "plan.f_min=2 GHz", "plan.f_max=9 GHz")
FILTERS = (*SMALL, "bus.combining=multiplexer", "bus.filter_q=40", "bus.filter_stray=1 fF")
COILS = ("bus.transformer=4", "bus.transformer_coupling=0.95", "bus.capacitance=4 fF")
JUNCTIONS = ("bus.junction_capacitance=2 fF", "bus.node_capacitance=0.1 fF")
AGREED = 1e-9


@pytest.fixture(scope="module")
def designs(small_model):
    """The same network with a combiner and with filters."""
    return [compile_cnn(small_model, read_parameters(settings=settings)) for settings in (SMALL, FILTERS)]


CASES = {
    "filters": (FILTERS, SMALL),
    "coils": ((*SMALL, *COILS), SMALL),
    "both": ((*FILTERS, *COILS), SMALL),
    "junctions": ((*SMALL, *JUNCTIONS), ()),
    "groups": ((*SMALL, "bus.groups=4", "bus.node_capacitance=0.2 fF", *JUNCTIONS[:1]), ()),
    "all": ((*FILTERS, *COILS, *JUNCTIONS, "bus.groups=3"), ()),
}


@pytest.mark.parametrize("case", CASES)
def test_decks_hold_the_weights_of_the_closed_form(small_model, case) -> None:
    """To 1e-9; what only feeds the bus changes no weight."""
    design, same = (compile_cnn(small_model, read_parameters(settings=settings)) for settings in CASES[case])
    for layer in ("conv1", "dense1"):
        found = effective_weights(design, layer, "coupled", engine=find_engine("ngspice"))
        assert found.witness is not None
        assert found.witness.difference < AGREED
        if CASES[case][1]:
            wanted = effective_weights(same, layer, "coupled", engine=find_engine("linear"))
            assert found.values == pytest.approx(wanted.values, abs=AGREED * np.abs(wanted.values).max())


def test_sources_pixels_and_neurons_need_less_by_what_the_filters_leave(designs) -> None:
    filtered = designs[1]
    before, after = (np.array([source_power(entry, design.plan) for entry in design.plan.layers]) for design in designs)
    assert np.all(before - after > 5)  # of 10 log10(9) = 9.5 and 10 log10(12) = 10.8 dB
    one, other = (parallel_design(design, programmed=False) for design in designs)
    for number, (a, b) in enumerate(zip(all_paths(one), all_paths(other), strict=True)):
        assert b.source.max() < a.source.max()
        for n, bus in enumerate(other.entry(number).buses):
            gains = np.abs(bus_gains(bus, filtered.plan.device, filtered.plan.circuit))
            wanted = bus.levels * np.sqrt(filtered.plan.options.p_max) / gains
            assert b.emf[b.bus == n] == pytest.approx(wanted, rel=1e-12)


def test_the_deck_plays_each_source_at_its_own_channel(designs) -> None:
    hardware = designs[1].hardware("conv1", "coupled")[0]
    text, f = rf_deck(hardware).text, hardware.bus.frequencies
    assert [float(x) for x in re.findall(r"^ac lin 1 (\S+)", text, re.M)] == f[::-1].tolist()
    filters = channel_filters(f, hardware.circuit)
    assert [float(x) for x in re.findall(r"^lmux\d+ \S+ \S+ (\S+)", text, re.M)] == filters.inductance.tolist()
    graph = build_graph(designs[1].plan, designs[1].program("coupled"))
    combiner = next(data for _, data in graph.nodes(data=True) if data["kind"] == "combiner")
    assert combiner["combining"] == "multiplexer"
    assert combiner["gain"] == pytest.approx(np.abs(hardware.gains))


def test_the_s_parameters_of_a_multiplexer_are_the_closed_form(designs) -> None:
    circuit = designs[1].plan.circuit
    tones = np.geomspace(9e9, 2e9, 4)
    f = np.sort(np.append(tones, [3e9, 6e9]))
    found = linear_s(multiplexer_block(tones, circuit), f)[:, :4, :4]
    assert found == pytest.approx(multiplexer_scattering(f, tones, 1 / 50, circuit), abs=1e-10)  # bus port: 50 ohm
    ngspice = extract(multiplexer_block(tones, circuit), f, "ngspice").s[:, :4, :4]
    assert ngspice == pytest.approx(found, abs=AGREED)


def test_a_designs_window_has_its_filters(designs) -> None:
    plan, bus = designs[1].plan, designs[1].plan.layers[0].buses[0]
    found = linear_s(design_block(designs[1], "conv1", "coupled", "bus"), np.sort(bus.frequencies))
    load = bus_load(np.sort(bus.frequencies), plan.device.resistance, bus.size[1], bus.size[0], plan.circuit)
    sources = multiplexer_scattering(np.sort(bus.frequencies), bus.frequencies, load, plan.circuit)
    n = bus.size[1]
    # The ports of the DC side end the chains in 50 ohm instead of the readout: 1e-4 behind a choke of 10 uH.
    assert found[:, :n, :n] == pytest.approx(sources, abs=2e-3)
    assert design_block(designs[1], "conv1", "coupled", "combiner").port_names[-1] == "bus"
    with pytest.raises(InputError, match=r"no channels for bus\.combining = multiplexer"):
        bus_block(bus.frequencies[None], layer_stand(designs[1]))


def test_a_transformer_takes_the_mismatch_and_the_window_shows_it(small_model, designs) -> None:
    matched = compile_cnn(small_model, read_parameters(settings=(*SMALL, *COILS)))
    for plan in (designs[0].plan, matched.plan):
        entry = plan.layers[1]
        # Power balance: what a source has available, less 10 log10(N), times what the bus does not reflect.
        bus = entry.buses[0]
        load = 1 / bus_load(bus.frequencies, plan.device.resistance, bus.size[1], bus.size[0], plan.circuit)
        reflected = np.abs((load - 50) / (load + 50)) ** 2
        at = np.argsort(bus.frequencies)
        network = linear_s(_window(matched if plan is matched.plan else designs[0], "dense1"), bus.frequencies[at])
        gain = 1 / len(bus.taps)  # twice through the combiner
        shown = np.abs(network[:, 0, 0]) ** 2 / gain**2
        assert shown[np.argsort(at)] == pytest.approx(reflected, abs=2e-3)
    before, after = (source_power(plan.layers[1], plan) for plan in (designs[0].plan, matched.plan))
    assert before - after > 5  # 12 chains' worth of mismatch into 4 kilo-ohms, 19 dB matched


def _window(design, layer):
    return design_block(design, layer, "coupled", "bus")


def test_a_prewarp_of_tanks_leaves_the_filters_out_and_is_refused(designs) -> None:
    with pytest.raises(InputError, match=r"pre-warp tank with bus\.combining = multiplexer"):
        transient(designs[1], "conv1", "coupled", np.full(2, 1e-9), prewarp="tank")


def test_calibration_takes_the_junctions_in(small_model) -> None:
    design = compile_cnn(small_model, read_parameters(settings=(*SMALL, *JUNCTIONS)))
    before = effective_weights(design, "dense1", "formula", engine=find_engine("linear")).rms_error
    calibrated = calibrate(design).design
    found = effective_weights(calibrated, "dense1", "calibrated", engine=find_engine("ngspice"))
    assert before > 1e-3
    assert found.rms_error < 1e-6


def test_a_chain_of_junctions_in_the_time_domain_is_the_two_passes(small_model) -> None:
    """Decks for `.tran` have the junctions, the filters and the coils of those for `.ac`."""
    settings = (*FILTERS, *COILS, *JUNCTIONS, "bus.filter_q=10")
    design = compile_cnn(small_model, read_parameters(settings=settings))
    result, _ = transient(design, "conv1", "coupled", np.full(2, 1e-12), engine="fixed_step")
    assert abs(result.difference_of_full_scale) < 1e-6


def test_designs_of_before_keep_their_programs_and_strip_lines_refuse_junctions(small_design) -> None:
    tables = folder._parameter_tables(small_design.parameters)
    before = tables | {"bus": {name: tables["bus"][name] for name in folder.OLD_IN_BUS}}
    before["plan"] = {name: value for name, value in tables["plan"].items() if name != "reach"}
    assert folder._fingerprint(small_design.cnn, tables) == folder._fingerprint(small_design.cnn, before)
    changed = tables | {"bus": tables["bus"] | {"transformer": 2.0}}
    assert folder._fingerprint(small_design.cnn, tables) != folder._fingerprint(small_design.cnn, changed)
    with pytest.raises(InputError, match=r"bus\.junction_capacitance = 1e-15 F: of resonators that a bus feeds"):
        read_parameters(settings=["feed.kind=stripline", "bus.junction_capacitance=1 fF"])


def test_what_each_way_to_feed_takes(small_model) -> None:
    given = read_parameters(settings=["plan.tile=12"])
    feeds = rf_options(read_cnn(small_model), given.device, given.bus, given.plan)
    assert [[*feed.settings] for feed in feeds] == [
        [],
        ["bus.combining=multiplexer"],
        ["bus.transformer=8.9"],  # of 4 chains of 9 and 3 of 12 kilo-ohms the second is louder: 4 kilo-ohms on 50
        ["bus.combining=multiplexer", "bus.transformer=8.9"],
        ["bus.groups=9"],
        ["bus.combining=multiplexer", "bus.groups=9"],
    ]
    for feed in feeds:
        design = compile_cnn(small_model, read_parameters(settings=["plan.tile=12", *feed.settings]))
        wanted = {entry.layer.name: source_power(entry, design.plan) for entry in design.plan.layers}
        assert feed.source_dbm == pytest.approx(wanted)
    assert feeds[0].most - feeds[3].most > 15


def test_a_chain_in_groups_is_what_its_nodes_say(small_model) -> None:
    """S-parameters of a bus with chains in groups: linear engine, ngspice, and the admittance of the closed form."""
    design = compile_cnn(small_model, read_parameters(settings=(*SMALL, "bus.groups=3")))
    plan, bus = design.plan, design.plan.layers[0].buses[0]
    f = np.sort(bus.frequencies)
    block = _window(design, "conv1")
    load = 1 / bus_load(f, plan.device.resistance, bus.size[1], bus.size[0], plan.circuit)
    found = linear_s(block, f)[:, 0, 0] * len(bus.taps)  # twice through the combiner
    assert found == pytest.approx((load - 50) / (load + 50), abs=2e-3)  # 50 ohm at the DC pins, behind chokes
    chain = design_block(design, "conv1", "coupled", "chain")
    assert linear_s(chain, f) == pytest.approx(np.asarray(extract(chain, f, "ngspice").s), abs=AGREED)
    # Three groups of three: a ninth of the resistance of nine in a row.
    assert load.real == pytest.approx(np.full(9, 1e3 / bus.size[0]), rel=0.02)


def test_groups_win_what_a_transformer_of_as_many_turns_does(small_model, designs) -> None:
    options = [*SMALL, "bus.transformer_coupling=0.9999", "bus.transformer_inductance=1 uH"]
    grouped, turned = (
        compile_cnn(small_model, read_parameters(settings=[*options, setting]))
        for setting in ("bus.groups=3", "bus.transformer=3")
    )
    one, other = (source_power(design.plan.layers[0], design.plan) for design in (grouped, turned))
    assert one == pytest.approx(other, abs=0.2)
    assert source_power(designs[0].plan.layers[0], designs[0].plan) - one > 3


def test_noise_of_tones_goes_through_the_filters(small_model, designs) -> None:
    """Johnson noise of filters and sources, and amplifiers at other channels, at the bus, against their transfers."""
    found = []
    for design in designs:
        plan, neuron = design.plan, design.parameters.neuron
        found.append(riding_noise(plan, plan.layers[0], neuron, 1e-9, 300.0))
    entry = designs[1].plan.layers[0]
    bus, circuit = entry.buses[0], designs[1].plan.circuit
    load = bus_load(bus.frequencies, 1e3, bus.size[1], bus.size[0], circuit)
    through = np.abs(multiplexer_transfers(bus.frequencies, load, circuit)) ** 2
    full = bus.levels**2
    ratio = (full / np.diagonal(through) @ through) / full.sum()
    combiner, filters = (each["amplifier"][bus.group, bus.taps] for each in found)
    assert filters / combiner == pytest.approx(ratio)
    assert filters.max() < combiner.max()  # of nine amplifiers one's own and its neighbours' are heard
    thermal = found[1]["combiner"] / found[0]["combiner"]
    assert np.all((thermal > 0.3) & (thermal < 3))


def test_noise_of_a_chain_in_groups_has_the_resistance_of_all(small_model) -> None:
    """Johnson noise at rest of the DC side: 4 k T R into what the poles of the read-out let through."""
    settings = ["neuron.bandwidth=1 kHz", "noise.sources=johnson"]
    one, three = (
        compile_cnn(small_model, read_parameters(settings=[*SMALL, *settings, f"bus.groups={n}"])) for n in (1, 3)
    )
    noises = []
    for design in (one, three):
        held = effective_weights(design, "dense1", "coupled", engine=find_engine("linear"))
        noises.append(layer_noise(design, held))
    assert noises[1].constant["johnson"] == pytest.approx(noises[0].constant["johnson"], rel=1e-3)


def test_operating_points_draw_and_take_what_the_options_say(small_model, small_images, designs) -> None:
    """Sources of a search against those of the planned cascade; filters and groups take time."""
    filtered = designs[1]
    circuit, p_max = filtered.plan.circuit, filtered.plan.options.p_max
    neurons = all_paths(parallel_design(filtered, programmed=False))[1]  # into dense1, from amplifiers
    amplifiers = (neurons.emf**2).sum() / (8 * circuit.impedance * p_max) / filtered.parameters.neuron.efficiency
    found = [drawn(design, small_images) for design in designs]
    pixels = [each.slope for each in found]
    assert found[1].slope > amplifiers
    dark = drawn(filtered, np.zeros_like(small_images))  # of pixels nothing
    assert dark.slope == pytest.approx(amplifiers, rel=1e-9)
    assert pixels[1] < 0.3 * pixels[0]
    grouped = compile_cnn(small_model, read_parameters(settings=(*FILTERS, "bus.groups=3")))
    plain, slower, slowest = (latency(design).parallel for design in (*designs, grouped))
    assert plain < slower < slowest
    assert slower - plain < 3 * 2 * 9 * 40 / (np.pi * 2e9)  # a few ringing times in each of two layers
