from .fit import (
    DeviceFit as DeviceFit,
)
from .fit import (
    fit_device as fit_device,
)
from .fit import (
    fit_rectification as fit_rectification,
)
from .fit import (
    fit_touchstone as fit_touchstone,
)
from .measured import Curve as Curve
from .measured import read_curve as read_curve
from .measured import read_one_port as read_one_port
