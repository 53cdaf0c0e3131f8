from .building import parallel_network as parallel_network
from .deck import cascade_deck as cascade_deck
from .level_planning import plan_levels as plan_levels
from .levels import Levels as Levels
from .levels import StageLevels as StageLevels
from .paths import ParallelDesign as ParallelDesign
from .paths import parallel_design as parallel_design
from .slices import network_slice as network_slice
from .stages import (
    ParallelNetwork as ParallelNetwork,
)
from .stages import (
    Stage as Stage,
)
