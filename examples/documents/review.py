"""Stands for the second look that costs time: it is called only where the score asks for it."""


def process(payload):
    found = payload["redactions"]
    verdict = "rotate the keys" if found["key"] else "inform the owner"
    return {**payload, "review": {"verdict": verdict, "reason": f"score {payload['score']}"}}
