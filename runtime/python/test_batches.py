"""Tests of asya_runtime.py: ASYA_BATCH_SIZE and ASYA_BATCH_WAIT."""

from __future__ import annotations

import json
import unittest
from contextlib import ExitStack
from typing import Any

from testing import HEAD, STD, Peer, Process, pack, rt

SOURCE = """
import os, time, asyncio
calls = []
def wait_for(name):
    while not os.path.exists(os.path.join(os.environ["FOLDER"], name)): time.sleep(0.005)
def process(payloads):
    calls.append(list(payloads))
    open(os.path.join(os.environ["FOLDER"], "began"), "w").close()
    if "wait" in payloads: wait_for("go")
    if "calls" in payloads: return [calls if payload == "calls" else 0 for payload in payloads]
    if "boom" in payloads: raise ValueError("boom in " + str(len(payloads)))
    if "short" in payloads: return [1]
    if "dict" in payloads: return {"a": 1, "b": 2}
    return [special(payload) for payload in payloads]
def special(payload):
    return {"none": None, "fan": [1, 2], "error": KeyError("mine"), "odd": object()}.get(
        payload, payload)
async def tasks(payloads):
    await asyncio.sleep(0)
    return process(payloads)
async def forever(payloads):
    open(os.path.join(os.environ["FOLDER"], "began"), "w").close()
    if "stay" in payloads: await asyncio.sleep(1000)
    return payloads
"""


class Batches(unittest.TestCase):
    def setUp(self) -> None:
        self.stack = ExitStack()
        self.addCleanup(self.stack.close)

    def start(self, handler: str = "process", size: int = 3, **env: Any) -> Process:
        env = {"batch_size": size, "batch_wait": "20s", **env}
        return self.stack.enter_context(Process(SOURCE, f"handlers.{handler}", **env))

    def peers(self, process: Process, count: int) -> list[Peer]:
        return [self.stack.enter_context(process.peer()) for _ in range(count)]

    def together(self, peers: list[Peer], payloads: list[Any]) -> list[Any]:
        """Each answer's payloads or error."""
        for number, (peer, payload) in enumerate(zip(peers, payloads)):
            peer.send_call(json.dumps(payload).encode(), number)
        answers = [peer.answer(number) for number, peer in enumerate(peers)]
        return [
            frames[0][0]
            if frames and "error" in frames[0][0]
            else [json.loads(body) for _, body in frames]
            for frames in answers
        ]

    def test_a_full_batch_is_run_at_once_and_each_result_goes_its_own_way(self) -> None:
        for handler in ("process", "tasks"):
            process = self.start(handler, 6)
            peers = self.peers(process, 6)
            given = ["x", "none", "fan", "error", "odd", 7]
            one, none, fan, error, odd, same = self.together(peers, given)
            self.assertEqual([one, none, fan, same], [["x"], [], [1, 2], [7]])
            self.assertEqual([error["error"], odd["error"]], ["processing_error"] * 2)
            self.assertEqual(error["details"]["type"], "KeyError")
            answers = self.together(peers, ["calls", 1, 2, 3, 4, 5])
            self.assertEqual(len(answers[0]), 2, "two calls of the handler")

    def test_an_incomplete_batch_is_run_after_the_wait(self) -> None:
        process = self.start(size=100, batch_wait="50ms")
        self.assertEqual(self.together(self.peers(process, 2), ["a", "b"]), [["a"], ["b"]])
        self.assertEqual(process.message({**STD, "payload": "old"})[0]["payload"], "old")

    def test_the_concurrency_is_the_batch_size_at_least(self) -> None:
        process = self.start(size=5)
        with open(process.ready, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["concurrency"], 5)

    def test_a_batch_that_fails_is_run_one_by_one(self) -> None:
        for handler in ("process", "tasks"):
            process = self.start(handler)
            peers = self.peers(process, 3)
            first, boom, last = self.together(peers, ["a", "boom", "b"])
            self.assertEqual([first, last], [["a"], ["b"]])
            self.assertEqual(boom["details"]["message"], "boom in 1")
            [[*calls], *_] = self.together(peers, ["calls", 1, 2])
            self.assertEqual([len(call) for call in calls], [3, 1, 1, 1, 3])

    def test_a_result_that_is_no_list_of_the_same_length_is_an_error_of_all(self) -> None:
        process = self.start()
        peers = self.peers(process, 3)
        for payload, words in (
            ("short", "the handler got a batch of 3 payloads and returned 1 results"),
            ("dict", "the handler got a batch of 3 payloads and returned no list but a dict"),
        ):
            answers = self.together(peers, [1, payload, 2])
            self.assertEqual([answer["details"]["message"] for answer in answers], [words] * 3)

    def test_a_payload_that_is_not_json_does_not_harm_the_others(self) -> None:
        process = self.start()
        bad, *good = self.peers(process, 3)
        bad.send_call(b"{")
        for number, peer in enumerate(good):
            peer.send_call(b"1", number)
        self.assertEqual(bad.answer()[0][0]["error"], "msg_parsing_error")
        self.assertEqual([peer.answer(n) for n, peer in enumerate(good)], [[({}, b"1")]] * 2)

    def test_a_waiting_call_that_is_cancelled_is_left_out(self) -> None:
        process = self.start()
        control = self.stack.enter_context(process.peer(role="control"))
        gone, *others = self.peers(process, 4)
        gone.send_call(b'"gone"', 9)
        control.sock.sendall(pack(rt.PING, 1, {}))
        while control.frame()[2]["calls"] == 0:  # until the runtime has read it
            control.sock.sendall(pack(rt.PING, 1, {}))
        control.sock.sendall(pack(rt.CANCEL, 9, {"reason": "x"}))
        self.assertEqual(gone.answer(9)[0][0]["error"], "cancelled")
        answers = self.together(others, ["calls", 1, 2])
        self.assertNotIn("gone", json.dumps(answers))
        gone.send_call(b'"again"', 10)
        self.assertEqual(self.together(others[1:], [1, 2]), [[1], [2]])
        self.assertEqual(len(gone.answer(10)), 1)

    def test_calls_that_come_during_a_batch_are_the_next_one(self) -> None:
        process = self.start(size=2, concurrency=4)
        slow, beside, *late = self.peers(process, 4)
        slow.send_call(b'"wait"')
        beside.send_call(b"1")
        process.until_file("began")
        for peer in late:
            peer.send_call(b"2")
        process.touch("go")
        self.assertEqual([len(peer.answer()) for peer in (slow, beside, *late)], [1] * 4)
        answers = self.together([slow, beside], ["calls", 1])
        self.assertEqual(len(answers[0]), 3)

    def test_an_async_batch_is_cancelled_when_nobody_wants_it_any_more(self) -> None:
        process = self.start("forever", 2, cancel_grace="20s")
        control = self.stack.enter_context(process.peer(role="control"))
        peers = self.peers(process, 2)
        for number, peer in enumerate(peers, 1):
            peer.send_call(b'"stay"', number)
        process.until_file("began")
        for number in (1, 2):
            control.sock.sendall(pack(rt.CANCEL, number, {"reason": "x"}))
        for number, peer in enumerate(peers, 1):
            self.assertEqual(peer.answer(number)[0][0]["error"], "cancelled")
        self.assertEqual(self.together(peers, ["a", "b"]), [["a"], ["b"]])

    def test_a_stuck_batch_ends_the_process_whoever_waits_behind_it(self) -> None:
        process = self.start(size=2, cancel_grace="100ms")
        control = self.stack.enter_context(process.peer(role="control"))
        first, second, waiting = self.peers(process, 3)
        first.send_call(b'"wait"', 1)
        second.send_call(b"1", 2)
        process.until_file("began")
        waiting.send_call(b"1", 3)
        for number in (1, 2):
            control.sock.sendall(pack(rt.CANCEL, number, {"reason": "timeout"}))
        self.assertEqual(process.exit_code(), 75)

    def test_a_batch_in_flight_is_answered_before_the_process_leaves(self) -> None:
        process = self.start(size=2)
        peers = self.peers(process, 2)
        for peer in peers:
            peer.send_call(b'"wait"')
        process.until_file("began")
        process.touch("sidecar-done")
        process.terminate()
        process.until_logged("leaving")
        process.touch("go")
        self.assertEqual([len(peer.answer()) for peer in peers], [1, 1])
        self.assertEqual(process.exit_code(), 0)

    def test_hints_name_what_the_list_holds_and_modes_stay(self) -> None:
        source = """
        from dataclasses import dataclass
        from typing import List
        @dataclass
        class Item:
            n: int
        def items(items: List[Item]): return [item.n for item in items]
        def envelopes(envelopes):
            return [{**e, "route": {**e["route"], "current": 1}} for e in envelopes]
        """
        for handler, env, expected in (
            ("items", {}, [[1], [2]]),
            ("envelopes", {"handler_mode": "envelope"}, [[{"n": 1}], [{"n": 2}]]),
        ):
            options: Any = {"batch_size": 2, "batch_wait": "20s", **env}
            process = self.stack.enter_context(Process(source, f"handlers.{handler}", **options))
            self.assertEqual(self.together(self.peers(process, 2), [{"n": 1}, {"n": 2}]), expected)

    def test_rows_of_an_array_are_the_results(self) -> None:
        source = """
        class Array:
            def __init__(self, rows): self.rows = rows
            def tolist(self): return self.rows
            def __len__(self): return len(self.rows)
            def __iter__(self): return map(Array, self.rows)
        def process(payloads): return Array([[payload, 0] for payload in payloads])
        """
        options: Any = {"batch_size": 2, "batch_wait": "20s"}
        process = self.stack.enter_context(Process(source, **options))
        self.assertEqual(self.together(self.peers(process, 2), [1, 2]), [[[1, 0]], [[2, 0]]])

    def test_metrics_are_told_once_and_the_rest_of_asya_is_refused(self) -> None:
        source = """
        import asya
        def process(payloads):
            asya.metric("batch", len(payloads))
            if "partial" in payloads: asya.partial(1)
            return payloads
        """
        options: Any = {"batch_size": 2, "batch_wait": "20s"}
        process = self.stack.enter_context(Process(source, **options))
        peers = self.peers(process, 2)
        self.together(peers, [1, 2])
        metrics = sorted(len(peer.metrics) for peer in peers)
        self.assertEqual(metrics, [0, 1])
        [failure, good] = self.together(peers, ["partial", 2])
        self.assertIn("no meaning for a batch", failure["details"]["message"])
        self.assertEqual(good, [2])

    def test_batching_is_off_by_default(self) -> None:
        with Process("def process(payload): return payload") as process, process.peer() as peer:
            self.assertEqual(peer.call("x", head=HEAD), ["x"])


if __name__ == "__main__":
    unittest.main()
