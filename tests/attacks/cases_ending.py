"""Attacks that end, stop, double or replace the process they run in."""

from attacks.attack import REST, Attack

EXIT_IN_CELL = """
import os
os._exit(0)
"""

EXIT_IN_CALL = """
import os

def rms(x):
    os._exit(0)
"""

SYSTEM_EXIT = """
def rms(x):
    raise SystemExit(0)

def bye():
    quit()
"""

KILLS_ALL = """
import os, signal

def visible():
    return os.path.exists("/proc/@WITNESS@/cmdline") and b"canary" in open("/proc/@WITNESS@/cmdline", "rb").read()

def attack():
    if visible():  # on a machine without walls this would end everything the user runs
        tell("could kill every process of the user")
        os.kill(@WITNESS@, signal.SIGKILL)
        return
    for pid in (os.getppid(), 1, -1):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            try:
                os.kill(pid, number)
            except OSError:
                pass
"""

KILLS_IN_CELL = KILLS_ALL + "\nattack()\n\ndef rms(x):\n    return 0.0\n"
KILLS_IN_CALL = KILLS_ALL + "\ndef rms(x):\n    attack()\n    return 0.0\n"

KILLS_PARENT = """
import os, signal

if os.path.exists("/proc/@WITNESS@"):
    print("no walls: the parent is the grader itself")
os.kill(os.getppid(), signal.SIGKILL)

def rms(x):
    return 0.0
"""

LOOP_IN_CELL = """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""

LOOP_IN_CALL = """
import signal

def rms(x):
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            pass
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""

NATIVE_LOOP = """
import ctypes

def rms(x):
    ctypes.CDLL(None).pause()  # native code that never comes back
    while True:
        ctypes.CDLL(None).pause()
"""

SLOW_CELL = "import time\ntime.sleep(3.5)"

STOPS_ITSELF = """
import os, signal

def rms(x):
    os.kill(os.getpid(), signal.SIGSTOP)
    return 0.0
"""

STOPS_KERNEL = """
import os, signal
os.kill(os.getpid(), signal.SIGSTOP)
"""

SEGMENTATION_FAULT = """
import ctypes

def rms(x):
    ctypes.string_at(8)

def offset(x):
    return 0.0
"""

RECURSION = """
import sys
sys.setrecursionlimit(10**9)

class Deep(Exception):
    def __str__(self):
        return str(self)

def rms(x):
    return rms(x)
"""

NEVER_SAID = """
class Endless(Exception):
    def __str__(self):
        while True:
            pass
    __repr__ = __str__

def rms(x):
    raise Endless
"""

RAISES_DEEP = """
def predict(signals):
    raise Deep
"""

FORKS_BOTH = """
import os

child = os.fork()  # both sides go on as the kernel
if child == 0:
    import time
    print("the other side goes on")

def rms(x):
    return 0.0
"""

FORK_PATCHED = """
import os, threading

real = os.fork
os.fork = lambda: 0  # everybody is the child
os._exit = lambda code=0: None
os.kill = lambda *a: None
os.waitpid = lambda *a: (0, 0)
threading.Thread.start = lambda self: None

def rms(x):
    return 0.0
"""

EXECS = """
import os, sys

os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(1000)", *sys.argv[1:]])
"""

INPUT = """
import getpass, sys

answers = []
try:
    answers.append(input("your password? "))
except BaseException as error:
    print(type(error).__name__)

def rms(x):
    return float(input("what is it? "))

def offset(x):
    return float(getpass.getpass("3? "))
"""

TRACES = """
import atexit, faulthandler, gc, signal, sys, threading

def trace(frame, event, value):
    if event == "return" and frame.f_code.co_name in ("rms", "predict", "same", "score", "credit"):
        frame.f_locals.update(value=1.0, p=None)
    return trace

sys.settrace(trace)
sys.setprofile(lambda *a: None)
threading.settrace(trace)
gc.callbacks.append(lambda *a: gc.collect())
sys.excepthook = sys.unraisablehook = lambda *a: None
sys.displayhook = lambda value: None
atexit.register(lambda: __import__("time").sleep(600))
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
    signal.signal(number, signal.SIG_IGN)

def rms(x):
    return 0.0
"""

ATTACKS = [
    Attack("exits_in_cell", 7, "An answer cell ends the kernel.", {"rms": EXIT_IN_CELL}, costs=REST, look=True),
    Attack("exits_in_call", 7, "The tested function ends its process.", {"rms": EXIT_IN_CALL}, look=True),
    Attack("system_exit", 8, "The tested function raises SystemExit.", {"rms": SYSTEM_EXIT}),
    Attack(
        "loops_in_cell",
        10,
        "An answer cell that never ends and swallows every interrupt.",
        {"rms": LOOP_IN_CELL},
        costs=REST,
    ),
    Attack(
        "loops_in_call",
        10,
        "A tested function that never ends and ignores every signal.",
        {"rms": LOOP_IN_CALL},
        look=True,
    ),
    Attack(
        "many_slow_cells",
        10,
        "Twenty cells, each just below the limit for one.",
        added=tuple(("rms", SLOW_CELL) for _ in range(20)),
        costs=REST,
        most={"rms": 4.0},
    ),
    Attack("waits_in_native_code", None, "A tested function that waits in C.", {"rms": NATIVE_LOOP}, look=True),
    Attack(
        "kills_everything_in_cell",
        None,
        "kill(-1) and kill(parent) in an answer cell.",
        {"rms": KILLS_IN_CELL},
        costs=REST,
    ),
    Attack(
        "kills_everything_in_call",
        None,
        "kill(-1) and kill(parent) in the tested function.",
        {"rms": KILLS_IN_CALL},
        costs=REST,
    ),
    Attack("kills_parent", None, "Kills whoever started the kernel.", {"rms": KILLS_PARENT}, costs=REST),
    Attack("stops_itself", None, "SIGSTOP in the tested function.", {"rms": STOPS_ITSELF}, look=True),
    Attack("stops_the_kernel", None, "SIGSTOP in an answer cell.", {"rms": STOPS_KERNEL}, costs=REST, look=True),
    Attack("segmentation_fault", None, "A crash in C in the tested function.", {"rms": SEGMENTATION_FAULT}, look=True),
    Attack(
        "recursion",
        None,
        "Recursion without limit, and an error whose text never ends.",
        {"rms": RECURSION, "predict": RAISES_DEEP},
        costs=("offset", "negate"),
    ),
    Attack("error_never_said", None, "An error whose text takes for ever to make.", {"rms": NEVER_SAID}, look=True),
    Attack("forks_in_cell", None, "Both sides of a fork go on as the kernel.", {"rms": FORKS_BOTH}, costs=REST),
    Attack(
        "patches_fork",
        None,
        "os.fork, os._exit, os.kill and threads do nothing any more.",
        {"rms": FORK_PATCHED},
        costs=REST,
    ),
    Attack(
        "execs_another_program",
        None,
        "Another program takes the kernel's place.",
        {"rms": EXECS},
        costs=REST,
        look=True,
    ),
    Attack("asks_for_input", None, "input() and getpass() in a cell and in calls.", {"rms": INPUT}),
    Attack("traces_and_hooks", None, "settrace, atexit, garbage collector and signals.", {"rms": TRACES}),
]
