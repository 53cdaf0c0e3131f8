"""What a transient leaves."""

from dataclasses import dataclass

from resonet.core.errors import EngineError
from resonet.core.types import Array

__all__ = ["Readings"]


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What a transient shows."""

    variables: tuple[str, ...]  # v(a), i(v.x.vsense), as the deck saves them
    time: Array  # [kept] s
    data: Array  # [kept, variables] V or A
    means: Array  # [variables] Hann-weighted over the last seconds, of all points
    points: int  # time points that were taken; those kept may be fewer
    checked: float = float("nan")  # fixed_step: largest difference to the whole system, part of the largest value

    def columns(self, names: list[str]) -> tuple[Array, Array]:
        """Values [kept, names] and means [names] of those variables."""
        where = {name: n for n, name in enumerate(self.variables)}
        missing = [name for name in names if name not in where]
        if missing:
            raise EngineError(f"no {missing[0][:60]} among the {len(self.variables)} results of a transient")
        at = [where[name] for name in names]
        return self.data[:, at], self.means[at]
