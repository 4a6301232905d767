"""Tests of asya_runtime.py: generators, partial results, and what a handler may import as asya."""

from __future__ import annotations

import json
import os
import time
import unittest
from typing import Any

from testing import HEAD, STD, Process, pack, rt

GENERATORS = """
import asyncio, os
def path(name): return os.path.join(os.environ["FOLDER"], name)
def plain(payload):
    try:
        yield {"asya.partial": {"tokens": 1}}
        yield {"first": payload}
        yield {"asya.partial": 2}
        if payload == "fail": raise ValueError("in the middle")
        if payload == "bad": yield object()
        if payload == "wait":
            while not os.path.exists(path("go")): pass
            yield "never sent"
            open(path("went on"), "w").close()
        yield {"asya.partial": 1, "other": 2}
        yield [1, 2]
        yield None
        if payload == "return": return ["a", "b"]
    finally:
        open(path("closed"), "w").close()
async def tasks(payload):
    try:
        yield {"asya.partial": {"tokens": 1}}
        yield {"first": payload}
        yield {"asya.partial": 2}
        if payload == "fail": raise ValueError("in the middle")
        if payload == "bad": yield object()
        if payload == "wait": await asyncio.sleep(1000)
        yield {"asya.partial": 1, "other": 2}
        yield [1, 2]
        yield None
    finally:
        open(path("closed"), "w").close()
"""
FRAMES = [{"first": "x"}, {"asya.partial": 1, "other": 2}, [1, 2], None]


class Generators(unittest.TestCase):
    def test_each_yield_is_a_frame_and_a_marked_one_a_partial_result(self) -> None:
        for name in ("plain", "tasks"):
            with Process(GENERATORS, f"handlers.{name}") as process, process.peer() as peer:
                self.assertEqual(peer.call("x"), FRAMES, name)
                self.assertEqual(peer.partials, [{"tokens": 1}, 2])
                self.assertTrue(os.path.exists(process.path("closed")))
                answer = process.message({**STD, "payload": "x"})
                self.assertEqual([frame["payload"] for frame in answer], FRAMES)
                self.assertEqual(answer[0]["route"]["current"], 1)

    def test_what_a_generator_returns_follows_as_any_result(self) -> None:
        with Process(GENERATORS, "handlers.plain") as process, process.peer() as peer:
            self.assertEqual(peer.call("return")[-2:], ["a", "b"])

    def test_an_error_in_the_middle_is_the_answer(self) -> None:
        for name in ("plain", "tasks"):
            with Process(GENERATORS, f"handlers.{name}") as process, process.peer() as peer:
                for payload, words in (
                    ("fail", "in the middle"),
                    ("bad", "the handler's result is not JSON: yielded[1] is a object"),
                ):
                    peer.send_call(json.dumps(payload).encode())
                    kinds = [peer.frame() for _ in range(4)]
                    self.assertEqual(
                        [kind for kind, *_ in kinds],
                        [rt.PARTIAL, rt.FRAME, rt.PARTIAL, rt.ERROR],
                    )
                    self.assertEqual(kinds[-1][2]["details"]["message"], words)
                    old = process.message({**STD, "payload": payload})
                    self.assertEqual([old[0]["error"], len(old)], ["processing_error", 1])
                self.assertEqual(peer.call("x"), FRAMES)

    def test_frames_leave_while_the_generator_runs_and_cancel_closes_it(self) -> None:
        for name in ("plain", "tasks"):
            with Process(GENERATORS, f"handlers.{name}", cancel_grace="20s") as process:
                with process.peer() as peer, process.peer(role="control") as control:
                    peer.send_call(b'"wait"', 7)
                    kinds = [peer.frame()[0] for _ in range(3)]
                    self.assertEqual(kinds, [rt.PARTIAL, rt.FRAME, rt.PARTIAL])
                    control.sock.sendall(pack(rt.CANCEL, 7, {"reason": "timeout"}))
                    control.sock.sendall(pack(rt.PING, 1, {}))
                    self.assertEqual(control.frame()[0], rt.PONG)  # CANCEL was read
                    process.touch("go")
                    [(failure, _)] = peer.answer(7)
                    self.assertEqual(failure["error"], "cancelled")
                    self.assertEqual(failure["details"]["type"], "asya.Cancelled")
                    self.assertTrue(os.path.exists(process.path("closed")))
                    self.assertFalse(os.path.exists(process.path("went on")))
                    self.assertEqual(peer.call("x"), FRAMES)

    def test_a_generator_whose_reader_is_gone_is_closed(self) -> None:
        plain = """
        import os
        def process(payload):
            try:
                while True: yield "x" * 100_000
            finally:
                open(os.path.join(os.environ["FOLDER"], "closed"), "w").close()
        """
        for source in (plain, plain.replace("def process", "async def process")):
            with Process(source) as process:
                with process.peer() as peer:
                    peer.send_call(b"1")
                    peer.frame()
                process.until_file("closed")

    def test_envelopes_are_yielded_as_payloads_are(self) -> None:
        source = """
        def process(envelope):
            for payload in (1, 2):
                route = {**envelope["route"], "current": 1}
                yield {"asya.partial": payload}
                yield {**envelope, "route": route, "payload": payload}
            if envelope["payload"] == "bad": yield {"payload": 3}
        """
        with Process(source, handler_mode="envelope") as process, process.peer() as peer:
            self.assertEqual(peer.call(0), [1, 2])
            self.assertEqual(peer.partials, [1, 2])
            message = peer.call("bad")
            self.assertIn("Invalid output envelope[2]: Missing", message["details"]["message"])


ASYA = """
import threading, time, asyncio
try:
    import asya
except ImportError:
    asya = None
def process(payload):
    if payload == "context": return asya.context()
    asya.metric("tokens", 3, model="m", size=1)
    asya.metric("seconds", 0.5)
    asya.partial({"done": payload})
    if payload == "fail": raise ValueError("no")
    if payload == "nan": asya.metric("tokens", float("nan"))
    if payload == "thread":
        errors = []
        def work():
            try: asya.metric("tokens", 1)
            except RuntimeError as error: errors.append(str(error))
        thread = threading.Thread(target=work); thread.start(); thread.join()
        return errors
    return payload
async def tasks(payload):
    if payload == "context": return asya.context()
    asya.metric("tokens", 3, model="m", size=1)
    asya.metric("seconds", 0.5)
    asya.partial({"done": payload})
    if payload == "fail": raise ValueError("no")
    return payload
async def worker(payload):
    import contextvars, functools
    run = functools.partial(contextvars.copy_context().run, asya.partial)
    await asyncio.get_running_loop().run_in_executor(None, run, "from a thread")
    return payload
"""


class Module(unittest.TestCase):
    """The module asya that the runtime offers."""

    def test_metrics_come_with_end_and_partial_results_at_once(self) -> None:
        metrics = [
            {"name": "tokens", "value": 3.0, "labels": {"model": "m", "size": "1"}},
            {"name": "seconds", "value": 0.5},
        ]
        for name in ("process", "tasks"):
            with Process(ASYA, f"handlers.{name}") as process, process.peer() as peer:
                self.assertEqual(peer.call("x"), ["x"])
                self.assertEqual((peer.partials, peer.metrics), ([{"done": "x"}], metrics))
                self.assertEqual(peer.call("fail")["error"], "processing_error")
                self.assertEqual(peer.metrics, [])
                self.assertEqual(process.message({**STD, "payload": "x"})[0]["payload"], "x")

    def test_context_is_the_envelope_without_its_payload(self) -> None:
        head = {**HEAD, "headers": {"h": 1}, "deadline": "2999-01-01T00:00:00Z"}
        for name in ("process", "tasks"):
            with Process(ASYA, f"handlers.{name}") as process, process.peer() as peer:
                [known] = peer.call("context", head=head)
                remaining = known.pop("remaining")
                self.assertTrue(0 < remaining <= 60, remaining)
                expected = {key: value for key, value in head.items() if key != "asya"}
                self.assertEqual(known, {**expected, "attempt": 1})
                [old] = process.message({**STD, "payload": "context"})
                self.assertEqual(old["payload"], {**STD, "attempt": 1, "remaining": None})

    def test_misuse_is_told(self) -> None:
        with Process(ASYA) as process, process.peer() as peer:
            self.assertIn("tokens is nan", peer.call("nan")["details"]["message"])
            self.assertEqual(
                peer.call("thread"), ["asya.metric(): no call is running in this context"]
            )

    def test_a_thread_of_an_async_handler_may_send_partial_results(self) -> None:
        with Process(ASYA, "handlers.worker") as process, process.peer() as peer:
            self.assertEqual(peer.call(1), [1])
            self.assertEqual(peer.partials, ["from a thread"])

    def test_a_partial_result_of_a_call_that_has_ended_is_refused(self) -> None:
        source = """
        import asya, contextvars, threading
        run, ended, errors = None, threading.Event(), []
        def work(run):
            ended.wait(20)
            try: run(asya.partial, 1)
            except RuntimeError as error: errors.append(str(error))
        def process(payload):
            if payload == "start":
                global thread
                thread = threading.Thread(target=work, args=(contextvars.copy_context().run,))
                thread.start()
                return 1
            ended.set()
            thread.join()
            return errors
        """
        with Process(source) as process, process.peer() as peer:
            self.assertEqual(peer.call("start"), [1])
            self.assertEqual(
                peer.call("end"), ["the call has ended: it can have no partial result"]
            )
            self.assertEqual(peer.partials, [])

    def test_a_module_asya_of_the_handlers_own_comes_first(self) -> None:
        with Process("", wait=False) as process:
            process.process.kill()
            process.process.wait()
            with open(process.path("asya.py"), "w", encoding="utf-8") as file:
                file.write("def process(payload): return __file__")
            process.process = process.start({**process.settings, "ASYA_HANDLER": "asya.process"})
            process.until_file("runtime-ready")
            with process.peer() as peer:
                self.assertEqual(peer.call(1), [process.path("asya.py")])


class Vitals(unittest.TestCase):
    def test_pong_tells_how_the_process_is(self) -> None:
        source = """
        import time
        kept = []
        async def process(payload):
            kept.append(bytearray(payload["bytes"]))
            time.sleep(payload["seconds"])
        """
        with Process(source) as process, process.peer() as peer:
            with process.peer(role="control") as control:

                def ping() -> Any:
                    control.sock.sendall(pack(rt.PING, 1, {}))
                    return control.frame()[2]

                first = ping()
                self.assertEqual((first["threads"], first["calls"]), (2, 0))
                peer.call({"bytes": 50_000_000, "seconds": 0})
                if os.path.exists("/proc/self/statm"):
                    self.assertGreater(ping()["rss"], first["rss"] + 40_000_000)
                peer.send_call(b'{"bytes":0,"seconds":1}')
                end = time.monotonic() + 20
                worst = ping()
                while worst["loop_blocked_ms"] < 300 and time.monotonic() < end:
                    worst = ping()
                self.assertEqual(worst["calls"], 1)
                self.assertGreaterEqual(worst["oldest_call_ms"], 200)
                peer.answer()


if __name__ == "__main__":
    unittest.main()
