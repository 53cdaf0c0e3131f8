from .run import (
    BenchCalibration as BenchCalibration,
)
from .run import (
    BenchChip as BenchChip,
)
from .run import (
    BenchOptions as BenchOptions,
)
from .run import (
    BenchStatus as BenchStatus,
)
from .run import (
    calibrate_bench as calibrate_bench,
)
from .simulated_chips import (
    LinearChip as LinearChip,
)
from .simulated_chips import (
    SpiceChip as SpiceChip,
)
from .simulated_chips import (
    Voltmeter as Voltmeter,
)
from .simulated_chips import (
    linear_chip as linear_chip,
)
