"""The handler: texts in, embeddings out, many at a time, which costs less than one by one."""

import time

from minilm import MiniLM

try:
    import asya  # there under the runtime; a notebook or a test goes without
except ImportError:
    asya = None


class Embedder:
    """Built once, when the process starts; the sidecar says "loading" until it is."""

    def __init__(self):
        self.model = MiniLM()

    def embed(self, payloads):
        """A list of `{"text": ...}`; each comes back with its `embedding`, or fails by itself."""
        texts = [payload.get("text") for payload in payloads if isinstance(payload, dict)]
        texts = [text for text in texts if isinstance(text, str)]
        began = time.perf_counter()
        rows, tokens = self.model.encode(texts) if texts else ([], 0)
        report("inference_seconds", time.perf_counter() - began)
        report("batch_texts", len(texts))
        report("tokens_total", tokens)
        rows = iter(rows)
        return [self._answer(payload, rows) for payload in payloads]

    def _answer(self, payload, rows):
        if not isinstance(payload, dict) or not isinstance(payload.get("text"), str):
            return ValueError('expected {"text": "..."}')
        return {**payload, "embedding": next(rows)}


def report(name, value):
    """One value of a metric that actors.yaml declares."""
    if asya:
        asya.metric(name, value)
