from .axes import Axis as Axis
from .axes import parse_axis as parse_axis
from .journal import read_journal as read_journal
from .sweep import Sweep as Sweep
from .sweep import measure_point as measure_point
from .sweep import run_sweep as run_sweep
from .table import sweep_dataset as sweep_dataset
from .table import write_sweep as write_sweep
