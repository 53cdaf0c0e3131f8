"""The studies of chips by the kind that their files are named after, for who finds a journal and asks what it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from resonet.cosim.montecarlo.run import MonteCarlo, montecarlo_key
from resonet.cosim.robust.drift import DriftRun, drift_study
from resonet.cosim.robust.fault_study import FaultRun, fault_study
from resonet.cosim.robust.sensitivity import SensitivityRun, sensitivity_study
from resonet.cosim.robust.tolerances import ToleranceRun, tolerance_study
from resonet.cosim.sweep.study import from_table

__all__ = ["CHIP_STUDIES", "ChipStudy"]


@dataclass(frozen=True, slots=True)
class ChipStudy:
    """A kind of study."""

    points: str  # what its points are
    run: type[Any]
    key: Callable[[Any], str]  # of a run, anew; raises InputError, EngineError

    def read(self, table: dict[str, Any]) -> Any:
        """The run from the first line of a journal; KeyError, TypeError or InputError for what is none."""
        return from_table(self.run, table)


CHIP_STUDIES: Mapping[str, ChipStudy] = {
    "montecarlo": ChipStudy("chips", MonteCarlo, montecarlo_key),
    "faults": ChipStudy("points", FaultRun, lambda run: fault_study(run).key),
    "drift": ChipStudy("chips", DriftRun, lambda run: drift_study(run).key),
    "sensitivity": ChipStudy("pairs of chips", SensitivityRun, lambda run: sensitivity_study(run).key),
    "tolerances": ChipStudy("rows", ToleranceRun, lambda run: tolerance_study(run).key),
}
