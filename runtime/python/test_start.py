"""Tests of asya_runtime.py: what stops it from starting, standard streams, forks, and types."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import unittest
from typing import Any

from testing import BOUND, ECHO, HERE, STD, Peer, Process, rt


class Start(unittest.TestCase):
    def last_line(self, process: Process) -> str:
        self.assertEqual(process.exit_code(), 1)
        self.assertFalse(os.path.exists(process.ready))
        return str(json.loads(process.log().splitlines()[-1])["message"])

    def test_a_second_runtime_leaves_the_first_one_alone(self) -> None:
        with Process(ECHO) as process:
            first = process.process
            try:
                process.process = process.start(process.settings)
                self.assertEqual(process.exit_code(), 1)
                last = json.loads(process.log().splitlines()[-1])["message"]
                self.assertRegex(last, "^cannot listen on .*: another runtime listens there")
                self.assertTrue(os.path.exists(process.ready))
                self.assertEqual(process.message({**STD, "payload": 1})[0]["payload"], 1)
            finally:
                first.kill()
                first.wait()

    def test_of_two_that_start_at_once_one_serves(self) -> None:
        for _ in range(3):
            with Process("", wait=False) as process:
                process.process.kill()
                process.process.wait()
                with open(process.path("handlers.py"), "w", encoding="utf-8") as file:
                    file.write(ECHO)
                both = [process.start(process.settings) for _ in range(2)]
                try:
                    process.process = both[0]
                    while all(one.poll() is None for one in both):
                        pass
                    [process.process] = [one for one in both if one.poll() is None]
                    process.until_file("runtime-ready")
                    self.assertEqual(process.message({**STD, "payload": 1})[0]["payload"], 1)
                finally:
                    for one in both:
                        one.kill()
                        one.wait()

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_a_folder_that_is_not_writable_is_named(self) -> None:
        with Process(ECHO, wait=False, socket_dir="/") as process:
            self.assertIn("cannot listen on /asya-runtime.sock", self.last_line(process))

    def test_a_folder_that_cannot_be_made_is_named(self) -> None:
        for folder in ("/proc/none", "/dev/null/x", "/tmp/" + "x" * 120):
            with Process(ECHO, wait=False, socket_dir=folder) as process:
                self.assertRegex(
                    self.last_line(process), f"^cannot listen on {folder}/asya-.*; set ASYA_SOCKET"
                )
            if folder.startswith("/tmp/") and os.path.isdir(folder):
                os.rmdir(folder)

    def test_an_unknown_mode_is_named(self) -> None:
        with Process(ECHO, wait=False, handler_mode="payloads") as process:
            self.assertEqual(
                self.last_line(process),
                "ASYA_HANDLER_MODE='payloads': expected payload or envelope",
            )

    def test_what_the_import_prints_and_raises_is_before_the_last_line(self) -> None:
        source = """
        import sys
        print("starting")
        def load(): raise OSError("no model\\nin /models")
        load()
        """
        with Process(source, wait=False) as process:
            self.assertEqual(
                self.last_line(process),
                "cannot load ASYA_HANDLER='handlers.process': OSError: no model\nin /models",
            )
            self.assertIn("in load", process.log())


class Streams(unittest.TestCase):
    """Standard output and error belong to the handler."""

    SOURCE = """
    import logging, os, sys
    def process(payload):
        print("x" * 100_000)
        print("to stderr", file=sys.stderr)
        sys.stdout.write("no newline")
        sys.stdout.flush()
        logging.error("a log line")
        if payload == "raw": os.write(1, b"from C")
        return payload
    """

    def test_closed_standard_streams_are_nobody_elses(self) -> None:
        command = f'exec "{sys.executable}" "{HERE}/asya_runtime.py" <&- >&- 2>&-'
        with Process("", wait=False) as process:
            self.replace(process, ["sh", "-c", command])
            with process.peer() as peer:
                self.assertEqual(
                    [peer.call(text) for text in ("a", "raw", "b")], [["a"], ["raw"], ["b"]]
                )

    def test_a_reader_that_went_away_breaks_no_call(self) -> None:
        with Process("", wait=False) as process:
            read_end, write_end = os.pipe()
            self.replace(
                process,
                [sys.executable, f"{HERE}/asya_runtime.py"],
                stdout=write_end,
                stderr=write_end,
            )
            os.close(write_end)
            os.close(read_end)
            with process.peer() as peer:
                self.assertEqual([peer.call(text) for text in ("a", "b")], [["a"], ["b"]])

    def replace(self, process: Process, command: list[str], **streams: Any) -> None:
        process.process.kill()
        process.process.wait()
        with open(process.path("handlers.py"), "w", encoding="utf-8") as file:
            file.write("\n".join(line[4:] for line in self.SOURCE.splitlines()))
        env = {**os.environ, **process.settings}
        process.process = subprocess.Popen(command, env=env, cwd="/", text=True, **streams)
        process.until_file("runtime-ready")


class Forks(unittest.TestCase):
    def test_a_forked_child_that_ends_takes_nothing_with_it(self) -> None:
        source = """
        import os, sys, multiprocessing
        def double(n): return 2 * n
        def process(payload):
            if payload == "pool":
                with multiprocessing.get_context("fork").Pool(2) as pool:
                    return {"all": pool.map(double, [1, 2, 3])}
            child = os.fork()
            if child == 0:
                if payload == "return": return "from the child"
                if payload == "exit": sys.exit(3)
                raise ValueError("in the child")
            os.waitpid(child, 0)
            return "from the parent"
        """
        with Process(source) as process:
            for payload in ("return", "exit", "raise"):
                with process.peer() as peer:
                    self.assertEqual(peer.call(payload), ["from the parent"])
                    self.assertEqual(peer.call("pool"), [{"all": [2, 4, 6]}])
            self.assertTrue(os.path.exists(process.socket) and os.path.exists(process.ready))
            self.assertIsNone(process.process.poll())

    def test_no_descriptor_of_the_runtime_reaches_a_program_that_is_started(self) -> None:
        source = """
        import subprocess, sys
        code = "import os; print(sum(os.path.exists(f'/dev/fd/{fd}') for fd in range(3, 100)))"
        def process(payload):
            return int(subprocess.check_output([sys.executable, "-c", code], close_fds=False))
        """
        with Process(source) as process, process.peer() as peer:
            self.assertEqual(peer.call(1), [0])


class LongCalls(unittest.TestCase):
    SOURCE = """
    import os, time
    def process(payload):
        open(os.path.join(os.environ["FOLDER"], "began"), "w").close()
        time.sleep(payload)
        return "done"
    """

    def test_a_long_call_under_sigterm_is_finished(self) -> None:
        with Process(self.SOURCE) as process, process.peer() as peer:
            peer.send_call(b"1.5")
            process.until_file("began")
            process.process.send_signal(signal.SIGTERM)
            self.assertEqual(peer.answer(), [({}, b'"done"')])
            peer.sock.close()
            self.assertEqual(process.exit_code(), 0)

    def test_a_call_beyond_the_grace_is_reported(self) -> None:
        env: Any = {"shutdown_grace": "200ms", "cancel_grace": "100ms"}
        with Process(self.SOURCE, **env) as process, process.peer() as peer:
            peer.send_call(b"1000", 77)
            process.until_file("began")
            process.process.send_signal(signal.SIGTERM)
            self.assertEqual(process.exit_code(), 0)
            with self.assertRaises(EOFError):
                peer.frame()
            left = [json.loads(line) for line in process.log().splitlines()][-1]
            self.assertEqual((left["message"], left["calls"]), ("leaving calls behind", [77]))


class Silence(unittest.TestCase):
    def test_half_a_call_and_then_silence_keeps_nobody_from_leaving(self) -> None:
        with Process(ECHO, shutdown_grace="20s") as process:
            with process.peer() as half, process.peer() as peer:
                half.sock.sendall(rt.HEADER.pack(1000, rt.CALL, 0, 0, 1, 10) + b"{")
                self.assertEqual(peer.call(1), [1])
                process.touch("sidecar-done")
                process.terminate()
                self.assertEqual(process.exit_code(), 0)

    def test_half_a_message_of_version_1_is_answered_when_its_connection_ends(self) -> None:
        with Process(ECHO) as process, Peer(process.socket) as peer:
            peer.sock.sendall(rt.LENGTH.pack(100) + b'{"id"')
            self.assertEqual(process.message({**STD, "payload": 1})[0]["payload"], 1)
            peer.sock.shutdown(socket.SHUT_WR)
            self.assertEqual(peer.reply()[0]["error"], "connection_error")


class Types(unittest.TestCase):
    @unittest.skipIf(importlib.util.find_spec("mypy") is None, "mypy is not installed")
    def test_mypy_is_content(self) -> None:
        names = ["asya_runtime.py", "testing.py"]
        names += sorted(name for name in os.listdir(HERE) if name.startswith("test_"))
        command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull, *names]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=4 * BOUND)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
