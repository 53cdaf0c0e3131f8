from .crossbar import (
    CrossbarWeights as CrossbarWeights,
)
from .crossbar import (
    crossbar_forward as crossbar_forward,
)
from .crossbar import (
    crossbar_weights as crossbar_weights,
)
from .studies import CrossbarPoint as CrossbarPoint
from .studies import study as study
