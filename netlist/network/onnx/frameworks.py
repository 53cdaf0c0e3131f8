"""Networks out of torch and Keras, through ONNX in memory. Both stay the user's own: they are imported when asked for.

What was read is held against what the framework itself computes of the example, before anybody sees it.
"""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.read import read_bytes

__all__ = ["from_keras", "from_torch"]

CLOSE = 1e-4  # of the largest output: frameworks compute with 24 bits
SEED, EXAMPLES = 0, 4


def from_torch(module: Any, example: Any, *, output: str | None = None, file: Path | str | None = None) -> Cnn:
    """The network of a torch module, read as `read_cnn` reads it from an ONNX file.

    `example` is a batch as the module takes it, tensor or array [n, ...]; `output` names one output where there are
    several. `file` also keeps the ONNX model there, for `compile_cnn` and `resonet compile`. The module is exported for
    inference and left as it was. Raises InputError where torch is missing, its exporter or the reader refuses, or what
    was read does not compute what the module does.
    """
    torch = _imported("torch", "from_torch")
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"from_torch takes a torch.nn.Module, not {_kind(module)}")
    batch = example if isinstance(example, torch.Tensor) else torch.as_tensor(np.asarray(example, np.float32))
    name = type(module).__name__
    with _for_inference(module), torch.no_grad():
        wanted = module(batch)
        data = _exported(name, lambda: _torch_bytes(torch, module, batch))
    cnn = read_bytes(data, name, output)
    if isinstance(wanted, torch.Tensor) and wanted.is_floating_point():
        _hold_against(cnn, batch.detach().cpu().double().numpy(), wanted.detach().cpu().double().numpy(), name)
    _keep(data, file)
    return cnn


def from_keras(model: Any, *, output: str | None = None, file: Path | str | None = None) -> Cnn:
    """The network of a Keras model, as `from_torch`; what it takes the model says itself.

    Keras 3 exports by its own `model.export(format="onnx")`, Keras 2 by the package tf2onnx.
    """
    keras = _imported("keras", "from_keras")
    if not isinstance(model, keras.Model):
        raise InputError(f"from_keras takes a keras.Model, not {_kind(model)}")
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or any(type(n) is not int for n in shape[1:]):
        raise InputError(f"from_keras: the model's input has the shape {shape}; possible: one input of known size")
    batch = np.random.default_rng(SEED).uniform(0, 1, (EXAMPLES, *shape[1:])).astype(np.float32)
    name = str(model.name)
    wanted = model(batch, training=False)  # before the export: with torch behind Keras it is that which builds it
    data = _exported(name, lambda: _keras_bytes(model))
    cnn = read_bytes(data, name, output)
    if not isinstance(wanted, dict | list | tuple):
        _hold_against(cnn, batch.astype(float), np.asarray(keras.ops.convert_to_numpy(wanted)), name)
    _keep(data, file)
    return cnn


def _imported(package: str, verb: str) -> Any:
    try:
        return __import__(package)
    except ModuleNotFoundError as error:
        raise InputError(f"{verb} needs {package}, which is not installed here: pip install {package}") from error


def _kind(thing: Any) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


@contextmanager
def _for_inference(module: Any) -> Iterator[None]:
    """A module in the state of inference, every part of it as before afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _exported(name: str, export: Any) -> bytes:
    """What an exporter gives, without what it prints. InputError for whatever it raises."""
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            return bytes(export())
    except Exception as error:  # exporters raise what their innards raise
        lines = str(error).strip().splitlines() or [""]
        raise InputError(f"{name}: cannot be exported to ONNX ({type(error).__name__}: {lines[0][:200]})") from error


def _torch_bytes(torch: Any, module: Any, batch: Any) -> bytes:
    """A module as ONNX: by torch's exporter of today where it can run, else by that before."""
    import importlib.util

    today = importlib.util.find_spec("onnxscript") and hasattr(getattr(torch.onnx, "ONNXProgram", None), "model_proto")
    if today:
        program = torch.onnx.export(module, (batch,), dynamo=True, verbose=False)
        return bytes(program.model_proto.SerializeToString(deterministic=True))
    held = io.BytesIO()
    older = {} if tuple(int(n) for n in torch.__version__.split(".")[:2]) < (2, 5) else {"dynamo": False}
    torch.onnx.export(module, (batch,), held, **older)
    return held.getvalue()


def _keras_bytes(model: Any) -> bytes:
    """A model as ONNX: Keras 3 writes files only, so that one is made and read."""
    if not hasattr(model, "export"):
        converted, _ = _imported("tf2onnx", "from_keras for Keras 2").convert.from_keras(model)
        return bytes(converted.SerializeToString(deterministic=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.export(str(path), format="onnx", verbose=False)
        return path.read_bytes()


def _endings(outputs: Array) -> Iterator[Array]:
    """What the reader may have dropped behind the last layer, which it does not build."""
    yield outputs
    with np.errstate(over="ignore"):
        yield 1 / (1 + np.exp(-outputs))
    powers = np.exp(outputs - outputs.max(1, keepdims=True))
    yield powers / powers.sum(1, keepdims=True)
    yield np.log(powers / powers.sum(1, keepdims=True))


def _hold_against(cnn: Cnn, batch: Array, wanted: Array, name: str) -> None:
    """InputError where the network that was read computes something else."""
    wanted = wanted.reshape(len(batch), -1)
    found = propagate(cnn, batch)
    if found.shape != wanted.shape:
        raise InputError(f"{name}: gives {wanted.shape[1]} outputs, what was read of it {found.shape[1]}")
    off = min(float(np.abs(one - wanted).max()) for one in _endings(found)) / (float(np.abs(wanted).max()) or 1.0)
    if not off < CLOSE:
        raise InputError(
            f"{name}: what was read of it differs by {off:.1e} of the largest output; possible: report it as a fault"
        )


def _keep(data: bytes, file: Path | str | None) -> None:
    if file is not None:
        Path(file).write_bytes(data)
