"""Attacks by the notebook file itself: metadata, cells, names, and what a reader's browser or terminal would obey."""

import copy
import json

from attacks import arena
from attacks.attack import REST, Attack

TESTS = [f"{task}-test" for task in arena.POSSIBLE]
WRONG = {
    "rms": "def rms(x):\n    return 0.0",
    "predict": "def predict(signals):\n    return np.zeros(len(signals))",
    "offset": "def offset(x):\n    return 4.0",
    "negate": "def negate(x):\n    return x",
}
NOTHING = dict.fromkeys(arena.POSSIBLE, 0.0) | {"offset": 2.0}
RMS_ONLY = {"rms": WRONG["rms"]}


def _tests(content: dict) -> list[dict]:
    return [arena.cell(content, name) for name in TESTS]


def points(content: dict) -> dict:
    for cell in _tests(content):
        cell["metadata"]["nbgrader"]["points"] = 400
    return content


def not_graded(content: dict) -> dict:
    arena.cell(content, "rms-test")["metadata"]["nbgrader"].update(grade=False, solution=True, locked=False)
    return content


def twice(content: dict) -> dict:
    cells = content["cells"]
    copied = copy.deepcopy(arena.cell(content, "rms-test"))
    copied.update(id="copied", source="4.0")
    cells.insert(cells.index(arena.cell(content, "rms-test")), copied)
    return content


def deleted(content: dict) -> dict:
    content["cells"] = [c for c in content["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") not in TESTS]
    return content


def to_markdown(content: dict) -> dict:
    for cell in _tests(content):
        cell["cell_type"] = "markdown"
        cell.pop("outputs"), cell.pop("execution_count")
    return content


def skipping(content: dict) -> dict:
    for cell in _tests(content):
        cell["metadata"]["tags"] = ["skip-execution", "raises-exception", "remove-cell"]
    return content


def edited(content: dict) -> dict:
    for cell in _tests(content):
        cell["source"] = str(arena.POSSIBLE[cell["metadata"]["nbgrader"]["grade_id"].removesuffix("-test")])
    return content


def own_outputs(content: dict) -> dict:
    for cell in _tests(content):
        task = cell["metadata"]["nbgrader"]["grade_id"].removesuffix("-test")
        data = {"text/plain": str(arena.POSSIBLE[task])}
        result = {"output_type": "execute_result", "execution_count": 1, "data": data, "metadata": {}}
        cell.update(outputs=[result], execution_count=1)
        cell["metadata"]["execution"] = {"iopub.status.idle": "2026-01-01"}
    return content


def kernelspec(content: dict) -> dict:
    content["metadata"]["kernelspec"] = {
        "name": "../../../../tmp/evil", "display_name": "<script>'attack-page'</script>", "language": "bash",
        "argv": ["/bin/sh", "-c", "touch /tmp/left-@TOKEN@-kernelspec"],
    }  # fmt: skip
    content["metadata"]["language_info"] = {"name": "bash", "file_extension": "/../../x.sh"}
    return content


def metadata(content: dict) -> dict:
    deep: dict = {}
    place = deep
    for _ in range(400):
        place["a"] = {}
        place = place["a"]
    content["metadata"].update(
        {"autograder": {"cell_timeout_s": 1e9, "total_timeout_s": 1e9, "sandbox": "none"}, "__proto__": 1, "deep": deep}
    )
    content["metadata"]["papermill"] = {"parameters": {"points": 100}}
    content["widgets"] = {"state": "x" * 1_000_000}
    for cell in content["cells"]:
        cell["metadata"].update(slideshow=deep, **{"\u202egpj.exe": "\u0000"})
    return content


def names(content: dict) -> dict:
    strange = (
        "../../../class/secret.key", "rms-test ", "RMS-TEST", "rms\u2010test", "rm\u0455-test",
        "rms-test\u200b", "\ud800", "__init__", "a" * 100_000, "rms-test\u0000", "", "' OR 1=1 --",
        "<script>'attack-page'</script>", "\x1b]0;x\x07", "12", "-",
    )  # fmt: skip
    like = arena.cell(content, "rms-test")
    for k, name in enumerate(strange):
        cell = copy.deepcopy(like)
        cell.update(id=name, source="4.0")
        cell["metadata"]["nbgrader"]["grade_id"] = name
        content["cells"].insert(2 * k, cell)
    for k, value in enumerate((None, 7, ["rms"], {"a": 1})):
        for marks in (value, {"grade_id": value, "grade": value, "schema_version": value}):
            cell = copy.deepcopy(like)
            cell.update(id=f"odd-{k}", source="4.0")
            cell["metadata"]["nbgrader"] = marks
            content["cells"].append(cell)
    return content


def attachments(content: dict) -> dict:
    tiny = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    content["cells"].insert(0, {
        "cell_type": "markdown", "id": "pictures", "metadata": {},
        "source": "![a](attachment:../../x.png) ![b](attachment:x.svg) <img src=x onerror=\"'attack-page'\">\n\n"
                  "[click](javascript:'attack-page') <script>'attack-page'</script>",
        "attachments": {
            "../../../../left.png": {"image/png": tiny}, "/etc/passwd": {"image/png": tiny},
            "x\u0000.png": {"image/png": "%%%"}, "x.html": {"text/html": "<script>'attack-page'</script>"},
            "x.svg": {"image/svg+xml": "<svg onload=\"'attack-page'\"/>"},
            "many.png": {f"image/{k}": tiny for k in range(2_000)},
        },
    })  # fmt: skip
    return content


def ten_thousand(content: dict) -> dict:
    new = {"cell_type": "code", "metadata": {}, "source": "1", "outputs": [], "execution_count": None}
    content["cells"] += [new | {"id": f"c{k}"} for k in range(10_000)]
    return content


def many_cells(content: dict) -> dict:
    new = {
        "cell_type": "code",
        "metadata": {},
        "source": "raise ValueError('x' * 20_000)",
        "outputs": [],
        "execution_count": None,
    }
    content["cells"] += [new | {"id": f"c{k}"} for k in range(300)]
    return content


def too_large(content: dict) -> bytes:
    content["metadata"]["x"] = "y" * 120_000_000
    return json.dumps(content).encode()


def too_deep(content: dict) -> bytes:
    return (
        b'{"cells": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b', "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )


def big_numbers(content: dict) -> bytes:
    text = json.dumps(content)
    return text.replace(
        '"nbformat": 4', '"nbformat": 4, "x": ' + "9" * 1_000_000 + ', "y": NaN, "z": 1e999999'
    ).encode()


PAGE = """
from IPython.display import HTML, Javascript, Markdown, SVG, display

bad = "<script>'attack-page'</script><img src=x onerror=\\"'attack-page'\\">"
bad += "<a href=\\"javascript:'attack-page'\\">x</a>"
display(HTML(bad), Javascript("'attack-page'"), Markdown(bad))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload=\\"'attack-page'\\"/>"))
print(bad, "</pre></div></template></textarea>", bad)

class Bad(Exception):
    pass

Bad.__name__ = bad

def rms(x):
    raise Bad(bad)

def offset(x):
    return bad

raise Bad(bad)
"""

TERMINAL = """
import sys

codes = "\\x1b[2J\\x1b[1;1H\\x1b]0;title\\x07\\x1b]52;c;ZXZpbA==\\x07\\x1b]8;;http://x\\x1b\\\\link\\x1b[8m\\x9b31m\\r\\x08\\x00\\u202e\\u2066"
print(codes, "all points", codes, file=sys.stdout)
print(codes * 1000, file=sys.stderr)

class Bad(Exception):
    pass

Bad.__name__ = codes

def rms(x):
    raise Bad(codes)

def offset(x):
    raise Bad("\\ud800" + codes * 10_000)

raise Bad(codes)
"""

ATTACKS = [
    Attack(
        "points_changed",
        19,
        "Every test cell says that it is worth 400 points.",
        WRONG,
        change=points,
        most=NOTHING,
        look=True,
    ),
    Attack("grade_false", 20, "A test cell says that it is an answer.", RMS_ONLY, change=not_graded, look=True),
    Attack("test_cell_twice", 21, "A copy of a test cell stands above it.", RMS_ONLY, change=twice, look=True),
    Attack("test_cells_deleted", 22, "The test cells are missing.", WRONG, change=deleted, most=NOTHING, look=True),
    Attack("test_cells_to_text", 23, "The test cells are text.", WRONG, change=to_markdown, most=NOTHING, look=True),
    Attack(
        "skips_execution", 24, "Tags keep the test cells from running.", WRONG, change=skipping, most=NOTHING, look=True
    ),
    Attack(
        "test_cells_edited",
        None,
        "The test cells are replaced by their points.",
        WRONG,
        change=edited,
        most=NOTHING,
        look=True,
    ),
    Attack(
        "brings_outputs",
        None,
        "The test cells come with outputs that say full points.",
        WRONG,
        change=own_outputs,
        most=NOTHING,
    ),
    Attack(
        "script_in_pages",
        26,
        "HTML, JavaScript and SVG in outputs, errors and names.",
        {"rms": PAGE, "offset": "offset = offset"},
    ),
    Attack("attachments", 26, "Pictures with paths for names and scripts for pixels.", RMS_ONLY, change=attachments),
    Attack("kernelspec", 27, "Another kernel is asked for.", RMS_ONLY, change=kernelspec),
    Attack(
        "terminal_codes",
        None,
        "Codes for terminals in outputs and errors.",
        {"rms": TERMINAL, "offset": "offset = offset"},
    ),
    Attack(
        "metadata", None, "Own limits, deep nesting and control characters in the metadata.", RMS_ONLY, change=metadata
    ),
    Attack(
        "names_of_cells", None, "Paths, look-alikes and nothing for names of cells.", RMS_ONLY, change=names, costs=REST
    ),
    Attack(
        "ten_thousand_cells", None, "A notebook with 10,000 cells.", change=ten_thousand, costs=tuple(arena.POSSIBLE)
    ),
    Attack("many_errors", None, "300 cells that end in long errors.", change=many_cells),
    Attack("too_large", None, "A file of 120 MB.", change=too_large, costs=tuple(arena.POSSIBLE)),
    Attack("too_deep", None, "JSON nested a million deep.", change=too_deep, costs=tuple(arena.POSSIBLE), look=True),
    Attack(
        "big_numbers", None, "Numbers of a million digits in the file.", change=big_numbers, costs=tuple(arena.POSSIBLE)
    ),
]
