"""From a trained network to a device: run exported files and measure them.

Nothing here imports TensorFlow, ONNX Runtime or LiteRT before it is asked for: a notebook that does not need them does
not wait for them. The network that lesson and assignment 07 carry to a device (`deploy_reference`) and what other
devices do to recordings (`deploy_shift`) can be had from here too.
"""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from physiodl.deploy_reference import logits_of, prepare, reference_network, sign_and_shift, train_reference
from physiodl.deploy_shift import SHIFTS, shift

__all__ = [
    "SHIFTS", "latency", "litert_runner", "logits_of", "macs", "onnx_runner", "prepare", "quiet", "reference_network",
    "run_litert", "run_onnx", "shift", "sign_and_shift", "size_kb", "tensorflow", "train_reference",
]  # fmt: skip
MOST_AT_ONCE = 64  # recordings that an exported model gets at a time: more only take memory


# --- frameworks, quietly ---


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what exporters, converters and C++ libraries print away from the reader; errors come through.

    Python's output, warnings and log records below the level of errors, and what native code writes to the file
    descriptors 1 and 2. The whole process is quiet meanwhile: wrap calls, not cells.
    """
    saved = [os.dup(handle) for handle in (1, 2)]
    nothing = os.open(os.devnull, os.O_WRONLY)
    level = logging.root.manager.disable
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                logging.disable(logging.WARNING)
                for handle in (1, 2):
                    os.dup2(nothing, handle)
                yield
    finally:
        for handle, was in zip((1, 2), saved, strict=True):
            os.dup2(was, handle)
            os.close(was)
        os.close(nothing)
        logging.disable(level)


def tensorflow() -> ModuleType:
    """TensorFlow, imported on the first call (3 to 6 s of computing), without its start-up messages.

    Its version of Keras is ``tensorflow().keras``.
    """
    with quiet():
        import tensorflow
    tensorflow.get_logger().setLevel(logging.ERROR)
    return tensorflow


# --- running exported files ---


def onnx_runner(model: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """A function that runs an ONNX model in ONNX Runtime, on one thread of the CPU.

    Args:
        model: the file's bytes, with one input and at least one output.

    Returns:
        A function from float (n, ...) to the first output, a float32 array (n, ...). A model exported with a fixed
        batch gets the recordings in batches of that size, which must divide their number.

    Raises:
        ValueError: the bytes are no ONNX model, or, when it is called, the input has a shape that it does not take.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    data = _file(model, "ONNX")
    try:
        with quiet():
            session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has a type of error of its own for each stage
        raise _no_model("ONNX", data, error) from error
    (first, *_), name = session.get_inputs(), session.get_outputs()[0].name
    shape = [size if isinstance(size, int) else None for size in first.shape]
    return _in_batches(shape, "ONNX", lambda x: session.run([name], {first.name: x})[0])


def litert_runner(model: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """A function that runs a LiteRT (TFLite) model, on one thread of the CPU.

    Integers going in and coming out are scaled by the scale and zero point that the file names, so that the caller
    sees floats whatever the file computes with.

    Args:
        model: the file's bytes, with one input and at least one output.

    Returns:
        A function from float (n, ...) to the first output, a float32 array (n, ...).

    Raises:
        ValueError: the bytes are no LiteRT model, or, when it is called, the input has a shape that it does not take.
    """
    from ai_edge_litert.interpreter import Interpreter

    data = _file(model, "LiteRT")
    try:
        with quiet():
            interpreter = Interpreter(model_content=data, num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise _no_model("LiteRT", data, error) from error
    source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    signature = source.get("shape_signature", source["shape"])
    shape = [int(size) if size > 0 else None for size in signature]
    at = [tuple(source["shape"])]

    def run(x: np.ndarray) -> np.ndarray:
        if x.shape != at[0]:
            with quiet():
                interpreter.resize_tensor_input(source["index"], x.shape)
                interpreter.allocate_tensors()
            at[0] = x.shape
        interpreter.set_tensor(source["index"], _to_integers(x, source))
        interpreter.invoke()
        return _to_floats(interpreter.get_tensor(sink["index"]), sink)

    return _in_batches(shape, "LiteRT", run)


def run_onnx(model: bytes, x: np.ndarray) -> np.ndarray:
    """The first output of an ONNX model for recordings ``x``; see `onnx_runner`."""
    return onnx_runner(model)(x)


def run_litert(model: bytes, x: np.ndarray) -> np.ndarray:
    """The first output of a LiteRT model for recordings ``x``; see `litert_runner`."""
    return litert_runner(model)(x)


def _file(model: Any, kind: str) -> bytes:
    if isinstance(model, np.ndarray) and model.dtype == np.uint8:
        model = model.tobytes()
    if not isinstance(model, (bytes, bytearray, memoryview)) or len(model) < 8:
        got = f"{len(model)} bytes" if isinstance(model, (bytes, bytearray)) else f"a {type(model).__name__}"
        raise ValueError(
            f"got {got}, expected a file in {kind} form, as bytes; likely a path or a network was given: "
            "read the file with Path(...).read_bytes(), or export the network first"
        )
    return bytes(model)


def _no_model(kind: str, data: bytes, error: Exception) -> ValueError:
    flat = data[4:8] == b"TFL3"  # how a LiteRT file says what it is
    cause = "a file of another format" if flat != (kind == "LiteRT") else "an operation or a version it does not know"
    text = " ".join(str(error).split())[:200]
    return ValueError(
        f"got {len(data)} bytes beginning with {data[:8]!r}, expected a model in {kind} form; likely {cause}, or "
        f"one that was cut short; the runtime says: {text}"
    )


def _in_batches(
    shape: Sequence[int | None], kind: str, run: Callable[[np.ndarray], np.ndarray]
) -> Callable[[np.ndarray], np.ndarray]:
    """``run`` behind a check of the shape, ``MOST_AT_ONCE`` or the model's own number of recordings at a time."""

    def call(x: np.ndarray) -> np.ndarray:
        x = np.ascontiguousarray(x, np.float32)
        fits = len(shape) == x.ndim and all(
            want in (None, got) for want, got in zip(shape[1:], x.shape[1:], strict=True)
        )
        if not fits or not len(x):
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            swapped = x.ndim == 3 and list(x.shape[:0:-1]) == list(shape[1:])
            cause = (
                "channels stand first in PyTorch and last in Keras: x.transpose(0, 2, 1)"
                if swapped
                else "windows of another length than the model was exported for, or no batch axis"
            )
            raise ValueError(
                f"got an input of shape {x.shape}, expected ({wanted}) by the {kind} model; likely {cause}"
            )
        step = shape[0] or MOST_AT_ONCE
        if shape[0] and len(x) % step:
            raise ValueError(
                f"got {len(x)} recordings, expected a multiple of {step}: the {kind} model was exported with a fixed "
                "batch; export it with a dynamic one"
            )
        return np.concatenate([run(x[k : k + step]) for k in range(0, len(x), step)])

    return call


def _to_integers(x: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    dtype, (scale, zero) = np.dtype(detail["dtype"]), detail["quantization"]
    if dtype.kind == "f":
        return x.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.round(x / (scale or 1.0)) + zero, limits.min, limits.max).astype(dtype)


def _to_floats(y: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    scale, zero = detail["quantization"]
    return y.astype(np.float32) if y.dtype.kind == "f" else (y.astype(np.float32) - zero) * np.float32(scale or 1.0)


# --- measuring ---


def latency(
    call: Callable[[Any], Any],
    x: Any,
    *,
    repeats: int = 200,
    warm_up: int = 20,
    clock: Callable[[], float] | None = None,
) -> dict[str, float]:
    """How long one call takes, in milliseconds.

    The first calls (``warm_up``) are not counted: caches fill, memory is fetched, kernels are chosen. Python's garbage
    collector waits until the end.

    Args:
        call: a function of one argument that computes at once, such as a runner of this module.
        x: its argument: what arrives at a time on the device, mostly a single recording.
        repeats: calls that are counted, at least 1; a 99th percentile needs some hundreds.
        warm_up: calls before.
        clock: seconds; `time.perf_counter` when None (what a user waits), `time.process_time` for the computing alone.

    Returns:
        A dict: ``median_ms``, ``p95_ms``, ``p99_ms``, ``n``.
    """
    if repeats < 1 or warm_up < 0:
        raise ValueError(f"got repeats={repeats} and warm_up={warm_up}, expected at least 1 and 0")
    clock = clock or time.perf_counter
    for _ in range(warm_up):
        call(x)
    took, collecting = np.empty(repeats), gc.isenabled()
    gc.disable()
    try:
        for k in range(repeats):
            start = clock()
            call(x)
            took[k] = clock() - start
    finally:
        if collecting:
            gc.enable()
    median, p95, p99 = 1000 * np.percentile(took, (50, 95, 99))
    return {"median_ms": float(median), "p95_ms": float(p95), "p99_ms": float(p99), "n": repeats}


def size_kb(model: bytes) -> float:
    """Size of an exported file in kB (1000 bytes)."""
    return len(model) / 1000


def macs(net: Any, shape: Sequence[int]) -> int:
    """Multiply-accumulate operations of one pass through a PyTorch network, its convolutions and dense layers.

    Args:
        net: a ``torch.nn.Module``.
        shape: of one input without the batch axis, such as (1, 3000).

    Returns:
        Number of operations for one recording; what other layers add is a few per cent.
    """
    import torch
    from torch import nn

    total = 0

    def count(layer: nn.Module, _: Any, out: Any) -> None:
        nonlocal total
        each = layer.in_features if isinstance(layer, nn.Linear) else layer.weight[0].numel()
        total += out[0].numel() * each

    layers = [layer for layer in net.modules() if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    training = net.training
    try:
        with torch.no_grad():
            net.eval()(torch.zeros((1, *shape)))
    finally:
        net.train(training)
        for hook in hooks:
            hook.remove()
    return total
