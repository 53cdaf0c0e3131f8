from .crossbar import (
    CrossbarWeights as CrossbarWeights,
)
from .crossbar import (
    crossbar_weights as crossbar_weights,
)
from .crossbar import (
    noisy as noisy,
)
from .studies import CrossbarPoint as CrossbarPoint
from .studies import study as study
