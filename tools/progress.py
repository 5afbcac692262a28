"""Run the environment's pip and show in one line how far it is; its own output is long and goes to a file."""

import os
import re
import shutil
import subprocess
import threading
import time


def venv_python(venv):
    """The path of the environment's Python."""
    return os.path.join(venv, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))


class Progress:
    """One line: what is done and since when. Redrawn on a terminal, written every 15 s elsewhere."""

    def __init__(self, stream):
        self.stream, self.live = stream, stream.isatty()
        self.text, self.start, self.over = "", time.time(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        if self.live:
            self.write("\r\033[K")

    def write(self, text):
        self.stream.write(text)
        self.stream.flush()

    def run(self):
        while not self.over.wait(0.5 if self.live else 15):
            line = f"  {time.time() - self.start:3.0f} s  {self.text}"
            width = shutil.get_terminal_size().columns - 1
            self.write("\r\033[K" + line[:width] if self.live else line + "\n")

    def follow(self, line, fetched):
        """Set the text from one line of pip's output; returns how many packages were fetched so far."""
        pattern = r"\s*(?:Downloading|Processing|Using cached)\s+(\S+)(?:\s+\(([\d.]+ [kMG]B)\))?"
        match = re.match(pattern, line)
        if match:
            fetched += 1
            name, size = os.path.basename(match.group(1)).split("-")[0], match.group(2)
            self.text = f"fetching packages: {fetched}, {name}" + (f" ({size})" if size else "")
        elif line.startswith("Installing collected packages"):
            self.text = f"unpacking {line.count(',') + 1} packages"
        return fetched


def pip(venv, *args, progress):
    """Run the environment's pip; returns (exit status, output). All it says is kept in .venv/install.log."""
    env = dict(os.environ, PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    for name in ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX"):
        env.pop(name, None)
    options = ["--no-compile", "--progress-bar", "off"]
    command = [venv_python(venv), "-u", "-m", "pip", "install", *options, *args]
    lines, fetched = [], 0
    with open(os.path.join(venv, "install.log"), "a", encoding="utf-8") as log:
        log.write("$ " + " ".join(command) + "\n")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
        try:
            for raw in process.stdout:
                lines.append(raw.decode(errors="replace"))
                log.write(lines[-1])
                fetched = progress.follow(lines[-1], fetched)
            return process.wait(), "".join(lines)
        except BaseException:
            process.terminate()
            process.wait()
            raise
