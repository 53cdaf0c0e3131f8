"""The hardware as a graph, for whoever wants to look at it or search it: blocks as nodes, nets as edges.

Node names are `layer/bus/combiner`, `layer/bus/chain<j>`, `layer/neuron<group>_<output>`; the attribute `kind` is
`combiner`, `chain` or `neuron`, and arrays over the resonators of a chain are attributes of its node. Edges carry
`net` = "rf" (a bus, through a bias tee into the head of a chain), "dc" (top of a chain into the tail of the next tile,
or into the neuron) or "tone" (a neuron's output on the way to the next layer's buses). Decks do not read it: both are
made from the records of netlist/bus/hardware.py.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from resonet.netlist.bus.hardware import BusHardware, dc_stacks, layer_hardware
from resonet.netlist.planning.frequency_plan import FrequencyPlan
from resonet.netlist.programming.methods import Program

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["HardwareGraph", "build_graph", "write_graphml"]

HardwareGraph: TypeAlias = "nx.DiGraph"  # networkx takes longer to load than the rest of a command


def _add_buses(graph: HardwareGraph, buses: tuple[BusHardware, ...]) -> None:
    """Combiners and chains of a layer, each tied to its bus, and every neuron on top of its tiles."""
    for hardware in buses:
        bus = hardware.bus
        shared = {"layer": bus.layer, "bus": bus.name}
        combiner = f"{bus.layer}/{bus.name}/combiner"
        levels = {"frequencies": bus.frequencies, "levels": bus.levels, "gain": hardware.gain}
        if hardware.circuit.combining != "resistive":
            levels |= {"gain": np.abs(hardware.gains), "combining": hardware.circuit.combining}
        graph.add_node(combiner, kind="combiner", **shared, **levels)
        for j, (output, f_res) in enumerate(zip(bus.outputs.tolist(), hardware.f_res, strict=True)):
            chain, neuron = f"{bus.layer}/{bus.name}/chain{j}", f"{bus.layer}/neuron{bus.group}_{output}"
            groups = {"groups": hardware.circuit.groups} if hardware.circuit.groups > 1 else {}
            graph.add_node(chain, kind="chain", **shared, taps=bus.taps, f_res=f_res, below=bus.below, **groups)
            graph.add_edge(combiner, chain, net="rf")
            graph.add_node(neuron, kind="neuron", layer=bus.layer, group=bus.group, output=output)
    for stack in dc_stacks(buses):
        layer = stack.tiles[0].hardware.bus.layer
        chains = [f"{layer}/{tile.hardware.bus.name}/chain{tile.position}" for tile in stack.tiles]
        graph.add_edges_from(pairwise([*chains, f"{layer}/neuron{stack.group}_{stack.output}"]), net="dc")


def build_graph(plan: FrequencyPlan, program: Program) -> HardwareGraph:
    """Hardware of the whole network under bus feed, one copy of each kernel, as a `networkx.DiGraph`.

    `graph.graph` holds the shared `device`, `circuit` and `p_max`, and the program's `method`.
    """
    import networkx as nx

    graph = nx.DiGraph(device=plan.device, circuit=plan.circuit, p_max=plan.options.p_max, method=program.method)
    before: list[str] = []
    for entry, programmed in zip(plan.layers, program.layers, strict=True):
        _add_buses(graph, layer_hardware(plan, entry, programmed.f_res))
        # A layer of neurons feeds every combiner of the next one; one edge a bus stands for the bundle.
        combiners = [f"{bus.layer}/{bus.name}/combiner" for bus in entry.buses]
        if before:
            graph.add_edges_from(((before[0], combiner) for combiner in combiners), net="tone", bundle=len(before))
        name = entry.layer.name
        before = [n for n, data in graph.nodes(data=True) if data["kind"] == "neuron" and data["layer"] == name]
    return graph


def write_graphml(graph: HardwareGraph, path: Path) -> None:
    """GraphML of the blocks and nets; arrays become JSON text."""
    import networkx as nx

    plain = nx.DiGraph()
    for name, data in graph.nodes(data=True):
        plain.add_node(name, **{k: json.dumps(v.tolist()) if isinstance(v, np.ndarray) else v for k, v in data.items()})
    plain.add_edges_from(graph.edges(data=True))
    nx.write_graphml(plain, path)
