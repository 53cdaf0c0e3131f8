"""Strip-line circuit: closed forms, linear engine against ngspice, windows, tuning lines, transient."""

from dataclasses import replace

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.cosim.strip.direct import readout_gains
from resonet.cosim.strip.engine import strip_response, strip_scattering
from resonet.cosim.strip.transient import strip_dc_pass, strip_transient
from resonet.models.line.strip_geometry import Geometry, line_field, tuning_field
from resonet.models.resonator.linear import SpinDiode, rectified_per_watt
from resonet.netlist.strip.circuit import FIELD_CAUSES, TEE_IMPEDANCE, strip_circuit
from resonet.netlist.strip.drive import drive_emf, strip_program, tuned_resonances
from resonet.netlist.strip.parasitics import CAUSES, extract_parasitics, tuning_currents
from resonet.netlist.strip.placement import place
from resonet.netlist.strip.tuned_deck import strip_transient_deck
from resonet.netlist.strip.usage import wired_usage

DEVICE = SpinDiode()
WEIGHTS = np.array([0.8, -0.5, 0.3])
TABLE = np.array([[-1, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, -1]])  # padded convolution of three taps over four inputs
TONES = np.geomspace(5e9, 3e9, 3)
FIELDS = {  # what each cause sets
    "chain_ground": ("chain_ground",),
    "chain_chain": ("chain_chain",),
    "chain_leakage": ("chain_leakage",),
    "chain_loss": ("chain_resistance",),
    "line_line": ("line_line", "line_crossing"),
    "line_mutual": ("line_mutual",),
    "line_chain": ("line_chain", "bridge_chain", "line_tuning"),
    "tuning_loss": ("tuning_resistance", "tuning_leakage"),
    "substrate": ("substrate",),
    "shared_ground": ("ground_resistance", "ground_inductance"),
    "bias_tee": ("bias_tee",),
}


@pytest.fixture(scope="module")
def layer():
    placement = place(wired_usage(TABLE), "planar")
    return placement, strip_program(placement, WEIGHTS * DEVICE.sensitivity, TONES, DEVICE)


@pytest.fixture(scope="module")
def everything(layer):
    return extract_parasitics(layer[0], 4e9)


def small(usage_table, arrangement="planar", **geometry):
    return place(wired_usage(usage_table), arrangement, Geometry(**geometry))


def respond(layer, par, also=FIELD_CAUSES, **more):
    return strip_response(layer[0], par, layer[1], TONES, also=also, **more)


def wanted():
    out = np.zeros((4, 4))
    for chain, row in enumerate(TABLE):
        for tap, line in enumerate(row):
            if line >= 0:
                out[chain, line] = WEIGHTS[tap] * DEVICE.sensitivity
    return out


def test_program_inverts_the_law(layer):
    usage = layer[0].usage
    found = rectified_per_watt(TONES[usage.tone], layer[1], DEVICE) * (1 - 2 * (usage.tap % 2))
    assert found == pytest.approx(WEIGHTS[usage.weight] * DEVICE.sensitivity, rel=1e-9)
    with pytest.raises(InputError, match=r"possible: below 8838\.83 V/W"):
        strip_program(layer[0], [9e3, 0, 0], TONES, DEVICE)


def test_without_causes_the_circuit_is_ideal(layer):
    ideal = respond(layer, extract_parasitics(layer[0], 4e9, ()), ())
    assert np.abs(ideal.weights - wanted()).max() <= 1e-9 * DEVICE.sensitivity
    own = np.abs(ideal.current[ideal.circuit.line, np.arange(10)])
    assert 0.5 * own**2 * DEVICE.resistance == pytest.approx(1.0, rel=1e-12)
    assert not ideal.coherent.any()


@pytest.mark.parametrize("cause", CAUSES)
def test_every_parasitic_alone_goes_to_the_ideal_with_its_size(layer, cause):
    par = extract_parasitics(layer[0], 4e9, (cause,))
    none = extract_parasitics(layer[0], 4e9, ())
    if cause == "line_loss":
        faint = {
            name: replace(getattr(par, name), r=getattr(par, name).r * 1e-9, g=getattr(par, name).g * 1e-9)
            for name in ("line", "bridge")
        }
    elif cause == "mismatch":
        faint = {name: getattr(none, name) for name in ("source", "termination")}
    else:
        faint = {name: getattr(par, name) * 1e-12 for name in FIELDS[cause]}
    found = respond(layer, replace(par, **faint), ()).weights
    assert np.abs(found - wanted()).max() <= 1e-9 * DEVICE.sensitivity


def test_field_of_neighbouring_lines_counts_with_its_square():
    placement = small([[0], [1]])
    f_res, tones = np.full(2, 4e9), np.array([4.02e9, 4.02e9])
    tones = tones[: placement.usage.tones]
    par = extract_parasitics(placement, 4e9, ())
    found = strip_response(placement, par, f_res, tones, also=("line_field",))
    a = float(line_field(placement.geometry, placement.geometry.pitch_x))
    own = float(rectified_per_watt(4.02e9, 4e9, DEVICE))
    assert found.weights == pytest.approx(own * np.array([[1, a**2], [a**2, 1]]), rel=1e-9)
    # both lines on one tone: fields add, so that V goes between (1 - a)² and (1 + a)² of one
    assert found.coherent == pytest.approx(2 * a * abs(own) * np.ones((2, 1)), rel=1e-9)


def test_two_chains_by_hand():
    # Line 0 drives chain 0 through ½ C, that one chain 1 through ½ K; line 1 is at rest, with both its ends on ground.
    placement = small([[0], [1]])
    par = extract_parasitics(placement, 4e9, ("line_chain", "chain_chain"))
    par = replace(par, line_tuning=0.0, line_chain=1e3 * par.line_chain, chain_chain=1e3 * par.chain_chain)
    f, w = 4.02e9, 2j * np.pi * 4.02e9
    found = strip_response(placement, par, np.full(2, 4e9), np.array([f]), also=())
    c, k, r, rs = w * par.line_chain[0] / 2, w * par.chain_chain[0] / 2, DEVICE.resistance, par.source
    rest = c * (2 / rs + c) / (2 / rs + 2 * c)  # what ½ C and line 1 behind it are to chain 1
    beyond = k * (1 / r + rest) / (1 / r + rest + k)  # and ½ K and all of chain 1 to chain 0
    reach = c * (1 / r + beyond) / (1 / r + beyond + c)
    emf = drive_emf(found.circuit, r)
    line = emf / rs / (2 / rs + c + reach)  # its other ½ C goes to the grounded foot
    head = line * c / (c + 1 / r + beyond)
    behind = head * k / (k + 1 / r + rest)
    kappa = placement.geometry.pick_up
    stub = line / rs + (line - head) * c  # behind the stub: termination and chain
    idle = behind * c / (2 / rs + 2 * c)
    currents = [head / r - kappa * stub, behind / r - kappa * (idle / rs - (behind - idle) * c)]
    assert found.current[0] == pytest.approx(np.array(currents), rel=1e-9)


def test_bias_tee_lets_its_ratio_through(layer):
    par = extract_parasitics(layer[0], 4e9, ("bias_tee",))
    elements = strip_circuit(layer[0], par, also=()).capacitors
    assert len(elements.a) == 4
    turn = 2j * np.pi * 4e9 * elements.x * TEE_IMPEDANCE
    assert np.abs(turn / (1 + turn)) == pytest.approx(par.bias_tee, rel=1e-12)


@pytest.mark.parametrize(("causes", "also"), [(CAUSES, FIELD_CAUSES), ((), ()), (("line_loss", "line_chain"), ())])
def test_ngspice_and_the_linear_engine_agree(layer, causes, also):
    par = extract_parasitics(layer[0], 4e9, causes)
    ours, spice = (respond(layer, par, also, engine=name) for name in ("linear", "ngspice"))
    for name in ("current", "precession", "weights"):
        a, b = getattr(ours, name), getattr(spice, name)
        assert np.abs(a - b).max() <= 1e-9 * np.abs(a).max()


def test_ngspice_and_the_linear_engine_agree_in_a_window(layer, everything):
    ours, spice = (respond(layer, everything, window=[1, 2], engine=name) for name in ("linear", "ngspice"))
    assert np.abs(ours.current - spice.current).max() <= 1e-9 * np.abs(ours.current).max()


def test_a_stack_in_both_engines():
    placement = small(TABLE, "stacked")
    par = extract_parasitics(placement, 4e9)
    f_res = strip_program(placement, WEIGHTS * DEVICE.sensitivity, TONES, DEVICE)
    ours, spice = (strip_response(placement, par, f_res, TONES, engine=name) for name in ("linear", "ngspice"))
    assert np.abs(ours.current - spice.current).max() <= 1e-9 * np.abs(ours.current).max()


def test_network_is_passive_and_reciprocal(layer, everything):
    for par in (everything, extract_parasitics(layer[0], 4e9, set(CAUSES) - {"line_loss", "chain_leakage"})):
        circuit = strip_circuit(layer[0], par)
        for f in (1e9, 4e9, 20e9):
            s = strip_scattering(circuit, f, DEVICE.resistance)
            assert s.shape == (12, 12)
            assert np.abs(s - s.T).max() <= 1e-10
            assert np.linalg.svd(s)[1].max() <= 1 + 1e-10


def test_lines_without_neighbours_can_be_cut_anywhere(layer):
    par = extract_parasitics(layer[0], 4e9, ("line_loss", "mismatch"))
    whole = respond(layer, par, ("line_delay",))
    for chain in range(4):
        cut = respond(layer, par, ("line_delay",), window=[chain])
        assert cut.weights[0] == pytest.approx(whole.weights[chain, cut.lines], rel=1e-10)


def test_a_window_with_all_neighbours_is_the_whole(layer, everything):
    whole = respond(layer, everything)
    errors = []
    for neighbours in (0, 1, 3):
        part = respond(layer, everything, window=[1], neighbours=neighbours)
        errors.append(np.abs(part.weights[0] - whole.weights[1, part.lines]).max() / DEVICE.sensitivity)
    assert errors[2] <= 1e-12 < errors[1] < errors[0]


def test_tuning_lines_in_the_dc_pass(layer, everything):
    circuit = strip_circuit(layer[0], everything)
    par = replace(everything, tuning_leakage=1e2)  # S/m: enough to be seen
    leaky = strip_circuit(layer[0], par)
    currents = np.array([1e-3, -2e-3, 5e-4])
    rectified = np.random.default_rng(1).normal(size=10) * 1e-3
    heads, at = strip_dc_pass(circuit, rectified, currents, DEVICE)
    assert heads == pytest.approx(readout_gains(circuit, np.arange(4), DEVICE.resistance) @ rectified, rel=1e-9)
    assert at == pytest.approx(currents[layer[0].usage.weight], rel=1e-9)
    _, at = strip_dc_pass(leaky, rectified, currents, DEVICE)
    for line, current in enumerate(currents):
        order = layer[0].tuning.order[layer[0].tuning.run(line)]
        expected, _ = tuning_currents(layer[0], par, line, current)
        assert at[order] == pytest.approx(expected, rel=2e-4)  # a ladder for the distributed line
        assert np.abs(at[order] / current - 1).max() > 2e-3
    built = TONES[layer[0].usage.tone]
    shift = tuned_resonances(layer[0], built, at, 4e9) / built - 1
    h = float(tuning_field(layer[0].geometry)) * at
    assert shift == pytest.approx(layer[0].geometry.slope * h / 4e9, rel=1e-9)


@pytest.mark.slow
def test_small_case_in_the_time_domain():
    # 3 chains x 3 resonators, 5 inputs on tones of their own, 3 weights set by 3 currents; outer inputs are padding.
    usage = wired_usage([[0, 1, 2], [1, 2, 3], [2, 3, 4]])
    placement = place(replace(usage, tone=usage.line), "planar")
    tones, reference = np.geomspace(4e9, 2e9, 5), 3e9
    built = tones[placement.usage.tone]
    shift = (strip_program(placement, WEIGHTS * DEVICE.sensitivity, tones, DEVICE) / built - 1)[:3]
    currents = shift * reference / (placement.geometry.slope * float(tuning_field(placement.geometry)))
    powers = np.array([0, 0.9, 0.35, 0.6, 0]) * 1e-6
    circuit = strip_circuit(placement, extract_parasitics(placement, reference, ()), also=())
    found = strip_transient(circuit, built, reference, currents, tones, powers, DEVICE)
    software = DEVICE.sensitivity * np.convolve(powers, WEIGHTS[::-1], "valid")
    assert np.abs(found - software).mean() <= 1e-6 * DEVICE.sensitivity * 1e-6
    window = strip_circuit(placement, circuit.parasitics, [0, 1])
    with pytest.raises(InputError, match="a transient needs whole lines"):
        strip_transient_deck(window, built, reference, currents, (powers, tones, powers), (1e-12, 1e-9), DEVICE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": [7]}, r"window \[7\]; possible: chains 0 \.\.\. 3"),
        ({"window": []}, "possible: chains 0"),
        ({"engine": "magic"}, "engine 'magic': possible: linear, ngspice"),
        ({"also": ("spooky",)}, "cause 'spooky': possible here: line_field, line_delay"),
    ],
)
def test_bad_input_is_named(layer, everything, change, message):
    with pytest.raises(InputError, match=message):
        strip_response(layer[0], everything, layer[1], TONES, **change)
    with pytest.raises(InputError, match=r"10 resonances and 2 tones; possible: 10 and 3"):
        strip_response(layer[0], everything, layer[1], TONES[:2])
