"""The process in which a student's exported file runs (`physiodl.exam.confined`): `python -m` starts it.

It imports the runtime it needs, gives up every right but to compute, and only then reads the file. What it answers is
believed as little as any other answer of a student's.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

HEAD = struct.Struct("!II")
FIXED = "the batch, or another axis, is fixed to that of the example: name axis 0 as dynamic"
MEMORY = 1_000_000_000  # bytes of address space on top of what the runtime has taken
# All that computing needs: memory, locks of one thread, clocks, and the two pipes that are open already.
ALLOWED = (
    "read write close lseek fstat mmap munmap mprotect mremap madvise brk futex set_robust_list rseq "
    "clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time getrusage times sched_yield "
    "sched_getaffinity getcpu sysinfo uname getpid gettid getppid rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack "
    "restart_syscall exit exit_group getrandom"
).split()


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints must not stand among the answers
    requests = sys.stdin.buffer
    header, _ = _read(requests)
    make = {"onnx": _onnx, "litert": _litert}[header["kind"]]
    load = make()
    confined = _limits(int(sys.argv[1])) and _only_compute()
    _write(answers, {"confined": confined})
    network: Callable[[np.ndarray], np.ndarray] | None = None
    while True:
        try:
            header, data = _read(requests)
        except EOFError:
            return
        try:
            if "load" in header:
                network, facts = load(data)
                _write(answers, facts)
            else:
                x = np.frombuffer(data, np.float32).reshape(header["shape"])
                _write(answers, {}, np.asarray(network(x), np.float32).tobytes())
        except Exception as error:  # whatever a file brings about
            text = str(error.args[0] if error.args else error)[:600]
            cause = error.args[1] if isinstance(error, Unfit) else FIXED if "nvalid dimensions" in text else ""
            _write(answers, {"error": f"{type(error).__name__}: {text}", "cause": cause})


class Unfit(ValueError):
    """A file that can be read and is not what was asked for: what is wrong, and the likely cause."""


def _read(stream: Any) -> tuple[dict[str, Any], bytes]:
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        raise EOFError
    n_text, n_data = HEAD.unpack(head)
    return json.loads(stream.read(n_text)), stream.read(n_data)


def _write(stream: Any, header: dict[str, Any], data: bytes = b"") -> None:
    text = json.dumps(header).encode()
    message = memoryview(HEAD.pack(len(text), len(data)) + text + data)
    while message:
        message = message[stream.write(message) :]


# --- rights ---


def _limits(seconds: int) -> bool:
    """Bound memory and processor time of this process; whether that could be done."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))
        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        most = int(used) + 2 + 3 * seconds  # several calls; each of them is timed as well
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        return False
    return True


def _only_compute() -> bool:
    """Give up all system calls but those in `ALLOWED`, for good; whether that could be done."""
    try:
        import pyseccomp

        rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(1))
        for name in ALLOWED:
            with contextlib.suppress(ValueError, OSError):  # a call that this architecture does not have
                rules.add_rule(pyseccomp.ALLOW, name)
        rules.load()
    except (ImportError, OSError, RuntimeError):
        return False
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except PermissionError:
        return True
    return False


# --- runtimes ---


def _onnx() -> Callable[[bytes], tuple[Callable, dict[str, Any]]]:
    import onnxruntime as ort

    ort.set_default_logger_severity(4)
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4

    def load(data: bytes) -> tuple[Callable, dict[str, Any]]:
        session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        takes, gives = session.get_inputs(), session.get_outputs()
        _one_of_each(takes, gives)
        if takes[0].type != "tensor(float)":
            text = f"its input is a {takes[0].type}, expected tensor(float)"
            raise Unfit(text, "float32 windows go in, as in the network itself")
        name = takes[0].name

        def network(x: np.ndarray) -> np.ndarray:
            return session.run(None, {name: x})[0].reshape(-1)

        shape = [d if isinstance(d, int) else str(d)[:20] for d in takes[0].shape]
        return network, {"input": shape}

    return load


def _litert() -> Callable[[bytes], tuple[Callable, dict[str, Any]]]:
    from ai_edge_litert.interpreter import Interpreter

    def load(data: bytes) -> tuple[Callable, dict[str, Any]]:
        interpreter = Interpreter(model_content=data, num_threads=1)
        takes, gives = interpreter.get_input_details(), interpreter.get_output_details()
        _one_of_each(takes, gives)
        into, out = takes[0], gives[0]
        shape = [1, *(int(d) for d in into["shape"][1:])]
        interpreter.resize_tensor_input(into["index"], shape)
        interpreter.allocate_tensors()
        kinds = [np.dtype(t["dtype"]).name for t in interpreter.get_tensor_details() if int(np.prod(t["shape"])) > 1]

        def network(x: np.ndarray) -> np.ndarray:
            if x[0].size != int(np.prod(shape)):
                text = f"it takes {shape} at a time, and a window has {x[0].size} samples"
                raise Unfit(text, "exported for windows of another length")
            found = []
            for row in x:  # as on a device, one at a time
                interpreter.set_tensor(into["index"], _stored(row.reshape(shape), into))
                interpreter.invoke()
                found.append(_real(interpreter.get_tensor(out["index"]), out).reshape(-1))
            return np.concatenate(found)

        facts = {
            "input": shape,
            "takes": np.dtype(into["dtype"]).name,
            "gives": np.dtype(out["dtype"]).name,
            "int8": kinds.count("int8"),
            "float": kinds.count("float32") + kinds.count("float16"),
        }
        return network, facts

    return load


def _one_of_each(takes: list, gives: list) -> None:
    if len(takes) != 1 or len(gives) != 1:
        text = f"it has {len(takes)} inputs and {len(gives)} outputs, expected one of each"
        raise Unfit(text, "more than the network's answer is exported")


def _stored(x: np.ndarray, about: dict[str, Any]) -> np.ndarray:
    """Numbers as the file stores them, by its own scale and zero point."""
    kind = np.dtype(about["dtype"])
    scale, zero = about["quantization"]
    if kind.kind not in "iu" or not scale:
        return x.astype(kind)
    limit = np.iinfo(kind)
    return np.clip(np.round(x / scale) + zero, limit.min, limit.max).astype(kind)


def _real(x: np.ndarray, about: dict[str, Any]) -> np.ndarray:
    scale, zero = about["quantization"]
    return (x.astype(np.float32) - zero) * scale if x.dtype.kind in "iu" and scale else x.astype(np.float32)


if __name__ == "__main__":
    main()
