"""What the tests of asya_runtime.py share: a sidecar's end of a connection, and the process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from typing import Any, Callable

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import asya_runtime as rt  # noqa: E402

__all__ = [
    "BOUND",
    "ECHO",
    "HEAD",
    "HELLO",
    "HERE",
    "STD",
    "WAITING",
    "Peer",
    "Process",
    "pack",
    "rt",
]

BOUND = 30.0  # seconds that anything may take
STD = {"id": "e-1", "route": {"actors": ["prep", "infer"], "current": 0}}
HEAD = {**STD, "asya": {"attempt": 1, "remaining_ms": 60_000}}
HELLO = {"max_frame": 1 << 28, "actor": "prep", "role": "call"}


def pack(kind: int, call: int, head: Any, body: bytes = b"") -> bytes:
    return rt.pack(kind, call, json.dumps(head).encode(), body)


class Peer:
    """A sidecar's end of a connection."""

    def __init__(self, path: str) -> None:
        self.partials: list[Any] = []  # that came with the last answer
        self.metrics: list[Any] = []
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(BOUND)
        try:
            self.sock.connect(path)
        except OSError:
            self.sock.close()
            raise

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: Any) -> None:
        self.sock.close()

    def read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            part = self.sock.recv(min(count - len(data), 1 << 20))
            if not part:
                raise EOFError(f"{len(data)} of {count} bytes")
            data += part
        return bytes(data)

    def frame(self) -> tuple[int, int, Any, bytes]:
        rest, kind, flags, zero, call, size = rt.HEADER.unpack(self.read(16))
        assert flags == zero == 0
        return kind, call, json.loads(self.read(size)), self.read(rest - 12 - size)

    def hello(self, **more: Any) -> Peer:
        self.sock.sendall(rt.MAGIC + pack(rt.HELLO, 0, {**HELLO, **more}))
        return self

    def welcome(self) -> Any:
        kind, _, head, _ = self.frame()
        while kind == rt.LOADING:
            kind, _, head, _ = self.frame()
        assert kind == rt.WELCOME, (kind, head)
        return head

    def send_call(self, body: bytes, call: int = 1, head: Any = None) -> None:
        self.sock.sendall(pack(rt.CALL, call, head or HEAD, body))

    def answer(self, call: int = 1) -> list[tuple[Any, bytes]]:
        """The frames of a good answer, or the head of an ERROR as the only one."""
        frames: list[tuple[Any, bytes]] = []
        self.partials, self.metrics = [], []
        while True:
            kind, number, head, body = self.frame()
            assert number == call, (number, call)
            if kind == rt.PARTIAL:
                assert head == {"seq": len(self.partials)}
                self.partials.append(json.loads(body))
                continue
            if kind == rt.ERROR:
                return [(head, b"")]
            if kind == rt.END:
                self.metrics = head.pop("metrics", [])
                assert head == {"frames": len(frames)}
                return frames
            assert kind == rt.FRAME
            frames.append((head, body))

    def call(self, payload: Any, call: int = 1, head: Any = None) -> Any:
        """The payloads that came back, or the error."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.send_call(body, call, head)
        frames = self.answer(call)
        if frames and "error" in frames[0][0]:
            return frames[0][0]
        return [json.loads(body) for _, body in frames]

    def message(self, body: bytes) -> Any:
        """A version 1 exchange."""
        self.sock.sendall(rt.LENGTH.pack(len(body)) + body)
        return self.reply()

    def reply(self) -> Any:
        (size,) = rt.LENGTH.unpack(self.read(4))
        answer = json.loads(self.read(size))
        assert self.sock.recv(1) == b""
        return answer


class Process:
    """The runtime as a process, with a module `handlers` of its own."""

    def __init__(
        self, source: str, handler: str = "handlers.process", wait: bool = True, **env: Any
    ) -> None:
        self.folder = tempfile.mkdtemp(prefix="asya")
        self.socket = os.path.join(self.folder, "asya-runtime.sock")
        self.ready = os.path.join(self.folder, "runtime-ready")
        self.done = os.path.join(self.folder, "sidecar-done")
        with open(os.path.join(self.folder, "handlers.py"), "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(source))
        settings = {
            "ASYA_SOCKET_DIR": self.folder,
            "ASYA_HANDLER": handler,
            "PYTHONPATH": self.folder,
            "PYTHONDONTWRITEBYTECODE": "1",
            "FOLDER": self.folder,
            **{f"ASYA_{name.upper()}": str(value) for name, value in env.items()},
        }
        self.process = self.start(settings)
        if wait:
            self.until(lambda: os.path.exists(self.ready))

    def start(self, settings: dict[str, str]) -> subprocess.Popen[str]:
        self.settings = settings
        with open(self.path("log"), "a", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, os.path.join(HERE, "asya_runtime.py")],
                env={**os.environ, **settings},
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                cwd="/",
            )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: Any) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)

    def log(self) -> str:
        with open(self.path("log"), encoding="utf-8") as log:
            return log.read()

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def until(self, condition: Callable[[], Any]) -> None:
        end = time.monotonic() + BOUND
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"it did not come to it:\n{self.log()}")
            time.sleep(0.005)

    def listens(self) -> bool:
        try:
            Peer(self.socket).sock.close()
        except OSError:
            return False
        return True

    def until_file(self, name: str) -> None:
        self.until(lambda: os.path.exists(self.path(name)))

    def touch(self, name: str) -> None:
        with open(self.path(name), "w", encoding="utf-8"):
            pass

    def peer(self, **hello: Any) -> Peer:
        peer = Peer(self.socket).hello(**hello)
        peer.welcome()
        return peer

    def message(self, body: Any) -> Any:
        with Peer(self.socket) as peer:
            return peer.message(body if isinstance(body, bytes) else json.dumps(body).encode())

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.until_logged("draining")

    def until_logged(self, text: str) -> None:
        self.until(lambda: text in self.log())

    def exit_code(self) -> int:
        return self.process.wait(BOUND)


ECHO = "def process(payload): return payload"
WAITING = """
import os, time
def wait_for(name):
    while not os.path.exists(os.path.join(os.environ["FOLDER"], name)): time.sleep(0.005)
def process(payload):
    open(os.path.join(os.environ["FOLDER"], payload["began"]), "w").close()
    wait_for(payload["until"])
    return payload
"""
