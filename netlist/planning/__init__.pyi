from .bus_options import RfOption as RfOption
from .bus_options import rf_options as rf_options
from .frequency_plan import (
    Bus as Bus,
)
from .frequency_plan import (
    FrequencyPlan as FrequencyPlan,
)
from .frequency_plan import (
    LayerPlan as LayerPlan,
)
from .frequency_plan import (
    PlanOptions as PlanOptions,
)
from .frequency_plan import (
    channel_grid as channel_grid,
)
from .frequency_plan import (
    plan as plan,
)
from .scales import InputScale as InputScale
from .scales import bounded_scales as bounded_scales
from .scales import calibrated_scales as calibrated_scales
from .second_order import bus_products as bus_products
