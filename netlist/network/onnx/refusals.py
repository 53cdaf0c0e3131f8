"""Why an operator is not read, and what to do instead: of those that trained networks hold most often."""

from collections.abc import Mapping

__all__ = ["PAGE", "unsupported"]

PAGE = "docs/guide/networks.md lists all operators"
_DRAWN = "possible: a network without it, trained so"
_NEURONS = (
    "possible: Relu, Clip or another of the neurons, or a function of your own as a plug-in activation (docs/extend.md)"
)
# operators: why hardware or this version cannot, and what to do
_REASONS: Mapping[tuple[str, ...], tuple[str, str]] = {
    (
        "GroupNormalization",
        "InstanceNormalization",
        "LRN",
        "LayerNormalization",
        "LpNormalization",
        "MeanVarianceNormalization",
        "RMSNormalization",
        "SimplifiedLayerNormalization",
    ): (
        "it divides by what it measures of each image, and fixed weights cannot follow an image",
        "possible: BatchNormalization, exported for inference",
    ),
    ("GRU", "LSTM", "RNN", "Scan"): (
        "it keeps a state from step to step, and the hardware holds one image at a time",
        "possible: convolutions over the whole signal",
    ),
    ("If", "Loop", "SequenceAt", "SplitToSequence", "OptionalGetElement"): (
        "it decides while it runs, and hardware is wired once",
        "possible: the branch that inference takes, exported alone (tracing, constant folding, onnxsim)",
    ),
    ("ThresholdedRelu", "Shrink", "Sign", "Hardmax", "Ceil", "Floor", "Round", "Bernoulli", "Mod", "Greater", "Less"): (
        "its output jumps, and a transconductor of straight pieces has no jump",
        "possible: Relu or Clip with a bias before it",
    ),
    ("Exp", "Log", "Pow", "Reciprocal", "Sqrt", "Erf", "Sin", "Cos", "Tan", "Atan", "Asin", "Acos", "Sinh", "Cosh"): (
        "alone it is the function of no neuron of this version",
        _NEURONS,
    ),
    ("Attention", "MultiHeadAttention", "Einsum", "RotaryEmbedding", "ScaledDotProductAttention"): (
        "it multiplies signals of the network, and hardware adds signals, it does not multiply them",
        "possible: convolutions, dense layers, sums",
    ),
    ("ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare", "ReduceLogSum", "LpPool",
     "GlobalLpPool", "MaxRoiPool", "RoiAlign", "CumSum", "TopK", "Einsum", "NonMaxSuppression", "GridSample",
     "AffineGrid", "MaxUnpool", "ScatterND", "ScatterElements", "GatherND", "GatherElements", "NonZero", "Unique"): (
        "no circuit of this version computes it",
        "possible: average and maximum pools, ReduceMean, ReduceSum, ReduceMax, or the part of the network before it "
        "alone (onnx.utils.extract_model)",
    ),
    ("DynamicQuantizeLinear",): (
        "its scale depends on the image, and fixed weights cannot follow an image",
        "possible: static quantisation, with scales that are stored in the file",
    ),
    ("DeformConv",): ("its taps move with the image, and resonators stand where they stand", "possible: Conv"),
    ("Erfc", "PartitionedCall", "StatefulPartitionedCall"): (
        "the exporter left what is TensorFlow's in the file (grouped convolutions and Gelu do so)",
        "possible: an export with another backend of Keras (KERAS_BACKEND=torch)",
    ),
    ("LeakyHardtanh", "Affine", "ConstantFill", "Crop", "GivenTensorFill", "ImageScaler", "MeanSubtraction",
     "ParametricSoftplus", "Scale", "ScaledTanh"): (
        "it was an experiment of the first versions of ONNX, and was taken out",
        "possible: Mul and Add with constants, or an export by a newer version",
    ),
}  # fmt: skip
_OF = {name: reason for names, reason in _REASONS.items() for name in names}


def unsupported(op: str) -> str:
    """What a refusal says behind the name of a node whose operator is not read."""
    why, instead = _OF.get(op, ("this version does not know it", f"{_DRAWN}, or an operator of your own as a plug-in "
                                "(docs/extend.md)"))  # fmt: skip
    return f"is not supported: {why}; {instead}; {PAGE}"
