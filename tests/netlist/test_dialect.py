"""One place spells SPICE: nobody else types a command, and another dialect reaches every line of every deck."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.models.circuit.crossbar import CrossbarArray
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.bus.deck import dc_deck, dc_gain_decks, rf_deck, sparam_deck, transient_deck
from resonet.netlist.bus.hardware import dc_stacks
from resonet.netlist.crossbar.deck import crossbar_deck
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.spice import registry as module
from resonet.netlist.spice.dialect import NGSPICE, Dialect, numbers
from resonet.netlist.strip.circuit import strip_circuit
from resonet.netlist.strip.deck import strip_rf_deck
from resonet.netlist.strip.parasitics import extract_parasitics
from resonet.netlist.strip.placement import place
from resonet.netlist.strip.tuned_deck import strip_dc_deck, strip_transient_deck
from resonet.netlist.strip.usage import wired_usage
from resonet.sparams.build import RowOfLines, Stand, chain_block, combiner_block, row_block
from resonet.sparams.deck import block_deck

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "models", "netlist", "cosim", "sparams", "report", "api", "cli", "examples")
COMMANDS = ("control", "endc", "end", "include", "save", "options", "ic", "tran", "ac", "op", "dc", "sp", "noise")
COMMANDS += ("subckt", "ends")
COMMAND = re.compile(rf"(?:^|\n) *\.(?:{'|'.join(COMMANDS)})(?=[ \n]|$)")
SOURCES = [
    path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.parent != ROOT / "netlist" / "spice" and path != ROOT / "cosim" / "fixed_step" / "circuit.py"  # reads decks
]


def typed(path: Path):
    """Dot-commands in the strings of a file; docstrings are for people."""
    tree = ast.parse(path.read_text())
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield from COMMAND.findall(node.value)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_else_types_a_command(path):
    assert list(typed(path)) == []


def test_the_check_sees_a_command(tmp_path):
    path = tmp_path / "typed.py"
    lines = ['"""\n.end\n"""', 'x = f".save v({1})"', 'y = [".control", "ngspice .sp fails"]', 'z = "v1 a 0\\n.op\\n"']
    path.write_text("\n".join(lines))
    assert sorted(found.strip() for found in typed(path)) == [".control", ".op", ".save"]


class Bracketed(Dialect):
    """Nothing of what ngspice alone has: no control block, other brackets, other names."""

    name = "bracketed"

    def write_control(self, commands):
        return [f"do {command}" for command in commands] + [""]

    def format_comment(self, text):
        return f"// {text}"

    def format_include(self, path):
        return f"load {path}"

    def format_save(self, vectors):
        return f"keep {' '.join(vectors)}"

    def format_fixed_step(self, reltol="1e-6", vntol="1e-10", abstol="1e-14"):
        return f"fixed {reltol}"

    def format_pivots(self, least="0.1"):
        return f"pivots {least}"

    def format_analysis(self, command):
        return f"do {command}"

    def format_alter(self, element, value, parameter=""):
        return f"set {element}:{parameter} {value}"

    def format_alter_source(self, source, parameter, value):
        return f"set {source}:{parameter} {value}"

    def format_instance(self, name, nodes, subcircuit, parameters=None):
        return f"{name} ({' '.join(nodes)}) {subcircuit} {parameters or {}}"

    def format_element(self, name, nodes, value):
        return f"{name} ({' '.join(nodes)}) {value}"

    def format_coupling(self, name, first, second, factor):
        return f"{name} ({first} {second}) {factor}"

    def format_transresistance(self, name, a, b, ammeter, ohm):
        return f"{name} ({a} {b} {ammeter}) {ohm}"

    def format_current_copy(self, name, a, b, ammeter, factor):
        return f"{name} ({a} {b} {ammeter}) {factor}"

    def format_ammeter(self, name, a, b):
        return f"{name} ({a} {b})"

    def format_source(self, name, a, b, dc="", ac="", wave=""):
        return f"{name} ({a} {b}) {dc} {ac} {wave}"

    def format_port(self, name, node, number, impedance):
        return f"{name} ({node} 0) {number} {impedance}"

    def write_subcircuit(self, name, pins, body):
        return [f"begin {name} ({' '.join(pins)})", *body, "finish"]

    def voltage_of(self, node, inside=""):
        return f"{inside}/{node}"

    def current_of(self, source, inside=""):
        return f"{inside}/{source}:i"

    def element_of(self, element, inside=""):
        return f"{inside}/{element}"


OTHER = Bracketed()
LINE = re.compile(
    r"//|load |keep |fixed |pivots |begin |finish|\w+ \([^()]*\)|$"
    r"|do (?:ac|sp|op|tran|run|write|set appendwrite|destroy|set \S+:)"
)
DEVICE, STAND = SpinDiode(), Stand(read_parameters().bus, SpinDiode())


def bus_decks(design):
    """Of the bus feed, a tile on top of another among them."""
    buses = design.hardware("dense1", "coupled")
    ones = np.ones(buses[0].bus.size[1])
    stacks = dc_stacks(buses)
    yield rf_deck(buses[-1], dialect=OTHER)
    yield from dc_gain_decks(buses, OTHER)
    yield dc_deck("direct", stacks, [np.ones(stack.resonators) for stack in stacks], dialect=OTHER)
    yield transient_deck(buses[0], ones, 1e9 * ones, ones, 1e-12, 1e-9, dialect=OTHER)
    yield sparam_deck(buses[0], 0, 5e-6, (1e9, 2e9, 10), dialect=OTHER)


def strip_decks():
    placement = place(wired_usage([[0, 1, 2], [1, 2, 3]]), "planar")
    circuit = strip_circuit(placement, extract_parasitics(placement, 3e9))
    tones = np.geomspace(4e9, 2e9, 3)
    f_res = tones[placement.usage.tone]
    size, currents, lines = len(f_res), np.ones(3), np.ones(4)
    yield strip_rf_deck(circuit, [(3e9, np.array([0])), (3e9, np.array([2]))], f_res, DEVICE, dialect=OTHER)
    yield strip_dc_deck(circuit, np.ones(size), currents, DEVICE, dialect=OTHER)
    waves = (lines, 3e9 * lines, lines)
    yield strip_transient_deck(circuit, f_res, 3e9, currents, waves, (1e-12, 1e-9), DEVICE, dialect=OTHER)


def other_decks():
    yield crossbar_deck("array", np.ones((2, 2)), np.ones(2), CrossbarArray(), dialect=OTHER)
    f = np.array([1e9, 2e9, 3e9, 5e9])
    for block in (
        chain_block(np.array([3e9, 2e9]), STAND, 5e-6),
        combiner_block(2, STAND.circuit),
        row_block(RowOfLines(2, 1e4, 4e-7, 1.0, 1.2e-10, 1e-3, 5e-8, 1e-11, 2), STAND),
    ):
        for method in ("sp", "ac"):
            yield block_deck(block, f, method, dialect=OTHER)


def test_another_dialect_spells_every_line(small_model):
    design = compile_cnn(small_model, read_parameters(settings=["plan.tile=18"]))
    decks = [*bus_decks(design), *strip_decks(), *other_decks()]
    assert len(decks) == 15
    for deck in decks:
        for line in deck.text.splitlines():
            assert LINE.match(line), (deck.name, line)


class Nameless(Dialect):
    """Has ngspice's name."""


def test_a_plug_in_is_found_by_its_entry_point(plug):
    assert list(module.dialects()) == ["ngspice"]
    plug(("resonet.dialects", f"{__name__}:Bracketed"))
    assert list(module.dialects()) == ["bracketed", "ngspice"]
    assert isinstance(module.find_dialect("bracketed"), Bracketed)
    with pytest.raises(InputError, match="no dialect 'spectre'; possible: ngspice, bracketed"):
        module.find_dialect("spectre")
    plug(("resonet.dialects", f"{__name__}:Nameless"))
    with pytest.raises(
        InputError, match=r"Nameless \(.*: dialect ngspice: there is one already; possible: one of a name"
    ):
        module.dialects()
    plug(("resonet.dialects", f"{__name__}:InputError"))
    with pytest.raises(InputError, match="possible: a subclass of"):
        module.dialects()


def test_numbers_and_names():
    assert numbers(3, a=1 / 3, b=2e9) == {"a": "0.333", "b": "2e+09"}
    assert NGSPICE.format_noise("v(a)", "v1", "dec", 10, 1.0, 1e9) == "noise v(a) v1 dec 10 1.0 1000000000.0"
    assert NGSPICE.format_tran(1e-12, 1e-9, initial=True) == "tran 1e-12 1e-09 0 1e-12 uic"
    assert [NGSPICE.current_of("vsense", "xr0"), NGSPICE.current_of("v1")] == ["i(v.xr0.vsense)", "i(v1)"]


def test_the_graph_is_drawn_from_the_same_hardware(small_model):
    design = compile_cnn(small_model, read_parameters(settings=["plan.tile=18", "plan.fanout=2"]))
    graph = design.graph("coupled")
    for layer in ("conv1", "dense1"):
        for built in design.hardware(layer, "coupled"):
            combiner = f"{layer}/{built.bus.name}/combiner"
            chains = list(graph.successors(combiner))
            assert np.array_equal([graph.nodes[chain]["f_res"] for chain in chains], built.f_res)
            assert graph.nodes[combiner]["gain"] == built.gain
        stacks = dc_stacks(design.hardware(layer, "coupled"))
        assert len(stacks) == len(design.plan.layer(layer).layer.weight)
        for stack in stacks:
            here, found = f"{layer}/neuron{stack.group}_{stack.output}", []
            while below := [n for n in graph.predecessors(here) if graph.edges[n, here]["net"] == "dc"]:
                (here,) = below
                found.append(here)
            wanted = [f"{layer}/{tile.hardware.bus.name}/chain{tile.position}" for tile in stack.tiles]
            assert found[::-1] == wanted
            # A tile knows how many resonators stand under it.
            under = np.cumsum([0, *(len(tile.f_res) for tile in stack.tiles)])[:-1]
            assert [tile.hardware.bus.below for tile in stack.tiles] == under.tolist()
