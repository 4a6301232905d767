"""Tests of what asya_runtime.py makes of results, type hints and errors."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import errno
import importlib
import json
import pathlib
import sys
import types
import unittest
import uuid
from dataclasses import dataclass, field
from typing import Any, List, NamedTuple, Optional

from testing import STD, Process, rt


def optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


numpy, pydantic = optional("numpy"), optional("pydantic")


def written(value: Any) -> Any:
    return json.loads(rt.to_json(value))


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Box:
    size: int
    color: Color = Color.RED
    inner: Optional[Box] = None
    parts: List[Box] = field(default_factory=list)
    kind = "no field"


class Pair(NamedTuple):
    a: int
    b: int


class Written(unittest.TestCase):
    def test_to_json_knows_the_types_of_the_standard_library(self) -> None:
        zone = datetime.timezone(datetime.timedelta(hours=2))
        table: list[tuple[Any, Any]] = [
            (Color.RED, "red"),
            (Level.HIGH, 3),
            (datetime.datetime(2026, 1, 2, 3, 4, 5, 6, zone), "2026-01-02T03:04:05.000006+02:00"),
            (datetime.date(2026, 1, 2), "2026-01-02"),
            (datetime.time(3, 4, 5), "03:04:05"),
            (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
            (decimal.Decimal("1.10"), "1.10"),
            (b"\x00\xff", "AP8="),
            (bytearray(b"abc"), "YWJj"),
            (memoryview(b"abc"), "YWJj"),
            ({3, 1, 2}, [1, 2, 3]),
            (frozenset(["b", "a"]), ["a", "b"]),
            (collections.deque([1]), [1]),
            (range(2), [0, 1]),
            (types.MappingProxyType({"a": 1}), {"a": 1}),
            (pathlib.PurePosixPath("/a/b"), "/a/b"),
            (Pair(1, 2), [1, 2]),
            (Box(1, inner=Box(2)), {
                "size": 1, "color": "red", "parts": [],
                "inner": {"size": 2, "color": "red", "parts": [], "inner": None},
            }),
        ]  # fmt: skip
        for value, expected in table:
            self.assertEqual(written({"x": [value]}), {"x": [expected]}, value)
        self.assertEqual(len(written({1, "a"})), 2)  # a set that cannot be sorted

    def test_to_json_writes_keys_as_text(self) -> None:
        keys: dict[Any, int] = {
            "a": 1, 2: 2, None: 3, True: 4, uuid.UUID(int=1): 5, Color.RED: 6,
            datetime.date(2026, 1, 2): 7,
        }  # fmt: skip
        self.assertEqual(
            list(written(keys)),
            ["a", "2", "null", "true", str(uuid.UUID(int=1)), "red", "2026-01-02"],
        )

    def test_to_json_names_the_place_of_what_cannot_be_written(self) -> None:
        loop: list[Any] = []
        loop.append(loop)
        table: list[tuple[Any, str]] = [
            ({"items": [1, {"when": object()}]}, r"result\.items\[1\]\.when is a object$"),
            ({"a b": {"c": float("nan")}}, r"result\['a b'\]\.c is nan, which JSON has no number"),
            ([Box(1, parts=[Box(float("inf"))])], r"result\[0\]\.parts\[0\]\.size is inf"),  # type: ignore[arg-type]
            ({"x": {(1, 2): 3}}, "result.x has a key that is a tuple$"),
            ({uuid.UUID(int=1): 1, str(uuid.UUID(int=1)): 2}, "result has two keys that are"),
            ({"d": decimal.Decimal("NaN")}, "result.d is NaN, which is no number"),
            ({"n": 10**5000}, "Exceeds the limit.*, at result.n$"),
            ([datetime.timedelta(1)], r"result\[0\] is a datetime.timedelta$"),
            (loop, "result is nested too deeply, or contains itself"),
        ]
        for value, words in table:
            if "Exceeds" in words and not hasattr(sys, "get_int_max_str_digits"):
                continue  # an older Python writes them all
            with self.assertRaisesRegex((TypeError, ValueError), words) as caught:
                rt.to_json(value)
            self.assertTrue(str(caught.exception).startswith("the handler's result is not JSON: "))

    @unittest.skipIf(numpy is None, "numpy is not installed for this Python")
    def test_to_json_writes_arrays_and_scalars_of_numpy(self) -> None:
        value = {
            "array": numpy.arange(4, dtype="float32").reshape(2, 2),
            "scalars": [numpy.float32(0.5), numpy.int64(7), numpy.bool_(True), numpy.str_("a")],
            numpy.int64(3): 1,
        }
        expected = {"array": [[0.0, 1.0], [2.0, 3.0]], "scalars": [0.5, 7, True, "a"], "3": 1}
        self.assertEqual(written(value), expected)
        with self.assertRaisesRegex(ValueError, r"result\.scores\[1\] is nan"):
            rt.to_json({"scores": numpy.array([1, float("nan")])})
        with self.assertRaisesRegex(TypeError, r"return its astype\(str\)"):
            rt.to_json(numpy.array(["2026-01-01"], dtype="datetime64[ns]"))
        with self.assertRaisesRegex(TypeError, r"result\[0\] is a complex"):
            rt.to_json(numpy.array([1j]))

    @unittest.skipIf(pydantic is None, "pydantic is not installed for this Python")
    def test_to_json_writes_models_of_pydantic(self) -> None:
        fields = {"when": (datetime.date, ...), "ids": (List[uuid.UUID], ...)}
        model = pydantic.create_model("Model", **fields)
        value = model(when="2026-01-02", ids=[uuid.UUID(int=1)])
        expected = {"when": "2026-01-02", "ids": [str(uuid.UUID(int=1))]}
        self.assertEqual(written([value]), [expected])

    def test_to_json_writes_models_of_pydantic_1(self) -> None:
        class Old:  # its manners
            __fields__ = {"a": None}

            def dict(self) -> Any:
                return {"a": {1}}

        self.assertEqual(written(Old()), {"a": [1]})

    def test_to_json_sends_users_of_pandas_to_a_plain_form(self) -> None:
        class Series:
            def tolist(self) -> Any:
                return [1]

        Series.__module__ = "pandas.core.series"
        with self.assertRaisesRegex(TypeError, r"result.x is a pandas.*return its to_dict\(\)"):
            rt.to_json({"x": Series()})

    def test_a_named_tuple_is_one_frame(self) -> None:
        source = """
        import collections
        Point = collections.namedtuple("Point", "x y")
        def process(payload): return Point(1, 2)
        """
        with Process(source) as process, process.peer() as peer:
            self.assertEqual(peer.call(1), [[1, 2]])
            self.assertEqual(process.message({**STD, "payload": 1})[0]["payload"], [1, 2])

    def test_the_place_in_a_fan_out_is_told(self) -> None:
        source = "def process(payload): return [1, {'when': object()}]"
        with Process(source) as process, process.peer() as peer:
            self.assertIn("result[1].when is a object", peer.call(1)["details"]["message"])


class Hints(unittest.TestCase):
    """A payload becomes what the handler's type hint says."""

    SOURCE = """
    from __future__ import annotations
    from dataclasses import dataclass, field
    from typing import List, Optional
    @dataclass
    class Part:
        name: str
    @dataclass
    class Order:
        id: int
        parts: List[Part]
        note: Optional[Part] = None
        total: float = field(init=False, default=0.0)
    def process(order: Order):
        return {"names": [part.name for part in order.parts], "note": order.note, "id": order.id}
    """

    def test_a_dataclass_is_built_from_the_payload(self) -> None:
        with Process(self.SOURCE) as process, process.peer() as peer:
            order = {"id": 1, "parts": [{"name": "a"}], "note": {"name": "n"}, "unknown": 1}
            expected = {"names": ["a"], "note": {"name": "n"}, "id": 1}
            self.assertEqual(peer.call(order), [expected])
            answer = process.message({**STD, "payload": order})
            self.assertEqual(answer[0]["payload"], expected)

    def test_a_payload_that_does_not_fit_is_a_processing_error(self) -> None:
        table: list[tuple[Any, str]] = [
            ([], "payload must be an object with the fields of Order"),
            ({"id": 1}, "payload has no 'parts', which Order needs"),
            ({"id": 1, "parts": [{}]}, r"payload.parts[0] has no 'name', which Part needs"),
        ]
        with Process(self.SOURCE) as process, process.peer() as peer:
            for payload, words in table:
                failure = peer.call(payload)
                self.assertEqual(failure["error"], "processing_error")
                self.assertEqual(failure["details"]["message"], words)

    @unittest.skipIf(pydantic is None, "pydantic is not installed for this Python")
    def test_a_model_of_pydantic_validates_the_payload(self) -> None:
        source = """
        from pydantic import BaseModel
        class Order(BaseModel):
            id: int
        class Worker:
            def run(self, order: Order) -> Order: return order
        """
        with Process(source, "handlers.Worker.run") as process, process.peer() as peer:
            self.assertEqual(peer.call({"id": "7"}), [{"id": 7}])
            failure = peer.call({"id": "x"})
            self.assertEqual(failure["error"], "processing_error")
            self.assertRegex(failure["details"]["type"], r"pydantic.*\.ValidationError")
            self.assertIn("valid integer", failure["details"]["message"])

    def test_other_hints_and_broken_ones_change_nothing(self) -> None:
        source = """
        from __future__ import annotations
        from typing import Any
        def known(payload: dict[str, Any] | None) -> list[Any]: return [payload]
        def broken(payload: Missing) -> Any: return payload
        """
        for name in ("known", "broken"):
            with Process(source, f"handlers.{name}") as process, process.peer() as peer:
                self.assertEqual(peer.call({"a": 1}), [{"a": 1}])


class Errors(unittest.TestCase):
    def test_is_out_of_memory_knows_devices_by_name_and_words(self) -> None:
        class OutOfMemoryError(RuntimeError):  # torch, cupy
            pass

        class XlaRuntimeError(RuntimeError):  # jax
            pass

        yes = (
            MemoryError(),
            OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
            RuntimeError("CUDA error: out of memory"),
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 B"),
            XlaRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes"),
            OSError(errno.ENOMEM, "Cannot allocate memory"),
        )
        no = (RuntimeError("no"), ValueError("out of memory"), OSError("out of memory"), KeyError())
        self.assertEqual([rt.is_out_of_memory(error) for error in yes], [True] * len(yes))
        self.assertEqual([rt.is_out_of_memory(error) for error in no], [False] * len(no))

    def test_after_running_out_of_memory_the_process_goes_on_without_what_it_held(self) -> None:
        source = """
        import gc, weakref
        held = []
        class Tensor: pass
        def process(payload):
            if payload == "left": return [ref() is None for ref in held]
            tensor = Tensor()
            tensor.itself = tensor
            held.append(weakref.ref(tensor))
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        gc.disable()
        """
        with Process(source) as process, process.peer() as peer:
            self.assertEqual(peer.call(1)["error"], "oom_error")
            self.assertEqual(peer.call("left"), [True])

    def test_a_traceback_tells_its_causes_and_the_last_frames(self) -> None:
        source = """
        def deeper(n):
            if n: return deeper(n - 1)
            raise KeyError("first")
        def process(payload):
            try: deeper(100)
            except KeyError as error: raise ValueError("second") from error
        """
        with Process(source) as process, process.peer() as peer:
            text = peer.call(1)["details"]["traceback"]
        self.assertIn("KeyError: 'first'\n\nThe above exception was the direct cause", text)
        self.assertTrue(text.endswith("ValueError: second\n"))
        self.assertLess(text.count("deeper(n - 1)"), 40)
        self.assertNotIn("asya_runtime.py", text)


if __name__ == "__main__":
    unittest.main()
