"""Honest students, each with a habit that must cost nothing, and the notebooks they hand in.

A `Quirk` replaces answers of `quirk_class`, adds cells, or changes the notebook's file. All must get full marks, and
none may need a person unless `person` says on what ground.
"""

from quirk_class import TOLD, Quirk, describe, predict

CASES: list[Quirk] = []


def quirk(name, *cells, **facts):
    assert name not in {case.name for case in CASES}, name
    CASES.append(Quirk(name, cells, **facts))


def inside(name, code, **parts):
    """A quirk inside the function that test cells call."""
    quirk(name, ("describe", describe(inside=code, **parts)))


def above(name, code, **parts):
    """A quirk in the answer cell, above the function."""
    quirk(name, ("describe", describe(top=code, **parts)))


def added(name, code, **facts):
    """A quirk in a cell of the student's own, between the answers to the first and the second task."""
    quirk(name, ("describe", describe()), (None, code), **facts)


# --- what is printed and shown ---
quirk("reference", network=True)
quirk("prints", ("describe", describe("print('start')", "print('inside', signals.shape)", end="print('end')")))
above("5000_lines", "for k in range(5_000):\n    print('line', k, 'loss', 0.1 * k)")
inside("5000_lines_in_a_call", "for k in range(5_000):\n    print('line', k, 'loss', 0.1 * k)")
quirk("tqdm", ("describe", describe(
    "from tqdm.auto import tqdm, trange\nfor _ in tqdm(range(30), desc='epoch'):\n    pass",
    "for _ in trange(20, leave=False):\n    pass")))  # fmt: skip
quirk("tqdm_notebook", ("describe", describe(
    "from tqdm.notebook import tqdm\nbar = tqdm(range(30))\nfor _ in bar:\n    pass",
    "for _ in tqdm(range(20)):\n    pass")))  # fmt: skip
quirk("tqdm_keeps_the_stream", ("describe", describe(
    "import sys, tqdm\nout = sys.stdout", "for _ in tqdm.tqdm(range(9), file=out):\n    pass")))  # fmt: skip
quirk("warnings", ("describe", describe(
    "import warnings\nwarnings.warn('careful')", "warnings.warn('again')\nnp.log(np.zeros(3))")))  # fmt: skip
above("warnings_as_errors", "import warnings\nwarnings.simplefilter('error')")
inside("warnings_printed", "warnings.warn('again')", top="""\
    import warnings
    def shown(message, *args, **kwargs):
        print('W', message)
    warnings.showwarning = shown
    warnings.simplefilter('always')""")
quirk("stderr_and_colours", ("describe", describe(
    "import sys\nprint('\\033[31mred\\033[0m', file=sys.stderr)",
    "print('\\x1b[1;32m', flush=True, file=sys.stderr)\nsys.stdout.write('x')\nsys.stdout.flush()")))  # fmt: skip
quirk("logging", ("describe", describe("""\
    import logging, sys
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
    log = logging.getLogger('mine')
    log.addHandler(logging.StreamHandler(sys.stdout))
    log.warning('training')""", "log.info('called with %s', signals.shape)")))  # fmt: skip
above("plots", "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2])\nax.set_title('µV')\nplt.show()")
inside("plots_in_a_call", "plt.figure()\nplt.plot(signals[0, 0])\nplt.show()\nplt.close('all')", top="import matplotlib.pyplot as plt")
inside("plots_never_closed", "for _ in range(25):\n    plt.subplots()", top="%matplotlib inline\nimport matplotlib.pyplot as plt")
added("large_figure", """\
    import io
    from PIL import Image as Picture
    from IPython.display import Image
    pixels = np.random.default_rng(0).integers(0, 256, (3200, 3200, 3), dtype=np.uint8)
    store = io.BytesIO()
    Picture.fromarray(pixels).save(store, 'PNG', compress_level=0)
    print(len(store.getvalue()) / 1e6, 'MB')
    Image(store.getvalue())""")
added("figure_beyond_all_bounds", "from IPython.display import HTML\nHTML('x' * 80_000_000)")
quirk("html_and_markdown", ("describe", describe(
    "from IPython.display import HTML, Markdown, Math, clear_output, display\ndisplay(HTML('<b>x</b>'), Markdown('# y'))\n"
    "handle = display('one', display_id=True)",
    "display(Math('x^2'))\nhandle.update('two')\nclear_output(wait=True)")))  # fmt: skip
quirk("widgets", ("describe", describe(
    "import ipywidgets as widgets\nfrom IPython.display import display\nslider = widgets.IntSlider(3)\ndisplay(slider)\n"
    "widgets.interact(lambda k: k, k=(0, 9))",
    "progress = widgets.IntProgress(max=9)\ndisplay(progress)\nprogress.value = 3\nslider.value = 4")))  # fmt: skip
added("help_and_question_mark", "help(np.fft)\nnp.mean?\nnp.std??")
added("animated", """\
    from IPython.display import clear_output
    import time
    for k in range(200):
        clear_output(wait=True)
        print('epoch', k)""")

# --- magics and the shell ---
above("time_magic", "%time x = sum(range(1000))")
quirk("cell_time", ("describe", "%%time\n" + describe()))
quirk("cell_capture", ("describe", "%%capture out\n" + describe("print('hidden')")))
added("timeit", "%timeit -n 2 -r 2 sum(range(10))\n%prun -q sum(range(10))")
above("autoreload", "%load_ext autoreload\n%autoreload 2")
above("figure_format", "%matplotlib inline\n%config InlineBackend.figure_format = 'retina'")
above("precision", "%precision 2\n%xmode Verbose")
added("shell", "!ls -la\nfiles = !ls\n!nproc\n%pwd\n%ls\n%env HOME\n%who")
added("bash_cell", "%%bash\necho hello\npwd")
added("pip_install", "%pip install numpy\n!pip list | head -3")
inside("shell_in_a_call", "get_ipython().system('echo inside')\nfiles = !ls\n%time sum(range(9))")
added("missing_magic", "%no_such_magic")

# --- input, exit ---
quirk("input_at_the_end", ("describe", describe(end="name = input('your name? ')")))
quirk("input_at_the_top", ("describe", describe("name = input('your name? ')\nprint('hello', name)")))
quirk("input_in_a_call", ("describe", describe("", "input('press enter')")))
added("exit", "exit()")
added("sys_exit", "import sys\nsys.exit()")
added("quit_at_last", "quit()")

# --- files and the surroundings ---
quirk("chdir_and_files", ("describe", describe("""\
    import os, pickle
    os.makedirs('run/models', exist_ok=True)
    os.chdir('run')
    np.save('models/a.npy', np.arange(3))
    with open('log.txt', 'w') as file:
        file.write('µ')
    pickle.dump({'a': 1}, open('p.pkl', 'wb'))""", """\
    assert np.load('models/a.npy').sum() == 3 and open('log.txt').read() == 'µ'
    np.savetxt('called.csv', signals[:, 0])""")))  # fmt: skip
quirk("own_module", (None, "%%writefile mine.py\ndef half(x):\n    return x / 2"), ("describe", describe(
    "from mine import half", "assert half(4) == 2")))  # fmt: skip
above("temporary_files", "import tempfile\nwith tempfile.NamedTemporaryFile() as file:\n    file.write(b'x')")
above("environment", "import os\nos.environ['OMP_NUM_THREADS'] = '4'\nos.environ['CUDA_VISIBLE_DEVICES'] = ''")
above("subprocess", "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True))")

# --- threads and processes ---
quirk("thread", ("describe", describe(
    "import threading\nthread = threading.Thread(target=lambda: sum(range(1000)))\nthread.start()\nthread.join()")))  # fmt: skip
quirk("open_pool_of_threads", ("describe", describe(
    "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)\nlist(pool.map(abs, range(9)))",
    "assert list(pool.map(abs, [-1, 2])) == [1, 2]")))  # fmt: skip
quirk("pool_and_helper_of_the_same_name", ("describe", describe("""\
    from concurrent.futures import ThreadPoolExecutor
    pool = ThreadPoolExecutor(2)
    list(pool.map(abs, range(9)))
    def helper(x):
        return x""", "assert helper(3) == 3")), ("smooth", """\
    def helper(x, width):
        return np.convolve(x, np.ones(width) / width, mode='valid')
    class Smoother:
        def __init__(self, width):
            self.width = width
        def apply(self, x):
            return helper(x, self.width)"""))  # fmt: skip
above("thread_that_stays", "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,), daemon=True).start()")
quirk("pool_of_processes", ("describe", describe("""\
    import multiprocessing
    def square(x):
        return x * x
    with multiprocessing.get_context('fork').Pool(2) as pool:
        assert pool.map(square, range(4)) == [0, 1, 4, 9]""", """\
    with multiprocessing.get_context('fork').Pool(2) as pool:
        assert pool.map(square, range(4)) == [0, 1, 4, 9]""")))  # fmt: skip
quirk("joblib", ("describe", describe("""\
    from joblib import Parallel, delayed
    assert Parallel(n_jobs=2)(delayed(abs)(k) for k in range(-3, 1)) == [3, 2, 1, 0]""",
    "assert Parallel(n_jobs=2)(delayed(abs)(k) for k in range(-3, 1)) == [3, 2, 1, 0]")))  # fmt: skip
quirk("joblib_all_cores", ("describe", describe(inside="""\
    from sklearn.ensemble import RandomForestClassifier
    RandomForestClassifier(20, n_jobs=-1).fit([[0], [1]] * 9, [0, 1] * 9).predict([[1]])""")))  # fmt: skip

# --- Python ---
quirk("helpers", ("describe", describe("""\
    class Row:
        unit = "mV"
        def __init__(self, values):
            self.values = values
        @property
        def rms(self):
            return root(np.mean(self.values**2))
        def __len__(self):
            return len(self.values)
    def root(x):
        return np.sqrt(x)""", result='{**' + TOLD + ', "rms": [Row(row).rms for row in rows]}')))  # fmt: skip
above("type_hints", "from __future__ import annotations\nfrom typing import Any\nx: list[Any] = []\ndef f(x: Nothing) -> None: ...")
quirk("hints_in_the_head", ("describe", describe(
    head="def describe(signals: np.ndarray, fs: float = 300.0, *, verbose: bool = True) -> dict[str, object]:")))  # fmt: skip
quirk("async_cells", ("describe", describe("""\
    import asyncio
    async def slow(x):
        await asyncio.sleep(0.01)
        return x
    print(await slow(3), await asyncio.gather(slow(1), slow(2)))
    background = asyncio.create_task(asyncio.sleep(1000))""")))  # fmt: skip
above("async_in_a_thread", "import asyncio\nprint(await asyncio.to_thread(sum, [1, 2]))")
above("lru_cache", "import functools\n@functools.lru_cache(maxsize=None)\ndef window(n):\n    return np.hanning(n)\nwindow(9)")
quirk("function_in_a_cache", ("smooth", """\
    import functools
    @functools.cache
    def window(n):
        return np.ones(n) / n
    class Smoother:
        def __init__(self, width):
            self.width = width
        def apply(self, x):
            return np.convolve(x, window(self.width), mode='valid')"""))  # fmt: skip
inside("generator", "def rows_of(x):\n    yield from x\nassert sum(1 for _ in rows_of(signals)) == len(signals)")
quirk("dataclass", ("smooth", """\
    from dataclasses import dataclass, field
    @dataclass
    class Smoother:
        width: int
        seen: list = field(default_factory=list)
        def apply(self, x):
            self.seen.append(len(x))
            return np.convolve(x, np.ones(self.width) / self.width, mode='valid')"""))  # fmt: skip
inside("match_walrus_fstring", """\
    match signals.shape:
        case (n, 1, samples) if (count := n) >= 0:
            print(f'{count=} {samples:>10,} {fs!r:10} {n:{samples % 9}d}')
        case _:
            raise ValueError""")
above("star_imports", "from numpy import *\nfrom math import *")
quirk("decorator", ("describe", describe("""\
    import functools, time
    def timed(f):
        @functools.wraps(f)
        def wrapped(*args, **kwargs):
            started = time.perf_counter()
            try:
                return f(*args, **kwargs)
            finally:
                print(f.__name__, time.perf_counter() - started)
        return wrapped
    @timed""")))  # fmt: skip
inside("recursion", "def depth(n):\n    return 0 if n == 0 else 1 + depth(n - 1)\nassert depth(800) == 800")
above("seeded_globally", "import random\nnp.random.seed(0)\nrandom.seed(0)\nnp.random.rand(3)")
above("floating_point_errors", "np.seterr(all='raise')\nnp.set_printoptions(precision=2, suppress=True)")
above("names_of_the_test_cell", "task = 3\n_x = 'mine'\n_told = None\n_k = exec\npoints = []\ndisplay = None")
above("names_of_builtins", "sum = 0\nlist = [1]\nmax = min = 3\nexec = 'x'\nopen = False\ntype = 'AF'\nprint = None\nisinstance = 3")
inside("names_shadowed_in_a_function", "exam, task, exec, np_ = 1, 2, 3, np\ndef own(np):\n    return np + exam\nassert own(1) == 2")
above("deletes", "x = 3\ndel x\nimport gc\ngc.collect()")
above("main_guard", "if __name__ == '__main__':\n    print('main')\n    import __main__\n    __main__.own = 3")
quirk("lambda", ("perform", "classify = lambda signals, fs: (predict(signals, fs) > 0.5).astype(int)"))
quirk("partial_and_bound", ("perform", """\
    import functools
    class Model:
        def __init__(self, threshold):
            self.threshold = threshold
        def __call__(self, signals, fs):
            return self.labels(signals, fs, threshold=self.threshold)
        def labels(self, signals, fs, *, threshold):
            return (predict(signals, fs) > threshold).astype(int)
    model = Model(0.5)
    classify = functools.partial(model.labels, threshold=0.5)
    assert len(model(signals[:3], 300.0)) == 3"""))  # fmt: skip
inside("keeps_what_it_is_given", "signals = np.asarray(signals)\nsignals.resize(signals.shape)\nsignals[0] *= 1.0")
inside("sorts_and_frames", "import pandas as pd\npd.DataFrame(signals[:, 0]).rolling(3).mean()\npd.Series([1]).plot")

# --- what comes back ---
quirk("lists", ("describe", describe(result='{**' + TOLD + ', "rms": rms.tolist(), "rate_hz": list(rate)}')))
quirk("tuples", ("predict", predict(result="tuple(p)")), ("perform", "def classify(signals, fs):\n    return [q > 0.5 for q in predict(signals, fs)]"))
quirk("numpy_scalars", ("describe", describe(result='{"n": np.int64(len(rows)), "rms": rms.astype(np.float32), "rate_hz": rate, "unit": np.str_("mV")}')))
quirk("float16_and_booleans", ("perform", "def classify(signals, fs):\n    return predict(signals, fs).astype(np.float16) > 0.5"))
quirk("pandas", ("describe", describe("import pandas as pd", result='{"n": len(rows), "rms": pd.Series(rms), "rate_hz": pd.Series(rate, index=range(5, 5 + len(rate))), "unit": "mV"}')))
quirk("ordered_dict", ("describe", describe("from collections import OrderedDict", result=f"OrderedDict({TOLD})")))
quirk("defaultdict", ("describe", describe("from collections import defaultdict", inside="told = defaultdict(list)", result=f"(told.update({TOLD}), told)[1]")))
quirk("keys_beside", ("describe", describe(result='{**' + TOLD + ', np.int64(3): 1, "by_label": {np.int64(0): 2, np.bool_(True): 1}, "model": object(), "f": np.mean}')))
quirk("odd_keys_beside", ("describe", describe("class Key:\n    pass", result='{**' + TOLD + ', Key(): 1, frozenset([1]): 2, "sets": {frozenset([1]), (1, 2)}}')))
quirk("dict_of_its_own", ("describe", describe("class Told(dict):\n    pass", result=f"Told({TOLD})")))
quirk("object_with_getitem", ("describe", describe("class Told:\n    def __init__(self, d):\n        self.d = d\n    def __getitem__(self, k):\n        return self.d[k]", result=f"Told({TOLD})")))
quirk("subclass_of_array", ("describe", describe("class Signal(np.ndarray):\n    pass", result='{**' + TOLD + ', "rms": rms.view(Signal), "rate_hz": np.asfortranarray(rate)[::-1][::-1]}')))
quirk("big_endian_and_masked", ("describe", describe(result='{**' + TOLD + ', "rms": rms.astype(">f4"), "rate_hz": np.ma.masked_invalid(rate)}')))
quirk("long_lists", ("describe", describe(result='{**' + TOLD + ', "windows": [[float(v) for v in range(1000)] for _ in range(600)]}')))
quirk("large_array_beside", ("describe", describe(result='{**' + TOLD + ', "windows": np.zeros((20, 1000, 1000))}')))
quirk("named_tuple", ("smooth", """\
    from collections import namedtuple
    Base = namedtuple('Base', 'width')
    class Smoother(Base):
        def apply(self, x):
            return np.convolve(x, np.ones(self.width) / self.width, mode='valid')"""))  # fmt: skip
quirk("slots_and_properties", ("smooth", """\
    class Smoother:
        __slots__ = ('_width',)
        def __init__(self, width):
            self._width = int(width)
        @property
        def width(self):
            return np.int64(self._width)
        @staticmethod
        def kernel(n):
            return np.ones(n) / n
        def apply(self, x):
            return list(np.convolve(x, self.kernel(self._width), mode='valid'))
        def __repr__(self):
            raise RuntimeError
        def __getattr__(self, name):
            raise AttributeError(name)"""))  # fmt: skip
quirk("factory", ("smooth", """\
    def Smoother(width):
        class Inner:
            def apply(self, x):
                return np.convolve(x, np.ones(width) / width, mode='valid')
        made = Inner()
        made.width = width
        return made"""))  # fmt: skip

# --- networks ---
TRAIN = """\
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
{top}
torch.manual_seed(0)
def features(signals):
    power = np.abs(np.fft.rfft(signals[:, 0]))[:, 1:20]
    return torch.as_tensor(power / power.sum(axis=1, keepdims=True), dtype=torch.float32)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(19, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.ReLU(), nn.Linear(8, 1))
    def forward(self, x):
        return self.layers(x)[:, 0]
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
loader = DataLoader(TensorDataset(features(signals), torch.as_tensor(labels).float()), batch_size=50, shuffle=True{loader})
for epoch in range({epochs}):
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(net(x), y).backward()
        optimizer.step()
net.eval()
{end}
"""


def trained(name, top="", *, end="", loader="", epochs=15, result="torch.sigmoid(net(features(signals)))"):
    calls = f"@torch.no_grad()\ndef predict(signals, fs):\n    return {result}"
    quirk(name, ("predict", TRAIN.format(top=top, end=end, loader=loader, epochs=epochs) + calls), (None, "print(net)"),
          ("perform", "def classify(signals, fs):\n    return [int(q > 0.5) for q in predict(signals, fs)]"))  # fmt: skip


trained("tensors")
trained("two_threads", "torch.set_num_threads(2)", end="torch.randn(600, 600) @ torch.randn(600, 600)", result="torch.sigmoid(net(features(signals))).tolist()")
trained("workers", loader=", num_workers=2", epochs=2, end="net.train()\nfor _ in range(60):\n    optimizer.zero_grad()\n    nn.functional.binary_cross_entropy_with_logits(net(features(signals)), torch.as_tensor(labels).float()).backward()\n    optimizer.step()\nnet.eval()", result="torch.sigmoid(net(features(signals))).numpy()")
trained("saved_and_loaded", end="torch.save(net.state_dict(), 'net.pt')", result="(net.load_state_dict(torch.load('net.pt')), torch.sigmoid(net(features(signals))).numpy())[1]")
trained("default_dtype", end="torch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)")
quirk("lazy_training", ("predict", TRAIN.format(top="", end="", loader="", epochs=15).replace("\n", "\n    ").join(["model = None\ndef train():\n    ", "\n    return net\n"]) + """
def predict(signals, fs):
    global model
    if model is None:
        model = train()
    with torch.no_grad():
        return torch.sigmoid(model(features(signals)))
""")) if False else None
quirk("keras", ("predict", """\
    import os
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    keras.utils.set_random_seed(0)
    def features(signals):
        power = np.abs(np.fft.rfft(signals[:, 0]))[:, 1:20]
        return power / power.sum(axis=1, keepdims=True)
    net = keras.Sequential([keras.Input((19,)), keras.layers.Dense(8, 'relu'), keras.layers.Dense(1, 'sigmoid')])
    net.compile(keras.optimizers.Adam(0.05), 'binary_crossentropy', metrics=['accuracy'])
    net.fit(features(signals), labels, epochs=25, batch_size=50)
    net.summary()
    def predict(signals, fs):
        return net.predict(features(signals))[:, 0]"""))  # fmt: skip

# --- time ---
above("long_cell", "import time\ntime.sleep(4)")
inside("slow_call", "import time\ntime.sleep(1)")

# --- the notebook and its file ---
added("extra_cells", "# mine\nx = 3")
added("extra_cell_with_an_error", "1 / 0")
added("extra_cell_not_python", "dies ist kein Python")
quirk("emoji", ("describe", describe("greeting = '🫀 ECG – µV, naïve, 心電図'\nprint(greeting)\nλ = 3", "print('💓' * 30)")))


def each(function):
    def change(notebook):
        for k, cell in enumerate(notebook["cells"]):
            function(cell, k)

    return change


def joined(source):
    return source if isinstance(source, str) else "".join(source)


quirk("markdown_added", file=lambda n: n["cells"].insert(3, {"cell_type": "markdown", "metadata": {}, "source": "# My notes"}))
quirk("markdown_everywhere", file=lambda n: n.update(cells=[
    x for c in n["cells"] for x in (c, {"cell_type": "markdown", "metadata": {}, "source": ["*a note* $x^2$"]}, {"cell_type": "raw", "metadata": {}, "source": ""})]))  # fmt: skip
quirk("other_kernel", file=lambda n: n.update(metadata={"kernelspec": {
    "name": "conda-env-physio-py", "display_name": "physio (3.10)", "language": "python"}, "language_info": {"name": "python", "version": "3.10.2"}}))  # fmt: skip
quirk("no_metadata", file=lambda n: n.update(metadata={}))
quirk("windows_line_ends", file=each(lambda c, k: c.update(source=joined(c["source"]).replace("\n", "\r\n"))))
quirk("windows_file", file=lambda n: b"\xef\xbb\xbf" + __import__("json").dumps(n, indent=1).replace("\n", "\r\n").encode())
quirk("old_mac_line_ends", file=each(lambda c, k: c.update(source=joined(c["source"]).replace("\n", "\r"))))
quirk("blanks_at_line_ends", file=each(lambda c, k: c.update(source=joined(c["source"]).replace("\n", "  \n") + "\n\n")))
quirk("out_of_order", file=each(lambda c, k: c["cell_type"] == "code" and c.update(execution_count=100 - k)))
quirk("restarted", file=each(lambda c, k: c["cell_type"] == "code" and c.update(execution_count=k if k < 5 else None)))
STALE = [{"output_type": "stream", "name": "stderr", "text": ["old\n"]},
         {"output_type": "error", "ename": "ValueError", "evalue": "old", "traceback": ["old"]},
         {"output_type": "execute_result", "execution_count": 3, "metadata": {}, "data": {"text/plain": ["0.0"]}},
         {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * 3_000_000, "application/vnd.jupyter.widget-view+json": {"model_id": "x"}}}]  # fmt: skip
quirk("saved_outputs", file=each(lambda c, k: c["cell_type"] == "code" and c.update(outputs=STALE, execution_count=7)))
quirk("colab", file=lambda n: (n.update(nbformat_minor=0, metadata={
    "accelerator": "GPU", "colab": {"provenance": [], "gpuType": "T4"}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}),
    each(lambda c, k: (c.pop("id"), c["metadata"].update(id=f"Ab_{k}", outputId="z", colab={"base_uri": "x"}), c.update(source=joined(c["source"]).splitlines(True))))(n))[0])  # fmt: skip
quirk("vscode", file=lambda n: (n.update(nbformat_minor=2), each(lambda c, k: (c.pop("id"), c["metadata"].update(vscode={"languageId": "python"}), c["cell_type"] == "code" and c.pop("outputs")))(n))[0])


def at(notebook, grade_id):
    cells = notebook["cells"]
    return next(k for k, c in enumerate(cells) if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def replaced(notebook):
    """The answer cell was deleted and a new one written in its place."""
    k = at(notebook, "describe")
    notebook["cells"][k] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1, "source": describe()}


def split(notebook):
    """The answer cell was split with Ctrl-Shift-minus: both halves carry its metadata."""
    k = at(notebook, "describe")
    cell = notebook["cells"][k]
    notebook["cells"].insert(k, {**cell, "id": "half", "source": "def helper(x):\n    return x"})


def merged(notebook):
    """Answer and test cell were merged into one."""
    k, j = at(notebook, "describe"), at(notebook, "describe-test")
    cells = notebook["cells"]
    cells[k]["source"] = joined(cells[k]["source"]) + "\n\n" + joined(cells.pop(j)["source"])


def answered_below(notebook):
    """The handed out cell was left as it is; the answer stands in a cell of its own below it."""
    k = at(notebook, "describe")
    notebook["cells"][k]["source"] = "def describe(signals, fs):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    notebook["cells"].insert(k + 1, {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1, "source": describe()})


quirk("answer_replaced", file=replaced, person="describe was missing")
quirk("answer_split", file=split, person="stood there 2 times")
quirk("answer_merged_with_its_test", file=merged, person="describe-test was missing")
quirk("answered_below", file=answered_below)
quirk("tag_of_its_own", file=each(lambda c, k: c["metadata"].update(tags=["mine"], collapsed=True, scrolled=True)))
