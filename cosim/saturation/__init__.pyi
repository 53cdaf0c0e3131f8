from .held import SaturatingWeights as SaturatingWeights
from .held import saturating_weights as saturating_weights
