from .chip import Chip as Chip
from .chip import LayerChip as LayerChip
from .corners import Corner as Corner
from .spread import QUANTITIES as QUANTITIES
from .spread import SpreadOptions as SpreadOptions
