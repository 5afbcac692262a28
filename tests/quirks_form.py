"""More habits of honest students: what their functions give back, networks, and the form of the notebook's file."""

import json

from quirk_class import TOLD, describe
from quirks import gives, quirk

# fmt: off
# --- what comes back ---
gives("lists", '"rms": rms.tolist(), "rate_hz": list(rate)')
quirk("tuples_and_booleans", answers={
    "predict": "def predict(signals, fs):\n    power = np.abs(np.fft.rfft(signals[:, 0]))\n"
               "    return tuple(float(row[10] > row[6]) * 0.9 for row in power)",
    "perform": "def classify(signals, fs):\n    return [q > 0.5 for q in predict(signals, fs)]"})
gives("numpy_scalars", '"n": np.int64(len(rows)), "rms": rms.astype(np.float32), "unit": np.str_("mV")')
quirk("float16", answers={
    "perform": "def classify(signals, fs):\n    return (predict(signals, fs) > 0.5).astype(np.float16)"})
gives("pandas", '"rms": pd.Series(rms), "rate_hz": pd.Series(rate, index=-rate)', top="import pandas as pd")
gives("ordered_dict", result=f"OrderedDict({TOLD})", top="from collections import OrderedDict")
gives("default_dict", result=f"defaultdict(list, {TOLD})", top="from collections import defaultdict")
gives("dict_of_its_own", result=f"Told({TOLD})", top="class Told(dict):\n    pass")
gives("object_with_getitem", result=f"Told({TOLD})", top="""
    class Told:
        def __init__(self, d):
            self.d = d
        def __getitem__(self, k):
            return self.d[k]""")
gives("keys_of_numpy", 'np.int64(3): 1, "by_label": {np.int64(0): 2, np.bool_(True): 1}, np.str_("a"): 1')
gives("more_than_was_asked", '"model": object(), "f": np.mean, "names": np.array(["a", "b"]), "type": {1: type}')
gives("odd_keys", 'Key(): 1, frozenset([1]): 2, "sets": {frozenset([1]), (1, 2)}, (1, (2, None)): 3',
      top="class Key:\n    pass")
gives("subclass_of_array", '"rms": rms.view(Signal), "rate_hz": np.asfortranarray(rate)[::-1][::-1]',
      top="class Signal(np.ndarray):\n    pass")
gives("big_endian_and_masked", '"rms": rms.astype(">f4"), "rate_hz": np.ma.masked_invalid(rate)')
gives("long_lists", '"windows": [[float(v) for v in range(1000)] for _ in range(600)]')
gives("large_array", '"windows": np.zeros((20, 1000, 1000))')
quirk("named_tuple", answers={"smooth": """
    from collections import namedtuple
    class Smoother(namedtuple('Base', 'width')):
        def apply(self, x):
            return np.convolve(x, np.ones(self.width) / self.width, mode='valid')"""})
quirk("slots_and_properties", answers={"smooth": """
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
            raise AttributeError(name)"""})
quirk("factory", answers={"smooth": """
    def Smoother(width):
        class Inner:
            def apply(self, x):
                return np.convolve(x, np.ones(width) / width, mode='valid')
        made = Inner()
        made.width = width
        return made"""})

# --- networks ---
TRAIN = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
{top}
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
data = TensorDataset(features(signals), torch.as_tensor(labels).float())
for x, y in [batch for _ in range(15) for batch in DataLoader(data, batch_size=50, shuffle=True)]:
    optimizer.zero_grad()
    nn.functional.binary_cross_entropy_with_logits(net(x), y).backward()
    optimizer.step()
net.eval()
{end}
@torch.no_grad()
def predict(signals, fs):
    p = torch.sigmoid(net(features(signals)))
    return {result}
net
"""


def trained(name, *, top="", end="", result="p"):
    classify = "def classify(signals, fs):\n    return [int(q > 0.5) for q in predict(signals, fs)]"
    quirk(name, answers={"predict": TRAIN.format(top=top, end=end, result=result), "perform": classify}, alone=True)


trained("tensors")
trained("two_threads", top="torch.set_num_threads(2)", end="torch.randn(600, 600) @ torch.randn(600, 600)",
        result="p.tolist()")
trained("workers", end="for _ in DataLoader(data, batch_size=50, num_workers=2):\n    pass", result="p.numpy()")
trained("saved_and_loaded", end="torch.save(net.state_dict(), 'net.pt')\nnet.load_state_dict(torch.load('net.pt'))",
        result="p.double()")
trained("other_defaults", end="torch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)", result="[*p]")
quirk("keras", alone=True, answers={"predict": """
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
        return net.predict(features(signals))[:, 0]"""})

# --- the notebook and its file ---
quirk("extra_cell", added="# mine\nx = 3")
quirk("extra_cell_with_an_error", added="1 / 0")
quirk("extra_cell_that_is_not_python", added="dies ist kein Python")
quirk("test_code_of_its_own", added="""
    own = exam.task('own', points=1)
    with own.check('mine', 1):
        exam.same(describe(signals, 300.0)['n'], len(signals))
    own.points()""")
quirk("emoji", top="greeting = '🫀 ECG – µV, naïve, 心電図'\nprint(greeting)\nλ = 3", end="print('💓' * 30)")


def each(change):
    """A change of every code cell."""
    return lambda n: [change(cell, k) for k, cell in enumerate(n["cells"]) if cell["cell_type"] == "code"] and None


def source(cell):
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def note(kind="markdown"):
    return {"cell_type": kind, "metadata": {}, "source": ["# My notes\n", "*a note* $x^2$"]}


def code(text):
    return {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1, "source": text}


OUTPUTS = [
    {"output_type": "stream", "name": "stderr", "text": ["old\n"]},
    {"output_type": "error", "ename": "ValueError", "evalue": "old", "traceback": ["old"]},
    {"output_type": "execute_result", "execution_count": 3, "metadata": {}, "data": {"text/plain": ["0.0"]}},
    {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * 3_000_000}},
]
quirk("markdown_added", file=lambda n: n["cells"].insert(3, note()))
quirk("markdown_everywhere", file=lambda n: n.update(cells=[x for c in n["cells"] for x in (note(), c, note("raw"))]))
quirk("other_kernel", file=lambda n: n.update(metadata={
    "kernelspec": {"name": "conda-env-physio-py", "display_name": "physio (3.10)", "language": "python"},
    "language_info": {"name": "python", "version": "3.10.2"}}))
quirk("no_metadata", file=lambda n: n.update(metadata={}))
quirk("windows_line_ends", file=each(lambda c, k: c.update(source=source(c).replace("\n", "\r\n"))))
quirk("windows_file", file=lambda n: b"\xef\xbb\xbf" + json.dumps(n, indent=1).replace("\n", "\r\n").encode())
quirk("old_mac_line_ends", file=each(lambda c, k: c.update(source=source(c).replace("\n", "\r"))))
quirk("blanks_at_line_ends", file=each(lambda c, k: c.update(source=source(c).replace("\n", "  \n") + "\n\n")))
quirk("run_out_of_order", file=each(lambda c, k: c.update(execution_count=100 - k)))
quirk("restarted_half_way", file=each(lambda c, k: c.update(execution_count=k if k < 5 else None)))
quirk("saved_outputs", file=each(lambda c, k: c.update(outputs=OUTPUTS, execution_count=7)))
quirk("own_tags", file=each(lambda c, k: c["metadata"].update(tags=["mine"], collapsed=True, scrolled=True)))


def colab(notebook):
    notebook.update(nbformat_minor=0, metadata={
        "accelerator": "GPU", "colab": {"provenance": [], "gpuType": "T4"}, "widgets": {"a": {"state": {}}},
        "kernelspec": {"name": "python3", "display_name": "Python 3"}})
    for k, cell in enumerate(notebook["cells"]):
        cell.pop("id")
        cell["metadata"].update(id=f"Ab_{k}", outputId="z", colab={"base_uri": "https://localhost"})
        cell["source"] = source(cell).splitlines(True)


def vscode(notebook):
    notebook.update(nbformat_minor=2)
    for cell in notebook["cells"]:
        cell.pop("id")
        cell.pop("outputs", None)
        cell["metadata"]["vscode"] = {"languageId": "python"}


quirk("colab", file=colab)
quirk("vscode", file=vscode)


def at(notebook, name):
    return next(k for k, c in enumerate(notebook["cells"]) if c["metadata"].get("nbgrader", {}).get("grade_id") == name)


def replaced(notebook):
    """The answer cell was deleted and a new one written in its place."""
    notebook["cells"][at(notebook, "describe")] = code(describe())


def split(notebook):
    """The answer cell was split: both halves carry its metadata."""
    k = at(notebook, "describe")
    notebook["cells"].insert(k, {**notebook["cells"][k], "id": "half", "source": "def helper(x):\n    return x"})


def merged(notebook):
    """Answer and test cell were merged into one."""
    k, j = at(notebook, "describe"), at(notebook, "describe-test")
    notebook["cells"][k]["source"] = source(notebook["cells"][k]) + "\n\n" + source(notebook["cells"].pop(j))


def answered_below(notebook):
    """The cell that was handed out stayed as it is; the answer stands in a cell of its own below it."""
    k = at(notebook, "describe")
    notebook["cells"][k]["source"] = "def describe(signals, fs):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    notebook["cells"].insert(k + 1, code(describe()))


quirk("answer_replaced", file=replaced, person="describe was missing", alone=True)
quirk("answer_split", file=split, person="stood there 2 times", alone=True)
quirk("answer_merged_with_its_test", file=merged, person="describe-test was missing", alone=True)
quirk("answered_below", file=answered_below, alone=True)
# fmt: on
