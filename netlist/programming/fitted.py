"""A program that was fitted on data for saturating resonators, and what it was fitted for."""

from dataclasses import dataclass

from resonet.models.resonator.tone_balance import Saturation
from resonet.netlist.programming.methods import Program

__all__ = ["Fitted"]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Program `fitted`."""

    program: Program
    p_max: float  # W, tone power in one resonator at the largest activation
    law: Saturation
    images: int  # that it was fitted on, without those held out

    def unlike(self, p_max: float, law: Saturation) -> str:
        """What is not as it was fitted for; empty where all is."""
        names = ("nonlinear_damping", "frequency_shift")
        pairs = [("plan.p_max", self.p_max, p_max, " W")]
        pairs += [(f"saturation.{name}", getattr(self.law, name), getattr(law, name), "") for name in names]
        return ", ".join(
            f"{name} {now:g}{unit}, fitted for {then:g}{unit}"
            for name, then, now, unit in pairs
            if abs(now - then) > 1e-9 * abs(then)
        )
