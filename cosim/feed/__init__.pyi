from .comparison import LayerComparison as LayerComparison
from .comparison import compare_layer as compare_layer
from .feeds import Feed as Feed
from .feeds import feed_of as feed_of
from .feeds import layer_weights as layer_weights
from .feeds import network_programs as network_programs
from .store import stored_effective_weights as stored_effective_weights
from .store import stored_programs as stored_programs
