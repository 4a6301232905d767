#!/usr/bin/env python3
"""Serves one Python function to an Asya sidecar over a Unix socket.

One file, standard library only, Python 3.8 or newer. It imports the handler that ASYA_HANDLER names
and answers calls in both versions of the socket protocol, which PROTOCOL.md describes to the byte.

Threads: the main thread imports the handler, builds its class and runs it. With ASYA_CONCURRENCY=1
every call runs there, so that sqlite connections, CUDA contexts and signal handlers are at home; a
higher concurrency adds threads for a plain function, and tasks on the main thread's event loop for
an `async def`. One more thread, the door, accepts connections and looks after the process: signals,
cancellation, drain. It must never wait for the handler.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import json
import logging
import marshal
import os
import re
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections import deque
from typing import Any, Callable, Mapping, NamedTuple, NoReturn

MAGIC = b"ASYA/2\r\n"
HELLO, CALL, CANCEL, DRAIN, PING = 0x01, 0x02, 0x03, 0x04, 0x05
WELCOME, FRAME, END, ERROR, PONG, LOADING = 0x81, 0x82, 0x84, 0x85, 0x86, 0x87
HEADER = struct.Struct(">IBBHII")  # length of the rest, type, flags, 0, call, length of the head
LENGTH = struct.Struct(">I")
MAX_MESSAGE = 1 << 30
MAX_DETAIL = 16_000  # characters of a message or traceback in an error
SEND_TIMEOUT = 60.0  # seconds that a peer may read nothing of its answer
LOADING_INTERVAL = 1.0
EXIT_STUCK = 75

Handler = Callable[[Any], Any]
log = logging.getLogger("asya.runtime")


# --- settings ------------------------------------------------------------------------------------


class Settings(NamedTuple):
    """What the environment says; seconds and bytes."""

    handler: str
    envelope_mode: bool
    validate: bool
    folder: str
    socket_path: str
    socket_mode: int | None
    chunk: int
    log_level: int
    concurrency: int
    shutdown_grace: float
    cancel_grace: float


def read_settings(env: Mapping[str, str]) -> Settings:
    """Reads ASYA_* variables; raises ValueError with every problem, one a line."""
    problems: list[str] = []

    def read(name: str, default: str, parse: Callable[[str], Any], expected: str) -> Any:
        text = env.get(name, default).strip()
        try:
            return parse(text)
        except (ValueError, KeyError):
            problems.append(f"{name}={text!r}: expected {expected}")
            return parse(default)

    def parse_mode(text: str) -> bool:
        return {"payload": False, "envelope": True}[text.lower()]

    def parse_octal(text: str) -> int | None:
        return int(text, 8) if text else None

    def parse_level(text: str) -> int:
        levels = {"DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
        return levels[text.upper()]

    if not env.get("ASYA_HANDLER", "").strip():
        problems.append("ASYA_HANDLER is not set: expected module.function or module.Class.method")
    folder = env.get("ASYA_SOCKET_DIR") or "/var/run/asya"
    settings = Settings(
        handler=env.get("ASYA_HANDLER", "").strip(),
        envelope_mode=read("ASYA_HANDLER_MODE", "payload", parse_mode, "payload or envelope"),
        validate=read("ASYA_ENABLE_VALIDATION", "true", _parse_bool, "true or false"),
        folder=folder,
        socket_path=os.path.join(folder, env.get("ASYA_SOCKET_NAME") or "asya-runtime.sock"),
        socket_mode=read("ASYA_SOCKET_CHMOD", "0o666", parse_octal, "an octal mode or nothing"),
        chunk=read("ASYA_CHUNK_SIZE", "65536", _parse_count, "a number of bytes above 0"),
        log_level=read("ASYA_LOG_LEVEL", "INFO", parse_level, "DEBUG, INFO, WARNING or ERROR"),
        concurrency=read("ASYA_CONCURRENCY", "1", _parse_count, "a number above 0"),
        shutdown_grace=read("ASYA_SHUTDOWN_GRACE", "30s", parse_duration, "a duration like 30s"),
        cancel_grace=read("ASYA_CANCEL_GRACE", "5s", parse_duration, "a duration like 5s"),
    )
    if problems:
        raise ValueError("\n".join(problems))
    return settings


def parse_duration(text: str) -> float:
    """Seconds of a duration as Go writes it: 1m30s, 250ms, 0."""
    units = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
    if text == "0":
        return 0.0
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(text)
    return sum(float(number) * units[unit] for number, unit in parts)


def _parse_bool(text: str) -> bool:
    yes, no = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")
    return {**dict.fromkeys(yes, True), **dict.fromkeys(no, False)}[text.lower()]


def _parse_count(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


# --- log -----------------------------------------------------------------------------------------


class JsonLines(logging.Formatter):
    """One JSON object a line; `extra={"fields": {...}}` adds members. Never a payload."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        level = {"WARNING": "warn", "CRITICAL": "error"}.get(record.levelname, record.levelname)
        line = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": level.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.name != log.name:
            line["logger"] = record.name
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_up_output(level: int) -> None:
    """JSON lines on standard error, the handler's own `logging` included; print() works."""
    stderr = logging.StreamHandler()
    stderr.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[stderr])
    # A handler may configure logging as it likes: these lines do not go through the root logger.
    log.addHandler(stderr)
    log.setLevel(level)
    log.propagate = False
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace", line_buffering=True)


def fields(**values: Any) -> dict[str, Any]:
    """Members for a log line."""
    return {"fields": values}


# --- JSON ----------------------------------------------------------------------------------------


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode
_encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def parse_json(data: Any) -> Any:
    """Strict UTF-8 and RFC 8259; raises ValueError or RecursionError."""
    return _decode(str(data, "utf-8"))


def to_json(value: Any) -> bytes:
    """Compact UTF-8; lone surrogates stay escapes. Says so when the value is not JSON."""
    try:
        text = _encode(value)
    except TypeError as error:
        raise TypeError(f"the handler's result is not JSON: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the handler's result is not JSON: {error}") from None
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _encode_ascii(value).encode()


def same_json(a: Any, b: Any) -> bool:
    """Whether both are the same parsed JSON, types and order included. Cheap; may say no."""
    try:
        return marshal.dumps(a, 2) == marshal.dumps(b, 2)
    except ValueError:  # deeply nested, or not made of plain JSON types
        return False


def changed_members(before: Any, after: Any, *always: str) -> Any:
    """Of an object those members that are new or not as before, and those that are always told.

    What is left out the sidecar has as it was written: printing it anew would lose -0 and 1e400.
    """
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    return {
        name: value
        for name, value in after.items()
        if name in always or name not in before or not same_json(before[name], value)
    }


# --- errors --------------------------------------------------------------------------------------


class Refusal(Exception):
    """A call that ends with `code` because of `cause`, which is what the peer is told about."""

    def __init__(self, code: str, cause: BaseException) -> None:
        super().__init__(code, cause)
        self.code = code
        self.cause = cause


class ProtocolError(Exception):
    """The peer does not speak the protocol; its connection is closed."""


def describe(error: BaseException, full_names: bool) -> dict[str, Any]:
    """The `details` of an error. Version 1 has always had the bare class name as `type`."""
    kind = type(error)
    try:
        message = str(error)
    except Exception as broken:
        message = f"(its message cannot be shown: {type(broken).__name__})"
    try:
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename == describe.__code__.co_filename:
            trace = trace.tb_next
        text = "".join(traceback.format_exception(kind, error, trace))
    except Exception as broken:
        text = f"(its traceback cannot be shown: {type(broken).__name__})"
    return {
        "message": _cut(message),
        "type": _class_name(kind) if full_names else kind.__name__,
        "traceback": _cut(text),
        "mro": [_class_name(ancestor) for ancestor in kind.__mro__[1:-1]],
    }


def _class_name(kind: type) -> str:
    builtin = kind.__module__ == "builtins"
    return kind.__name__ if builtin else f"{kind.__module__}.{kind.__qualname__}"


def _cut(text: str) -> str:
    half = MAX_DETAIL // 2
    if len(text) <= MAX_DETAIL:
        return text
    return f"{text[:half]}\n... {len(text) - 2 * half} characters cut ...\n{text[-half:]}"


# --- the handler ---------------------------------------------------------------------------------


class LoadError(Exception):
    """The handler cannot be had; the message says what, where and how to mend it."""


def load_handler(name: str) -> Handler:
    """Imports `module.function`, or builds the class of `module.Class.method` once."""
    module, rest = _import_longest(name.split("."))
    where = f"module {module.__name__} ({getattr(module, '__file__', 'built in')})"
    owner: Any = module
    if len(rest) == 2:
        owner = _attribute(module, rest[0], where)
        if not inspect.isclass(owner):
            raise LoadError(f"{rest[0]} in {where} is not a class")
        where = f"class {rest[0]} of {where}"
        owner = _build(owner, where)
    elif len(rest) != 1:
        raise LoadError(f"{where} is a module: expected module.function or module.Class.method")
    handler = _attribute(owner, rest[-1], where)
    if inspect.isclass(handler):
        raise LoadError(f"{rest[-1]} in {where} is a class: name its method too")
    if not callable(handler):
        raise LoadError(f"{rest[-1]} in {where} is not a function")
    return handler  # type: ignore[no-any-return]


def _import_longest(parts: list[str]) -> Any:
    for size in range(len(parts), 0, -1):
        name = ".".join(parts[:size])
        try:
            return importlib.import_module(name), parts[size:]
        except ModuleNotFoundError as error:
            missing = error.name or ""
            if name != missing and not name.startswith(missing + "."):
                raise  # the handler's module is there and misses another one
        except ValueError as error:
            raise LoadError(f"that is no name of a function: {error}") from None
    searched = os.pathsep.join(sys.path)
    raise LoadError(f"there is no module {parts[0]!r} in {searched}: set PYTHONPATH")


def _attribute(owner: Any, name: str, where: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        known = ", ".join(sorted(n for n in dir(owner) if not n.startswith("_"))[:20])
        raise LoadError(f"{where} has no {name!r}; it has: {known or 'nothing'}") from None


def _build(kind: Any, where: str) -> Any:
    try:
        parameters = inspect.signature(kind).parameters.values()
    except ValueError:  # written in C
        parameters = {}.values()
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in optional]
    if needed:
        raise LoadError(f"{where} needs arguments to be built: give {', '.join(needed)} a default")
    return kind()


def is_async(handler: Handler) -> bool:
    """Whether calling it makes a coroutine."""
    call = getattr(handler, "__call__", None)
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call)


# --- envelopes -----------------------------------------------------------------------------------


def check_envelope(envelope: Any) -> None:
    """Raises ValueError; the texts and their order are part of the contract."""
    if not isinstance(envelope, dict) or "payload" not in envelope:
        raise ValueError("Missing required field 'payload' in envelope")
    if "route" not in envelope:
        raise ValueError("Missing required field 'route' in envelope")
    route = envelope["route"]
    if not isinstance(route, dict):
        raise ValueError("Field 'route' must be a dict")
    if "actors" not in route:
        raise ValueError("Missing required field 'actors' in route")
    actors, current = route["actors"], route.get("current", 0)
    if not isinstance(actors, list):
        raise ValueError("Field 'route.actors' must be a list")
    if not isinstance(current, int) or isinstance(current, bool):
        raise ValueError("Field 'route.current' must be an integer")
    if not actors:
        raise ValueError("Field 'route.actors' cannot be empty")
    if not 0 <= current <= len(actors):
        bounds = f"out of bounds for actors of length {len(actors)}"
        raise ValueError(f"Invalid route.current={current}: {bounds}")
    if not isinstance(envelope.get("headers", {}), dict):
        raise ValueError("Field 'headers' must be a dict")
    if not isinstance(envelope.get("id", ""), str):
        raise ValueError("Field 'id' must be a string")


def check_kept(passed: list[Any], current: int, route: dict[str, Any]) -> None:
    """Raises ValueError unless the actors up to `current` are those that were."""
    kept = route["actors"][: len(passed)]
    if kept != passed:
        raise ValueError(
            "Route modification error: already-processed actors cannot be erased. "
            f"Input route had {passed} (actors 0-{current}), but output route starts with {kept}. "
            "Runtimes can add future actors but must preserve all actors up to current."
        )


def read_old_names(envelope: Any) -> None:
    """Makes `route.actors` of the older `route.steps`."""
    route = envelope.get("route") if isinstance(envelope, dict) else None
    if isinstance(route, dict) and "actors" not in route and "steps" in route:
        route["actors"] = route.pop("steps")


def frames_of(result: Any) -> list[Any]:
    """None is no frame, a list or tuple is a fan-out, anything else is one frame."""
    if result is None:
        return []
    if isinstance(result, (list, tuple)):
        return list(result)
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise TypeError("the handler is a generator, which is not supported: return a list")
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError("the handler returned a coroutine: declare the handler with async def")
    return [result]


# --- calls ---------------------------------------------------------------------------------------


class Call:
    """One request and how to answer it; a subclass for each version of the protocol."""

    full_names = True
    number = 0

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started = time.monotonic()
        self.cancelled: float | None = None
        self.cancel_task: Callable[[], object] = lambda: None
        self._passed: list[Any] = []
        self._current = 0

    def argument(self) -> Any:
        """What the handler gets."""
        try:
            return self._parse()
        except (ValueError, RecursionError) as error:  # bad JSON, bad UTF-8, a bad envelope
            raise Refusal("msg_parsing_error", error) from None

    def answer(self, result: Any) -> bytes:
        """The bytes that tell the peer what the handler returned."""
        raise NotImplementedError

    def failure(self, error: BaseException) -> bytes:
        """The bytes that tell the peer that the call failed."""
        if isinstance(error, Refusal):
            code, error = error.code, error.cause
        elif self.cancelled is not None and isinstance(error, asyncio.CancelledError):
            code, error = "cancelled", asyncio.CancelledError("the call was cancelled")
        else:
            code = "oom_error" if isinstance(error, MemoryError) else "processing_error"
        level = logging.DEBUG if code == "connection_error" else logging.WARNING  # often a probe
        kind = _class_name(type(error))
        log.log(level, "call failed", extra=fields(call=self.number, error=code, type=kind))
        return self._error(to_json({"error": code, "details": describe(error, self.full_names)}))

    def limit(self) -> float | None:
        """When the sidecar gives the call up, in time.monotonic() seconds."""
        return None

    def _parse(self) -> Any:
        raise NotImplementedError

    def _error(self, body: bytes) -> bytes:
        raise NotImplementedError

    def _check_input(self, envelope: Any) -> None:
        """Checks the envelope and notes the actors that an answer in envelope mode must keep."""
        if not isinstance(envelope, dict):
            check_envelope(envelope)
        read_old_names(envelope)
        if self.settings.validate:
            check_envelope(envelope)
            self._current = envelope["route"].get("current", 0)
            self._passed = envelope["route"]["actors"][: self._current + 1]

    def _check_output(self, frames: list[Any]) -> None:
        for index, frame in enumerate(frames if self.settings.validate else ()):
            try:
                check_envelope(frame)
                check_kept(self._passed, self._current, frame["route"])
            except ValueError as error:
                place = f"Invalid output envelope[{index}/{len(frames)}]"
                raise ValueError(f"{place}: {error}") from None


class Version1Call(Call):
    """A whole envelope in, an array of frames out; `None` is a message that was cut off."""

    full_names = False

    def __init__(self, settings: Settings, message: bytes | None) -> None:
        super().__init__(settings)
        self._message = message
        self._frame: dict[str, Any] = {}

    def _parse(self) -> Any:
        if self._message is None:
            raise _cut_off()
        envelope = _parse_unique(self._message)
        self._message = None
        self._check_input(envelope)
        if self.settings.envelope_mode:
            return envelope
        try:
            if not self.settings.validate:
                for name in ("payload", "route"):
                    if name not in envelope:
                        raise ValueError(f"Missing required field '{name}' in envelope")
            route = envelope["route"]
            self._frame["route"] = {**route, "current": route.get("current", 0) + 1}
        except Exception as error:
            raise Refusal("processing_error", error) from None
        if "headers" in envelope:
            self._frame["headers"] = envelope["headers"]
        return envelope["payload"]

    def answer(self, result: Any) -> bytes:
        frames = frames_of(result)
        if self.settings.envelope_mode:
            self._check_output(frames)
        else:
            frames = [{"payload": payload, **self._frame} for payload in frames]
        return _with_length(to_json(frames))

    def _error(self, body: bytes) -> bytes:
        return _with_length(b"[%s]" % body)


class Version2Call(Call):
    """Head and payload apart; answered with FRAMEs and an END, or one ERROR."""

    def __init__(
        self, settings: Settings, max_frame: int, number: int, head: bytes, body: bytes
    ) -> None:
        super().__init__(settings)
        self.number = number
        self._max_frame = max_frame
        self._head = head
        self._body = body
        self._payload: Any = None
        self._given: dict[str, Any] | None = None
        self._size = 0
        self._untouched: bool | None = None

    def limit(self) -> float | None:
        try:
            return self.started + float(parse_json(self._head)["asya"]["remaining_ms"]) / 1000
        except (ValueError, TypeError, KeyError):
            return None

    def _parse(self) -> Any:
        self._payload = parse_json(self._body)
        if isinstance(self._payload, (dict, list)):
            self._size = len(self._payload)
        if not self.settings.envelope_mode:
            return self._payload
        envelope = parse_json(self._head)
        if not isinstance(envelope, dict):
            raise ValueError("the head of a CALL must be an object")
        envelope.pop("asya", None)
        envelope["payload"] = self._payload
        self._check_input(envelope)
        return envelope

    def answer(self, result: Any) -> bytes:
        frames = frames_of(result)
        if self.settings.envelope_mode:
            # What an end actor returns when it has nothing to say.
            frames = [frame for frame in frames if self.settings.validate or frame != {}]
            self._check_output(frames)
            parts = [self._envelope_frame(frame) for frame in frames]
        else:
            parts = [self._frame(b"{}", self._payload_bytes(payload)) for payload in frames]
        parts.append(pack(END, self.number, b'{"frames":%d}' % len(frames)))
        return b"".join(parts)

    def _envelope_frame(self, frame: Any) -> bytes:
        if not isinstance(frame, dict) or "payload" not in frame:
            raise ValueError("Missing required field 'payload' in envelope")
        if self._given is None:
            self._given = parse_json(self._head)  # anew: the handler may have changed the other one
        head = changed_members(self._given, frame, "route")
        payload = head.pop("payload")
        if "route" in head:
            head["route"] = changed_members(
                self._given.get("route"), head["route"], "actors", "current"
            )
        return self._frame(to_json(head), self._payload_bytes(payload))

    def _payload_bytes(self, value: Any) -> bytes:
        """JSON of a result; the bytes that came in where the handler has not touched them.

        Parsing and printing would lose -0, 1e400, repeated keys and the spelling of every number.
        """
        if value is not self._payload:
            return to_json(value)
        if self._untouched is None:
            self._untouched = not isinstance(value, (dict, list)) or (
                len(value) == self._size and same_json(parse_json(self._body), value)
            )
        return self._body if self._untouched else to_json(value)

    def _frame(self, head: bytes, body: bytes) -> bytes:
        size = HEADER.size + len(head) + len(body)
        if size > self._max_frame:
            text = f"a frame of {size} bytes is above the sidecar's limit of {self._max_frame}"
            raise Refusal("resource_limit", ValueError(text))
        return pack(FRAME, self.number, head, body)

    def _error(self, body: bytes) -> bytes:
        return pack(ERROR, self.number, body)


def _parse_unique(message: bytes) -> Any:
    """Parses an envelope whose own members may not repeat; what is inside them may."""
    members: list[Any] = []

    def build(pairs: list[Any]) -> dict[str, Any]:
        nonlocal members
        members = pairs  # the outermost object is the last to be built
        return dict(pairs)

    decoder = json.JSONDecoder(object_pairs_hook=build, parse_constant=_refuse_constant)
    envelope = decoder.decode(str(message, "utf-8"))
    if isinstance(envelope, dict) and len(envelope) != len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"Duplicate field {twice!r} in envelope")
    return envelope


def _cut_off() -> Refusal:
    return Refusal("connection_error", ConnectionError("Connection closed while reading"))


def _with_length(body: bytes) -> bytes:
    return LENGTH.pack(len(body)) + body


def pack(kind: int, call: int, head: bytes, body: bytes = b"") -> bytes:
    """One version 2 frame."""
    return HEADER.pack(12 + len(head) + len(body), kind, 0, 0, call, len(head)) + head + body


# --- connections ---------------------------------------------------------------------------------


class Frame(NamedTuple):
    """One version 2 frame as it arrived."""

    kind: int
    call: int
    head: bytes
    body: bytes


class Connection:
    """A peer's socket and the bytes of it that nobody has used yet."""

    def __init__(self, sock: socket.socket, settings: Settings) -> None:
        self.sock = sock
        self.settings = settings
        self.role = "unknown"  # then "v1", or "hello" and "call" or "control"
        self.lane: Lane | None = None
        self.max_frame = MAX_MESSAGE
        self.ended = False  # nothing more can be read
        self.busy = False  # a call of it runs (event loop only)
        self._buffer: Any = b""
        self._taken = False  # the call of version 1

    def fill(self) -> None:
        """Reads once from a socket that is ready."""
        self.feed(self.sock.recv(self.settings.chunk))

    def feed(self, data: bytes) -> None:
        """Takes what was read; nothing is the end."""
        if not data:
            self.ended = True
        elif not self._buffer:
            self._buffer = data
        else:
            if isinstance(self._buffer, bytes):
                self._buffer = bytearray(self._buffer)
            self._buffer += data

    def preamble(self) -> bytes | None:
        """The first 8 bytes, or the 4 that rule version 2 out; None until they are there."""
        start = bytes(self._buffer[:8])
        return start if len(start) == 8 or (len(start) >= 4 and start[:4] != MAGIC[:4]) else None

    def skip(self, count: int) -> None:
        """Forgets the first bytes."""
        self._buffer = self._buffer[count:]

    def frame(self) -> Frame | None:
        """The next version 2 frame, once all of it is there."""
        buffer = self._buffer
        if len(buffer) < HEADER.size:
            return None
        rest, kind, flags, zero, call, head_size = HEADER.unpack_from(buffer)
        if flags or zero:
            raise ProtocolError("unknown flags")
        if rest >= MAX_MESSAGE or rest < 12 + head_size:
            raise ProtocolError(f"a frame of {rest} bytes with a head of {head_size}")
        end = LENGTH.size + rest
        if len(buffer) < end:
            return None
        view, middle = memoryview(buffer), HEADER.size + head_size
        frame = Frame(kind, call, bytes(view[HEADER.size : middle]), bytes(view[middle:end]))
        self._buffer = buffer[end:]
        return frame

    def next_call(self) -> Call | None:
        """The next call, once all of it is there."""
        if self.role == "v1":
            return self._message()
        frame = self.frame()
        while frame is not None and frame.kind != CALL:
            frame = self.frame()
        if frame is None:
            return None
        return Version2Call(self.settings, self.max_frame, frame.call, frame.head, frame.body)

    def _message(self) -> Call | None:
        """The one message of a version 1 connection."""
        if self._taken:
            return None
        size = LENGTH.unpack_from(self._buffer)[0] if len(self._buffer) >= LENGTH.size else 0
        if size >= MAX_MESSAGE:
            raise ProtocolError(f"a message of {size} bytes")
        whole = len(self._buffer) >= LENGTH.size + size
        if not whole and not self.ended:
            return None
        self._taken = self.ended = True
        view = memoryview(self._buffer)
        message = bytes(view[LENGTH.size : LENGTH.size + size]) if whole else None
        return Version1Call(self.settings, message)

    def send(self, data: bytes, timeout: float = SEND_TIMEOUT) -> None:
        """Writes all of it; raises OSError when the peer reads nothing for `timeout` seconds."""
        view = memoryview(data)
        while view:
            try:
                view = view[self.sock.send(view, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                poller = select.poll()
                poller.register(self.sock, select.POLLOUT)
                if not poller.poll(timeout * 1000):
                    raise TimeoutError("the peer does not read its answer") from None


# --- lanes: where calls run ----------------------------------------------------------------------


class Waker:
    """A pipe that ends another thread's poll."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.read_end, False)
        os.set_blocking(self.write_end, False)

    def wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is full, so it wakes anyway
            os.write(self.write_end, b"\0")

    def drain(self) -> bytes:
        """The bytes that were written; a signal writes its number."""
        return os.read(self.read_end, 4096)


class Lane:
    """Serves connections that the door hands over, until the runtime leaves."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.inbox: deque[Connection] = deque()

    def adopt(self, connection: Connection) -> None:
        """Hands a connection over; from another thread."""
        self.inbox.append(connection)
        self.wake()

    def wake(self) -> None:
        """Makes it look at its inbox and at whether to leave; from another thread."""
        raise NotImplementedError

    def run(self) -> None:
        """Serves, on the calling thread."""
        raise NotImplementedError


class ThreadLane(Lane):
    """A plain function on one thread: one call at a time, whatever the number of connections."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._waker = Waker()

    def wake(self) -> None:
        self._waker.wake()

    def run(self) -> None:
        poller = select.poll()
        poller.register(self._waker.read_end, select.POLLIN)
        connections: dict[int, Connection] = {}
        while not self.runtime.leaving:
            for fd, _ in poller.poll():
                if fd != self._waker.read_end:
                    connection = connections[fd]
                    if not self._serve(connection, True):
                        poller.unregister(fd)
                        del connections[fd]
                        self.runtime.close(connection)
                    continue
                self._waker.drain()
                while self.inbox:
                    connection = self.inbox.popleft()
                    if self._serve(connection, False):
                        connections[connection.sock.fileno()] = connection
                        poller.register(connection.sock, select.POLLIN)
                    else:
                        self.runtime.close(connection)

    def _serve(self, connection: Connection, readable: bool) -> bool:
        """Answers what has arrived; whether more can come."""
        try:
            if readable:
                connection.fill()
            while not self.runtime.leaving:
                call = connection.next_call()
                if call is None:
                    break
                connection.send(self._perform(call))
            return not connection.ended
        except Exception as error:
            self.runtime.lost(connection, error)
            return False

    def _perform(self, call: Call) -> bytes:
        self.runtime.calls.add(call)
        try:
            return call.answer(self.runtime.handler(call.argument()))
        except BaseException as error:  # sys.exit() in a handler ends the call, not us
            return call.failure(error)
        finally:
            self.runtime.calls.discard(call)


class LoopLane(Lane):
    """An `async def` on the main thread's event loop: as many calls at a time as it may run."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: asyncio.Event | None = None

    def wake(self) -> None:
        loop, woken = self._loop, self._woken
        if loop and woken:  # before that, run() looks by itself
            loop.call_soon_threadsafe(woken.set)

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(self.runtime.settings.concurrency)
        self._version1_slot = asyncio.Lock()
        tasks: dict[Any, Connection] = {}
        while not self.runtime.leaving:
            while self.inbox:
                connection = self.inbox.popleft()
                connection.sock.setblocking(False)
                task = self._loop.create_task(self._converse(connection))
                tasks[task] = connection
                task.add_done_callback(tasks.pop)
            await self._woken.wait()
            self._woken.clear()
        busy = [task for task, connection in tasks.items() if connection.busy]
        if busy:
            await asyncio.wait(busy)

    async def _converse(self, connection: Connection) -> None:
        assert self._loop
        try:
            while not self.runtime.leaving:
                call = connection.next_call()
                if call is not None:
                    connection.busy = True
                    answer = await self._answer(call, connection.role == "v1")
                    await self._send(connection.sock, answer)
                    connection.busy = False
                elif connection.ended:
                    break
                else:
                    chunk = connection.settings.chunk
                    connection.feed(await self._loop.sock_recv(connection.sock, chunk))
        except Exception as error:
            self.runtime.lost(connection, error)
        finally:
            self.runtime.close(connection)

    async def _send(self, sock: socket.socket, answer: bytes) -> None:
        assert self._loop
        try:
            sent = sock.send(answer)
        except BlockingIOError:
            sent = 0
        if sent < len(answer):
            sending = self._loop.sock_sendall(sock, memoryview(answer)[sent:])
            await asyncio.wait_for(sending, SEND_TIMEOUT + len(answer) / 1e6)

    async def _answer(self, call: Call, version1: bool) -> bytes:
        assert self._loop
        async with self._version1_slot if version1 else self._slots:
            # A task of its own, so that no call sees another's context or cancellation.
            return await self._loop.create_task(self._perform(call))

    async def _perform(self, call: Call) -> bytes:
        loop, task = self._loop, asyncio.current_task()
        assert loop and task
        call.cancel_task = lambda: loop.call_soon_threadsafe(task.cancel)
        self.runtime.calls.add(call)
        try:
            return call.answer(await self.runtime.handler(call.argument()))
        except BaseException as error:
            return call.failure(error)
        finally:
            self.runtime.calls.discard(call)


# --- the runtime ---------------------------------------------------------------------------------


class Runtime:
    """The process: its socket, its door thread, and when it ends."""

    handler: Handler

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.calls: set[Call] = set()  # those that run
        self.leaving = False  # no further call is begun
        self._connections: set[Connection] = set()
        self._lanes: list[Lane] = []  # none before the handler is loaded
        self._waiting: list[Connection] = []  # came before that
        self._loading_said = 0.0
        self._versions_seen: set[str] = set()
        self._draining_since: float | None = None
        self._ready_file = os.path.join(settings.folder, "runtime-ready")
        self._done_file = os.path.join(settings.folder, "sidecar-done")
        self._own_files: dict[str, int] = {}  # path to inode: another process may replace them
        self._pid = os.getpid()
        self._waker = Waker()
        self._poller = select.poll()
        self._polled: dict[int, Connection] = {}

    # On the main thread.

    def open(self) -> None:
        """Listens and opens the door; raises OSError."""
        path = self.settings.socket_path
        self._take_signals()
        os.makedirs(self.settings.folder, exist_ok=True)
        for stale in (path, self._ready_file, self._done_file):
            _unlink(stale)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        if self.settings.socket_mode is not None:
            os.chmod(path, self.settings.socket_mode)
        self._listener.listen(128)
        self._listener.setblocking(False)
        self._own_files[path] = os.stat(path).st_ino
        self._look_after_forks()
        self._poller.register(self._listener, select.POLLIN)
        self._poller.register(self._waker.read_end, select.POLLIN)
        # The default of some systems is too small for what the JSON module lets itself nest.
        threading.stack_size(16 << 20)
        threading.Thread(target=self._guard, args=(self._door,), name="door", daemon=True).start()

    def serve(self, handler: Handler) -> None:
        """Runs the handler until the runtime leaves."""
        self.handler = handler
        self._take_signals()  # the handler's module may have taken them
        if is_async(handler):
            lanes: list[Lane] = [LoopLane(self)]
        else:
            lanes = [ThreadLane(self) for _ in range(self.settings.concurrency)]
        threads = [
            threading.Thread(target=self._guard, args=(lane.run,), daemon=True)
            for lane in lanes[1:]
        ]
        for thread in threads:
            thread.start()
        self._lanes = lanes
        self._waker.wake()
        self._write_ready_file()
        lanes[0].run()
        for thread in threads:
            thread.join()  # the door ends the process if that takes too long

    def remove_files(self) -> None:
        """Removes the socket and runtime-ready, if they are still ours."""
        for path, inode in self._own_files.items():
            with contextlib.suppress(FileNotFoundError):
                if os.getpid() == self._pid and os.stat(path).st_ino == inode:
                    os.unlink(path)

    def _write_ready_file(self) -> None:
        ready = {"protocol": 2, **self._nature()}
        new = f"{self._ready_file}.{self._pid}"
        with open(new, "w", encoding="utf-8") as file:
            json.dump(ready, file)
        self._own_files[self._ready_file] = os.stat(new).st_ino
        os.replace(new, self._ready_file)
        log.info("handler is ready", extra=fields(handler=self.settings.handler, **ready))

    def _nature(self) -> dict[str, Any]:
        mode = "envelope" if self.settings.envelope_mode else "payload"
        return {"concurrency": self.settings.concurrency, "mode": mode}

    def _take_signals(self) -> None:
        # The number of a signal is written into the door's pipe at once, also while the main
        # thread is deep in a handler; what Python runs on the main thread later does nothing.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._waker.write_end, warn_on_full_buffer=False)

    def _look_after_forks(self) -> None:
        """What is the runtime's own stays with it when the handler forks."""
        signals = {signal.SIGTERM, signal.SIGINT}

        def let_signals_in() -> None:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

        def in_child() -> None:
            self.leaving = True
            self._listener.close()
            for connection in self._connections:
                connection.sock.close()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            let_signals_in()

        os.register_at_fork(
            before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, signals),
            after_in_parent=let_signals_in,
            after_in_child=in_child,
        )

    # On any thread.

    def close(self, connection: Connection) -> None:
        """Ends a connection."""
        self._connections.discard(connection)
        connection.sock.close()
        if self._draining_since is not None:
            self._waker.wake()  # it may have been the last

    def lost(self, connection: Connection, error: Exception) -> None:
        """Says why a connection ends that ought not to."""
        log.warning("connection lost", extra=fields(peer=connection.role, reason=repr(error)))
        if isinstance(error, ProtocolError):
            cause = {"message": str(error), "type": "ProtocolError"}
            body = to_json({"error": "msg_parsing_error", "details": cause})
            old = connection.role == "v1"
            try:
                connection.send(_with_length(b"[%s]" % body) if old else pack(ERROR, 0, body), 0)
            except OSError as failed:
                log.debug("not told", extra=fields(reason=repr(failed)))

    def _guard(self, run: Callable[[], None]) -> None:
        """A thread that fails takes the process with it: a deaf runtime helps nobody."""
        try:
            run()
        except BaseException:
            log.critical("the runtime failed", exc_info=True)
            self._exit(1)

    def _exit(self, code: int) -> NoReturn:
        self.remove_files()
        os._exit(code)

    # On the door's thread.

    def _door(self) -> None:
        while True:
            for fd, _ in self._poller.poll(self._look_at_clock()):
                if fd == self._listener.fileno():
                    self._accept()
                elif fd == self._waker.read_end:
                    signals = {signal.SIGTERM, signal.SIGINT}.intersection(self._waker.drain())
                    if signals:
                        self._drain(signal.Signals(signals.pop()).name)
                else:
                    self._read(self._polled[fd])

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError as error:  # too many open files, or the peer has gone
            log.warning("cannot accept a connection", extra=fields(reason=str(error)))
            time.sleep(0.05)
            return
        sock.setblocking(True)
        connection = Connection(sock, self.settings)
        self._connections.add(connection)
        self._polled[sock.fileno()] = connection
        self._poller.register(sock, select.POLLIN)

    def _read(self, connection: Connection) -> None:
        try:
            connection.fill()
            if connection.role == "unknown":
                self._tell_version(connection)
            if connection.role == "hello":
                self._greet(connection)
            if connection.role == "control":
                for frame in iter(connection.frame, None):
                    self._control(connection, frame)
            if connection.ended and connection.sock.fileno() in self._polled:
                self._forget(connection)
                self.close(connection)
        except Exception as error:
            self.lost(connection, error)
            self._forget(connection)
            self.close(connection)

    def _forget(self, connection: Connection) -> None:
        """Leaves a connection to somebody else."""
        if self._polled.pop(connection.sock.fileno(), None):
            self._poller.unregister(connection.sock)

    def _tell_version(self, connection: Connection) -> None:
        start = connection.preamble()
        if start == MAGIC:
            connection.skip(len(MAGIC))
            connection.role = "hello"
        elif start is not None and start[:4] == MAGIC[:4]:
            raise ProtocolError(f"unknown protocol {start!r}")
        elif start is not None:
            connection.role = "v1"
            self._versions_seen.add("v1")
            self._forget(connection)
            self._hand_over(connection)
        elif connection.ended:  # a probe; version 1 has always answered it
            answer = Version1Call(self.settings, None).failure(_cut_off())
            with contextlib.suppress(OSError):  # most do not wait for it
                connection.send(answer, 0)

    def _greet(self, connection: Connection) -> None:
        frame = connection.frame()
        if frame is None:
            return
        hello = parse_json(frame.head) if frame.kind == HELLO else None
        if not isinstance(hello, dict) or hello.get("role") not in ("call", "control"):
            raise ProtocolError("expected HELLO with role call or control")
        if isinstance(hello.get("max_frame"), int):
            connection.max_frame = hello["max_frame"]
        connection.role = hello["role"]
        self._versions_seen.add("v2")
        _unlink(self._done_file)  # a sidecar's earlier life
        if connection.role == "call":
            self._forget(connection)
        self._hand_over(connection)

    def _hand_over(self, connection: Connection) -> None:
        """Welcomes it and gives it to the lane with the fewest connections, once there is one."""
        if not self._lanes:
            self._waiting.append(connection)
            if connection.role != "v1":
                message = to_json({"message": f"importing {self.settings.handler}"})
                connection.send(pack(LOADING, 0, message), 0)
            return
        if connection.role != "v1":
            able = {"cancel": True, "stream": True, "pid": self._pid}
            connection.send(pack(WELCOME, 0, to_json({"version": 2, **self._nature(), **able})), 0)
        if connection.role == "control":
            return
        taken = [other.lane for other in list(self._connections) if other.role == "call"]
        connection.lane = self._lanes[0]  # always for version 1, which is served one by one
        if connection.role == "call":
            connection.lane = min(self._lanes, key=taken.count)
        connection.lane.adopt(connection)

    def _control(self, connection: Connection, frame: Frame) -> None:
        if frame.kind == PING:
            connection.send(pack(PONG, frame.call, b"{}"), 0)
        elif frame.kind == DRAIN:
            self._drain("DRAIN")
        elif frame.kind == CANCEL:
            for call in list(self.calls):
                if call.number == frame.call != 0 and call.cancelled is None:
                    call.cancelled = time.monotonic()
                    call.cancel_task()

    def _drain(self, reason: str) -> None:
        if self._draining_since is None:
            log.info("draining", extra=fields(reason=reason, calls=len(self.calls)))
            self._draining_since = time.monotonic()

    def _look_at_clock(self) -> float | None:
        """Does what is due; how many milliseconds the door may sleep, None for ever."""
        now = time.monotonic()
        if self._waiting and (self._lanes or now >= self._loading_said + LOADING_INTERVAL):
            self._loading_said = now
            self._look_at_waiting()
        stuck = self._look_for_stuck(now)
        if self._draining_since is not None:
            self._look_for_end(now, self._draining_since)
        if stuck or self._waiting or self._draining_since is not None:
            return 100
        return None

    def _look_at_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for connection in waiting:
            try:
                if connection in self._connections:
                    self._hand_over(connection)
            except OSError as error:
                self.lost(connection, error)
                self._forget(connection)
                self.close(connection)

    def _look_for_stuck(self, now: float) -> bool:
        """Ends the process when a cancelled call does not end; whether one may be due."""
        grace = self.settings.cancel_grace
        calls = list(self.calls)
        times = [call.cancelled for call in calls if call.cancelled is not None]
        if not times:
            return False
        if now < min(times) + grace:
            return True
        for call in calls:
            if call.started < min(times) + grace and now < self._latest_end(call):
                return True  # a call beside it may run to its own limit
        log.error(
            f"a cancelled call did not end within {grace:g} s; exiting with {EXIT_STUCK}",
            extra=fields(calls=[call.number for call in calls]),
        )
        self._exit(EXIT_STUCK)

    def _latest_end(self, call: Call) -> float:
        limit = call.cancelled if call.cancelled is not None else call.limit()
        if limit is None:
            limit = call.started + self.settings.shutdown_grace
        return limit + self.settings.cancel_grace

    def _look_for_end(self, now: float, since: float) -> None:
        if not self._lanes:
            log.info("leaving", extra=fields(reason="the handler is not loaded yet"))
            self._exit(0)
        last = since + self.settings.shutdown_grace
        if self.leaving and now >= last + self.settings.cancel_grace:
            log.warning("leaving calls behind", extra=fields(calls=len(self.calls)))
            self._exit(0)
        reason = "" if self.leaving else self._reason_to_leave(now, last)
        if reason:
            log.info("leaving", extra=fields(reason=reason, calls=len(self.calls)))
            self.leaving = True
            for lane in self._lanes:
                lane.wake()

    def _reason_to_leave(self, now: float, last: float) -> str:
        if os.path.exists(self._done_file):
            return "the sidecar is done"
        calling = any(connection.role == "call" for connection in list(self._connections))
        if not calling and self._versions_seen != {"v1"}:
            return "no sidecar is connected"
        return "the grace period is over" if now >= last else ""


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def main() -> int:
    """Runs the process; its exit code."""
    set_up_output(logging.INFO)
    try:
        settings = read_settings(os.environ)
    except ValueError as error:
        for problem in str(error).splitlines():
            log.error(problem)
        return 1
    log.setLevel(settings.log_level)
    logging.getLogger().setLevel(settings.log_level)
    runtime = Runtime(settings)
    try:
        runtime.open()
    except OSError as error:
        log.error(f"cannot listen on {settings.socket_path}: {error}; set ASYA_SOCKET_DIR")
        return 1
    try:
        sys.path.append(os.getcwd())  # where the handler often is; the script's own is there
        handler = load_handler(settings.handler)
    except BaseException as error:
        reason = str(error) if isinstance(error, LoadError) else f"{type(error).__name__}: {error}"
        log.error(f"cannot load ASYA_HANDLER={settings.handler!r}: {reason}")
        if not isinstance(error, LoadError):
            traceback.print_exc()
        runtime.remove_files()
        os._exit(1)  # threads that the module has started must not keep the process
    try:
        runtime.serve(handler)
    finally:
        runtime.remove_files()
    return 0


if __name__ == "__main__":
    sys.exit(main())
