"""Honest students, each with a habit that must cost nothing, and the notebooks they hand in.

A `Quirk` replaces answers of `quirk_class`, adds cells, or changes the notebook's file. All must get full marks, and
none may need a person unless `person` says on what ground.
"""

from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from quirk_class import Quirk, describe, predict

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
quirk("helpers", (None, "def root(x):\n    return np.sqrt(x)"), ("describe", describe("""\
    class Row:
        def __init__(self, values):
            self.values = values
        @property
        def rms(self):
            return root(np.mean(self.values ** 2))""", result=TOLD_BY_HELPER))) if False else None
