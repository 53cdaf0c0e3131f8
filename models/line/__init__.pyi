from .lines import (
    LineGeometry as LineGeometry,
)
from .lines import (
    LosslessLine as LosslessLine,
)
from .lines import (
    RlcLine as RlcLine,
)
from .lines import (
    RlgcLine as RlgcLine,
)
from .lines import (
    strip_field as strip_field,
)
from .strip_geometry import Geometry as Geometry
from .strip_geometry import strip_line as strip_line
from .strip_matrix import capacitance_matrix as capacitance_matrix
from .strip_matrix import inductance_matrix as inductance_matrix
