"""A server on this machine that behaves like Zenodo, well or badly as a test asks, and files for it to serve.

It serves a record and its files, knows Range requests, and notes every request and every byte it sends.
Faults are queued per file name: each request takes the next one, and when there is none the server behaves.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import socket
import struct
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from physiodl import afdata, download, registry

RECORD = "15302489"
FEATURES, LABELS = "features.npy", "labels.npy"
NOWHERE = "http://127.0.0.1:9/api"  # nobody listens at port 9: no network


@dataclass
class Fault:
    """What goes wrong with one answer.

    Attributes:
        status: answer with this status and no file.
        headers: added to the answer, such as Retry-After.
        cut_after: the connection ends after so many bytes of the body.
        reset: it ends with a reset, which also discards what the other side has not yet read.
        short_by: the answer ends cleanly, so many bytes too early, as if the file were shorter.
        no_ranges: the Range of the request is not heeded: status 200 and the whole file.
        body: another body in place of the file, with ``content_type``.
        wrong_start: a 206 that begins this many bytes too early (too late if negative).
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    reset: bool = False
    short_by: int = 0
    no_ranges: bool = False
    body: bytes | None = None
    content_type: str = "application/octet-stream"
    wrong_start: int = 0


@dataclass
class Seen:
    """One request: path, headers, the status it got and how many bytes of body were sent."""

    path: str
    headers: dict[str, str]
    status: int = 0
    sent: int = 0


class FakeZenodo:
    """Files, faults and memory of the server; ``api`` is the base to give to the code under test."""

    def __init__(self, files: dict[str, bytes], *, form: str = "zenodo") -> None:
        self.files, self.form = dict(files), form
        self.announced = {name: hashlib.md5(body).hexdigest() for name, body in files.items()}
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.seen: list[Seen] = []
        self.plain: dict[str, tuple[str, bytes]] = {}  # path -> (content type, body): a mirror's own paths
        self.tags: dict[str, str] = {}  # path -> ETag
        self.record_answer: bytes | None = None
        self.base = ""

    @property
    def api(self) -> str:
        return f"{self.base}/api"

    def requests(self, part: str) -> list[Seen]:
        """The requests whose path contains ``part``, in order."""
        return [seen for seen in self.seen if part in seen.path]

    def record(self) -> bytes:
        """The record as JSON, in Zenodo's own form or in that of InvenioRDM."""
        if self.record_answer is not None:
            return self.record_answer
        entries = []
        for name, body in self.files.items():
            link = f"{self.api}/records/{RECORD}/files/{name}"
            links = (
                {"self": link + "/content"} if self.form == "zenodo" else {"self": link, "content": link + "/content"}
            )
            entries.append({"key": name, "size": len(body), "checksum": "md5:" + self.announced[name], "links": links})
        files = entries if self.form == "zenodo" else {"entries": {entry.pop("key"): entry for entry in entries}}
        about = {
            "title": "A dataset",
            "creators": [{"name": "Doe, Jo"}],
            "publication_date": "2025-04-29",
            "license": {"id": "cc-by-4.0"},
        }
        answer = {"id": int(RECORD), "doi": f"10.5281/zenodo.{RECORD}", "metadata": about, "files": files}
        return json.dumps(answer).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    zenodo: FakeZenodo

    def do_GET(self) -> None:
        path = unquote(self.path)
        seen = Seen(path, dict(self.headers))
        self.zenodo.seen.append(seen)
        file = re.fullmatch(rf"/api/records/{RECORD}/files/(.+)/content", path)
        key = file[1] if file else "record" if path == f"/api/records/{RECORD}" else path
        fault = self.zenodo.faults[key].popleft() if self.zenodo.faults[key] else Fault()
        if fault.status:
            self.answer(seen, fault.status, b"", fault)
        elif fault.body is not None:
            self.answer(seen, 200, fault.body, fault, kind=fault.content_type)
        elif key == "record":
            self.answer(seen, 200, self.zenodo.record(), fault, kind="application/json")
        elif path in self.zenodo.plain:
            kind, body = self.zenodo.plain[path]
            self.answer_file(seen, body, fault, kind=kind)
        elif file and key in self.zenodo.files:
            self.answer_file(seen, self.zenodo.files[key], fault)
        else:
            self.answer(seen, 404, b"<html>no such page</html>", fault, kind="text/html")

    def answer_file(self, seen: Seen, body: bytes, fault: Fault, kind: str = "application/octet-stream") -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        tag = self.zenodo.tags.get(seen.path)
        if tag:
            fault.headers["ETag"] = tag
        if not asked or fault.no_ranges or (tag and self.headers.get("If-Range", tag) != tag):
            self.answer(seen, 200, body, fault, kind=kind)
            return
        start = int(asked[1]) - fault.wrong_start
        if start >= len(body):
            fault.headers["Content-Range"] = f"bytes */{len(body)}"
            self.answer(seen, 416, b"", fault)
            return
        fault.headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self.answer(seen, 206, body[start:], fault, kind=kind)

    def answer(self, seen: Seen, status: int, body: bytes, fault: Fault, kind: str = "text/plain") -> None:
        body = body[: len(body) - fault.short_by]
        seen.status = status
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **fault.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        piece = body if fault.cut_after is None else body[: fault.cut_after]
        self.wfile.write(piece)
        seen.sent = len(piece)
        if fault.cut_after is not None:
            self.wfile.flush()
            self.close_connection = True
            if fault.reset:  # closing a socket that may linger for 0 s sends a reset instead of an orderly end
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

    def log_message(self, *args: object) -> None:
        """Quiet: the tests read `FakeZenodo.seen`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Quiet where the client has gone, or the handler has closed on it: both are what tests are about."""
        if not isinstance(sys.exception(), (ConnectionError, ValueError)):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def serve(files: dict[str, bytes], *, form: str = "zenodo") -> Iterator[FakeZenodo]:
    """Run the server on a free port of this machine until the block ends."""
    zenodo = FakeZenodo(files, form=form)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"zenodo": zenodo}))
    zenodo.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield zenodo
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def npy(array: np.ndarray, **how) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **how)
    return buffer.getvalue()


def arrays(n: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    features = np.random.default_rng(seed).standard_normal((n, afdata.WIDTH)).astype(np.float32)
    return features, np.arange(n) % 2


def published(seed: int = 0) -> dict[str, bytes]:
    """The two files, 872 kB and 224 bytes, as a publisher has them."""
    features, labels = arrays(seed=seed)
    return {FEATURES: npy(features), LABELS: npy(labels)}


def fetch(root: Path, server: FakeZenodo | None = None, **options) -> Path:
    """`download.fetch` of the AF data from this server into a folder of all data."""
    return download.fetch("af", root=root, api=server and server.api, progress=False, **options)


def holds(folder: Path, files: dict[str, bytes]) -> bool:
    """Both files, a true provenance, and nothing left over."""
    names = {path.name for path in folder.iterdir()} - {".lock"}
    return names == {FEATURES, LABELS, registry.PROVENANCE} and all(
        (folder / name).read_bytes() == files[name] for name in (FEATURES, LABELS)
    )
