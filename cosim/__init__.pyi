from .calibration import calibrate as calibrate
from .feed import layer_weights as layer_weights
from .ngspice import EngineError as EngineError
from .referee import transient as transient
from .weights import (
    accuracy as accuracy,
)
from .weights import (
    dc_pass as dc_pass,
)
from .weights import (
    effective_weights as effective_weights,
)
from .weights import (
    forward as forward,
)
from .weights import (
    rectify as rectify,
)
from .weights import (
    rf_pass as rf_pass,
)
