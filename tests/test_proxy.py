"""Calls from a test cell to the student's work, over a socket to the code that answers them in the student's kernel."""

import socket
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from autograder import wire
from autograder.proxy import CallLost, Line, Missing, Proxy, Remote, StudentError, deadline_in
from autograder.student import answer
from physiodl import exam

WORK = """
import numpy as np
half, unit, table, window = 0.5, "mV", {"a": [1, 2.5]}, np.hanning(5)
net = print
def echo(*args, **kwargs):
    return [list(args), kwargs]
def double(x):
    return 2 * x
def kinds(*args):
    return [type(x).__name__ for x in args]
def fill(x):
    x[:] = 3
    return x
def fails(x):
    return 1 / (x - x)
def complains(text, kind=ValueError):
    raise kind(text)
def leaves():
    raise SystemExit(3)
async def later(x):
    return x
def rows():
    yield 1
class OwnError(Exception):
    pass
class Evil(Exception):
    def __str__(self):
        raise RuntimeError
class Vector:
    scale = 2.0
    def __init__(self, *parts):
        self.parts = list(parts)
    def __add__(self, other):
        if not isinstance(other, Vector):
            return NotImplemented
        return Vector(*(a + b for a, b in zip(self.parts, other.parts)))
    def __mul__(self, factor):
        return Vector(*(a * factor for a in self.parts))
    __rmul__ = __mul__
    def __matmul__(self, other):
        return NotImplemented
    def __eq__(self, other):
        return self.parts == other.parts if isinstance(other, Vector) else NotImplemented
    def __neg__(self):
        return -1 * self
    def __len__(self):
        return len(self.parts)
    def __getitem__(self, k):
        return self.parts[k]
    def __float__(self):
        return float(sum(self.parts))
    def __call__(self, x):
        return [x * part for part in self.parts]
    def norm(self, power=2):
        return sum(abs(a) ** power for a in self.parts) ** (1 / power)
    @property
    def broken(self):
        raise OwnError("no such thing")
class Matrix:
    def __rmatmul__(self, other):
        return "by the matrix"
    def __iter__(self):
        yield from (1, 2)
def total(*vectors):
    return sum(float(v) for v in vectors)
def nothing_but(x):
    return [object(), x]
"""


@contextmanager
def line_to(work=WORK, *, seconds=20.0, hidden=False, meddle=None):
    """A line to a student's names; `meddle(header, tree, blobs)` may change a reply, or give bytes to send instead."""
    names = {"__name__": "__main__"}
    exec(compile(work, "<ipython-input>", "exec"), names)
    examiner, student = socket.socketpair()
    objects = []

    def serve():
        while True:
            try:
                header, data = wire.receive(student, deadline=deadline_in(60))
                tree, blobs = answer(names, objects, header, data)
                reply = {"id": header["id"], **tree}
                changed = meddle(reply) if meddle else reply
                if isinstance(changed, bytes):
                    student.sendall(changed)
                else:
                    wire.send(student, changed, blobs, deadline=deadline_in(60))
            except (wire.Closed, wire.Refused, OSError):
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    line = Line(examiner, deadline=deadline_in(seconds), hidden=lambda: hidden)
    try:
        yield line
    finally:
        line.close()
        student.close()
        thread.join(5)


@pytest.fixture
def line():
    with line_to() as line:
        yield line


# --- names ---


def test_numbers_texts_and_arrays_are_there_as_values(line):
    assert line.name("half") == 0.5 and line.name("unit") == "mV" and line.name("table") == {"a": [1, 2.5]}
    assert np.array_equal(line.name("window"), np.hanning(5))


def test_arguments_and_results_travel_in_both_directions(line):
    echo = line.name("echo")
    given = [1, 2.5, "µ", None, True, (1, 2), {"k": [3]}, np.float32(0.5), np.arange(6.0).reshape(2, 3)]
    back, named = echo(*given, seed=3, data=np.ones(2, np.int8))
    assert back[:7] == given[:7] and type(back[7]) is np.float32 and np.array_equal(back[8], given[8])
    assert named["seed"] == 3 and named["data"].dtype == np.int8
    assert line.name("kinds")(1, 1.0, np.float32(1), np.ones(1), (1,)) == [
        "int",
        "float",
        "float32",
        "ndarray",
        "tuple",
    ]


def test_what_is_changed_in_place_is_a_copy(line):
    x = np.zeros(3)
    assert line.name("fill")(x).tolist() == [3, 3, 3] and x.tolist() == [0, 0, 0]


@pytest.mark.parametrize("use", [
    lambda f: f(3), lambda f: f + 1, lambda f: 2 * f, lambda f: f"{f:.2f}", str, float, int, len, list, bool, np.mean,
    np.asarray, lambda f: f == 1, lambda f: f < 1, lambda f: f[0], lambda f: f.shape, lambda f: 1 in f, lambda f: -f,
])  # fmt: skip
def test_a_missing_name_says_so_whatever_is_done_with_it(line, use):
    nope = line.name("nope")
    assert isinstance(nope, Missing)
    with pytest.raises(NameError, match="'nope' is not defined"):
        use(nope)
    with pytest.raises(NameError, match="'nope' is not defined"):
        line.name("echo")(nope)
    assert line.name("double")(4) == 8


def test_builtin_functions_can_be_asked_for_by_another_name(line):
    assert isinstance(line.name("net"), Proxy) and line.name("net")("said") is None
    assert isinstance(line.name("print"), Missing), "only what the notebook defines is the student's work"


# --- classes ---


def test_objects_stay_there_and_answer_for_themselves(line):
    Vector = line.name("Vector")
    v, w = Vector(3.0, 4.0), Vector(1, 1)
    assert isinstance(v, Remote) and type(v).__name__ == "Vector"
    assert v.norm() == 5.0 and v.norm(power=1) == 7.0 and v.parts == [3.0, 4.0] and Vector.scale == v.scale == 2.0
    assert (v + w).parts == [4.0, 5.0] and (2 * v).parts == (v * 2).parts == [6.0, 8.0] and (-v).parts == [-3.0, -4.0]
    assert len(v) == 2 and v[1] == 4.0 and list(v) == [3.0, 4.0] and float(v) == 7.0 and v(10) == [30.0, 40.0]
    assert line.name("total")(v, w) == 9.0, "an object goes back as an argument"
    assert v != Vector(3.0, 4.0), "its own comparison is not asked"


def test_operators_mean_what_they_mean_in_one_process(line):
    Vector, Matrix = line.name("Vector"), line.name("Matrix")
    v = Vector(1, 2)
    assert (v @ Matrix()) == "by the matrix", "an operator that says NotImplemented leaves it to the other side"
    assert list(Matrix()) == [1, 2] and 2 in v and 9 not in v and bool(v)
    for use in (lambda: v / 2, lambda: 2 - v, lambda: len(Matrix()), lambda: v + 3, lambda: int(Matrix())):
        with pytest.raises(TypeError):
            use()


EQUAL = """
class Equal(float):
    def __eq__(self, other): return True
    def __lt__(self, other): return True
    def __sub__(self, other): return 0.0
    def __abs__(self): return 0.0
    def __bool__(self): return True
    __ne__ = __contains__ = __le__ = __ge__ = __gt__ = __eq__
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __pow__ = __truediv__ = __rtruediv__ = __neg__ = __sub__
class Odd:
    value = Equal(1.0)
    for name in dir(Equal):
        if name not in ("__class__", "__new__", "__dict__", "__init__", "__getattribute__", "__doc__", "__float__"):
            locals()[name] = getattr(Equal, name)
def gives(): return Equal(1.0)
def odd(): return Odd()
def many(): return [Odd(), Equal(1.0)]
held = Odd()
"""


@pytest.mark.parametrize("ask", [
    lambda line: line.name("gives")(), lambda line: line.name("odd")(), lambda line: line.name("held"),
    lambda line: line.name("odd")().value, lambda line: line.name("many")()[0], lambda line: line.name("many")()[1],
    lambda line: line.name("Odd")().value,
])  # fmt: skip
def test_whether_an_answer_is_right_is_not_asked_of_the_student(ask):
    """A float with operators of its own comes as a float; with other objects nothing can be computed or compared."""
    with line_to(EQUAL) as line:
        value = ask(line)
        for right in (lambda: value == 3.0, lambda: abs(value - 3.0) < 1e-6, lambda: (3.0 - value) ** 2 < 1e-6,
                      lambda: not value != 3.0, lambda: 2.9 <= value <= 3.1, lambda: np.isclose(value, 3.0),
                      lambda: np.allclose([value], [3.0]), lambda: value / 3 == 1, lambda: -value == -3):  # fmt: skip
            try:
                assert not right()
            except TypeError:
                pass


def test_errors_of_attributes_and_methods(line):
    v = line.name("Vector")(1, 2)
    with pytest.raises(StudentError, match="no such thing") as caught:
        v.broken  # noqa: B018
    assert caught.value.student_type == "OwnError"
    with pytest.raises(AttributeError, match="nothing"):
        v.nothing  # noqa: B018
    with pytest.raises(IndexError):
        v[9]
    with pytest.raises(TypeError):
        v / 2
    with pytest.raises(AttributeError):
        v.__array__  # noqa: B018
    assert v.norm() > 0


def test_what_is_no_data_is_named_by_its_type(line):
    for value in (line.name("nothing_but")(3)[0], line.name("rows")()):
        with pytest.raises(exam.ExamError, match="type (object|generator)"):
            exam.numbers(value)
    assert line.name("nothing_but")(3)[1] == 3


# --- errors ---


def test_an_error_comes_with_type_text_and_line(line):
    with pytest.raises(ZeroDivisionError, match="division by zero") as caught:
        line.name("fails")(3)
    assert isinstance(caught.value, StudentError) and caught.value.student_type == "ZeroDivisionError"
    task = exam.task("t", points=1)
    with task.check("c", 1):
        line.name("fails")(3)
    assert task.earned == 0


@pytest.mark.parametrize("call, kind, text", [
    (lambda line: line.name("complains")("bad"), ValueError, "bad"),
    (lambda line: line.name("double")(), TypeError, "missing 1 required"),
    (lambda line: line.name("leaves")(), StudentError, "3"),
    (lambda line: line.name("later")(1), TypeError, "async"),
    (lambda line: line.name("double")({"a": 1}), TypeError, "unsupported operand"),
    (lambda line: line.name("complains")("x" * 5000), ValueError, "x{400}$"),
])  # fmt: skip
def test_errors_are_of_the_kind_that_a_test_cell_expects(line, call, kind, text):
    with pytest.raises(kind, match=text) as caught:
        call(line)
    assert isinstance(caught.value, StudentError) and len(str(caught.value)) <= 400
    assert line.name("double")(2) == 4, "an error leaves the line as it is"


def test_strange_errors_are_still_errors(line):
    for name in ("OwnError", "Evil"):
        with pytest.raises(StudentError) as caught:
            line.name("complains")("told", line.name(name))
        assert caught.value.student_type == name


def test_hidden_recordings_do_not_leave_in_a_message():
    with line_to(hidden=True) as line:
        with pytest.raises(ValueError) as caught:
            line.name("complains")("sample 0.731")
        assert "0.731" not in str(caught.value) and caught.value.own_line == ""
        with pytest.raises(StudentError) as caught:
            line.name("complains")("sample 0.731", line.name("OwnError"))
        assert caught.value.student_type == "an error" and "0.731" not in str(caught.value)
        assert "Vector" not in repr(type(line.name("Vector")(1)))
        value = line.name("nothing_but")(3)[0]
        assert repr(value) == "<object, which is no data>"


# --- a line that breaks, and one that does not ---


@pytest.mark.parametrize("argument", [
    lambda x: x, object(), (n for n in "ab"), np.array([object()]), exam.HiddenLabels(np.zeros(3)),
    [exam.HiddenLabels(np.zeros(3))], "x" * 2_000_000, np.zeros(40_000_000), 2**80,
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_arguments_that_cannot_be_sent_leave_the_line_usable(line, argument):
    with pytest.raises(wire.Refused):
        line.name("echo")(argument)
    assert line.lost == "" and line.name("double")(2) == 4


def lost(line, how):
    assert line.lost == how and line.sock.fileno() == -1
    for use in (lambda: line.name("double")(1), lambda: line.value(["half"]), lambda: line.call(["echo"], (), {})):
        with pytest.raises(CallLost, match=line.why[:20]):
            use()


BREAKING = {
    "another id": lambda r: {**r, "id": "0" * 16},
    "no id": lambda r: {"value": 3},
    "id of another type": lambda r: {**r, "id": [r["id"]]},
    "no value": lambda r: {"id": r["id"]},
    "value that is none": lambda r: {"id": r["id"], "value": {"x": 1}},
    "value without its bytes": lambda r: {"id": r["id"], "value": {"a": ["<f8", [9]]}},
    "object without a number": lambda r: {"id": r["id"], "object": "0", "type": "T"},
    "object with a truth for a number": lambda r: {"id": r["id"], "object": True, "type": "T"},
    "object of a nameless type": lambda r: {"id": r["id"], "object": 0, "type": ["T"]},
    "no frame": lambda r: b"\xff" * 40,
    "no JSON": lambda r: wire.LENGTHS.pack(4, 0) + b"\xff\xff{}",
    "a list for a header": lambda r: wire.LENGTHS.pack(2, 0) + b"[]",
}


@pytest.mark.parametrize("meddle", BREAKING.values(), ids=BREAKING)
def test_an_answer_that_is_none_breaks_the_line(meddle):
    with line_to(meddle=lambda reply: meddle(reply) if "kind" not in reply else reply) as line:
        double = line.name("double")
        with pytest.raises(CallLost, match="no data that can be read"):
            double(3)
        lost(line, "broken")


@pytest.mark.parametrize(
    "error",
    [
        None,
        3,
        "text",
        [],
        {},
        {"type": 3, "text": [1], "line": None},
        {"type": "ValueError\x1b[31m", "text": "a" * 9999},
        {"type": "KeyboardInterrupt"},
        {"type": "__import__"},
        {"type": "UnicodeDecodeError"},
        {"type": "ExceptionGroup"},
    ],
)
def test_errors_that_are_made_up_are_only_errors(error):
    with line_to(meddle=lambda r: {"id": r["id"], "error": error} if "kind" not in r else r) as line:
        with pytest.raises(StudentError) as caught:
            line.name("double")(3)
        assert isinstance(caught.value, Exception) and len(str(caught.value)) < 500
        assert line.lost == ""


def test_an_object_that_is_not_there_is_an_error_of_the_call():
    with line_to(meddle=lambda r: {"id": r["id"], "object": 99, "type": "T"} if "object" in r else r) as line:
        made = line.name("Vector")(1, 2)
        with pytest.raises(IndexError):
            made.norm()
        assert line.lost == ""


def test_an_answer_that_comes_late_is_never_taken_for_another_one():
    def slow(reply):
        time.sleep(0.6 if "value" in reply else 0)
        return reply

    with line_to(seconds=0.4, meddle=slow) as line:
        started = time.monotonic()
        with pytest.raises(CallLost, match="in time"):
            line.name("double")(3)
        assert time.monotonic() - started < 3
        time.sleep(0.5)
        lost(line, "timeout")


def test_a_process_that_ends_is_told_at_once():
    examiner, student = socket.socketpair()
    line = Line(examiner, deadline=deadline_in(20))
    student.close()
    started = time.monotonic()
    assert isinstance(line.name("double"), Proxy) and time.monotonic() - started < 3
    lost(line, "died")


def test_without_a_connection_every_use_says_why():
    line = Line(None, deadline=deadline_in(5))
    for name in ("double", "half"):
        with pytest.raises(CallLost, match="had ended"):
            line.name(name)(3)
