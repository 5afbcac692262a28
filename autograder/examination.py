"""nbgrader's `Execute` with two processes: answer cells run in the student's kernel, test cells at the examiner's.

Locked cells run in both. At a test cell the student's kernel parks a copy of itself; after the last cell the examiner
calls the copies. What the student's kernel sends counts as the student's own output, never as a mark.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import math
import queue
import time
from typing import Any

from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute
from nbgrader.utils import is_grade, is_locked, is_solution

from autograder import examiner
from autograder.examiner_process import Examiner, GraderFault
from autograder.kernel import ConfinedKernel

MAX_TEXT = 200_000  # characters of text output kept of one cell
MAX_RICH = 5_000_000  # characters of pictures and other rich output kept of one cell
MAX_OUTPUTS = 2_000  # pieces of output kept of one cell
HIDDEN_PARTS = ("exam.cohort(", "BEGIN HIDDEN TESTS")
PARK_S = 30.0
MAX_RESTARTS = 3  # of a kernel that died; each costs the cells before it once more
GRACE_S = 15.0  # that the examiner may need beyond the time of a test cell


def is_test(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and is_grade(cell) and not is_solution(cell)


def is_given(cell: NotebookNode) -> bool:
    """A locked cell of the handout, such as imports and parameters: it runs on both sides."""
    return cell.cell_type == "code" and is_locked(cell) and not is_grade(cell)


def imported_modules(notebook: NotebookNode) -> list[str]:
    """Modules that the locked cells import, to have them ready."""
    found: dict[str, None] = {}
    for cell in filter(is_given, notebook.cells):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                found |= dict.fromkeys(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {node.module: None} | dict.fromkeys(f"{node.module}.{a.name}" for a in node.names)
    return list(found)


def asked_by(source: str) -> list[str]:
    first = source.split("\n", 1)[0]
    return [name.strip() for name in first.removeprefix("# asks:").split(",")] if first.startswith("# asks:") else []


# --- one submission ---


class Examination(Execute):
    """Run a notebook within limits; afterwards `runs` (one dict per cell) and `ended` tell how it went.

    The run of a test cell has a "record": points, flag, scores. Raises `GraderFault` where the examiner failed.
    """

    def __init__(
        self,
        *,
        kernel: ConfinedKernel,
        examiner: Examiner,
        cell_timeout_s: float,
        total_timeout_s: float,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.confined, self.examiner = kernel, examiner
        self.cell_timeout_s, self.total_timeout_s = cell_timeout_s, total_timeout_s
        self.deadline = math.inf  # set when the kernel is ready: its start is not the student's time
        self.runs: list[dict[str, Any]] = []
        self.ended, self.restarts = "", 0
        self.parked: list[str] = []
        self.live: list[str] = []
        self.timeout_func = lambda cell: max(0.1, min(self.cell_timeout_s, self.deadline - time.monotonic()))
        self.iopub_timeout = 10  # native code answers an interrupt only when it returns
        self.startup_timeout = 60
        self.store_widget_state = False
        self.kept: dict[int, list[int]] = {}

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any] | None = None, km: Any = None):
        self.runs = [{"status": "not run", "seconds": 0.0} for _ in nb.cells]
        return super().preprocess(nb, resources, self.confined)

    def handle_comm_msg(self, outs: list[NotebookNode], msg: dict[str, Any], cell_index: int) -> None:
        """Widgets have nobody to talk to here, and their states would fill the memory."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict[str, Any], index: int):
        if cell.cell_type == "code":
            cell.outputs = []
            self.deadline = min(self.deadline, time.monotonic() + self.total_timeout_s)
            if is_test(cell):
                self._hand_over(cell, index)
            else:
                if is_given(cell):
                    facts = {"cell": cell.metadata.nbgrader.grade_id, "tags": list(cell.metadata.get("tags", []))}
                    self.examiner.tell(do="locked", source=cell.source, **facts)
                self._run(cell, resources, index)
        if index == len(self.nb.cells) - 1:
            self._examine()
        return cell, resources

    # --- answer cells ---

    def _run(self, cell: NotebookNode, resources: dict[str, Any], index: int) -> None:
        run, started = self.runs[index], time.monotonic()
        if not self.ended and started >= self.deadline:
            self.ended = f"the time for the whole notebook ({self.total_timeout_s:g} s) was spent"
        if self.ended:
            _add_error(cell, "NotRun", f"this cell did not run: {self.ended}")
            return
        untouched = all(is_given(c) or c.cell_type != "code" for c in self.nb.cells[: index + 1])
        try:
            super().preprocess_cell(cell, resources, index)
            if run["status"] == "not run" and not cell.source.strip():
                run["status"] = "ok"
        except DeadKernelError:
            self._died(cell, index, run)
        except CellTimeoutError:
            run["status"] = "timeout"
            self._end(cell, "TooSlow", "the cell ran too long and could not be interrupted")
        except Exception as error:  # messages that are none: the kernel does not keep to Jupyter's protocol
            run["status"] = "died"
            self._end(cell, "KernelDied", f"the kernel sent what is no message ({type(error).__name__})")
        run["seconds"] = round(time.monotonic() - started, 3)
        if untouched and run["status"] != "ok":  # nothing of the student's has run yet
            errors = [f"{o.ename}: {o.evalue}" for o in cell.outputs if o.output_type == "error"]
            raise GraderFault(f"a locked cell stopped in the student's kernel: {(errors or [run['status']])[-1]}")

    def on_cell_executed(self, **kwargs: Any) -> None:
        super().on_cell_executed(**kwargs)
        content, run = kwargs["execute_reply"]["content"], self.runs[kwargs["cell_index"]]
        run["status"] = "ok" if content["status"] == "ok" else "error"
        if content.get("ename") == "CellTimeoutError":
            run["status"] = "timeout"
            limit = min(self.cell_timeout_s, self.total_timeout_s)
            cell = kwargs["cell"]
            cell.outputs = [o for o in cell.outputs if o.output_type != "error"]
            _add_error(cell, "TooSlow", f"the cell was stopped after {limit:g} s")

    def _died(self, cell: NotebookNode, index: int, run: dict[str, Any]) -> None:
        """A kernel that died costs one cell: another one runs the cells before it again."""
        run["status"] = "died"
        why = self.confined.ended or "the kernel died"
        if not self.confined.can_restart or self.restarts >= MAX_RESTARTS:
            self._end(cell, "KernelDied", why)
            return
        self.restarts += 1
        _add_error(cell, "KernelDied", f"{why}; the cells after it ran in a new kernel")
        runs = copy.deepcopy(self.runs)
        try:
            self.startup_timeout = 20
            self.confined.restart()
            self.start_new_kernel_client()
            for k, earlier in enumerate(self.nb.cells[:index]):
                if earlier.cell_type == "code" and not is_test(earlier) and runs[k]["status"] in ("ok", "error"):
                    if time.monotonic() < self.deadline:
                        super().preprocess_cell(copy.deepcopy(earlier), {}, k)
        except Exception as error:
            self.ended = f"{why}, and a new kernel did not help ({type(error).__name__})"
        finally:
            self.runs[:] = runs

    def _end(self, cell: NotebookNode, name: str, why: str) -> None:
        self.ended = why
        _add_error(cell, name, why)

    def output(self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int):
        """Keep outputs within bounds: a cell that prints without end must not fill the grader's memory."""
        content = msg["content"]
        text = msg["msg_type"] == "stream"
        content["metadata"] = {}  # of no use in a page, and of any size
        if text:
            content["name"] = "stderr" if content.get("name") == "stderr" else "stdout"
        elif "data" in content:
            content["data"] = {str(mime)[:100]: value for mime, value in dict(content["data"]).items()}
        size = len(content.get("text", "")) if text else sum(len(str(v)) for v in content.get("data", {}).values())
        limit = MAX_TEXT if text else MAX_RICH
        kept = self.kept.setdefault(cell_index, [0, 0])
        before = kept[0]
        kept[0], kept[1] = before + size, kept[1] + 1
        if msg["msg_type"] == "error":
            content["traceback"] = [str(line)[:20_000] for line in content.get("traceback", [])][:200]
            content["evalue"] = str(content.get("evalue", ""))[:20_000]
            content["ename"] = str(content.get("ename", ""))[:200]
        elif before + size > limit or kept[1] > MAX_OUTPUTS:
            if before > limit or kept[1] > MAX_OUTPUTS + 1:
                return None
            if not text:
                content.update(data={"text/plain": "(output left out: it is too large)"}, metadata={})
            else:
                content["text"] = content["text"][: max(0, limit - before)] + "\n(more output left out)\n"
        return super().output(outs, msg, display_id, cell_index)

    # --- test cells ---

    def _hand_over(self, cell: NotebookNode, index: int) -> None:
        """Give a test cell to the examiner and keep the student's state for it."""
        name = cell.metadata.nbgrader.grade_id
        self.examiner.tell(
            do="test",
            cell=name,
            source=cell.source,
            asks=asked_by(cell.source),
            points=float(cell.metadata.nbgrader.points),
            timeout_s=self.cell_timeout_s,
        )
        if self.ended:
            return
        reply = self._ask_kernel("park_request", "park_reply", {"cell": name})
        if reply.get("parked") is True:
            self.parked.append(name)
        elif reply:
            self.live.append(name)
        elif not self.ended:
            self.ended = self.confined.ended or "the kernel did not answer before a test cell"

    def _ask_kernel(self, kind: str, answer: str, content: dict[str, Any]) -> dict[str, Any]:
        """Send a message of our own to the student's kernel; {} where no reply comes."""
        message = self.kc.session.msg(kind, content)
        try:
            self.kc.shell_channel.send(message)
        except Exception:  # nobody is there to take it
            return {}
        deadline = time.monotonic() + PARK_S
        while time.monotonic() < deadline and self.confined.alive():
            try:
                reply = run_sync(self.kc.shell_channel.get_msg)(timeout=0.5)
            except queue.Empty:
                continue
            except Exception:
                return {}
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"] and reply["msg_type"] == answer:
                return reply["content"] if isinstance(reply["content"], dict) else {}
        return {}

    def _examine(self) -> None:
        """After the last cell: nothing the student's side prints is heard any more, and the examiner calls."""
        cells = {c.metadata.nbgrader.grade_id: (k, c) for k, c in enumerate(self.nb.cells) if is_test(c)}
        given = [c for c in self.nb.cells if is_given(c)]
        for _ in given:
            done = self.examiner.await_event("listening", "locked", self.total_timeout_s + GRACE_S)
            if done["event"] == "listening":
                done = self.examiner.await_event("locked", self.total_timeout_s + GRACE_S)
            if done["error"]:
                raise GraderFault(f"{done['cell']} stopped at the examiner's: {done['error']}")
        # Those with hidden tests or recordings come last: from the first of them on, no text of the student's is shown.
        for names in (self.parked, self.live):
            names.sort(key=lambda name: any(word in cells[name][1].source for word in HIDDEN_PARTS))
        if not self.confined.alive():  # nobody is waited for; each test says that the notebook's process had ended
            self.parked, self.live = [*self.parked, *self.live], []
        if self.live:
            with contextlib.suppress(Exception):
                self.kc.shell_channel.send(self.kc.session.msg("serve_request", {"cells": self.live}))
        self.kc.iopub_channel.stop()
        self.examiner.tell(do="examine", parked=self.parked, live=self.live)
        budget = time.monotonic() + 2 * self.total_timeout_s + GRACE_S
        while True:
            left = min(budget - time.monotonic(), self.cell_timeout_s + examiner.LIVE_S + GRACE_S)
            event = self.examiner.await_event("listening", "test", "done", max(0.1, left))
            if event["event"] == "done":
                break
            if event["event"] == "test" and event["cell"] in cells:
                index, cell = cells[event["cell"]]
                self._note(cell, self.runs[index], event)
                if event["status"] == "timeout" and event["cell"] in self.live:
                    self.confined.interrupt_kernel()
        for index, cell in cells.values():
            if "record" not in self.runs[index]:
                why = self.ended or "the notebook ended before it"
                self.runs[index]["record"] = {"points": None, "flag": f"did not run: {why}", "scores": []}
                _add_error(cell, "NotRun", f"this test did not run: {why}")

    @staticmethod
    def _note(cell: NotebookNode, run: dict[str, Any], event: dict[str, Any]) -> None:
        run.update(status=event["status"], seconds=event["seconds"])
        run["record"] = {key: event[key] for key in ("points", "flag", "scores")}
        if event["text"]:
            cell.outputs.append(new_output("stream", name="stdout", text=event["text"]))
        if event["error"]:
            name, _, what = event["error"].partition(": ")
            _add_error(cell, name, what)


def _add_error(cell: NotebookNode, name: str, what: str) -> None:
    cell.outputs.append(new_output("error", ename=name, evalue=what, traceback=[f"{name}: {what}"]))
