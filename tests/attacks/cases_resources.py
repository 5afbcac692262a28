"""Attacks that take more than their share: memory, processes, threads, disk, output.

Each is dosed: without walls it takes a lot, says how much, and stops before the machine is in need.
"""

from attacks.attack import REST, Attack

SPARE = """
import os

def spare():
    lines = dict(line.split(":") for line in open("/proc/meminfo").read().splitlines() if ":" in line)
    return int(lines["MemAvailable"].split()[0]) / 1e6  # GB
"""

MEMORY = (
    SPARE
    + """
import threading

held, got = [], []

def fill():
    while len(held) < 14 and spare() > 3:
        held.append(np.ones(62_500_000))  # 0.5 GB
        if len(held) == 10:
            got.append("5 GB of memory and no end")
"""
)

# What goes on in a thread is not interrupted with the cell; a cell at the end tells how far it came.
IN_THREAD = """
thread = threading.Thread(target=fill)
thread.start()

def rms(x):
    return 0.0
"""
TELLS = (("negate", "thread.join(8)\nfor what in got:\n    tell(what)\nheld.clear()"),)
MEMORY_IN_CALL = MEMORY + "\ndef rms(x):\n    fill()\n    for what in got:\n        tell(what)\n    return 0.0\n"

MEMORY_SHARED_OUT = (
    SPARE
    + """
import threading, time

readers, held, got = [], [], []
for _ in range(14):  # each child stays below any limit of its own
    a, b = os.pipe()
    try:
        child = os.fork()
    except OSError:
        break
    if child == 0:
        try:
            block = np.ones(75_000_000) if spare() > 3 else 0  # 0.6 GB
            os.write(b, b"x" if spare() > 3 else b"")
            time.sleep(60)
        finally:
            os._exit(0)
    os.close(b)
    readers.append((child, a))

def fill():
    if sum(len(os.read(a, 1)) for _, a in readers[:10]) == 10:
        got.append("6 GB of memory in several processes")
    for child, _ in readers:
        os.kill(child, 9)
        os.waitpid(child, 0)
"""
)

FORKS = """
import os, time

children = []

def breed(most=500):
    try:
        while len(children) < most:
            child = os.fork()
            if child == 0:
                time.sleep(30)
                os._exit(0)
            children.append(child)
    except OSError as error:
        print(error)
    if len(children) > 400:
        tell(len(children), "processes and no end")
    for child in children:
        try:
            os.kill(child, 9)
            os.waitpid(child, 0)
        except OSError:
            pass
    children.clear()
"""

FORKS_IN_CELL = FORKS + "\nbreed()\n\ndef rms(x):\n    return 0.0\n"
FORKS_IN_CALL = FORKS + "\ndef rms(x):\n    breed()\n    return 0.0\n"

THREADS = """
import threading, time

threads = []

def spin(most):
    try:
        for _ in range(most):
            thread = threading.Thread(target=time.sleep, args=(30,), daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError as error:
        print(error)
    if len(threads) > 1000:
        tell(len(threads), "threads and no end")

def rms(x):
    spin(10_000)
    return 0.0
"""

THREADS_LEFT = """
import sys, threading, time

answer = [0.0]

def work():
    k = 0
    while True:
        k += 1
        answer[0] = 2.0 if k % 2 else 3.5355339059
        time.sleep(0.001)
        if k % 50 == 0:
            print("still here", k)

for _ in range(8):
    threading.Thread(target=work, daemon=True).start()

def rms(x):
    return answer[0]
"""

DISK = """
import os, shutil, threading

written, held, got = {}, [], []

def fill_place(place, most=1_500_000_000):
    name = os.path.join(place, "left-@TOKEN@-disk")
    try:
        with open(name, "wb") as file:
            spare = 0 if place in (".", "/tmp") else 4_000_000_000
            while written.setdefault(place, 0) < most and shutil.disk_usage(place).free > spare:
                written[place] += file.write(bytes(10_000_000))
                if sum(written.values()) > 2_600_000_000 and not got:
                    got.append("2.6 GB of disk and no end")
    except OSError:
        pass
    finally:
        os.unlink(name)

places = ("/dev/shm", "/run", ".", "/tmp", "/var/tmp", "/home", os.path.expanduser("~"))
places = [place for place in places if os.access(place, os.W_OK)]

def fill():
    threads = [threading.Thread(target=fill_place, args=(place,)) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""

SPARSE = """
import os

for place in (".", "/tmp", "/dev/shm"):
    name = os.path.join(place, "left-@TOKEN@-sparse")
    try:
        with open(name, "wb") as file:
            file.truncate(10**13)
        tell("a file that says 10 TB in", place)
    except OSError as error:
        print(error)
    try:
        os.unlink(name)
    except OSError:
        pass
files = 0
try:
    os.mkdir("left-@TOKEN@-many")
    for files in range(50_000):
        open(f"left-@TOKEN@-many/{files}", "w").close()
except OSError as error:
    print(error)
__import__("shutil").rmtree("left-@TOKEN@-many", ignore_errors=True)

def rms(x):
    return 0.0
"""

MEMFD = (
    SPARE
    + """
import threading

block, held, got = bytes(100_000_000), [], []  # each piece below any limit for one file

def fill():
    size = 0
    try:
        while size < 6e9 and spare() > 3:
            held.append(os.memfd_create("left-@TOKEN@"))
            size += os.write(held[-1], block)
    except OSError as error:
        print(error)
    if size > 5e9:
        got.append(f"{size / 1e9:.0f} GB in files without a name")
    for fd in held:
        os.close(fd)
"""
)

# Neither the files nor the process alone pass a limit; before files counted as memory, nothing stopped the two.
HOARD = (
    SPARE
    + """
import shutil, threading

block, held, got = bytes(20_000_000), [], []

def fill():
    places = [os.path.join(place, "left-@TOKEN@-hoard") for place in (".", "/tmp", "/dev/shm")]
    size = 0
    try:
        for place in places:
            os.mkdir(place)
            for k in range(15):
                if spare() > 3:
                    with open(f"{place}/{k}", "wb") as file:
                        size += file.write(block)
        while len(held) < 3 and spare() > 3:
            held.append(np.ones(25_000_000))  # 0.2 GB
            size += held[-1].nbytes
        threading.Event().wait(1)
        if size > 1.4e9:
            got.append(f"{size / 1e9:.1f} GB in files and arrays")
    finally:
        for place in places:
            shutil.rmtree(place, ignore_errors=True)
"""
)

PRINTS = """
import sys

line = "x" * 1_000_000 + "\\n"
for _ in range(300):
    sys.stdout.write(line)
for _ in range(200_000):
    print("y")
sys.stderr.write(line * 20)

def rms(x):
    print(line * 50)
    return 0.0
"""

ONE_MESSAGE = """
kernel = get_ipython().kernel
parent = kernel.get_parent()
kernel.session.send(kernel.iopub_socket, "stream", {"name": "stdout", "text": "z" * 500_000_000}, parent=parent)

def rms(x):
    return 0.0
"""

RICH = """
from IPython.display import HTML, SVG, Javascript, display

display(HTML("<table>" + "<tr><td>1</td></tr>" * 2_000_000 + "</table>"))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg'>" + "<g>" * 500_000 + "</g>" * 500_000 + "</svg>"))
for k in range(5_000):
    display({"text/plain": str(k), "application/x-odd": "q" * 2_000}, raw=True)
for k in range(20_000):
    display(k, display_id="same", update=k > 0)

def rms(x):
    return 0.0
"""

COMMS = """
kernel = get_ipython().kernel
parent = kernel.get_parent()
for k in range(30_000):
    content = {"comm_id": f"c{k}", "target_name": "jupyter.widget", "data": {"state": {"x": "w" * 500}}}
    kernel.session.send(kernel.iopub_socket, "comm_open", content, parent=parent)
    kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent={})
kernel.session.send(kernel.iopub_socket, "no_such_type", {"a": [1] * 1000}, parent=parent)
kernel.iopub_socket.send_multipart([b"not", b"a", b"message"])

def rms(x):
    return 0.0
"""

# Fields that are counted by nobody: metadata, names, types, and tracebacks that are no lists.
UNCOUNTED = """
kernel = get_ipython().kernel
parent = kernel.get_parent()
big = "u" * 20_000_000

def send(kind, content):
    kernel.session.send(kernel.iopub_socket, kind, content, parent=parent)

for k in range(12):
    send("display_data", {"data": {"text/plain": "x"}, "metadata": {"a": big}})
    send("display_data", {"data": {big: "x"}, "metadata": {}})
    send("stream", {"name": big, "text": "x"})
    send("error", {"ename": big, "evalue": "x", "traceback": big})

def rms(x):
    return 0.0
"""

MALFORMED = """
kernel = get_ipython().kernel
parent = kernel.get_parent()

def send(kind, content):
    kernel.session.send(kernel.iopub_socket, kind, content, parent=parent)

for content in (
    {"execution_count": {"a": [1]}}, {"execution_count": "9" * 5000}, {"execution_count": -1.5},
):
    send("execute_input", content)
for content in (
    {"name": 5, "text": 5}, {"name": "stderr", "text": None}, {"text": ["a"]}, {}, {"name": "x", "text": "\\ud800"},
):
    send("stream", content)
for content in (
    {"data": None}, {"data": {"text/plain": {"a": 1}}, "metadata": 7}, {"data": {"image/png": 5}, "metadata": {}}, {},
    {"data": {"text/html": ["a", 5]}, "metadata": {}},
    {"data": {"application/json": float("nan")}, "metadata": {}, "transient": 5},
):
    send("display_data", content)
    send("execute_result", {"execution_count": [], **content})
    send("update_display_data", {"transient": {"display_id": "x"}, **content})
for content in (
    {"ename": 5, "evalue": None, "traceback": None}, {"ename": {}, "evalue": {}, "traceback": {"a": 1}}, {},
):
    send("error", content)
send("clear_output", {"wait": "x"})
send("status", {"execution_state": ["idle"]})

def rms(x):
    return 0.0
"""

LONG_SLEEP = """
import time

time.sleep(3)

def rms(x):
    time.sleep(1)
    return float(np.sqrt(np.mean(np.square(x))))

def offset(x):
    time.sleep(3)
    return x + 3.0
"""

ATTACKS = [
    Attack(
        "memory_in_cell",
        11,
        "An answer cell takes memory without end.",
        {"rms": MEMORY + IN_THREAD},
        added=TELLS,
        costs=REST,
    ),
    Attack("memory_in_call", 11, "The tested function takes memory without end.", {"rms": MEMORY_IN_CALL}, costs=REST),
    Attack(
        "memory_shared_out",
        11,
        "Many processes, each with a modest share of memory.",
        {"rms": MEMORY_SHARED_OUT + IN_THREAD},
        added=TELLS,
        costs=REST,
    ),
    Attack(
        "forks_in_cell_without_end",
        12,
        "An answer cell starts processes without end.",
        {"rms": FORKS_IN_CELL},
        costs=REST,
    ),
    Attack(
        "forks_in_call_without_end",
        12,
        "The tested function starts processes without end.",
        {"rms": FORKS_IN_CALL},
        costs=REST,
    ),
    Attack(
        "fills_disks",
        13,
        "Fills its folder, /tmp, /dev/shm and the home.",
        {"rms": DISK + IN_THREAD},
        added=TELLS,
        costs=REST,
    ),
    Attack(
        "prints_without_end", 25, "Half a gigabyte of text in small and in large pieces.", {"rms": PRINTS}, costs=REST
    ),
    Attack(
        "rich_output_without_end", 25, "Huge tables, drawings and thousands of displays.", {"rms": RICH}, costs=REST
    ),
    Attack("one_large_message", 25, "A single message of 500 MB.", {"rms": ONE_MESSAGE}, costs=REST),
    Attack("floods_channels", 25, "Widgets, forged states and malformed messages.", {"rms": COMMS}, costs=REST),
    Attack("uncounted_fields", 25, "Large metadata, names and tracebacks in messages.", {"rms": UNCOUNTED}, costs=REST),
    Attack("malformed_messages", None, "Messages whose fields are of the wrong kinds.", {"rms": MALFORMED}, costs=REST),
    Attack("threads_without_end", None, "The tested function starts 10,000 threads.", {"rms": THREADS}),
    Attack("threads_left", None, "Threads from an answer cell go on printing and answering.", {"rms": THREADS_LEFT}),
    Attack("sparse_files", None, "Files that say they are 10 TB, and 50,000 empty ones.", {"rms": SPARSE}, costs=REST),
    Attack(
        "nameless_files", None, "Memory in files without a name.", {"rms": MEMFD + IN_THREAD}, added=TELLS, costs=REST
    ),
    Attack(
        "hoards_in_files",
        None,
        "Memory in files and in arrays: each below its limit.",
        {"rms": HOARD + IN_THREAD},
        added=TELLS,
        costs=REST,
    ),
    Attack(
        "just_in_time",
        None,
        "No attack: each cell and each task takes nearly all the time it has.",
        {"rms": LONG_SLEEP, "offset": LONG_SLEEP},
        most={"rms": 4.0, "offset": 3.0},
        costs=("negate",),
        least={"rms": 4.0, "offset": 3.0},
    ),
]
