"""What a search has looked at, in a file: a line a structure, so that the same search goes on where it was stopped."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.sources import PHYSICS, source_hash
from resonet.core.validity import warn
from resonet.cosim.operate.latency import Latency
from resonet.cosim.operate.points import Setting, at_setting
from resonet.cosim.operate.power import Drawn
from resonet.cosim.operate.surrogate import LayerSurrogate, Surrogate
from resonet.cosim.operate.tolerances import Tolerance
from resonet.netlist.design.design import Design
from resonet.netlist.network.images import ImageSet

__all__ = ["Memory"]

Key = tuple[float, ...]


def _table(found: Surrogate) -> dict[str, Any]:
    """A surrogate as JSON has it; an infinite saturation as null."""
    layers = [
        {"layer": own.layer, "densities": own.densities, "bandwidths": own.bandwidths.tolist()}
        | {"saturation": [value if np.isfinite(value) else None for value in own.saturation.tolist()]}
        for own in found.layers
    ]
    return {
        "p_max": found.design.plan.options.p_max,
        "bandwidth": found.design.parameters.neuron.bandwidth,
        "layers": layers,
        "bandwidths": found.bandwidths.tolist(),
        "latencies": [asdict(one) for one in found.latencies],
        "powers": found.powers.tolist(),
        "drawn": asdict(found.drawn),
    }


def _numbers(values: list[Any]) -> np.ndarray:
    return np.array([float("inf") if value is None else float(value) for value in values])


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The file, and what it held."""

    path: Path
    digest: str  # of all that a surrogate depends on besides the structure
    held: dict[Key, dict[str, Any]]
    design: Callable[[Key], Design]  # of a structure
    tolerance: Tolerance

    @classmethod
    def open(
        cls, path: Path, of: object, images: ImageSet, design: Callable[[Key], Design], tolerance: Tolerance
    ) -> "Memory":
        """The memory of a search in a file, which may be new. Lines of other searches stay, and are not used."""
        digest = hashlib.sha256(json.dumps([of, source_hash(*PHYSICS)], sort_keys=True).encode())
        digest.update(np.ascontiguousarray(images.images).tobytes())
        key, held, broken = digest.hexdigest(), dict[Key, dict[str, Any]](), 0
        for line in path.read_bytes().splitlines(keepends=True) if path.is_file() else []:
            try:
                table = json.loads(line)
                if table["of"] == key:
                    held[tuple(float(value) for value in table["structure"])] = table["surrogate"]
            except (ValueError, KeyError, TypeError):
                broken += line.endswith(b"\n")  # what a kill cut off is no line
        if broken:
            warn("damaged-result", f"{path}: {broken} damaged lines are not used", broken, 0, "lines")
        return cls(path, key, held, design, tolerance)

    def recall(self, key: Key) -> Surrogate | None:
        """The surrogate of a structure, if it was looked at before."""
        table = self.held.get(key)
        if table is None:
            return None
        try:
            layers = tuple(
                LayerSurrogate(
                    own["layer"],
                    {str(name): float(value) for name, value in own["densities"].items()},
                    _numbers(own["bandwidths"]),
                    _numbers(own["saturation"]),
                )
                for own in table["layers"]
            )
            return Surrogate(
                at_setting(self.design(key), Setting(float(table["p_max"]), float(table["bandwidth"]))),
                self.tolerance,
                layers,
                _numbers(table["bandwidths"]),
                tuple(Latency(**one) for one in table["latencies"]),
                _numbers(table["powers"]),
                Drawn(**table["drawn"]),
            )
        except (KeyError, TypeError, ValueError):
            warn("damaged-result", f"{self.path}: a damaged line is not used", 1, 0, "lines")
            return None

    def keep(self, key: Key, found: Surrogate) -> None:
        """Write a structure to the file, at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = not self.path.is_file() or self.path.read_bytes()[-1:] in (b"", b"\n")
        line = json.dumps({"of": self.digest, "structure": list(key), "surrogate": _table(found)})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(("" if whole else "\n") + line + "\n")
