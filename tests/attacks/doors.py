"""Servers that nobody but an attack would call: on loopback (TCP, UDP, both families) and on two Unix sockets."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Collection
from pathlib import Path


class Doors:
    """Listens, answers every caller with the canary and remembers what he said. `places` says where."""

    def __init__(self, path: Path, canary: str, token: str):
        self.canary = canary.encode()
        self.heard: list[tuple[str, str]] = []
        self.sockets: list[socket.socket] = []
        tcp = self._open("TCP on 127.0.0.1", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        udp = self._open("UDP on 127.0.0.1", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        self.places = {
            "PORT": str(tcp.getsockname()[1]),
            "UDP_PORT": str(udp.getsockname()[1]),
            "PORT_6": "0",
            "DOOR": str(path),
            "ABSTRACT": f"arena-{token}",
        }
        with contextlib.suppress(OSError):  # a machine without IPv6
            six = self._open("TCP on ::1", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))
            self.places["PORT_6"] = str(six.getsockname()[1])
        self._open("a Unix socket", socket.AF_UNIX, socket.SOCK_STREAM, str(path))
        if sys.platform.startswith("linux"):
            self._open("an abstract socket", socket.AF_UNIX, socket.SOCK_STREAM, f"\0arena-{token}")

    def reached_by(self, name: str) -> list[str]:
        """Doors at which an attack of this name was heard."""
        return sorted({door for door, text in self.heard if text.strip() == name})

    def strangers(self, names: Collection[str]) -> list[str]:
        """Doors at which somebody called who gave another name than these, or none."""
        known = {*names, ""}
        named = {door for door, text in self.heard if text.strip() in names}
        return sorted({door for door, text in self.heard if text.strip() not in known or door not in named})

    def _open(self, door: str, family: int, kind: int, address: object) -> socket.socket:
        sock = socket.socket(family, kind)
        sock.bind(address)
        self.sockets.append(sock)
        if kind == socket.SOCK_STREAM:
            sock.listen(50)
        serve = self._streams if kind == socket.SOCK_STREAM else self._datagrams
        threading.Thread(target=serve, args=(door, sock), daemon=True).start()
        return sock

    def _streams(self, door: str, sock: socket.socket) -> None:
        while True:
            try:
                caller, _ = sock.accept()
            except OSError:
                return
            with caller, contextlib.suppress(OSError):
                self.heard.append((door, ""))
                caller.settimeout(1)
                caller.sendall(self.canary)
                self.heard.append((door, caller.recv(200).decode("utf-8", "replace")))

    def _datagrams(self, door: str, sock: socket.socket) -> None:
        while True:
            try:
                text, caller = sock.recvfrom(200)
            except OSError:
                return
            if not caller:  # the socket was shut down
                return
            self.heard.append((door, text.decode("utf-8", "replace")))
            with contextlib.suppress(OSError):
                sock.sendto(self.canary, caller)

    def close(self) -> None:
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
