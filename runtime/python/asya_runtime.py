#!/usr/bin/env python3
"""Serves one Python function to an Asya sidecar over a Unix socket.

One file, standard library only, Python 3.8 or newer. It imports the handler that ASYA_HANDLER names
and answers calls in both versions of the socket protocol, which PROTOCOL.md describes to the byte.

Threads: the main thread imports the handler, builds its class and runs it. With ASYA_CONCURRENCY=1
every call runs there, so that sqlite connections, CUDA contexts and signal handlers are at home; a
higher concurrency adds threads for a plain function, and tasks on the main thread's event loop for
an `async def`. With ASYA_BATCH_SIZE a second thread gathers calls and the main thread runs them
together. One more thread, the door, accepts connections and looks after the process: signals,
cancellation, drain. It must never wait for the handler.
"""

from __future__ import annotations

import binascii
import collections.abc
import contextlib
import contextvars
import errno
import fcntl
import functools
import gc
import importlib
import importlib.util
import inspect
import io
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
import types
import typing
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Mapping, NamedTuple, NoReturn

if TYPE_CHECKING:
    import asyncio  # 5 MB that only an async handler needs: imported where that is known

MAGIC = b"ASYA/2\r\n"
HELLO, CALL, CANCEL, DRAIN, PING = 0x01, 0x02, 0x03, 0x04, 0x05
WELCOME, FRAME, PARTIAL, END, ERROR, PONG, LOADING = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87
HEADER = struct.Struct(">IBBHII")  # length of the rest, type, flags, 0, call, length of the head
LENGTH = struct.Struct(">I")
MAX_MESSAGE = 1 << 30
MAX_DETAIL = 16_000  # characters of a message or traceback in an error
MAX_TRACE_FRAMES = 30  # of a traceback, and of each of its causes
MAX_METRICS = 1_000  # values of one call
MAX_UNSENT = 4 << 20  # bytes of partial results that wait for an async handler's peer to read
SEND_TIMEOUT = 60.0  # seconds that a peer may read nothing of its answer
PARTIAL_MARK = "asya.partial"  # the only key of a dict that is yielded as a partial result
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
    batch_size: int
    batch_wait: float
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
        batch_size=read("ASYA_BATCH_SIZE", "1", _parse_count, "a number above 0"),
        batch_wait=read("ASYA_BATCH_WAIT", "10ms", parse_duration, "a duration like 10ms"),
        shutdown_grace=read("ASYA_SHUTDOWN_GRACE", "30s", parse_duration, "a duration like 30s"),
        cancel_grace=read("ASYA_CANCEL_GRACE", "5s", parse_duration, "a duration like 5s"),
    )
    if problems:
        raise ValueError("\n".join(problems))
    # Calls that are to run together have to be in flight together.
    return settings._replace(concurrency=max(settings.concurrency, settings.batch_size))


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


class LastingOutput(io.FileIO):
    """A standard stream whose reader may go away: what nobody takes is dropped."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or len(data)
        except OSError:
            return len(data)


def set_up_output(level: int) -> None:
    """JSON lines on standard error, the handler's own `logging` included; print() never fails."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:  # closed: else a socket would get its number, and C code write into it
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name, fd in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name):
            getattr(sys, name).flush()
        raw = io.BufferedWriter(LastingOutput(fd, "w", closefd=False))
        text = io.TextIOWrapper(raw, "utf-8", errors="backslashreplace", line_buffering=True)
        setattr(sys, name, text)
    stderr = logging.StreamHandler()
    stderr.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[stderr])
    # A handler may configure logging as it likes: these lines do not go through the root logger.
    log.addHandler(stderr)
    log.setLevel(level)
    log.propagate = False


def fields(**values: Any) -> dict[str, Any]:
    """Members for a log line."""
    return {"fields": values}


# --- JSON ----------------------------------------------------------------------------------------


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _iso_text(value: Any) -> str:
    text = value.isoformat()
    if not text[:1].isdigit():  # pandas.NaT passes for a datetime
        raise ValueError(f"is {text}, which is no time")
    return str(text)


def _decimal_text(value: Any) -> str:
    if not value.is_finite():
        raise ValueError(f"is {value}, which is no number")
    return str(value)


def _sorted(value: Any) -> list[Any]:
    # The order of a set of texts differs between processes, and an answer had better not.
    try:
        return sorted(value)
    except TypeError:
        return list(value)


def _base64(value: Any) -> str:
    return binascii.b2a_base64(value, newline=False).decode()


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "enum.Enum": lambda value: value.value,
    "datetime.date": _iso_text,  # and datetime
    "datetime.time": _iso_text,
    "decimal.Decimal": _decimal_text,
    "uuid.UUID": str,
    "bytes": _base64,
    "bytearray": _base64,
    "memoryview": _base64,
    "set": _sorted,
    "frozenset": _sorted,
    "collections.deque": list,
    "range": list,
}


def convert(value: Any) -> Any:
    """Something closer to JSON for what JSON has no type for; raises TypeError or ValueError.

    Packages are known by their manners: importing them to ask would cost seconds.
    """
    kind = type(value)
    for ancestor in kind.__mro__:
        known = _CONVERSIONS.get(_class_name(ancestor))
        if known is not None:
            return known(value)
    if hasattr(kind, "__dataclass_fields__"):
        return {
            name: getattr(value, name)
            for name, field in kind.__dataclass_fields__.items()
            if field._field_type.name == "_FIELD"
        }
    if hasattr(kind, "model_dump"):  # pydantic 2
        return value.model_dump(mode="json")
    if hasattr(kind, "dict") and hasattr(kind, "__fields__"):  # pydantic 1
        return value.dict()
    if kind.__module__.startswith("pandas."):
        raise TypeError(f"is a {_class_name(kind)}: return its to_dict() or tolist()")
    if getattr(getattr(value, "dtype", None), "kind", "") in ("m", "M"):
        raise TypeError("has times of numpy: return its astype(str)")
    if hasattr(kind, "tolist"):  # numpy, torch, jax, cupy: arrays and scalars
        listed = value.tolist()
        if type(listed) is not kind:
            return listed
    if hasattr(kind, "__fspath__"):
        return os.fspath(value)
    if isinstance(value, collections.abc.Mapping):
        return dict(value)
    raise TypeError(f"is a {_class_name(kind)}")


_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode
_encode = json.JSONEncoder(
    allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=convert
).encode
_encode_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=convert).encode


def parse_json(data: Any) -> Any:
    """Strict UTF-8 and RFC 8259; raises ValueError or RecursionError."""
    return _decode(str(data, "utf-8"))


def to_json(value: Any, place: str = "result") -> bytes:
    """Compact UTF-8; lone surrogates stay escapes. Says what at which `place` is not JSON."""
    try:
        text = _encode(value)
    except Exception:  # looked at again, slowly: what cannot be written, and where
        try:
            value = plain(value, place)
            text = _encode(value)
        except RecursionError:
            raise _not_json(f"{place} is nested too deeply, or contains itself") from None
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _encode_ascii(value).encode()


def plain(value: Any, place: str) -> Any:
    """The value in JSON's own types; raises TypeError or ValueError that name the place."""
    if value is None or isinstance(value, (str, int, float)):
        if isinstance(value, float) and value - value != 0:
            raise _not_json(f"{place} is {value}, which JSON has no number for")
        try:
            _encode(value)  # an integer may have too many digits
        except ValueError as error:
            raise _not_json(f"{error}, at {place}") from None
        return value
    if isinstance(value, dict):
        members: dict[str, Any] = {}
        for key, member in value.items():
            name = _member_name(key, place)
            if name in members:
                raise _not_json(f"{place} has two keys that are written {name[:50]!r}")
            step = f".{name}" if name.isidentifier() else f"[{name[:50]!r}]"
            members[name] = plain(member, place + step)
        return members
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
    try:
        closer = convert(value)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise _not_json(f"{place} {error}", kind) from None
    return plain(closer, place)


def _member_name(key: Any, place: str) -> str:
    """A key as text: as `json` writes it, or as convert() does."""
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, (int, float)):
        return _encode(plain(key, place))
    try:
        closer = convert(key)
    except (TypeError, ValueError):
        closer = key
    if isinstance(closer, (str, int, float)):
        return _member_name(closer, place)
    raise _not_json(f"{place} has a key that is a {_class_name(type(key))}", TypeError)


def _not_json(words: str, kind: type[Exception] = ValueError) -> Exception:
    return kind(f"the handler's result is not JSON: {words}")


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


class Cancelled(Exception):
    """A call that ends because it was cancelled."""

    __module__ = "asya"  # its peer is told the full name


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
        text = "".join(traceback.format_exception(kind, error, trace, limit=-MAX_TRACE_FRAMES))
    except Exception as broken:
        text = f"(its traceback cannot be shown: {type(broken).__name__})"
    return {
        "message": _cut(message),
        "type": _class_name(kind) if full_names else kind.__name__,
        "traceback": _cut(text),
        "mro": [_class_name(ancestor) for ancestor in kind.__mro__[1:-1]][:20],
    }


def _class_name(kind: type) -> str:
    builtin = kind.__module__ == "builtins"
    return kind.__name__ if builtin else f"{kind.__module__}.{kind.__qualname__}"


def _cut(text: str) -> str:
    half = MAX_DETAIL // 2
    if len(text) <= MAX_DETAIL:
        return text
    return f"{text[:half]}\n... {len(text) - 2 * half} characters cut ...\n{text[-half:]}"


_NO_MEMORY_CLASSES = {"MemoryError", "OutOfMemoryError", "ResourceExhaustedError"}
_NO_MEMORY_WORDS = re.compile(
    r"out.of.memory|can't allocate memory|alloc_failed|resource_exhausted"
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, the host's or a device's; torch, cupy, jax and others by name."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _NO_MEMORY_CLASSES:
        return True
    if not names & {"RuntimeError", "CudaDriverError"}:
        return False
    with contextlib.suppress(Exception):  # a message that cannot be had
        return bool(_NO_MEMORY_WORDS.search(str(error).lower()))
    return False


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
        what = f"{'.'.join(rest)} in {where} names too much" if rest else f"{where} is a module"
        raise LoadError(f"{what}: expected module.function or module.Class.method")
    handler = _attribute(owner, rest[-1], where)
    if inspect.isclass(handler):
        raise LoadError(f"{rest[-1]} in {where} is a class: name its method too")
    if not callable(handler):
        raise LoadError(f"{rest[-1]} in {where} is not a function")
    more = ", ".join(_needed(handler)[1:])
    if more:
        raise LoadError(f"{rest[-1]} in {where} gets one argument: give {more} a default")
    return handler  # type: ignore[no-any-return]


def _import_longest(parts: list[str]) -> Any:
    if "" in parts:
        raise LoadError("that is no name: expected module.function or module.Class.method")
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
    needed = _needed(kind)
    if needed:
        raise LoadError(f"{where} needs arguments to be built: give {', '.join(needed)} a default")
    return kind()


def _needed(function: Any) -> list[str]:
    """The parameters that have no default."""
    try:
        parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    except ValueError:  # written in C
        return []
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in optional]


def is_async(handler: Handler) -> bool:
    """Whether calling it makes a coroutine or an asynchronous generator."""
    kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    call = getattr(handler, "__call__", None)
    return any(kind(handler) or kind(call) for kind in kinds)


def reader_of(handler: Handler, batch: bool) -> Handler | None:
    """Makes a payload what the handler's type hint asks for: a pydantic model or a dataclass."""
    function = handler if inspect.isroutine(handler) else getattr(handler, "__call__", handler)
    try:
        name = next(iter(inspect.signature(handler).parameters))
        hint = typing.get_type_hints(function).get(name)
    except Exception as error:  # a hint may name what only a type checker imports
        log.debug("no type hints", extra=fields(reason=f"{type(error).__name__}: {error}"))
        return None
    if batch:  # list[Model]
        [hint, *_] = typing.get_args(hint) or [None]
    for maker in ("model_validate", "parse_obj"):  # pydantic 2 and 1
        if inspect.isclass(hint) and hasattr(hint, maker):
            return getattr(hint, maker)  # type: ignore[no-any-return]
    if _is_dataclass(hint):
        return lambda payload: build(hint, payload, "payload")
    return None


def build(hint: Any, value: Any, place: str) -> Any:
    """A dataclass, a list of them or an optional one from JSON; other values stay as they are.

    Members that the class has no field for are left out. Raises TypeError.
    """
    if not _is_dataclass(hint):
        arguments = typing.get_args(hint)
        inner = next((arg for arg in arguments if _is_dataclass(arg)), None)
        if inner and typing.get_origin(hint) is list and isinstance(value, list):
            return [build(inner, item, f"{place}[{index}]") for index, item in enumerate(value)]
        if inner and type(None) in arguments and value is not None:
            return build(inner, value, place)
        return value
    if not isinstance(value, dict):
        raise TypeError(f"{place} must be an object with the fields of {hint.__name__}")
    given: dict[str, Any] = {}
    for name, (kind, needed) in _dataclass_fields(hint).items():
        if name in value:
            given[name] = build(kind, value[name], f"{place}.{name}")
        elif needed:
            raise TypeError(f"{place} has no {name!r}, which {hint.__name__} needs")
    return hint(**given)


def _is_dataclass(hint: Any) -> bool:
    return inspect.isclass(hint) and hasattr(hint, "__dataclass_fields__")


@functools.lru_cache(maxsize=256)
def _dataclass_fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Of each field that the class is built with: its hint, and whether it must be given."""
    import dataclasses  # whoever has a dataclass has it

    hints, missing = typing.get_type_hints(kind), dataclasses.MISSING
    return {
        field.name: (hints[field.name], field.default is field.default_factory is missing)
        for field in dataclasses.fields(kind)
        if field.init
    }


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
    if isinstance(result, (list, tuple)) and not hasattr(result, "_fields"):  # no named tuple
        return list(result)
    if inspect.iscoroutine(result) or inspect.isasyncgen(result):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError("the handler returned a coroutine: declare the handler with async def")
    if inspect.isgenerator(result):
        raise TypeError("a generator is no result here: return a list")
    return [result]


# --- calls ---------------------------------------------------------------------------------------


class Call:
    """One request and how to answer it; a subclass for each version of the protocol."""

    full_names = True
    number = 0
    reader: Handler | None = None  # what makes a payload the handler's argument

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.arrived = self.started = time.monotonic()
        self.cancelled: float | None = None
        self.cancel_task: Callable[[], object] = lambda: None
        self.send: Callable[[bytes], object] = lambda data: None  # while it runs
        self.error = ""  # its code, once it has failed
        self.shared = False  # it runs in one batch with others
        self.over = False
        self.metrics: list[dict[str, Any]] = []
        self._lock = threading.Lock()  # a handler's threads may send partial results
        self._frames = 0
        self._passed: list[Any] = []
        self._current = 0

    def argument(self) -> Any:
        """What the handler gets."""
        try:
            value = self._parse()
        except (ValueError, RecursionError) as error:  # bad JSON, bad UTF-8, a bad envelope
            raise Refusal("msg_parsing_error", error) from None
        if self.reader and not self.settings.envelope_mode:
            return self.reader(value)
        return value

    def answer(self, result: Any) -> bytes:
        """The bytes that tell the peer what the handler returned, after what it has yielded."""
        frames = frames_of(result)
        if frames and frames[0] is result:
            parts = [self._frame(result, "result", "[0/1]")]
        else:
            parts = [
                self._frame(frame, f"result[{index}]", f"[{index}/{len(frames)}]")
                for index, frame in enumerate(frames)
            ]
        with self._lock:
            self.over = True
        return b"".join(parts) + self._end()

    def emit(self, value: Any) -> None:
        """Sends what the handler yields: a frame, or a partial result."""
        if self.cancelled is not None:
            raise Cancelled("the call was cancelled")
        if isinstance(value, dict) and len(value) == 1 and PARTIAL_MARK in value:
            return self.say(value[PARTIAL_MARK])
        place = f"yielded[{self._frames}]"
        data = self._frame(value, place, f"[{self._frames}]")
        with self._lock:
            self.send(data)

    def say(self, value: Any) -> None:
        """Sends a partial result; from any thread."""
        with self._lock:
            if self.over:
                raise RuntimeError("the call has ended: it can have no partial result")
            self.send(self._partial(value))

    def context(self) -> dict[str, Any]:
        """What the handler may know of its envelope beside the payload."""
        raise NotImplementedError

    def failure(self, error: BaseException) -> bytes:
        """The bytes that tell the peer that the call failed."""
        if isinstance(error, Refusal):
            code, error = error.code, error.cause
        elif self.cancelled is not None and type(error).__name__ in ("Cancelled", "CancelledError"):
            code, error = "cancelled", Cancelled("the call was cancelled")
        else:
            code = "oom_error" if is_out_of_memory(error) else "processing_error"
        with self._lock:
            self.over, self.error = True, code
        level = logging.DEBUG if code == "connection_error" else logging.WARNING  # often a probe
        kind = _class_name(type(error))
        log.log(level, "call failed", extra=fields(call=self.number, error=code, type=kind))
        return self._error(to_json({"error": code, "details": describe(error, self.full_names)}))

    def limit(self) -> float | None:
        """When the sidecar gives the call up, in time.monotonic() seconds."""
        return None

    def _parse(self) -> Any:
        raise NotImplementedError

    def _frame(self, value: Any, place: str, count: str) -> bytes:
        """The bytes of one frame; `place` and `count` are for errors."""
        raise NotImplementedError

    def _partial(self, value: Any) -> bytes:
        raise NotImplementedError

    def _end(self) -> bytes:
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

    def _check_output(self, frame: Any, count: str) -> None:
        if self.settings.validate:
            try:
                check_envelope(frame)
                check_kept(self._passed, self._current, frame["route"])
            except ValueError as error:
                raise ValueError(f"Invalid output envelope{count}: {error}") from None


class Version1Call(Call):
    """A whole envelope in, an array of frames out; `None` is a message that was cut off."""

    full_names = False

    def __init__(self, settings: Settings, message: bytes | None) -> None:
        super().__init__(settings)
        self._message = message
        self._input: dict[str, Any] = {}
        self._rest = b""  # a frame's text after the payload
        self._parts: list[bytes] = []
        self._size = 0

    def _parse(self) -> Any:
        if self._message is None:
            raise _cut_off()
        envelope = _parse_unique(self._message)
        self._check_input(envelope)
        self._input = envelope
        if self.settings.envelope_mode:
            return envelope
        try:
            if not self.settings.validate:
                for name in ("payload", "route"):
                    if name not in envelope:
                        raise ValueError(f"Missing required field '{name}' in envelope")
            route = envelope["route"]
            rest: dict[str, Any] = {"route": {**route, "current": route.get("current", 0) + 1}}
            if "headers" in envelope:
                rest["headers"] = envelope["headers"]
            self._rest = b"," + to_json(rest)[1:]
        except Exception as error:
            raise Refusal("processing_error", error) from None
        return envelope["payload"]

    def context(self) -> dict[str, Any]:
        known = {name: value for name, value in self._input.items() if name != "payload"}
        return {**known, "attempt": 1, "remaining": None}

    def _frame(self, value: Any, place: str, count: str) -> bytes:
        if self.settings.envelope_mode:
            self._check_output(value, count)
            part = to_json(value, place)
        else:
            part = b'{"payload":' + to_json(value, place) + self._rest
        self._frames += 1
        self._size += len(part) + 1
        if self._size >= MAX_MESSAGE:
            text = f"the answer has more than {MAX_MESSAGE} bytes"
            raise Refusal("resource_limit", ValueError(text))
        self._parts.append(part)
        return b""

    def _partial(self, value: Any) -> bytes:
        to_json(value, "partial")
        return b""  # this version has none

    def _end(self) -> bytes:
        return _with_length(b"[" + b",".join(self._parts) + b"]")

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
        self._partials = 0

    def limit(self) -> float | None:
        try:
            return self.arrived + float(parse_json(self._head)["asya"]["remaining_ms"]) / 1000
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

    def context(self) -> dict[str, Any]:
        known = parse_json(self._head)
        attempt = (known.pop("asya", None) or {}).get("attempt", 1)
        limit = self.limit()
        remaining = None if limit is None else limit - time.monotonic()
        return {**known, "attempt": attempt, "remaining": remaining}

    def _frame(self, value: Any, place: str, count: str) -> bytes:
        if not self.settings.envelope_mode:
            data = self._pack(FRAME, b"{}", self._payload_bytes(value, place))
        elif value == {} and not self.settings.validate:
            return b""  # what an end actor returns when it has nothing to say
        else:
            self._check_output(value, count)
            data = self._envelope_frame(value, place)
        self._frames += 1
        return data

    def _partial(self, value: Any) -> bytes:
        data = self._pack(PARTIAL, b'{"seq":%d}' % self._partials, to_json(value, "partial"))
        self._partials += 1
        return data

    def _end(self) -> bytes:
        if self.metrics:
            head = to_json({"frames": self._frames, "metrics": self.metrics})
        else:
            head = b'{"frames":%d}' % self._frames
        return pack(END, self.number, head)

    def _envelope_frame(self, frame: Any, place: str) -> bytes:
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
        body = self._payload_bytes(payload, f"{place}.payload")
        return self._pack(FRAME, to_json(head, place), body)

    def _payload_bytes(self, value: Any, place: str) -> bytes:
        """JSON of a result; the bytes that came in where the handler has not touched them.

        Parsing and printing would lose -0, 1e400, repeated keys and the spelling of every number.
        """
        if value is not self._payload:
            return to_json(value, place)
        if self._untouched is None:
            self._untouched = not isinstance(value, (dict, list)) or (
                len(value) == self._size and same_json(parse_json(self._body), value)
            )
        return self._body if self._untouched else to_json(value, place)

    def _pack(self, kind: int, head: bytes, body: bytes) -> bytes:
        size = HEADER.size + len(head) + len(body)
        if size > self._max_frame:
            text = f"a frame of {size} bytes is above the sidecar's limit of {self._max_frame}"
            raise Refusal("resource_limit", ValueError(text))
        return pack(kind, self.number, head, body)

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


# --- what a handler may import as asya -----------------------------------------------------------

_running: contextvars.ContextVar[Call | None] = contextvars.ContextVar("asya", default=None)


def _this_call(function: str) -> Call:
    call = _running.get()
    if call is None:
        raise RuntimeError(f"asya.{function}(): no call is running in this context")
    if call.shared and function != "metric":
        raise RuntimeError(f"asya.{function}() has no meaning for a batch of calls")
    return call


def metric(name: str, value: float, /, **labels: object) -> None:
    """Reports a value for a metric of ASYA_CUSTOM_METRICS; it counts if the call succeeds."""
    call, number = _this_call("metric"), float(value)
    if number - number != 0:
        raise ValueError(f"asya.metric(): {name} is {number}")
    entry: dict[str, Any] = {"name": str(name), "value": number}
    if labels:
        entry["labels"] = {label: str(text) for label, text in labels.items()}
    if len(call.metrics) < MAX_METRICS:
        call.metrics.append(entry)


def partial(value: Any) -> None:
    """Sends a partial result to whoever follows the envelope; nothing depends on its arrival."""
    _this_call("partial").say(value)


def context() -> dict[str, Any]:
    """The envelope without its payload, `attempt`, and `remaining` seconds or None."""
    return _this_call("context").context()


def offer_module() -> None:
    """Makes `import asya` work, unless the handler has a module of its own by that name."""
    own = importlib.util.find_spec("asya")
    if own is None or own.origin is None:  # a folder of that name is none
        module = types.ModuleType("asya", "What the runtime offers to the handler that it serves.")
        module.__dict__.update(metric=metric, partial=partial, context=context)
        sys.modules["asya"] = module


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
        self.unsent = bytearray()  # of its answers (event loop only)
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
                    more = self._serve(connection, True)
                    if not more:
                        poller.unregister(fd)
                        del connections[fd]
                    if more is False:
                        self.runtime.close(connection)
                    continue
                self._waker.drain()
                while self.inbox:
                    connection = self.inbox.popleft()
                    more = self._serve(connection, False)
                    if more:
                        connections[connection.sock.fileno()] = connection
                        poller.register(connection.sock, select.POLLIN)
                    elif more is False:
                        self.runtime.close(connection)

    def _serve(self, connection: Connection, readable: bool) -> bool | None:
        """Answers what has arrived; whether more can come, None when it is somebody else's."""
        try:
            if readable:
                connection.fill()
            while not self.runtime.leaving:
                call = connection.next_call()
                if call is None:
                    break
                connection.send(self._perform(connection, call))
            return not connection.ended
        except Exception as error:
            self.runtime.lost(connection, error)
            return False

    def _perform(self, connection: Connection, call: Call) -> bytes:
        self.runtime.begin(call, connection.send)
        _running.set(call)
        try:
            result = self.runtime.handler(call.argument())
            if inspect.isgenerator(result):
                result = _exhaust(call, result)
            return call.answer(result)
        except BaseException as error:  # sys.exit() in a handler ends the call, not us
            return call.failure(error)
        finally:
            _running.set(None)
            self.runtime.finish(call)


def _exhaust(call: Call, generator: Any) -> Any:
    """Sends what a generator yields; gives what it returns."""
    try:
        while True:
            call.emit(next(generator))
    except StopIteration as end:
        return end.value
    finally:
        generator.close()


class BatchLane(ThreadLane):
    """A handler of lists: a thread of its own gathers calls, the main thread runs them together."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._pending: deque[tuple[Connection, Call]] = deque()
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None  # of an async handler
        self._task: asyncio.Task[Any] | None = None

    def wake(self) -> None:
        super().wake()
        with self._changed:
            self._changed.notify()

    def run(self) -> None:
        gather = threading.Thread(target=self.runtime.guard, args=(super().run,), daemon=True)
        gather.start()
        for batch in iter(self._next_batch, []):
            self._run_batch(batch)

    def _serve(self, connection: Connection, readable: bool) -> bool | None:
        """On the gathering thread: leaves a connection alone from its call to the answer."""
        try:
            if readable:
                connection.fill()
            call = connection.next_call()
        except Exception as error:
            self.runtime.lost(connection, error)
            return False
        if call is None:
            return not connection.ended
        pair = (connection, call)
        call.started = float("inf")  # it only waits
        call.cancel_task = lambda: self._drop(pair)
        with self._changed:
            self.runtime.begin(call, connection.send)
            self._pending.append(pair)
            self._changed.notify()
        return None

    def _drop(self, pair: tuple[Connection, Call]) -> None:
        """On the door's thread: a waiting call was cancelled."""
        with self._changed:
            if pair not in self._pending:
                return
            self._pending.remove(pair)
        self._reply(*pair, pair[1].failure(Cancelled()), 0)

    def _reply(self, connection: Connection, call: Call, answer: bytes, timeout: float) -> None:
        try:
            connection.send(answer, timeout)
        except OSError as error:
            self.runtime.lost(connection, error)
            connection.ended = True
        self.runtime.finish(call)
        self.adopt(connection)

    def _next_batch(self) -> list[tuple[Connection, Call]]:
        """Waits for one; empty when it is time to leave."""
        size, pending = self.runtime.settings.batch_size, self._pending
        with self._changed:
            while not self.runtime.leaving:
                wait = None
                if pending:
                    due = pending[0][1].arrived + self.runtime.settings.batch_wait
                    wait = due - time.monotonic()
                if len(pending) >= size or (wait is not None and wait <= 0):
                    return [pending.popleft() for _ in range(min(size, len(pending)))]
                self._changed.wait(wait)
        return []

    def _run_batch(self, batch: list[tuple[Connection, Call]]) -> None:
        """Runs calls together; where that fails, each once by itself."""
        arguments: list[Any] = []
        ready: list[tuple[Connection, Call]] = []
        for connection, call in batch:
            call.started = time.monotonic()
            call.shared = True
            call.cancel_task = lambda: self._cancel(ready)
            try:
                if call.cancelled is not None:
                    raise Cancelled
                arguments.append(call.argument())
                ready.append((connection, call))
            except BaseException as error:
                self._reply(connection, call, call.failure(error), SEND_TIMEOUT)
        if not ready:
            return
        results: list[Any] | None
        try:
            results = self._call(ready, arguments)
        except BaseException as error:
            results = [error] if len(ready) == 1 else None
            kind = _class_name(type(error))
        if results is None:
            log.warning("batch failed, calls go one by one", extra=fields(n=len(ready), type=kind))
            for pair in ready:
                self._run_batch([pair])
            return
        for (connection, call), result in zip(ready, results):
            self._reply(connection, call, self._outcome(call, result), SEND_TIMEOUT)

    def _call(self, ready: list[tuple[Connection, Call]], arguments: list[Any]) -> list[Any]:
        """Results or errors, as many as arguments."""
        _running.set(ready[0][1])
        try:
            returned = self.runtime.handler(arguments)
            if inspect.isawaitable(returned):
                returned = self._await(returned)
        finally:
            _running.set(None)
        words = f"the handler got a batch of {len(ready)} payloads and returned"
        if not isinstance(returned, (list, tuple)) and not hasattr(type(returned), "tolist"):
            return [TypeError(f"{words} no list but a {_class_name(type(returned))}")] * len(ready)
        if len(returned) != len(ready):
            return [ValueError(f"{words} {len(returned)} results")] * len(ready)
        return list(returned)

    def _await(self, coroutine: Any) -> Any:
        if self._loop is None:
            load_asyncio()
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(coroutine)
        try:
            return self._loop.run_until_complete(self._task)
        finally:
            self._task = None

    def _cancel(self, ready: list[tuple[Connection, Call]]) -> None:
        """On the door's thread: a call that runs was cancelled; the others may want theirs."""
        task = self._task
        if task is not None and all(call.cancelled is not None for _, call in ready):
            task.get_loop().call_soon_threadsafe(task.cancel)

    def _outcome(self, call: Call, result: Any) -> bytes:
        if isinstance(result, BaseException):
            return call.failure(result)
        try:
            return call.answer(result)
        except BaseException as error:
            return call.failure(error)


class LoopLane(Lane):
    """An `async def` on the main thread's event loop: as many calls at a time as it may run."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: asyncio.Event | None = None
        self._thread = threading.get_ident()
        self._probed: float | None = None  # when the loop was asked for a sign of life
        self._blocked = 0.0  # the longest that it took

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
                    self._put(connection, await self._answer(connection, call))
                    await self._flush(connection)
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

    def _put(self, connection: Connection, data: bytes) -> None:
        """Sends what the socket takes now; the rest waits for _flush()."""
        connection.unsent += data
        with contextlib.suppress(BlockingIOError):
            del connection.unsent[: connection.sock.send(connection.unsent)]

    async def _flush(self, connection: Connection) -> None:
        assert self._loop
        while connection.unsent:
            room = asyncio.Event()
            self._loop.add_writer(connection.sock, room.set)
            try:
                await asyncio.wait_for(room.wait(), SEND_TIMEOUT)
            finally:
                self._loop.remove_writer(connection.sock)
            self._put(connection, b"")

    def _post(self, connection: Connection, call: Call, data: bytes) -> None:
        """What a call has to say while it runs; from any thread."""
        assert self._loop
        if threading.get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self._post, connection, call, data)
        elif data[4:5] == bytes([FRAME]) or len(connection.unsent) < MAX_UNSENT and not call.over:
            self._put(connection, data)  # partial results are dropped while nobody reads them

    async def _answer(self, connection: Connection, call: Call) -> bytes:
        assert self._loop
        async with self._version1_slot if connection.role == "v1" else self._slots:
            # A task of its own, so that no call sees another's context or cancellation.
            return await self._loop.create_task(self._perform(connection, call))

    async def _perform(self, connection: Connection, call: Call) -> bytes:
        loop, task = self._loop, asyncio.current_task()
        assert loop and task
        call.cancel_task = lambda: loop.call_soon_threadsafe(task.cancel)
        self.runtime.begin(call, functools.partial(self._post, connection, call))
        _running.set(call)
        try:
            result = self.runtime.handler(call.argument())
            if inspect.isasyncgen(result):
                try:
                    async for value in result:
                        call.emit(value)
                        await self._flush(connection)
                finally:
                    await result.aclose()
                return call.answer(None)
            return call.answer(await result)
        except BaseException as error:
            return call.failure(error)
        finally:
            self.runtime.finish(call)

    def blocked(self) -> float:
        """The longest that the loop was seen not to turn since this was asked last, in seconds."""
        now, probed = time.monotonic(), self._probed
        if probed is None and self._loop:
            self._probed = now
            self._loop.call_soon_threadsafe(self._alive)
        worst = max(self._blocked, now - probed if probed is not None else 0.0)
        self._blocked = 0.0
        return worst

    def _alive(self) -> None:
        if self._probed is not None:
            self._blocked = max(self._blocked, time.monotonic() - self._probed)
            self._probed = None


# --- the runtime ---------------------------------------------------------------------------------


def identity(path: str) -> tuple[int, int]:
    """Which file a path leads to; the number of a removed one may be given to the next."""
    found = os.stat(path)
    return found.st_ino, found.st_mtime_ns


class Runtime:
    """The process: its socket, its door thread, and when it ends."""

    handler: Handler

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reader: Handler | None = None
        self.calls: set[Call] = set()  # those that run
        self.leaving = False  # no further call is begun
        self._connections: set[Connection] = set()
        self._lanes: list[Lane] = []  # none before the handler is loaded
        self._waiting: list[Connection] = []  # came before that
        self._loading_said = 0.0
        self._born = time.monotonic()
        self._versions_seen: set[str] = set()
        self._draining_since: float | None = None
        self._ready_file = os.path.join(settings.folder, "runtime-ready")
        self._done_file = os.path.join(settings.folder, "sidecar-done")
        # By path: another process may replace them.
        self._own_files: dict[str, tuple[int, int]] = {}
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
        self._listener = self._claim(path)
        self._listener.setblocking(False)
        self._own_files[path] = identity(path)
        self._look_after_forks()
        self._poller.register(self._listener, select.POLLIN)
        self._poller.register(self._waker.read_end, select.POLLIN)
        # The default of some systems is too small for what the JSON module lets itself nest.
        threading.stack_size(16 << 20)
        threading.Thread(target=self.guard, args=(self._door,), name="door", daemon=True).start()

    def _claim(self, path: str) -> socket.socket:
        """Listens at a path where nobody does; raises OSError."""
        folder = os.open(self.settings.folder, os.O_RDONLY)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Held while looking and binding, against another that starts in the same moment.
            with contextlib.suppress(OSError):  # not every file system has it
                fcntl.flock(folder, fcntl.LOCK_EX)
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(1)
                try:
                    probe.connect(path)
                except (FileNotFoundError, ConnectionRefusedError):
                    pass  # what a killed process left
                except BlockingIOError:  # so many wait that no more may
                    raise OSError(errno.EADDRINUSE, "another runtime listens there") from None
                else:
                    raise OSError(errno.EADDRINUSE, "another runtime listens there")
            for stale in (path, self._ready_file, self._done_file):
                _unlink(stale)
            listener.bind(path)
            if self.settings.socket_mode is not None:
                os.chmod(path, self.settings.socket_mode)
            listener.listen(128)
            return listener
        except OSError:
            listener.close()
            raise
        finally:
            os.close(folder)

    def serve(self, handler: Handler) -> None:
        """Runs the handler until the runtime leaves."""
        self.handler = handler
        self.reader = reader_of(handler, self.settings.batch_size > 1)
        self._take_signals()  # the handler's module may have taken them
        if is_async(handler):
            load_asyncio()
        lanes: list[Lane]
        if self.settings.batch_size > 1:
            lanes = [BatchLane(self)]
        elif is_async(handler):
            lanes = [LoopLane(self)]
        else:
            lanes = [ThreadLane(self) for _ in range(self.settings.concurrency)]
        threads = [
            threading.Thread(target=self.guard, args=(lane.run,), daemon=True) for lane in lanes[1:]
        ]
        for thread in threads:
            thread.start()
        self._write_ready_file()  # before any WELCOME
        self._lanes = lanes
        self._waker.wake()
        lanes[0].run()
        for thread in threads:
            thread.join()  # the door ends the process if that takes too long

    def remove_files(self) -> None:
        """Removes the socket and runtime-ready, if they are still ours."""
        for path, own in self._own_files.items():
            with contextlib.suppress(FileNotFoundError):
                if os.getpid() == self._pid and identity(path) == own:
                    os.unlink(path)

    def _write_ready_file(self) -> None:
        ready = {"protocol": 2, **self._nature()}
        new = f"{self._ready_file}.{self._pid}"
        with open(new, "w", encoding="utf-8") as file:
            json.dump(ready, file)
        self._own_files[self._ready_file] = identity(new)
        os.replace(new, self._ready_file)
        seconds = round(time.monotonic() - self._born, 3)
        about = fields(handler=self.settings.handler, seconds=seconds, **ready)
        log.info("handler is ready", extra=about)

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

    def begin(self, call: Call, send: Callable[[bytes], object]) -> None:
        """A call has arrived on its lane."""
        call.send, call.reader = send, self.reader
        self.calls.add(call)

    def finish(self, call: Call) -> None:
        """A call has ended."""
        self.calls.discard(call)
        if call.error == "oom_error":
            gc.collect()  # what the failed call held in cycles

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

    def guard(self, run: Callable[[], None]) -> None:
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
        try:
            hello = parse_json(frame.head) if frame.kind == HELLO else None
        except (ValueError, RecursionError):
            hello = None
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
                seconds = int(time.monotonic() - self._born)
                words = f"importing {self.settings.handler}, {seconds} s so far"
                message = to_json({"message": words})
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
            connection.send(pack(PONG, frame.call, to_json(self._vitals())), 0)
        elif frame.kind == DRAIN:
            self._drain("DRAIN")
        elif frame.kind == CANCEL:
            for call in list(self.calls):
                if call.number == frame.call != 0 and call.cancelled is None:
                    call.cancelled = time.monotonic()
                    call.cancel_task()

    def _vitals(self) -> dict[str, Any]:
        """How the process is: bytes, milliseconds, counts."""
        now = time.monotonic()
        vitals: dict[str, Any] = {
            "threads": threading.active_count(),
            "calls": len(self.calls),
            "oldest_call_ms": max(
                (int(1000 * (now - c.arrived)) for c in list(self.calls)), default=0
            ),
        }
        with contextlib.suppress(OSError):  # Linux has it
            with open("/proc/self/statm", "rb") as file:
                vitals["rss"] = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        for lane in self._lanes:
            if isinstance(lane, LoopLane):
                vitals["loop_blocked_ms"] = int(1000 * lane.blocked())
        return vitals

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
            numbers = [call.number for call in list(self.calls)]
            log.warning("leaving calls behind", extra=fields(calls=numbers))
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


def load_asyncio() -> None:
    """Imports it for all of this file."""
    global asyncio
    import asyncio


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
        reason = error.strerror or error
        log.error(f"cannot listen on {settings.socket_path}: {reason}; set ASYA_SOCKET_DIR")
        return 1
    try:
        sys.path.append(os.getcwd())  # where the handler often is; the script's own is there
        offer_module()
        handler = load_handler(settings.handler)
    except BaseException as error:
        reason = str(error) if isinstance(error, LoadError) else f"{type(error).__name__}: {error}"
        if not isinstance(error, LoadError):
            traceback.print_exc()
        # The last line, for whoever looks at no more than that.
        log.error(f"cannot load ASYA_HANDLER={settings.handler!r}: {_cut(reason)}")
        runtime.remove_files()
        os._exit(1)  # threads that the module has started must not keep the process
    try:
        runtime.serve(handler)
    finally:
        runtime.remove_files()
    return 0


if __name__ == "__main__":
    sys.exit(main())
