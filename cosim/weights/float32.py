"""Images through a network's float32 graph, batch by batch, by onnxruntime."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resonet.core.types import Array
from resonet.core.watching import Done, nothing
from resonet.cosim.weights.float32_graph import float32_graph
from resonet.cosim.weights.float32_nodes import Inexpressible
from resonet.cosim.weights.held import HeldWeights
from resonet.cosim.weights.maxima import DiodePools
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.planning.scales import InputScale

__all__ = ["EACH", "Float32Images", "Float32Network", "Float32Outputs", "float32_images"]

Float32Images = NDArray[np.float32]
EACH = 500  # images between two calls of `done`
CACHED = 2**19  # values of a batch at the widest place of the network: what stays in a core's cache
FEWEST = 16  # images of a batch: products of matrices are slow for less
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True, eq=False)
class Float32Outputs:
    """What a batch of images gives."""

    logits: Array  # [n, outputs]
    ends: dict[str, dict[str, Array]]  # by layer whose inputs may be cut off: the "high" and the "low" one, [n]
    pools: dict[tuple[str, str], list[Array]]  # by pool and layer that diode maxima pool: see `diode_pooled`


def float32_images(cnn: Cnn, images: Array) -> Float32Images:
    """What the sources send for images [n, *input_shape], [n, values]. Raises Inexpressible beyond 32 bits."""
    found = np.empty((len(images), int(np.prod(cnn.input_shape))), np.float32)
    for start in range(0, len(images), EACH):
        sent = cnn.sent(images[start : start + EACH])
        if not np.abs(sent).max(initial=0) < LARGEST:  # NaN, too
            raise Inexpressible("images hold numbers that float32 does not")
        found[start : start + EACH] = sent.reshape(len(sent), -1)
    return found


class Float32Network:
    """A network of `float32_graph`, ready to run. Raises Inexpressible, also without onnxruntime."""

    def __init__(
        self,
        cnn: Cnn,
        held: Mapping[str, HeldWeights],
        scales: Mapping[str, InputScale] | None = None,
        sent: tuple[float, float] | None = None,
        threads: int | None = None,
        maxima: DiodePools | None = None,
    ) -> None:
        """`threads` of a run; None: one a core. The rest as for `float32_graph`."""
        graph = float32_graph(cnn, held, scales, sent, maxima)
        self._session = _session(graph.model(int(np.prod(cnn.input_shape))), threads)
        self._graph = graph
        self._batch = min(max(CACHED // graph.widest, FEWEST), EACH)

    def __call__(self, sent: Float32Images, done: Done | None = None) -> Float32Outputs:
        """Outputs for what the sources send, [n, values]; `done` is called after each 500 images."""
        rows = []
        for start in range(0, len(sent), EACH):
            part = sent[start : start + EACH]
            for first in range(0, len(part), self._batch):
                rows.append(self._session.run(None, {"image": part[first : first + self._batch]}))
            (done or nothing)()
        logits, *more = (np.concatenate(column).astype(float) for column in zip(*rows, strict=True))
        values, graph = iter(more), self._graph
        ends = {layer: {end: next(values) for end in own} for layer, own in graph.ends.items()}
        return Float32Outputs(logits, ends, {which: [next(values) for _ in own] for which, own in graph.pools.items()})


def _session(model: bytes, threads: int | None) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise Inexpressible("onnxruntime is not installed") from None
    runtime: Any = onnxruntime  # has no types
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads or 0, 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of an operator that it does not know, such as a plug-in's
        raise Inexpressible(f"onnxruntime: {' '.join(str(error).split())[:120]}") from None
