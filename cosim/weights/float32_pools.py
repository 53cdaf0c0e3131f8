"""Max pools of diodes in a float32 graph: what `DiodePools` does in float64 with numpy (maxima.py)."""

from collections.abc import Mapping

import numpy as np

from resonet.core.types import Ints
from resonet.cosim.weights.float32_nodes import Float32Graph, activated
from resonet.cosim.weights.maxima import DiodePools, PooledVoltages
from resonet.netlist.network.cnn import MaxPool

__all__ = ["diode_pooled"]


def diode_pooled(
    graph: Float32Graph, pool: MaxPool, ideal: str, maxima: DiodePools, places: Mapping[int, str]
) -> tuple[str, str]:
    """Outputs [n, *out_shape] of a pool behind its neurons, and their sums, [n, values]; `ideal` as ideal ones give it.

    `places` are the sums that maxima pool, by layer number. The graph's `pools` get, for each layer that is pooled,
    what an image gives in widths of the diodes: the largest input, the squares of the errors, the largest, [n] each.
    """
    size = int(np.prod(pool.out_shape))
    whole = graph.flat([ideal])
    outputs, sums, at = [whole], [whole], np.arange(size)
    start = size
    for part in maxima.pooled[pool.name]:
        graph.widest = max(graph.widest, part.members.size)
        found = _part(graph, pool, part, maxima, places[part.place])
        sums.append(found)
        column = graph.reshape(found, (len(part.outputs), 1, 1))
        outputs.append(graph.flat([activated(graph, part.behind.activation.take(part.channel), column)]))
        at[part.outputs] = np.arange(start, start + len(part.outputs))
        start += len(part.outputs)
    return graph.reshape(_gathered(graph, outputs, at), pool.out_shape), _gathered(graph, sums, at)


def _gathered(graph: Float32Graph, rows: list[str], at: Ints) -> str:
    """Values `at` of several [n, values], one behind the other."""
    if len(rows) == 2 and np.array_equal(at, np.arange(len(at), 2 * len(at))):
        return rows[1]
    return graph.put("Gather", [graph.put("Concat", rows, axis=1), graph.hold(at)], axis=1)


def _part(graph: Float32Graph, pool: MaxPool, part: PooledVoltages, maxima: DiodePools, place: str) -> str:
    """Sums of the diode maxima over one layer's chains, [n, outputs]."""
    per_width = maxima.units[part.behind.name][part.channel] / maxima.diode.width
    inputs = graph.put("Gather", [graph.flat([place]), graph.hold(np.maximum(part.members, 0))], axis=1)
    inputs = graph.put("Mul", [inputs, graph.hold(per_width[:, None])])
    size = graph.put("Abs", [inputs])
    if (part.members < 0).any():
        there = part.members >= 0
        size = graph.put("Mul", [size, graph.hold(there.astype(float))])
        inputs = graph.put("Add", [inputs, graph.hold(np.where(there, 0.0, -np.inf))])
    last, rest = graph.hold(np.array([2])), graph.hold(np.array([1]))
    top = graph.put("ReduceMax", [inputs, last])
    less = graph.put("Exp", [graph.put("Sub", [inputs, top])])  # 0 ... 1: nothing overflows
    off = graph.put("Log", [graph.put("ReduceSum", [less, last], keepdims=0)])
    soft = graph.put("Add", [graph.put("Squeeze", [top, last]), off])
    graph.pools[pool.name, part.behind.name] = [
        graph.put("ReduceMax", [graph.flat([size]), rest], keepdims=0),
        graph.put("ReduceSumSquare", [off, rest], keepdims=0),
        graph.put("ReduceMax", [off, rest], keepdims=0),
    ]
    return graph.put("Mul", [soft, graph.hold(1 / per_width)])
