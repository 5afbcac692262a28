"""nbgrader's `Execute` with a total limit, bounded outputs and a record of how each cell ended."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute

from autograder.execute import MAX_RICH, MAX_TEXT, PROJECT, kill_group


class LimitedExecute(Execute):
    """Run a notebook within limits; afterwards `runs` (one dict per cell) and `ended` tell how it went.

    This is the place where a second kernel can come in: a subclass that sends test cells elsewhere.
    """

    def __init__(
        self,
        *,
        folder: Path,
        cell_timeout_s: float,
        total_timeout_s: float,
        kernel_environment: dict[str, str],
        tell: Callable[..., None],
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.folder, self.tell = folder, tell
        self.cell_timeout_s, self.total_timeout_s = cell_timeout_s, total_timeout_s
        self.deadline = math.inf  # set when the kernel is ready: its start is not the student's time
        self.kernel_environment = kernel_environment
        self.runs: list[dict[str, Any]] = []
        self.ended, self.kernel = "", 0
        self.timeout_func = lambda cell: max(0.1, min(self.cell_timeout_s, self.deadline - time.monotonic()))
        self.shutdown_kernel = "immediate"
        self.startup_timeout = 120  # a loaded machine needs long for the first import
        self.iopub_timeout = 10  # native code answers an interrupt only when it returns
        self.kept: dict[int, int] = {}

    def create_kernel_manager(self):
        manager = super().create_kernel_manager()
        if (
            sys.platform != "win32"
        ):  # sockets in our own folder: kernels starting at once never take a port twice
            manager.transport = "ipc"
            manager.connection_file = str(self.folder / "run" / "kernel.json")
        return manager

    def start_new_kernel(self, **kwargs: Any) -> None:
        environment = (
            os.environ
            | self.kernel_environment
            | {
                "NBGRADER_EXECUTION": "autograde",
                "IPYTHONDIR": str(self.folder / "ipython"),
                "PYTHONHASHSEED": "0",
                "PYTHONPATH": os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]),
            }
        )
        super().start_new_kernel(env=environment, **kwargs)
        self.kernel = getattr(self.km.provisioner, "pid", 0) or 0
        self.tell("kernel", kernel=self.kernel)

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any] | None = None, km: Any = None):
        self.runs = [{"status": "not run", "seconds": 0.0} for _ in nb.cells]
        try:
            return super().preprocess(nb, resources, km)
        finally:
            if self.kernel:
                kill_group(self.kernel)  # what the notebook started in the background goes too

    def preprocess_cell(self, cell: NotebookNode, resources: dict[str, Any], index: int):
        if cell.cell_type != "code":
            return cell, resources
        cell.outputs = []
        run, started = self.runs[index], time.monotonic()
        self.deadline = min(self.deadline, started + self.total_timeout_s)
        if not self.ended and started >= self.deadline:
            self.ended = f"the time for the whole notebook ({self.total_timeout_s:g} s) was spent"
        if self.ended:
            _add_error(cell, "NotRun", f"this cell did not run: {self.ended}")
            return cell, resources
        try:
            cell, resources = super().preprocess_cell(cell, resources, index)
            if run["status"] == "not run" and not cell.source.strip():
                run["status"] = "ok"
        except DeadKernelError:
            self._end(cell, run, "died", "the kernel died (an exit, a crash, or not enough memory)")
        except CellTimeoutError:
            self._end(cell, run, "timeout", "the cell ran too long and could not be interrupted")
        run["seconds"] = round(time.monotonic() - started, 3)
        return cell, resources

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

    def _end(self, cell: NotebookNode, run: dict[str, Any], status: str, why: str) -> None:
        self.ended, run["status"] = why, status
        _add_error(cell, "KernelDied" if status == "died" else "TooSlow", why)
        if self.kernel:
            kill_group(self.kernel)

    def output(self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int):
        """Keep outputs within bounds: a cell that prints without end must not fill the grader's memory."""
        content = msg["content"]
        text = msg["msg_type"] == "stream"
        size = (
            len(content.get("text", ""))
            if text
            else sum(len(str(v)) for v in content.get("data", {}).values())
        )
        limit = MAX_TEXT if text else MAX_RICH
        before = self.kept.get(cell_index, 0)
        self.kept[cell_index] = before + size
        if msg["msg_type"] != "error" and before + size > limit:
            if before > limit:
                return None
            if not text:
                content.update(data={"text/plain": "(output left out: it is too large)"}, metadata={})
            else:
                content["text"] = content["text"][: max(0, limit - before)] + "\n(more output left out)\n"
        return super().output(outs, msg, display_id, cell_index)


def _add_error(cell: NotebookNode, name: str, what: str) -> None:
    cell.outputs.append(new_output("error", ename=name, evalue=what, traceback=[f"{name}: {what}"]))
