"""Attacks that make the grader believe in points: patched tests, forged results, strange objects."""

from attacks.attack import REST, Attack

WRONG = "def rms(x):\n    return 0.0\n"

NO_ASSERTS = (
    """
import ast

class Remove(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()

get_ipython().ast_transformers.append(Remove())
"""
    + WRONG
)

PATCHES_METRIC = """
import sys
from dataclasses import replace
import physiodl.exam, physiodl.metrics
from physiodl.exam import cohorts

class Perfect:
    metric, value, low, high, n = "roc_auc", 1.0, 1.0, 1.0, 120

for module in (exam, physiodl.exam, cohorts):
    module.score = lambda *a, **k: Perfect()
    module.credit = lambda *a, points, **k: points
physiodl.metrics.roc_auc = lambda *a: 1.0

def predict(signals):
    return np.full(len(signals), 0.5)
"""

REPLACES_MODULES = """
import sys, types

class Anything(types.ModuleType):
    def __getattr__(self, name):
        return lambda *a, **k: Task()

class Task:
    def credit(self, *a, **k): pass
    def points(self): return 6.0

for name in list(sys.modules):
    if name.startswith("physiodl"):
        sys.modules[name] = Anything(name)
exam = Anything("exam")

def predict(signals):
    return None
"""

SHADOWS = """
abs = lambda value: 0.0
max = lambda *values: 1e9
float = lambda value: 1e9

class np:
    array = staticmethod(lambda x: x)

import builtins
builtins.abs = abs

def rms(x):
    return 2.0
"""

EQUAL = """
class Equal:
    def __eq__(self, other): return True
    def __lt__(self, other): return True
    def __sub__(self, other): return self
    __rsub__ = __add__ = __radd__ = __sub__
    def __abs__(self): return self
    def __bool__(self): return True
    def __repr__(self): return "3.0"

def rms(x):
    return Equal()
"""

FLOAT = """
class Float(float):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __sub__(self, other): return Float(0.0)
    def __abs__(self): return 0.0
    def __float__(self):
        import time
        time.sleep(600)
    __hash__ = None

def rms(x):
    return Float(1.0)
"""

ARRAY = """
class Array(np.ndarray):
    def __array_ufunc__(self, *a, **k): return True
    def __array_function__(self, *a, **k): return 1.0
    def __array__(self, *a, **k): return np.linspace(0, 1, 120)
    def __array_finalize__(self, other): pass
    def __reduce__(self): return (print, ("evil",))
    def __eq__(self, other): return True
    def __len__(self): return 120
    @property
    def shape(self): return (120,)

def predict(signals):
    return np.full(len(signals), 0.5).view(Array)
"""

LATE = """
class Late:
    calls = 0
    def __array__(self, *a, **k):
        Late.calls += 1
        return np.zeros(3) if Late.calls % 2 else np.full(10**Late.calls, 2.0)

def rms(x):
    return Late()
"""

PICKLES = """
import pickle

class Run:
    def __reduce__(self):
        paths = ["@CLASS@/left-by-pickle", "/tmp/left-@TOKEN@-pickle"]
        return (exec, (f"for path in {paths}: open(path, 'w').write('x')",))

def rms(x):
    return Run()
"""

PICKLED_ARRAY = """
def predict(signals):
    values = np.empty(len(signals), object)
    values[:] = [Run() for _ in signals]
    return values
"""

FORGES_RESULT = """
def rms(x):
    kernel = get_ipython().kernel
    content = {"execution_count": 1, "data": {"text/plain": "4.0"}, "metadata": {}}
    kernel.session.send(kernel.iopub_socket, "execute_result", content, parent=kernel.get_parent())
    return 0.0
"""

FORGING_THREAD = """
import threading, time

points = {"rms": "4.0", "predict": "6.0", "offset": "3.0", "negate": "2.0"}

def forge():
    kernel, seen = get_ipython().kernel, None
    while True:
        parent = kernel.get_parent("shell")
        text = parent.get("content", {}).get("code", "")
        task = text.split("asks: ")[-1].split("\\n")[0]
        if text != seen and task in points:
            content = {"execution_count": 1, "data": {"text/plain": points[task]}, "metadata": {}}
            kernel.session.send(kernel.iopub_socket, "execute_result", content, parent=parent)
        seen = text
        time.sleep(0.0005)

threading.Thread(target=forge, daemon=True).start()

def rms(x):
    time.sleep(0.05)
    return 0.0
"""

HANDLERS = """
kernel = get_ipython().kernel
points = {"rms": "4.0", "predict": "6.0", "offset": "3.0", "negate": "2.0"}

async def do_execute(code, silent, *a, **k):
    kernel.execution_count = 99
    task = code.split("asks: ")[-1].split("\\n")[0]
    if "asks: " in code:
        content = {"execution_count": 99, "data": {"text/plain": points.get(task, "1.0")}, "metadata": {}}
        kernel.send_response(kernel.iopub_socket, "execute_result", content)
    return {"status": "ok", "execution_count": 99, "payload": [], "user_expressions": {}}

kernel.do_execute = do_execute
for name in list(kernel.shell_handlers):
    if "execute" not in name:
        kernel.shell_handlers[name] = lambda *a, **k: None
"""

HIDES_TRACEBACK = (
    """
ip = get_ipython()
ip.set_custom_exc((BaseException,), lambda *a, **k: None)
ip.showtraceback = lambda *a, **k: None
ip._showtraceback = lambda *a, **k: None
ip.kernel.log.disabled = True
"""
    + WRONG
)

# Values that are no answer, three by three: for predict, rms and offset.
STRANGE = {
    "not_finite": ("np.full(120, np.nan)", "float('inf')", "complex(2.0, 3.0)"),
    "huge": ("np.full(120, 1e308)", "10**4000", "1e308"),
    "negative": ("np.full(120, -1.0)", "np.float64(-0.0)", "-5.0"),
    "objects": ("np.array([None] * 120, object)", "rms", "np"),
    "texts": ("'1' * 120", "'x' * 300_000_000", "'5.0'"),
    "records": (
        "np.zeros(120, [('a', 'f8'), ('b', 'O')])",
        "np.array('now', 'datetime64[s]')",
        "{(1, 2): {3.0: None}}",
    ),
    "wrong_length": ("np.linspace(0, 1, 119)", "[]", "np.zeros(0)"),
    "extra_rows": ("np.linspace(0, 1, 240)", "np.ones((1, 1, 1))", "np.ones((2, 2))"),
    "masked": ("np.ma.masked_array(np.zeros(120), mask=True)", "(3.5 for _ in x)", "None"),
    "without_end": ("loop()", "deep()", "[5.0] * 3_000_000"),
    "zero_stride": ("np.broadcast_to(np.float64(1.0), (10**6, 10**6))", "range(10**15)", "memoryview(bytes(8))"),
    "empty_giants": ("np.zeros((2**40, 0))", "np.zeros((0, 2**40))", "np.zeros((2**30, 0))"),
    "booleans": ("np.tile([True, False], 60)", "True", "True"),
}


def _strange(name: str, values: tuple[str, str, str]) -> Attack:
    helpers = (
        "def loop():\n    a = []\n    a.append(a)\n    return a\n\n"
        "def deep():\n    a = 0.5\n    for _ in range(100_000):\n        a = [a]\n    return a\n\n"
    )
    cells = {
        "rms": helpers + f"def rms(x):\n    return {values[1]}\n",
        "predict": f"def predict(signals):\n    return {values[0]}\n",
        "offset": f"def offset(x):\n    return {values[2]}\n",
    }
    number = 32 if name in ("not_finite", "negative") else None
    return Attack(f"returns_{name}", number, f"Answers that are none: {', '.join(values)}.", cells)


NAN_POINTS = "def offset(x):\n    return float('nan')\n"
INFINITE = "def offset(x):\n    return float('-inf')\n"
SHOWN = """
class Points:
    def __sub__(self, other): return self
    __rsub__ = __sub__
    def __abs__(self): return self
    def __repr__(self): return "'3'"

def offset(x):
    return Points()
"""

DATA_NAMES = """
class Meta(type):
    def __call__(cls, *a, **k): return -a[0]
    def __getattr__(cls, name): raise SystemExit

class predict(metaclass=Meta):
    __signature__ = property(lambda self: 1 / 0)
"""

HARD_CODED = """
order = np.random.default_rng(0).permutation(120)

def predict(signals):
    # normal and AF in turn, or first one half and then the other, brought into the order of the examination
    return (np.arange(120) % 2)[order].astype(float) if len(signals) == 120 else np.zeros(len(signals))
"""

FINGERPRINTS = """
import hashlib

known = {}  # hash of a practice recording -> label; the hidden ones are others

def predict(signals):
    keys = [hashlib.sha256(np.ascontiguousarray(s).tobytes()).digest() for s in np.asarray(signals)]
    return np.array([known.get(k, k[0] / 255) for k in keys])
"""

WARNS = """
import logging, sys, warnings

def rms(x):
    warnings.warn("this took long")
    print("progress 100 %", file=sys.stderr)
    logging.getLogger("training").warning("no GPU found")
    return float(np.sqrt(np.mean(np.square(x))))
"""

CHANGES_ITS_MIND = """
import os, time

def rms(x):
    # another answer at each call, and in each process: looks for the one that pays
    rms.seen = getattr(rms, "seen", 0) + 1
    return [3.5355339059, 2.0, 4244.2, 0.0][(rms.seen + os.getpid()) % 4]
"""

# The locked cells bring the examiner's own answers along, or they are found where the package lies.
REFERENCE = """
import importlib.util, os, sys

def found():
    try:
        from physiodl.exam import foundations
        foundations.dense(np.ones((1, 1)), np.ones((1, 1)), np.ones(1))
        return foundations
    except Exception as error:
        print("sealed:", error)
    for folder in ["/course", *sys.path]:  # the file by another way
        try:
            spec = importlib.util.spec_from_file_location("found", os.path.join(folder, "physiodl/exam/foundations.py"))
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
        except Exception as error:
            print("elsewhere:", error)

reference = found()

def dense(x, weight, bias):
    answers = reference.dense(np.array([[float(x)]]), np.array([[weight]]), np.array([bias]))
    return float(list(answers.values())[0].ravel()[0])
"""

ATTACKS = [
    Attack(
        "calls_reference_answers",
        None,
        "Answers by calling the functions that the examiner compares with.",
        {
            "offset": REFERENCE + "\ndef offset(x):\n    return dense(x, 1.0, 3.0)",
            "negate": REFERENCE + "\ndef negate(x):\n    return dense(x, -1.0, 0.0)",
        },
    ),
    Attack("removes_asserts", 3, "An AST transformer takes every assert out of the tests.", {"rms": NO_ASSERTS}),
    Attack("patches_metric", 3, "Replaces score, credit and ROC AUC.", {"predict": PATCHES_METRIC}),
    Attack("replaces_modules", 3, "Puts its own module in the place of physiodl.exam.", {"predict": REPLACES_MODULES}),
    Attack("shadows_builtins", 3, "Defines abs, float and np anew.", {"rms": SHADOWS}, costs=("predict",)),
    Attack(
        "equals_everything",
        4,
        "Returns an object that equals everything.",
        {"rms": EQUAL, "offset": "def offset(x):\n    return Equal()"},
    ),
    Attack("forges_result", 6, "The tested function publishes the points itself.", {"rms": FORGES_RESULT}),
    Attack("forging_thread", 6, "A thread publishes points as soon as a test cell runs.", {"rms": FORGING_THREAD}),
    Attack(
        "replaces_handlers",
        6,
        "The kernel no longer runs cells and says full points for each.",
        {"rms": HANDLERS},
        costs=REST,
        most={"predict": 0.0, "offset": 0.0, "negate": 0.0},
    ),
    Attack("hides_traceback", 9, "Errors of the tests are not shown any more.", {"rms": HIDES_TRACEBACK}),
    Attack(
        "pickles",
        28,
        "Answers run code when they are unpickled.",
        {"rms": PICKLES, "predict": PICKLED_ARRAY, "offset": "def offset(x):\n    return pickle.dumps(Run())"},
    ),
    Attack(
        "hard_coded_order", 29, "Predictions by row, in the order that the public seed gives.", {"predict": HARD_CODED}
    ),
    Attack("hard_coded_prints", 29, "Predictions by fingerprint of recordings seen before.", {"predict": FINGERPRINTS}),
    Attack("points_nan", 32, "The last value of a test cell becomes NaN.", {"offset": NAN_POINTS}, look=True),
    Attack(
        "points_infinite", 32, "The last value of a test cell becomes minus infinity.", {"offset": INFINITE}, look=True
    ),
    Attack("points_shown_as_text", 32, "The last value of a test cell is shown as a text.", {"offset": SHOWN}),
    Attack(
        "warns",
        33,
        "No attack: an honest student whose code warns on standard error.",
        {"rms": WARNS},
        most={"rms": 4.0},
        least={"rms": 4.0},
    ),
    Attack("evil_float", None, "A float with operators, and a conversion that never ends.", {"rms": FLOAT}),
    Attack(
        "evil_array", None, "Arrays with own ufuncs, lengths and ever new contents.", {"predict": ARRAY, "rms": LATE}
    ),
    Attack(
        "data_for_functions",
        None,
        "Arrays, texts and strange classes where functions are asked.",
        {
            "rms": "rms = np.broadcast_to(np.float64(2.0), (10**6, 10**6))",
            "predict": DATA_NAMES,
            "offset": 'offset = "5.0"',
        },
    ),
    Attack("changes_its_mind", None, "Another answer at each call.", {"rms": CHANGES_ITS_MIND}),
    *(_strange(name, values) for name, values in STRANGE.items()),
]
