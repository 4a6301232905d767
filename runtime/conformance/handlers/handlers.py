"""The conformance handlers of README.md in Python."""

import asyncio
import os
import sys
import threading
import time

if os.environ.get("CONFORMANCE_LOAD") == "slow":
    time.sleep(2.5)
if os.environ.get("CONFORMANCE_LOAD") == "broken":
    raise RuntimeError("no such model")

lock = threading.Lock()
running = 0
most = 0


def echo(payload):
    return payload


def wrap(payload):
    return {"was": payload}


def fan(payload):
    return [{"i": i} for i in range(payload["n"])]


def nothing(payload):
    return None


def fail(payload):
    raise ValueError(payload["message"])


def unjson(payload):
    return {"n": float("nan")}


def big(payload):
    return "x" * payload["bytes"]


def noisy(payload):
    print("a line\n\ud800 and \u4e16")
    os.write(1, b"\xff\xfe\0\0\0\x0c\x84\0\0\0\0\0\0\x01\0\0\0\0 no UTF-8, no newline")
    print("more", file=sys.stderr)
    return payload


def crash(payload):
    if "crash" in payload:
        os._exit(9)
    return payload


def hoard(payload):
    if "hoard" not in payload:
        return payload
    import resource  # only Unix has it

    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), limits[1]))
    try:
        kept = []
        while True:
            kept.append(bytearray(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def nap(payload):
    global running, most
    with lock:
        running += 1
        most = max(most, running)
    try:
        time.sleep(payload["ms"] / 1000)
        return {"most": most}
    finally:
        with lock:
            running -= 1


async def wait(payload):
    await asyncio.sleep(payload["ms"] / 1000)
    return {"waited": payload["ms"]}


def envelope(envelope):
    route, payload = envelope["route"], envelope["payload"]
    current, what = route.get("current", 0), payload["do"]
    if what == "same":
        return envelope
    if what == "nothing":
        return None
    if what == "fail":
        raise ValueError("failed in envelope mode")
    if what == "bare":
        return {"payload": 1}
    if what == "erase":
        route["actors"].pop(0)
        return envelope
    if what == "fan":
        ahead = {**route, "current": current + 1}
        return [{**envelope, "payload": {"i": i}, "route": ahead} for i in range(2)]
    if what == "insert":
        route["actors"].insert(current + 1, "extra")
    if what == "truncate":
        del route["actors"][current + 1 :]
    if what == "rewrite":
        route["actors"][0] = "other"
    if what == "header":
        envelope["headers"] = {**envelope.get("headers", {}), "added": "yes"}
    if what == "replace":
        envelope["payload"] = {"new": 1}
    if what == "keys":
        envelope["payload"] = sorted(envelope)
    route["current"] = current + 1
    return envelope


def batch(payloads):
    for item in payloads:
        if "raise" in item:
            raise ValueError(item["raise"])
        if "short" in item:
            return []
    return [
        ValueError(item["fail"]) if "fail" in item else {"is": item, "of": len(payloads)}
        for item in payloads
    ]


def partials(payload):
    for i in range(payload["n"]):
        yield {"asya.partial": {"i": i}}
        time.sleep(payload["ms"] / 1000)
    yield {"n": payload["n"]}


def meter(payload):
    import asya

    asya.metric("tokens", payload["tokens"], model="m")
    return payload
