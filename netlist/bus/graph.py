"""Frequency plan + program -> hardware graph: blocks as nodes, nets as edges, arrays on the chain nodes.

Node names are `layer/bus/combiner`, `layer/bus/chain<j>`, `layer/neuron<group>_<output>`; the attribute `kind` is
`combiner`, `chain` or `neuron`. Edges carry `net` = "rf" (a bus, through a bias tee into the head of a chain), "dc"
(top of a chain into the tail of the next tile, or into the neuron) or "tone" (a neuron's output on the way to the next
layer's buses).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import networkx as nx
import numpy as np

from resonet.core.types import Array
from resonet.models.circuit.combiner import combiner_gain
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan
from resonet.netlist.programming.methods import Program

__all__ = [
    "HardwareGraph",
    "build_graph",
    "bus_chains",
    "bus_graph",
    "bus_names",
    "dc_stacks",
    "write_graphml",
]

HardwareGraph: TypeAlias = nx.DiGraph


def _new_graph(plan: FrequencyPlan, method: str) -> HardwareGraph:
    return nx.DiGraph(device=plan.device, circuit=plan.circuit, p_max=plan.options.p_max, method=method)


def _add_bus(graph: HardwareGraph, bus: Bus, f_res: Array) -> None:
    """One combiner and its chains, each tied to the tile below it or to ground, and to its neuron if it is the top."""
    combiner = f"{bus.layer}/{bus.name}/combiner"
    graph.add_node(
        combiner,
        kind="combiner",
        layer=bus.layer,
        bus=bus.name,
        frequencies=bus.frequencies,
        levels=bus.levels,
        gain=combiner_gain(len(bus.taps), graph.graph["circuit"]),
    )
    for j, output in enumerate(bus.outputs):
        chain, neuron = f"{bus.layer}/{bus.name}/chain{j}", f"{bus.layer}/neuron{bus.group}_{output}"
        graph.add_node(
            chain, kind="chain", layer=bus.layer, bus=bus.name, taps=bus.taps, f_res=f_res[j], below=bus.below
        )
        graph.add_edge(combiner, chain, net="rf")
        if neuron in graph:  # an upper tile takes the place of the tile that was the top so far
            (top,) = graph.predecessors(neuron)
            graph.remove_edge(top, neuron)
            graph.add_edge(top, chain, net="dc")
        else:
            graph.add_node(neuron, kind="neuron", layer=bus.layer, group=bus.group, output=int(output))
        graph.add_edge(chain, neuron, net="dc")


def build_graph(plan: FrequencyPlan, program: Program) -> HardwareGraph:
    """Hardware of the whole network under bus feed, one copy of each kernel.

    `graph.graph` holds the shared `device`, `circuit` and `p_max`, and the program's `method`.
    """
    graph = _new_graph(plan, program.method)
    before: list[str] = []
    for entry, programmed in zip(plan.layers, program.layers, strict=True):
        for bus, f_res in zip(entry.buses, programmed.f_res, strict=True):
            _add_bus(graph, bus, f_res)
        # A layer of neurons feeds every combiner of the next one; one edge a bus stands for the bundle.
        combiners = [f"{bus.layer}/{bus.name}/combiner" for bus in entry.buses]
        if before:
            graph.add_edges_from(((before[0], combiner) for combiner in combiners), net="tone", bundle=len(before))
        before = [n for n, kind in graph.nodes(data="kind") if kind == "neuron" and n.startswith(f"{bus.layer}/")]
    return graph


def bus_graph(plan: FrequencyPlan, bus: Bus, f_res: Array) -> HardwareGraph:
    """Hardware of one bus alone; f_res [chains, resonators] in Hz."""
    graph = _new_graph(plan, "given")
    _add_bus(graph, bus, f_res)
    return graph


def bus_names(graph: HardwareGraph, layer: str) -> list[str]:
    """Buses of a layer in the order of the plan."""
    return [d["bus"] for _, d in graph.nodes(data=True) if d["kind"] == "combiner" and d["layer"] == layer]


def bus_chains(graph: HardwareGraph, layer: str, bus: str) -> list[dict[str, Any]]:
    """Chains of a bus in order, each as its node's attributes."""
    return [graph.nodes[chain] for chain in graph.successors(f"{layer}/{bus}/combiner")]


def dc_stacks(graph: HardwareGraph, layer: str) -> Iterator[tuple[int, int, list[dict[str, Any]]]]:
    """For every neuron of a layer: group, output, and its chains from ground up (attributes plus `position` j)."""
    for name, data in list(graph.nodes(data=True)):
        if data["kind"] != "neuron" or data["layer"] != layer:
            continue
        stack, here = [], name
        while True:
            below = [n for n in graph.predecessors(here) if graph.edges[n, here]["net"] == "dc"]
            if not below:
                break
            here = below[0]
            stack.append(graph.nodes[here] | {"position": int(here.rpartition("chain")[2])})
        yield data["group"], data["output"], stack[::-1]


def write_graphml(graph: HardwareGraph, path: Path) -> None:
    """GraphML of the blocks and nets; arrays become JSON text."""
    plain: HardwareGraph = nx.DiGraph()
    for name, data in graph.nodes(data=True):
        plain.add_node(name, **{k: json.dumps(v.tolist()) if isinstance(v, np.ndarray) else v for k, v in data.items()})
    plain.add_edges_from(graph.edges(data=True))
    nx.write_graphml(plain, path)
