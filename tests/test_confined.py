"""Exported files run in a process that can compute and nothing else: hostile ones cost their task alone."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from physiodl.exam import ExamError, confined

FLOAT = TensorProto.FLOAT
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are confined on Linux")


def file_of(nodes, *, shape=("n", 4), constants=(), opsets=(("", 17),), element=FLOAT):
    """An ONNX file from "x" of this shape to "y" (any,), as bytes that travel."""
    x = helper.make_tensor_value_info("x", element, shape)
    y = helper.make_tensor_value_info("y", FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], initializer=list(constants))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid(*o) for o in opsets], ir_version=9)
    return np.frombuffer(made.SerializeToString(), np.uint8)


def constant(name, values, dtype=np.int64):
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def mean_file(**options):
    return file_of([helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=0, name="m" * 40)], **options)


def test_a_sound_file_answers_for_any_number_of_windows():
    x = np.arange(20, dtype=np.float32).reshape(5, 4)
    with confined.running(mean_file(), what="my file") as run:
        assert run.facts["kind"] == "onnx" and run.facts["input"] == ["n", 4]
        assert run.facts["confined"] == sys.platform.startswith("linux")
        for n in (5, 1, 3):
            assert np.allclose(run(x[:n]), x[:n].mean(axis=1))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("network.onnx", "no array of bytes.*not its path"),
        (b"\x08" * 500, "no array of bytes"),
        (np.zeros(500), "no array of bytes"),
        (np.zeros(20, np.uint8), "20 bytes"),
        (np.zeros(confined.MAX_FILE + 1, np.uint8), "5,000,001 bytes"),
    ],
)
def test_what_is_no_file_is_refused_before_anything_runs(value, message):
    with pytest.raises(ExamError, match=message), confined.running(value):
        pass


def garbage(n=4000, head=b""):
    return np.frombuffer(head + np.random.default_rng(1).bytes(n), np.uint8)


def endless():
    """A loop of 2^62 rounds."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["still"]), helper.make_node("Add", ["v", "v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, ()),
            helper.make_tensor_value_info("on", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("v", FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("w", FLOAT, None),
        ],
    )
    rounds, on = constant("rounds", 2**62), constant("on0", True, bool)
    return file_of([helper.make_node("Loop", ["rounds", "on0", "x"], ["y"], body=body)], constants=[rounds, on])


def too_large():
    """A tensor of four terabytes."""
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["s"], keepdims=0),
        helper.make_node("Add", ["x", "s"], ["y"]),
    ]
    return file_of(nodes, constants=[constant("size", [10**6, 10**6])])


def too_long_an_answer():
    nodes = [helper.make_node("Expand", ["x", "size"], ["y"])]
    return file_of(nodes, shape=("n", 1), constants=[constant("size", [1, 5_000_000])])


HOSTILE = {
    "garbage": (garbage(), "cannot be loaded|ended the process"),
    "garbage of LiteRT": (garbage(head=b"\x1c\0\0\0TFL3"), "cannot be loaded|ended the process"),
    "cut": (mean_file()[:-30].copy(), "cannot be loaded|ended the process"),
    "endless": (endless(), "ran for more than 3 s"),
    "terabytes": (too_large(), "did not run|cannot be loaded|ended the process"),
    "answer without measure": (too_long_an_answer(), "ended the process|outputs"),
    "operation of its own": (
        file_of([helper.make_node("Evil", ["x"], ["y"], domain="evil")], opsets=(("", 17), ("evil", 1))),
        "cannot be loaded",
    ),
    "two answers each": (file_of([helper.make_node("Identity", ["x"], ["y"], name="i" * 60)]), "outputs for 3 windows"),
    "text goes in": (
        file_of([helper.make_node("StringNormalizer", ["x"], ["z"]), helper.make_node("Cast", ["z"], ["y"], to=FLOAT)],
                element=TensorProto.STRING, shape=("n",)),
        "cannot be loaded",
    ),
}  # fmt: skip


@LINUX
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_as_an_error_of_their_task(name):
    data, message = HOSTILE[name]
    width = 1 if name == "answer without measure" else 4
    with pytest.raises(ExamError, match=message), confined.running(data, seconds=3) as run:
        run(np.ones((3, width), np.float32))


@LINUX
@pytest.mark.parametrize("absolute", [False, True])
def test_a_file_cannot_have_another_file_read(tmp_path, monkeypatch, absolute):
    """Weights outside of the file: the secret that lies there does not come back."""
    monkeypatch.chdir(tmp_path)
    secret = np.arange(4, dtype=np.float32) + 7
    (tmp_path / "secret.bin").write_bytes(secret.tobytes())
    tensor = constant("w", [0, 0, 0, 0], np.float32)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    where = str(tmp_path / "secret.bin") if absolute else "secret.bin"
    for key, value in (("location", where), ("offset", "0"), ("length", "16")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    nodes = [
        helper.make_node("Mul", ["x", "w"], ["z"]),
        helper.make_node("ReduceSum", ["z", "axis"], ["y"], keepdims=0),
    ]
    data = file_of(nodes, constants=[tensor, constant("axis", [1])])
    assert onnx.load_from_string(data.tobytes()).graph.initializer[0].external_data[0].value == where
    with pytest.raises(ExamError, match="cannot be loaded|did not run|ended the process"):
        with confined.running(data) as run:
            run(np.ones((2, 4), np.float32))


TRIES = """
import json, os, signal, socket, subprocess, threading
from physiodl.exam import confined_process
assert confined_process._limits(5) and confined_process._only_compute()
done = []
def attempt(name, what):
    try:
        what()
    except BaseException:
        return
    done.append(name)
attempt("open", lambda: os.open("/etc/hostname", os.O_RDONLY))
attempt("write", lambda: os.open("/tmp/physiodl-x", os.O_WRONLY | os.O_CREAT))
attempt("list", lambda: os.listdir("/"))
attempt("stat", lambda: os.stat("/etc"))
attempt("socket", lambda: socket.socket())
attempt("unix socket", lambda: socket.socket(socket.AF_UNIX))
attempt("fork", lambda: os.fork())
attempt("program", lambda: subprocess.run(["/bin/true"]))
attempt("thread", lambda: threading.Thread(target=print).start())
attempt("signal", lambda: os.kill(os.getppid(), 0))
attempt("limits", lambda: __import__("resource").prlimit(os.getppid(), 7))
attempt("memory", lambda: bytearray(2_000_000_000))
print(json.dumps(done))
"""


@LINUX
def test_the_process_can_compute_and_nothing_else():
    out = subprocess.run([sys.executable, "-c", TRIES], capture_output=True, text=True, timeout=60)
    assert json.loads(out.stdout) == [], out.stderr


def test_the_process_knows_nothing_of_the_examination(monkeypatch):
    monkeypatch.setenv("PHYSIODL_EXAM", "/hidden")
    seen = {}

    class Stopped(Exception):
        pass

    def popen(command, **options):
        seen.update(options["env"], command=command)
        raise Stopped

    monkeypatch.setattr(confined.subprocess, "Popen", popen)
    with pytest.raises(Stopped), confined.running(mean_file()):
        pass
    assert not [name for name in seen if name.startswith("PHYSIODL_")] and "/hidden" not in str(seen["command"])


def test_with_hidden_recordings_no_file_runs_in_a_process_that_is_not_confined(monkeypatch):
    monkeypatch.setenv("PHYSIODL_EXAM", "/hidden")
    monkeypatch.setattr(confined.Running, "ask", lambda self, header, data: ({"confined": False}, b""))
    with pytest.raises(RuntimeError, match="only where a process can be confined"), confined.running(mean_file()):
        pass


def test_what_a_file_says_is_not_shown_once_hidden_recordings_are_open(monkeypatch):
    from physiodl.exam import cohorts

    monkeypatch.setattr(cohorts, "hidden_in_use", lambda: True)
    broken = file_of([helper.make_node("Gather", ["x", "far"], ["y"])], constants=[constant("far", [99])])
    for hidden in (False, True):
        if hidden:
            monkeypatch.setenv("PHYSIODL_EXAM", "/hidden")
        with confined.running(broken) as run, pytest.raises(ExamError, match="did not run") as caught:
            run(np.ones((3, 4), np.float32))
        assert ("Gather" in str(caught.value)) != hidden
