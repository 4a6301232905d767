"""Tests of asya_runtime.py: its parts, and the process over a real socket.

Run by unittest or pytest, under every supported Python: `python3 -m unittest discover`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import textwrap
import time
import unittest
from typing import Any, Iterable

from testing import ECHO, HEAD, HELLO, STD, WAITING, Peer, Process, pack, rt


class Units(unittest.TestCase):
    def test_read_settings_lists_every_problem_at_once(self) -> None:
        bad = {"ASYA_CONCURRENCY": "0", "ASYA_HANDLER_MODE": "x", "ASYA_SHUTDOWN_GRACE": "3 s"}
        with self.assertRaises(ValueError) as caught:
            rt.read_settings({**bad, "ASYA_SOCKET_CHMOD": "rw", "ASYA_LOG_LEVEL": "loud"})
        problems = str(caught.exception).splitlines()
        self.assertEqual(len(problems), 6)
        self.assertIn("ASYA_HANDLER is not set", problems[0])

    def test_read_settings_has_the_defaults_of_the_contract(self) -> None:
        settings = rt.read_settings({"ASYA_HANDLER": "m.f", "ASYA_SOCKET_CHMOD": ""})
        self.assertEqual(settings.socket_path, "/var/run/asya/asya-runtime.sock")
        self.assertEqual((settings.chunk, settings.concurrency), (65536, 1))
        self.assertEqual((settings.shutdown_grace, settings.cancel_grace), (30.0, 5.0))
        self.assertTrue(settings.validate)
        self.assertIsNone(settings.socket_mode)
        self.assertEqual(rt.read_settings({"ASYA_HANDLER": "m.f"}).socket_mode, 0o666)

    def test_parse_duration_reads_what_go_writes(self) -> None:
        table = {"0": 0.0, "1m30s": 90.0, "250ms": 0.25, "1.5h": 5400.0, "1m0.5s": 60.5}
        self.assertEqual({text: rt.parse_duration(text) for text in table}, table)
        for text in ("", "5", "s", "1 s", "-1s", "1s2"):
            self.assertRaises(ValueError, rt.parse_duration, text)

    def test_to_json_keeps_text_short_and_lone_surrogates_escaped(self) -> None:
        self.assertEqual(rt.to_json({"a": "世"}), '{"a":"世"}'.encode())
        self.assertEqual(rt.to_json(["\ud800"]), b'["\\ud800"]')

    def test_to_json_says_that_a_result_is_not_json(self) -> None:
        loop: list[Any] = []
        loop.append(loop)
        for value in (object(), float("nan"), float("-inf"), {(1, 2): 3}, loop):
            with self.assertRaisesRegex(
                (TypeError, ValueError), "the handler's result is not JSON"
            ):
                rt.to_json(value)

    def test_parse_json_is_strict(self) -> None:
        for text in (b"NaN", b"-Infinity", b"[1,]", b'"\xff"', b"\xef\xbb\xbf1", b"", b"1 2"):
            self.assertRaises(ValueError, rt.parse_json, text)

    def test_same_json_tells_types_signs_and_order_apart(self) -> None:
        self.assertTrue(rt.same_json({"a": [1, "\ud800", 1e400]}, {"a": [1, "\ud800", 1e400]}))
        for a, b in ((1, True), (1, 1.0), (0.0, -0.0), ([1], (1,))):
            self.assertFalse(rt.same_json({"x": a}, {"x": b}), (a, b))
        self.assertFalse(rt.same_json({"a": 1, "b": 2}, {"b": 2, "a": 1}))
        self.assertFalse(rt.same_json({"a": 1}, {"a": object()}))

    def test_describe_gives_full_names_and_ancestors(self) -> None:
        details = rt.describe(json.JSONDecodeError("no", "doc", 0), full_names=True)
        self.assertEqual(details["type"], "json.decoder.JSONDecodeError")
        self.assertEqual(details["mro"], ["ValueError", "Exception", "BaseException"])
        self.assertEqual(rt.describe(KeyError("x"), True)["type"], "KeyError")
        self.assertEqual(rt.describe(rt.LoadError("x"), False)["type"], "LoadError")

    def test_describe_bounds_the_text_and_survives_a_broken_one(self) -> None:
        class Broken(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no text")

        def deep(depth: int) -> None:
            if depth == 0:
                raise ValueError("x" * 1_000_000)
            deep(depth - 1)

        try:
            deep(100)
        except ValueError as error:
            details = rt.describe(error, full_names=True)
        for member in ("message", "traceback"):
            self.assertLess(len(details[member]), 16_384)
            self.assertIn("characters cut", details[member])
        self.assertIn("RuntimeError", rt.describe(Broken(), full_names=True)["message"])

    def test_check_envelope_refuses_in_the_order_of_the_contract(self) -> None:
        route: Any = {"actors": ["a"], "current": 0}
        steps: list[tuple[Any, str]] = [
            (None, "Missing required field 'payload' in envelope"),
            ({"id": 7, "headers": 7, "payload": 1}, "Missing required field 'route' in envelope"),
            ({"route": []}, "Field 'route' must be a dict"),
            ({"route": {"current": "0"}}, "Missing required field 'actors' in route"),
            (
                {"route": {"actors": {}, "current": "0"}},
                "Field 'route.actors' must be a list",
            ),
            (
                {"route": {"actors": [], "current": True}},
                "Field 'route.current' must be an integer",
            ),
            ({"route": {"actors": [], "current": 9}}, "Field 'route.actors' cannot be empty"),
            (
                {"route": {**route, "current": 2}},
                "Invalid route.current=2: out of bounds for actors of length 1",
            ),
            ({"route": route}, "Field 'headers' must be a dict"),
            ({"headers": {}}, "Field 'id' must be a string"),
        ]
        envelope: dict[str, Any] = {}
        for change, text in steps:
            envelope.update(change or {})
            with self.assertRaises(ValueError) as caught:
                rt.check_envelope(envelope)
            self.assertEqual(str(caught.exception), text)
        rt.check_envelope({**envelope, "id": "e-1"})

    def test_frame_comes_whole_however_the_bytes_arrive(self) -> None:
        data = pack(rt.CALL, 7, {"a": 1}, b"[1]") + pack(rt.CALL, 8, {}, b"")
        for size in range(1, len(data) + 1):
            connection = self.connection()
            frames = []
            for start in range(0, len(data), size):
                connection.feed(data[start : start + size])
                frames += list(iter(connection.frame, None))
            self.assertEqual(frames, [(2, 7, b'{"a": 1}', b"[1]"), (2, 8, b"{}", b"")], size)

    def test_frame_refuses_flags_and_impossible_lengths(self) -> None:
        for header in (
            (12, 2, 1, 0, 1, 0),
            (12, 2, 0, 1, 1, 0),
            (11, 2, 0, 0, 1, 0),
            (20, 2, 0, 0, 1, 9),
            (1 << 30, 2, 0, 0, 1, 0),
        ):
            connection = self.connection()
            connection.feed(rt.HEADER.pack(*header))
            self.assertRaises(rt.ProtocolError, connection.frame)

    def connection(self) -> rt.Connection:
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        return rt.Connection(sock, rt.read_settings({"ASYA_HANDLER": "m.f"}))


class Answers(unittest.TestCase):
    """What comes back for what a handler does."""

    def test_an_untouched_payload_comes_back_byte_for_byte(self) -> None:
        body = b' {"n":[9007199254740993,-0,1e400,' + b"7" * 400 + b'],"a":1,"a":"\\ud800\\/"}\n'
        with Process(ECHO) as process, process.peer() as peer:
            for payload in (body, b" 1e400 ", b"-0", b'"\\u0041"', b"{}"):
                peer.send_call(payload)
                self.assertEqual(peer.answer(), [({}, payload)])

    def test_a_payload_changed_in_place_is_written_anew(self) -> None:
        source = """
        def process(payload):
            payload.update(payload.pop("change"))
            return payload
        """
        with Process(source) as process, process.peer() as peer:
            for change in ({"a": True}, {"a": 1.0}, {"c": 2}):
                given = {"change": change, "a": 1, "b": 0}
                self.assertEqual(
                    json.dumps(peer.call(given)), json.dumps([{"a": 1, "b": 0, **change}])
                )

    def test_the_shape_of_a_result_says_how_many_frames(self) -> None:
        source = """
        def process(payload):
            return {"none": None, "empty": [], "tuple": (1, None), "list": [[1], 0],
                    "dict": {"a": (1,)}, "text": "ab", "false": False}[payload]
        """
        table = {
            "none": [], "empty": [], "tuple": [1, None], "list": [[1], 0],
            "dict": [{"a": [1]}], "text": ["ab"], "false": [False],
        }  # fmt: skip
        with Process(source) as process, process.peer() as peer:
            self.assertEqual({kind: peer.call(kind) for kind in table}, table)

    def test_every_failure_is_answered_and_the_next_call_works(self) -> None:
        source = """
        import sys
        class Odd(Exception):
            def __str__(self): raise RuntimeError("no text")
        async def coroutine(): return 1
        class NotReady(ConnectionError): pass
        def fail(error): raise error
        def endless(): return endless()
        def process(payload):
            return {
                "fine": lambda: "fine",
                "exit": lambda: sys.exit(3),
                "interrupt": lambda: fail(KeyboardInterrupt()),
                "base": lambda: fail(GeneratorExit()),
                "recursion": endless,
                "memory": lambda: fail(MemoryError("big")),
                "allocation": lambda: bytearray(1 << 60),
                "odd": lambda: fail(Odd()),
                "own": lambda: fail(NotReady("later")),
                "object": lambda: object(),
                "nan": lambda: [1, float("nan")],
                "coroutine": coroutine,
                "digits": lambda: 10 ** 5000,
            }[payload]()
        """
        table = {
            "exit": ("SystemExit", "processing_error"),
            "interrupt": ("KeyboardInterrupt", "processing_error"),
            "base": ("GeneratorExit", "processing_error"),
            "recursion": ("RecursionError", "processing_error"),
            "memory": ("MemoryError", "oom_error"),
            "allocation": ("MemoryError", "oom_error"),
            "odd": ("handlers.Odd", "processing_error"),
            "own": ("handlers.NotReady", "processing_error"),
            "object": ("TypeError", "processing_error"),
            "nan": ("ValueError", "processing_error"),
            "coroutine": ("TypeError", "processing_error"),
            "digits": ("ValueError", "processing_error"),
            "unknown": ("KeyError", "processing_error"),
        }
        with Process(source) as process, process.peer() as peer:
            for kind, expected in table.items():
                failure = peer.call(kind)
                got = (failure["details"]["type"], failure["error"])
                self.assertEqual(got, expected, kind)
                old = process.message({**STD, "payload": kind})[0]
                self.assertEqual(old["error"], failure["error"])
                self.assertEqual(old["details"]["type"], expected[0].split(".")[-1])
                self.assertEqual(peer.call("fine"), ["fine"])
            details = peer.call("own")["details"]
            self.assertEqual(details["mro"][:2], ["ConnectionError", "OSError"])
            self.assertIn("handlers.py", details["traceback"])
            self.assertNotIn("asya_runtime.py", details["traceback"])
            self.assertTrue(details["traceback"].endswith("handlers.NotReady: later\n"))

    def test_a_payload_that_is_not_json_is_a_parsing_error(self) -> None:
        with Process(ECHO) as process, process.peer() as peer:
            for body in (b"", b"{", b"NaN", b'"\xed\xa0\x80"', b'{"a":1}x', b"[" * 100_000):
                self.assertEqual(peer.call(body)["error"], "msg_parsing_error")
            self.assertEqual(peer.call("ok"), ["ok"])

    def test_deep_nesting_is_answered_one_way_or_the_other(self) -> None:
        with Process(ECHO, concurrency=2) as process:
            with process.peer() as first, process.peer() as second:
                for depth in (900, 5_000, 9_000, 10_000, 100_000):
                    body = b'{"d":' + b"[" * depth + b"]" * depth + b"}"
                    for peer in (first, second):
                        peer.send_call(body)
                        [(head, echoed)] = peer.answer()
                        if depth > 900 and head:
                            self.assertEqual(head["error"], "msg_parsing_error")
                        else:
                            self.assertEqual((head, echoed), ({}, body))
                self.assertEqual([first.call(1), second.call(2)], [[1], [2]])

    @unittest.skipIf("ASYA_TEST_QUICK" in os.environ, "takes long, and is alike in all versions")
    def test_fifty_megabytes_pass_in_both_versions(self) -> None:
        text = "x" * 50_000_000
        source = "def process(payload): return [payload, len(payload)]"
        with Process(source) as process:
            with process.peer() as peer:
                self.assertEqual(peer.call(text), [text, len(text)])
            answer = process.message({**STD, "payload": text})
            self.assertEqual([frame["payload"] for frame in answer], [text, len(text)])

    def test_a_frame_above_the_sidecars_limit_is_a_resource_limit(self) -> None:
        with Process("def process(n): return 'x' * n") as process:
            with process.peer(max_frame=1000) as peer:
                self.assertEqual(peer.call(2000)["error"], "resource_limit")
                self.assertEqual(peer.call(1000 - 16 - 2 - 2), ["x" * 980])
                self.assertEqual(peer.call(981)["error"], "resource_limit")

    def test_print_and_odd_characters_break_nothing(self) -> None:
        source = """
        import sys
        print("importing")
        def process(payload):
            print("hello \\ud800", payload)
            sys.stderr.write("error \\udfff\\n")
            return payload
        """
        with Process(source) as process, process.peer() as peer:
            self.assertEqual(peer.call("世"), ["世"])
            process.until_logged("hello \\ud800 世")

    def test_logs_are_json_lines_without_payloads(self) -> None:
        source = """
        import logging
        def process(payload):
            logging.info("seen by the handler")
            raise ValueError(payload)
        """
        with Process(source) as process, process.peer() as peer:
            peer.call("secret words")
            process.terminate()
            lines = [json.loads(line) for line in process.log().splitlines()]
            self.assertIn("seen by the handler", [line["message"] for line in lines])
            self.assertIn("call failed", [line["message"] for line in lines])
            self.assertNotIn("secret", process.log())


class EnvelopeMode(unittest.TestCase):
    def test_the_handler_gets_and_returns_whole_envelopes(self) -> None:
        source = """
        def process(envelope):
            assert "asya" not in envelope
            route = envelope["route"]
            route["actors"].insert(route["current"] + 1, "extra")
            route["current"] += 1
            envelope["headers"] = {"seen": sorted(envelope)}
            return envelope
        """
        body = b'{"x": 1e400}'
        with Process(source, handler_mode="envelope") as process, process.peer() as peer:
            peer.send_call(body, head={**HEAD, "deadline": "2999-01-01T00:00:00Z"})
            [(head, payload)] = peer.answer()
        self.assertEqual(payload, body)
        self.assertEqual(head["route"], {"actors": ["prep", "extra", "infer"], "current": 1})
        self.assertEqual(head["headers"]["seen"], ["deadline", "id", "payload", "route"])
        self.assertNotIn("deadline", head, "the sidecar has what the handler left alone")

    def test_what_the_handler_leaves_alone_is_not_printed_anew(self) -> None:
        source = """
        def process(envelope):
            envelope["route"]["current"] += 1
            changed = {**envelope, "headers": {"mine": 1}, "more": 2}
            return [envelope, {**changed, "route": {**envelope["route"], "plan": 3}}]
        """
        route = {"actors": ["prep"], "current": 0, "metadata": {"z": -0.0}, "plan": -0.0}
        head = {**HEAD, "route": route, "headers": {"z": -0.0}, "more": 1}
        with Process(source, handler_mode="envelope") as process, process.peer() as peer:
            peer.send_call(b"1", head=head)
            [(first, _), (second, _)] = peer.answer()
        self.assertEqual(first, {"route": {"actors": ["prep"], "current": 1}})
        route = {"actors": ["prep"], "current": 1, "plan": 3}
        self.assertEqual(second, {"route": route, "headers": {"mine": 1}, "more": 2})

    def test_the_actors_that_were_must_stay_even_when_changed_in_place(self) -> None:
        source = """
        def process(envelope):
            envelope["route"]["actors"][0] = "other"
            return [{**envelope, "route": {"actors": ["prep"], "current": 1}}, envelope]
        """
        with Process(source, handler_mode="envelope") as process, process.peer() as peer:
            failure = peer.call(1)
        self.assertEqual(failure["error"], "processing_error")
        self.assertRegex(
            failure["details"]["message"],
            r"^Invalid output envelope\[1/2\]: Route modification error: already-processed actors",
        )

    def test_without_validation_only_what_cannot_be_sent_is_refused(self) -> None:
        source = """
        def process(envelope):
            return envelope["payload"]
        """
        env: Any = {"handler_mode": "envelope", "enable_validation": "false"}
        with Process(source, **env) as process, process.peer() as peer:
            self.assertEqual(peer.call({}), [])
            self.assertEqual(peer.call({"payload": 5, "route": 7}), [5])
            bad: list[Any] = [5, {"route": {}}]
            for payload in bad:
                self.assertEqual(peer.call(payload)["error"], "processing_error")


class Protocol(unittest.TestCase):
    def test_welcome_says_what_the_runtime_is(self) -> None:
        with Process(ECHO, concurrency=3) as process, Peer(process.socket) as peer:
            welcome = peer.hello().welcome()
            with open(process.ready, encoding="utf-8") as file:
                ready = json.load(file)
        self.assertEqual(ready, {"protocol": 2, "concurrency": 3, "mode": "payload"})
        expected = {"version": 2, "mode": "payload", "concurrency": 3, "pid": process.process.pid}
        self.assertEqual(welcome, {**expected, "cancel": True, "stream": True})

    def test_requests_may_come_byte_by_byte_in_both_versions(self) -> None:
        message = json.dumps({**STD, "payload": [1]}).encode()
        calls = rt.MAGIC + pack(rt.HELLO, 0, HELLO) + pack(rt.CALL, 1, HEAD, b'{"a":1}')
        with Process(ECHO) as process, Peer(process.socket) as new, Peer(process.socket) as old:
            for byte in calls:
                new.sock.sendall(bytes([byte]))
            new.welcome()
            self.assertEqual(new.answer(), [({}, b'{"a":1}')])
            for byte in rt.LENGTH.pack(len(message)) + message:
                old.sock.sendall(bytes([byte]))
            self.assertEqual(old.reply()[0]["payload"], 1)

    def test_peers_that_send_half_of_something_do_not_hold_up_others(self) -> None:
        with Process(ECHO) as process:
            starts = (b"", b"AS", rt.MAGIC, b"\0\0\0\x20{", rt.MAGIC + pack(rt.HELLO, 0, HELLO)[:9])
            halves = [Peer(process.socket) for _ in starts]
            for peer, start in zip(halves, starts):
                peer.sock.sendall(start)
            self.assertEqual(process.message({**STD, "payload": 1})[0]["payload"], 1)
            with process.peer() as peer:
                peer.sock.sendall(pack(rt.CALL, 1, HEAD, b"1")[:20])
                with process.peer() as other:
                    self.assertEqual(other.call(2), [2])
            for peer in halves:
                peer.sock.close()

    def test_a_probe_that_only_connects_leaves_no_trace_in_the_log(self) -> None:
        with Process(ECHO) as process:
            process.until_logged("handler is ready")
            before = process.log()
            for _ in range(5):
                Peer(process.socket).sock.close()
            self.assertEqual(process.message({**STD, "payload": 1})[0]["payload"], 1)
            self.assertEqual(process.log(), before)

    def test_a_slow_reader_gets_all_of_its_answer(self) -> None:
        with Process("def process(n): return 'x' * n") as process, process.peer() as peer:
            peer.send_call(b"3000000")
            parts = [peer.read(5_000) for _ in range(600)]
            rest, *_ = rt.HEADER.unpack(parts[0][:16])
            self.assertEqual(parts[0][16:21], b'{}"xx')
            peer.read(4 + rest - 3_000_000)
            self.assertEqual(peer.frame(), (rt.END, 1, {"frames": 1}, b""))

    def test_a_peer_that_goes_away_during_its_call_harms_nobody(self) -> None:
        for source in (WAITING, WAITING.replace("def process", "async def process")):
            with Process(source) as process:
                with process.peer() as peer:
                    peer.send_call(b'{"began":"a","until":"go"}')
                    process.until_file("a")
                process.touch("go")
                with process.peer() as peer:
                    given = {"began": "b", "until": "go"}
                    self.assertEqual(peer.call(given), [given])

    def test_control_frames_on_any_connection_and_unknown_ones(self) -> None:
        with Process(ECHO) as process, process.peer(role="control") as control:
            control.sock.sendall(pack(0x66, 9, {}) + pack(rt.CANCEL, 99, {"reason": "x"}))
            control.sock.sendall(pack(rt.PING, 42, {}))
            self.assertEqual(control.frame()[:2], (rt.PONG, 42))
            with process.peer() as peer:
                peer.sock.sendall(pack(0x66, 9, {}, b"?"))
                self.assertEqual(peer.call(1), [1])

    def test_what_is_no_version_2_is_refused_in_words(self) -> None:
        hello = pack(rt.HELLO, 0, HELLO)
        refused = {
            b"ASYA/3\r\n" + hello: "unknown protocol",
            rt.MAGIC + pack(rt.CALL, 1, HEAD, b"1"): "expected HELLO",
            rt.MAGIC + pack(rt.HELLO, 0, {**HELLO, "role": "?"}): "expected HELLO",
            rt.MAGIC + rt.pack(rt.HELLO, 0, b"{role"): "expected HELLO",
            rt.MAGIC + hello[:5] + b"\1" + hello[6:]: "unknown flags",
            rt.MAGIC + hello + rt.HEADER.pack(5, 2, 0, 0, 1, 0): "a frame of 5 bytes",
        }
        with Process(ECHO) as process:
            for data, words in refused.items():
                with Peer(process.socket) as peer:
                    peer.sock.sendall(data)
                    kind, call, head, _ = peer.frame()
                    if kind == rt.WELCOME:
                        kind, call, head, _ = peer.frame()
                    self.assertEqual((kind, call), (rt.ERROR, 0))
                    self.assertIn(words, head["details"]["message"])
                    self.assertEqual(peer.sock.recv(1), b"")
            self.assertEqual(process.message({**STD, "payload": 1})[0]["payload"], 1)

    def test_a_version_1_message_of_a_gigabyte_is_refused_by_its_length(self) -> None:
        with Process(ECHO) as process, Peer(process.socket) as peer:
            peer.sock.sendall(b"\x40\0\0\0")
            self.assertEqual(peer.reply()[0]["error"], "msg_parsing_error")


BARRIER = """
import threading
barrier = threading.Barrier(3)
def process(payload):
    barrier.wait(20)
    return threading.current_thread() is threading.main_thread()
"""

ASYNC_BARRIER = """
import asyncio, contextvars
waiting, here = [], contextvars.ContextVar("here", default="nothing")
async def process(payload):
    seen = here.get()
    here.set(payload)
    waiting.append(asyncio.get_running_loop().create_future())
    if len(waiting) == 3:
        for future in waiting: future.set_result(None)
        waiting.clear()
    else:
        await asyncio.wait_for(waiting[-1], 20)
    return seen
"""


class Concurrency(unittest.TestCase):
    def all_at_once(self, source: str) -> list[Any]:
        with Process(source, concurrency=3) as process:
            peers = [process.peer() for _ in range(3)]
            answers = []
            for turn in range(3):
                for peer in peers:
                    peer.send_call(b"1", call=turn)
                answers += [peer.answer(turn) for peer in peers]
            for peer in peers:
                peer.sock.close()
            return [json.loads(body) for [(_, body)] in answers]

    def test_a_function_runs_on_as_many_threads_as_the_concurrency_says(self) -> None:
        self.assertEqual(sorted(self.all_at_once(BARRIER)), [False] * 6 + [True] * 3)

    def test_an_async_function_runs_as_tasks_without_a_common_context(self) -> None:
        self.assertEqual(self.all_at_once(ASYNC_BARRIER), ["nothing"] * 9)

    def test_concurrency_1_runs_everything_on_the_main_thread(self) -> None:
        source = """
        import sqlite3
        class Store:
            def __init__(self): self.db = sqlite3.connect(":memory:")
            def run(self, payload): return self.db.execute("select ?", (payload,)).fetchone()[0]
        """
        with Process(source, handler="handlers.Store.run") as process:
            with process.peer() as first, process.peer() as second:
                self.assertEqual([first.call(1), second.call(2), first.call(3)], [[1], [2], [3]])
            self.assertEqual(process.message({**STD, "payload": 4})[0]["payload"], 4)

    def test_version_1_is_served_one_by_one_whatever_the_concurrency(self) -> None:
        busy = """
        busy = 0
        {0}def process(payload):
            global busy
            busy += 1
            {1}
            busy -= 1
            return busy
        """
        sync = textwrap.dedent(busy).format("import time\n", "time.sleep(0.01)")
        loop = textwrap.dedent(busy).format("import asyncio\nasync ", "await asyncio.sleep(0.01)")
        message = json.dumps({**STD, "payload": 1}).encode()
        for source in (sync, loop):
            with Process(source, concurrency=4) as process:
                peers = [Peer(process.socket) for _ in range(5)]
                for peer in peers:
                    peer.sock.sendall(rt.LENGTH.pack(len(message)) + message)
                self.assertEqual([peer.reply()[0]["payload"] for peer in peers], [0] * 5)
                for peer in peers:
                    peer.sock.close()

    def test_an_async_handler_answers_every_failure_too(self) -> None:
        source = """
        import asyncio, sys
        class Worker:
            async def run(self, payload):
                await asyncio.sleep(0)
                if payload == "exit": sys.exit(1)
                if payload == "cancel": raise asyncio.CancelledError()
                if payload == "big": return "x" * 3_000_000
                return payload
        """
        with Process(source, handler="handlers.Worker.run") as process, process.peer() as peer:
            self.assertEqual(peer.call("exit")["details"]["type"], "SystemExit")
            self.assertEqual(peer.call("cancel")["error"], "processing_error")
            self.assertEqual(len(peer.call("big")[0]), 3_000_000)
            self.assertEqual(peer.call("fine"), ["fine"])


class Cancel(unittest.TestCase):
    def test_cancel_ends_an_async_call_and_its_connection_goes_on(self) -> None:
        source = """
        import asyncio, os
        async def process(payload):
            if payload != "wait": return payload
            open(os.path.join(os.environ["FOLDER"], "began"), "w").close()
            await asyncio.sleep(1000)
        """
        with Process(source, cancel_grace="20s") as process:
            with process.peer() as peer, process.peer(role="control") as control:
                peer.send_call(b'"wait"', call=5)
                process.until_file("began")
                control.sock.sendall(pack(rt.CANCEL, 5, {"reason": "timeout"}))
                [(failure, _)] = peer.answer(5)
                self.assertEqual(failure["error"], "cancelled")
                self.assertEqual(peer.call("next", call=6), ["next"])

    def test_a_cancelled_call_that_ends_in_time_is_answered(self) -> None:
        with Process(WAITING, cancel_grace="20s") as process:
            with process.peer() as peer, process.peer(role="control") as control:
                peer.send_call(b'{"began":"a","until":"go"}', call=5)
                process.until_file("a")
                control.sock.sendall(pack(rt.CANCEL, 5, {"reason": "timeout"}))
                control.sock.sendall(pack(rt.PING, 1, {}))
                self.assertEqual(control.frame()[0], rt.PONG)
                process.touch("go")
                self.assertEqual(len(peer.answer(5)), 1)

    def test_a_cancelled_call_that_goes_on_ends_the_process_with_75(self) -> None:
        with Process(WAITING, cancel_grace="100ms") as process:
            with process.peer() as peer, process.peer(role="control") as control:
                peer.send_call(b'{"began":"a","until":"never"}', call=5)
                process.until_file("a")
                control.sock.sendall(pack(rt.CANCEL, 5, {"reason": "timeout"}))
                self.assertEqual(process.exit_code(), 75)
                self.assertIn("did not end within 0.1 s", process.log())
                self.assertFalse(os.path.exists(process.ready))

    def test_calls_beside_a_stuck_one_run_to_their_own_limit_first(self) -> None:
        with Process(WAITING, cancel_grace="100ms", concurrency=2) as process:
            with process.peer() as stuck, process.peer() as good:
                with process.peer(role="control") as control:
                    stuck.send_call(b'{"began":"a","until":"never"}', call=5)
                    good.send_call(b'{"began":"b","until":"go"}', call=6)
                    process.until_file("a")
                    process.until_file("b")
                    control.sock.sendall(pack(rt.CANCEL, 5, {"reason": "timeout"}))
                    time.sleep(0.5)  # five times the grace
                    self.assertIsNone(process.process.poll())
                    process.touch("go")
                    self.assertEqual(len(good.answer(6)), 1)
                    self.assertEqual(process.exit_code(), 75)


class Life(unittest.TestCase):
    """Start and end of the process."""

    def assert_left(self, process: Process) -> None:
        self.assertEqual(process.exit_code(), 0, process.log())
        self.assertFalse(os.path.exists(process.socket))
        self.assertFalse(os.path.exists(process.ready))

    def test_a_slow_import_is_announced_and_then_welcome(self) -> None:
        slow = WAITING + "\nwait_for('loaded')\n"
        with Process(slow, wait=False) as process:
            process.until(process.listens)
            with Peer(process.socket) as peer, Peer(process.socket) as old:
                old.sock.sendall(rt.LENGTH.pack(2) + b"{}")
                kind, _, head, _ = peer.hello().frame()
                self.assertEqual(kind, rt.LOADING)
                self.assertRegex(head["message"], r"^importing handlers\.process, \d+ s so far$")
                later = head
                while later == head:  # it is said again and again, with the time
                    kind, _, later, _ = peer.frame()
                    self.assertEqual(kind, rt.LOADING)
                self.assertFalse(os.path.exists(process.ready))
                process.touch("loaded")
                peer.welcome()
                self.assertEqual(old.reply()[0]["error"], "msg_parsing_error")
                process.until_file("runtime-ready")

    def test_what_a_killed_process_left_is_replaced(self) -> None:
        with Process(ECHO) as process:
            process.process.kill()
            process.process.wait()
            self.assertTrue(os.path.exists(process.socket) and os.path.exists(process.ready))
            process.touch("sidecar-done")
            process.process = process.start({**process.settings, "ASYA_CONCURRENCY": "2"})
            process.until(lambda: '"concurrency": 2' in process.log())
            with process.peer() as peer:
                process.terminate()
                self.assertEqual(peer.call(1), [1])  # the old sidecar-done does not count
            self.assert_left(process)

    def test_a_handler_that_cannot_be_loaded_ends_the_process_in_one_line(self) -> None:
        source = """
        import threading
        threading.Thread(target=threading.Event().wait).start()
        number = 5
        class Worker:
            def __init__(self, path, size=1): pass
            def run(self, payload): pass
        class Broken:
            def __init__(self): raise OSError("no model file")
            def run(self, payload): pass
        def process(payload): pass
        def both(payload, other, size=1): pass
        """
        table = {
            "handlers.proces": "has no 'proces'; it has: .*process",
            "handlers.number": "number in module handlers .* is not a function",
            "handlers.Worker": "is a class: name its method too",
            "handlers.Worker.go": "needs arguments to be built: give path a default",
            "handlers.Broken.run": "OSError: no model file",
            "handlers.both": "both in module .* gets one argument: give other a default",
            "handlers": "is a module: expected module.function",
            "handlers.a.b.c": "a.b.c in module .* names too much: expected module.function",
            "./handlers.py": "that is no name: expected module.function",
            "missing.process": "there is no module 'missing' in .*: set PYTHONPATH",
            "handlers..process": "ASYA_HANDLER='handlers..process'",
        }
        processes = {name: Process(source, name, wait=False) for name in table}
        for name, words in table.items():
            with processes[name] as process:
                self.assertEqual(process.exit_code(), 1)
                last = json.loads(process.log().splitlines()[-1])
                self.assertRegex(last["message"], words)
                self.assertFalse(os.path.exists(process.socket))

    def test_a_module_that_does_not_import_shows_its_traceback(self) -> None:
        for source in ("import nothing_like_this", "1 / 0", "def f(:", "raise SystemExit(0)"):
            with Process(source, wait=False) as process:
                self.assertEqual(process.exit_code(), 1)
                lines = process.log().splitlines()
                self.assertIn("cannot load ASYA_HANDLER='handlers.process'", lines[-1])
                self.assertIn("Traceback", process.log())

    def test_bad_settings_are_all_told(self) -> None:
        with Process(ECHO, wait=False, concurrency="many", cancel_grace="soon") as process:
            self.assertEqual(process.exit_code(), 1)
            self.assertEqual(len(process.log().splitlines()), 2)

    def test_sigterm_without_a_sidecar_ends_at_once(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            with Process(ECHO) as process:
                process.process.send_signal(number)
                self.assert_left(process)

    def test_sigterm_during_the_import_ends_at_once(self) -> None:
        with Process("import time\ntime.sleep(1000)", wait=False) as process:
            process.until(process.listens)
            process.process.send_signal(signal.SIGTERM)
            self.assert_left(process)

    def test_after_sigterm_it_serves_until_the_last_call_connection_is_closed(self) -> None:
        for source in (WAITING, WAITING.replace("def process", "async def process")):
            with Process(source) as process, process.peer(role="control"):
                with process.peer() as first, process.peer() as second:
                    first.send_call(b'{"began":"a","until":"go"}')
                    process.until_file("a")
                    process.terminate()
                    process.touch("go")
                    self.assertEqual(len(first.answer()), 1)
                    self.assertEqual(len(second.call({"began": "b", "until": "go"})), 1)
                    self.assertIsNone(process.process.poll())
                self.assert_left(process)

    def test_sidecar_done_ends_it_after_the_call_in_flight(self) -> None:
        with Process(WAITING) as process, process.peer() as peer:
            peer.send_call(b'{"began":"a","until":"go"}')
            process.until_file("a")
            process.touch("sidecar-done")
            process.terminate()
            process.until_logged("leaving")
            self.assertIsNone(process.process.poll())
            process.touch("go")
            self.assertEqual(len(peer.answer()), 1)
            self.assert_left(process)

    def test_a_version_1_sidecar_is_served_until_sidecar_done(self) -> None:
        with Process(ECHO) as process:
            process.message({**STD, "payload": 1})
            process.terminate()
            self.assertEqual(process.message({**STD, "payload": 2})[0]["payload"], 2)
            process.touch("sidecar-done")
            self.assert_left(process)

    def test_the_grace_ends_it_whoever_is_connected(self) -> None:
        with Process(ECHO, shutdown_grace="200ms") as process, process.peer():
            process.terminate()
            self.assert_left(process)

    def test_a_call_that_outlives_both_graces_is_left_behind(self) -> None:
        env: Any = {"shutdown_grace": "100ms", "cancel_grace": "100ms"}
        with Process(WAITING, **env) as process, process.peer() as peer:
            peer.send_call(b'{"began":"a","until":"never"}')
            process.until_file("a")
            process.terminate()
            self.assert_left(process)
            self.assertIn("leaving calls behind", process.log())

    def test_drain_ends_it_when_the_call_connections_are_closed(self) -> None:
        with Process(ECHO) as process, process.peer(role="control") as control:
            with process.peer() as peer:
                control.sock.sendall(pack(rt.DRAIN, 0, {}))
                process.until_logged("draining")
                self.assertEqual(peer.call(1), [1])
            self.assert_left(process)

    def test_a_file_of_a_successor_is_left_alone(self) -> None:
        with Process(ECHO) as process:
            os.replace(process.ready, process.path("old"))
            process.touch("runtime-ready")
            process.process.send_signal(signal.SIGTERM)
            self.assertEqual(process.exit_code(), 0)
            self.assertTrue(os.path.exists(process.ready))

    def test_a_forked_child_shares_neither_signals_nor_connections(self) -> None:
        source = """
        import os, signal, time
        def process(payload):
            if payload == "fork":
                child = os.fork()
                if child == 0:
                    time.sleep(1000)
                return child
            os.kill(payload, signal.SIGTERM)
            return os.WTERMSIG(os.waitpid(payload, 0)[1])
        """
        with Process(source) as process, process.peer() as peer:
            [child] = peer.call("fork")
            self.assertEqual(peer.call(child), [signal.SIGTERM])
            self.assertNotIn("draining", process.log())
            [child] = peer.call("fork")
            process.process.kill()
            self.assertEqual(peer.sock.recv(1), b"")  # the child does not hold it open
            os.kill(child, signal.SIGKILL)


def load_tests(loader: unittest.TestLoader, _tests: Any, _pattern: Any) -> unittest.TestSuite:
    """In the order of this file."""
    cases: Iterable[type[unittest.TestCase]] = (
        Units, Answers, EnvelopeMode, Protocol, Concurrency, Cancel, Life,
    )  # fmt: skip
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


if __name__ == "__main__":
    unittest.main()
