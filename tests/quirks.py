"""The habits of honest students, none of which may cost a point (`quirk_class.Quirk` says what the parts are)."""

from textwrap import dedent

from quirk_class import TOLD, Quirk, describe

CASES: list[Quirk] = []


def quirk(name, *, answers=None, **parts):
    assert name not in {case.name for case in CASES}, name
    parts |= {key: dedent(text).strip("\n") for key, text in parts.items() if key in ("top", "inside", "end", "added")}
    CASES.append(Quirk(name, answers={k: dedent(v).strip("\n") for k, v in (answers or {}).items()}, **parts))


def gives(name, also="", *, result=TOLD, top=""):
    """`describe` returns this, or what it should with something else beside or instead."""
    result = f"{{**{TOLD}, {also}}}" if also else result
    quirk(name, answers={"describe": describe(top=dedent(top).strip("\n"), result=result)})


# fmt: off
# --- what is printed and shown ---
quirk("reference", answers={"predict": ""}, alone=True)
quirk("prints", top="print('start')", inside="print('inside', signals.shape)", end="print('end')")
quirk("5000_lines", top="for k in range(5_000):\n    print('line', k, 'loss', 0.1 * k)")
quirk("5000_lines_in_a_call", inside="for k in range(5_000):\n    print('line', k, 'loss', 0.1 * k)")
quirk("flushed_20000_times", added="for k in range(20_000):\n    print(k, end='\\r', flush=True)", alone=True)
quirk("shown_20000_times", alone=True,
      added="shown = display('a', display_id=True)\nfor k in range(20_000):\n    shown.update(k)")
quirk("80_MB_of_print", added="print('x' * 80_000_000)", alone=True)
quirk("tqdm", top="from tqdm.auto import tqdm, trange\nfor _ in tqdm(range(30), desc='epoch'):\n    pass",
      inside="for _ in trange(20, leave=False):\n    pass")
quirk("tqdm_notebook", top="from tqdm import notebook\nbar = notebook.tqdm(range(30))\nfor _ in bar:\n    pass",
      inside="for _ in notebook.tqdm(range(20)):\n    pass")
quirk("tqdm_on_a_kept_stream", top="import sys, tqdm as bars\nout = sys.stdout",
      inside="for _ in bars.tqdm(range(9), file=out):\n    pass")
quirk("rich", top="import rich, rich.progress",
      inside="for _ in rich.progress.track(range(9)):\n    rich.print('[b]x')")
quirk("warnings", top="import warnings\nwarnings.warn('careful')",
      inside="warnings.warn('again')\nnp.log(np.zeros(3))")
quirk("warnings_as_errors", top="import warnings\nwarnings.simplefilter('error')", alone=True)
quirk("warnings_printed", alone=True, inside="warnings.warn('again')", top="""
    import warnings
    warnings.showwarning = lambda message, *args, **kwargs: print('W', message)
    warnings.simplefilter('always')""")
quirk("stderr_and_colours", top="import sys\nprint('\\033[31mred\\033[0m', file=sys.stderr)",
      inside="print('\\x1b[1;32m', flush=True, file=sys.stderr)\nsys.stdout.write('x')\nsys.stdout.flush()")
quirk("stdout_redirected", top="import contextlib, io\nkept = io.StringIO()",
      inside="with contextlib.redirect_stdout(kept):\n    print('x')\nassert kept.getvalue()")
quirk("logging", inside="log.info('called with %s', signals.shape)", top="""
    import logging, sys
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
    log = logging.getLogger('mine')
    log.addHandler(logging.StreamHandler(sys.stdout))
    log.warning('training')""")
quirk("plots", top="import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('µV')\nplt.show()",
      inside="plt.figure()\nplt.plot(signals[0, 0])\nplt.show()\nplt.close('all')")
quirk("plots_never_closed", top="%matplotlib inline\nimport matplotlib.pyplot as plt",
      inside="for _ in range(25):\n    plt.subplots()")
quirk("figure_of_30_MB", added="""
    import io
    from PIL import Image as Picture
    from IPython.display import Image
    pixels, store = np.random.default_rng(0).integers(0, 256, (3200, 3200, 3), dtype=np.uint8), io.BytesIO()
    Picture.fromarray(pixels).save(store, 'PNG', compress_level=0)
    assert len(store.getvalue()) > 30e6
    Image(store.getvalue())""")
quirk("figure_of_80_MB", added="from IPython.display import HTML\nHTML('x' * 80_000_000)", alone=True)
quirk("error_of_80_MB", added="raise ValueError('x' * 80_000_000)", alone=True)
quirk("html_and_markdown", inside="display(Math('x^2'))\nhandle.update('two')\nclear_output(wait=True)", top="""
    from IPython.display import HTML, Markdown, Math, clear_output, display
    display(HTML('<b>x</b>'), Markdown('# y'))
    handle = display('one', display_id=True)""")
quirk("widgets", top="""
    import ipywidgets as widgets
    slider = widgets.IntSlider(3)
    display(slider)
    widgets.interact(lambda k: k, k=(0, 9))""", inside="""
    progress = widgets.IntProgress(max=9)
    display(progress)
    progress.value = slider.value = 4
    with widgets.Output():
        print('x')""")
quirk("help_and_question_mark", added="help(np.fft)\nnp.mean?\nnp.std??")
quirk("epochs_one_over_the_other", added="""
    from IPython.display import clear_output
    for k in range(200):
        clear_output(wait=True)
        print('epoch', k)""")

# --- magics and the shell ---
quirk("time", top="%time x = sum(range(1000))", inside="%time sum(range(9))")
quirk("cell_time", answers={"smooth": """
    %%time
    class Smoother:
        def __init__(self, width):
            self.width = width
        def apply(self, x):
            return np.convolve(x, np.ones(self.width) / self.width, mode='valid')"""})
quirk("cell_capture", answers={"perform": """
    %%capture out
    print('hidden')
    def classify(signals, fs):
        return (predict(signals, fs) > 0.5).astype(int)"""})
quirk("timeit", added="%timeit -n 2 -r 2 sum(range(10))\n%prun -q sum(range(10))")
quirk("autoreload", top="%load_ext autoreload\n%autoreload 2", alone=True)
quirk("figure_format", top="%matplotlib inline\n%config InlineBackend.figure_format = 'retina'")
quirk("precision", top="%precision 2\n%xmode Verbose")
quirk("shell", added="!ls -la\nfiles = !ls\n!nproc\n%pwd\n%ls\n%env HOME\n%who",
      inside="get_ipython().system('echo inside')\nfiles = !ls")
quirk("bash_cell", added="%%bash\necho hello\npwd")
quirk("pip_install", added="%pip install numpy\n!pip list | head -3")
quirk("unknown_magic", added="%no_such_magic")

# --- input and exit ---
quirk("input_at_the_top", top="name = input('your name? ')\nprint('hello', name)", alone=True)
quirk("input_at_the_end", end="input('done? ')", alone=True)
quirk("input_in_a_call", inside="input('press enter')", alone=True)
quirk("breakpoint", added="breakpoint()\nprint('after')\n%debug", alone=True)
quirk("exit", added="exit()", alone=True)
quirk("quit_in_an_answer", answers={"perform": """
    def classify(signals, fs):
        return (predict(signals, fs) > 0.5).astype(int)
    quit()"""}, alone=True)
quirk("sys_exit", added="import sys\nsys.exit()", alone=True)

# --- files and what is around ---
quirk("chdir_and_files", alone=True, top="""
    import os, pickle
    os.makedirs('run/models', exist_ok=True)
    os.chdir('run')
    np.save('models/a.npy', np.arange(3))
    with open('log.txt', 'w') as file:
        file.write('µ')
    pickle.dump({'a': 1}, open('p.pkl', 'wb'))""", inside="""
    assert np.load('models/a.npy').sum() == 3 and open('log.txt').read() == 'µ'
    np.savetxt('called.csv', signals[:, 0])""")
quirk("files_left_open", top="""
    import h5py
    np.savez('w.npz', a=np.arange(4), b=np.ones(3))
    with h5py.File('w.h5', 'w') as file:
        file['a'] = np.arange(5)
    weights, store, text = np.load('w.npz'), h5py.File('w.h5'), open('open.txt', 'w+')
    mapped = np.lib.format.open_memmap('m.npy', 'w+', float, (5,))""", inside="""
    assert weights['b'].sum() == 3 and store['a'][2:].sum() == 9
    mapped[:] = 3
    print('written', file=text, flush=True)""")
quirk("own_module", added="%%writefile mine.py\ndef half(x):\n    return x / 2", answers={"smooth": """
    from mine import half
    class Smoother:
        def __init__(self, width):
            self.width = int(half(2 * width))
        def apply(self, x):
            return np.convolve(x, np.ones(self.width) / self.width, mode='valid')"""})
quirk("temporary_files", top="import tempfile\nwith tempfile.NamedTemporaryFile() as file:\n    file.write(b'x')")
quirk("environment", top="import os\nos.environ['OMP_NUM_THREADS'] = '4'\nos.environ['CUDA_VISIBLE_DEVICES'] = ''")
quirk("who_and_where", added="""
    import datetime, getpass, locale, os, pathlib, platform, psutil, socket
    print(getpass.getuser(), pathlib.Path.home(), platform.platform(), socket.gethostname(), os.cpu_count())
    print(psutil.virtual_memory(), datetime.datetime.now().astimezone(), locale.setlocale(locale.LC_ALL, ''))
    (pathlib.Path.home() / 'here').write_text('x')
    !nvidia-smi""")
quirk("looks_at_the_practice_cohort", added="practice = exam.cohort('af_detection')\nprint(len(practice))")
quirk("program", top="""
    import subprocess, sys
    subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True, check=True)""")
quirk("much_memory", top="kept = np.ones(110_000_000)", alone=True)

# --- threads and processes ---
POOL = "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)\nlist(pool.map(abs, [1]))\n"
quirk("thread", top="import threading\nthread = threading.Thread(target=print)\nthread.start()\nthread.join()")
quirk("open_pool_of_threads", top=POOL, inside="assert list(pool.map(abs, [-1, 2])) == [1, 2]", alone=True)
quirk("open_pool_and_input", top=POOL, inside="input()", alone=True)
quirk("open_pool_and_a_name_used_twice", alone=True, inside="assert helper(3) == 3",
      top=POOL + "def helper(x):\n    return x", answers={"smooth": """
    def helper(x, width):
        return np.convolve(x, np.ones(width) / width, mode='valid')
    class Smoother:
        def __init__(self, width):
            self.width = width
        def apply(self, x):
            return helper(x, self.width)
    describe = describe(signals, 300.0)"""})
quirk("name_used_twice", answers={"smooth": """
    describe = describe(signals, 300.0)
    rows = 3
    class Smoother:
        def __init__(self, width):
            self.width = width
        def apply(self, x):
            return np.convolve(x, np.ones(self.width) / self.width, mode='valid')""",
      "perform": "def classify(signals, fs):\n    return (predict(signals, fs) > 0.5).astype(int)\ndel Smoother"})
quirk("thread_that_stays", alone=True,
      top="import threading, time\nthreading.Thread(target=time.sleep, args=(1000,), daemon=True).start()")
FORKED = "with multiprocessing.get_context('fork').Pool(2) as forked:\n    assert forked.map(square, [1, 3]) == [1, 9]"
quirk("pool_of_processes", top="import multiprocessing\ndef square(x):\n    return x * x\n" + FORKED, inside=FORKED)
JOBS = "assert Parallel(n_jobs=2)(delayed(abs)(k) for k in range(-3, 1)) == [3, 2, 1, 0]"
quirk("joblib", top=f"from joblib import Parallel, delayed\n{JOBS}", inside=JOBS, alone=True)
quirk("forest_on_all_cores", top="from sklearn.ensemble import RandomForestClassifier",
      inside="RandomForestClassifier(20, n_jobs=-1).fit([[0], [1]] * 9, [0, 1] * 9).predict([[1]])")
quirk("async_cells", top="""
    import asyncio
    async def slow(x):
        await asyncio.sleep(0.01)
        return x
    print(await slow(3), await asyncio.gather(slow(1), slow(2)))
    background = asyncio.create_task(asyncio.sleep(1000))""")
quirk("async_in_a_thread", top="import asyncio\nprint(await asyncio.to_thread(sum, [1, 2]))", alone=True)

# --- Python ---
quirk("helper_classes", answers={"describe": describe(top="""
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
    return np.sqrt(x)""", result="{**" + TOLD + ', "rms": [Row(row).rms for row in rows], "unit": Row.unit}')})
quirk("type_hints", alone=True, answers={"describe": describe(
    top="from __future__ import annotations\nx: list[Nothing] = []\ndef f(x: Nothing) -> None: ...",
    head="def describe(signals: np.ndarray, fs: float = 300.0, *, verbose: bool = True) -> dict[str, object]:")})
quirk("cache", inside="assert window(9) is window(9)",
      top="import functools\n@functools.lru_cache(maxsize=None)\ndef window(n):\n    return np.hanning(n)\nwindow(9)")
quirk("generator", inside="def rows_of(x):\n    yield from x\nassert sum(1 for _ in rows_of(signals)) == len(signals)")
quirk("dataclass", answers={"smooth": """
    from dataclasses import dataclass, field
    @dataclass
    class Smoother:
        width: int
        seen: list = field(default_factory=list)
        def apply(self, x):
            self.seen.append(len(x))
            return np.convolve(x, np.ones(self.width) / self.width, mode='valid')"""})
quirk("match_walrus_fstring", inside="""
    match signals.shape:
        case (n, 1, samples) if (count := n) >= 0:
            print(f'{count=} {samples:>10,} {fs!r:10} {n:{samples % 9}d}')
        case _:
            raise ValueError""")
quirk("star_imports", top="from numpy import *\nfrom math import *", alone=True)
quirk("decorator", answers={"describe": describe(top="""
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
@timed""")})
quirk("recursion", inside="def depth(n):\n    return 0 if n == 0 else 1 + depth(n - 1)\nassert depth(800) == 800")
quirk("seeded_globally", top="import random\nnp.random.seed(0)\nrandom.seed(0)\nnp.random.rand(3)")
quirk("floating_point_errors", alone=True,
      top="np.seterr(all='raise')\nnp.set_printoptions(precision=2, suppress=True)")
quirk("names_of_the_test_cell", alone=True,
      end="task = 3\n_x = 'mine'\n_told = None\n_k = exec\npoints = []\ndisplay = None\nexam = 'tomorrow'\ntoy = 5")
quirk("names_of_builtins", alone=True,
      end="sum = 0\nlist = [1]\nmax = min = 3\nexec = 'x'\nopen = False\ntype = 'AF'\nprint = None\nisinstance = 3")
quirk("names_shadowed_in_a_function",
      inside="exam, task, exec = 1, 2, 3\ndef own(np):\n    return np + exam\nassert own(1) == 2")
quirk("deletes", top="x = 3\ndel x\nimport gc\ngc.collect()\ngc.disable()")
quirk("main_guard", top="if __name__ == '__main__':\n    import __main__\n    __main__.own = 3\n    print(own)")
quirk("lambda", answers={"perform": "classify = lambda signals, fs: (predict(signals, fs) > 0.5).astype(int)"})
quirk("partial_and_bound", answers={"perform": """
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
    assert len(model(signals[:3], 300.0)) == 3"""})
quirk("state_made_at_the_first_call", answers={"perform": """
    threshold = None
    def classify(signals, fs):
        global threshold
        if threshold is None:
            threshold = float(np.median(predict(recordings, fs)))
        return (predict(signals, fs) > threshold).astype(int)
    recordings = signals"""})
quirk("works_in_place", inside="signals *= 2.0\nsignals /= 2.0")
quirk("frames", inside="import pandas as pd\npd.DataFrame(signals[:, 0]).rolling(3).mean()")
quirk("long_cell", top="import time\ntime.sleep(4)")
quirk("slow_call", inside="__import__('time').sleep(0.5)")
# fmt: on
