"""How good a model in training is: bits per byte of lines and of their second halves, and translations by chrF++."""

import json
import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everyone calls it
from model import Gemma, layer
from tokenizers import Tokenizer


class Scores:
    """Bits per byte of lines, of their second halves and of windows; translation of lines."""

    def __init__(self, job: Path, model: Gemma) -> None:
        self.model, self.arm = model, model.arm
        self.tokenizer = Tokenizer.from_file(str(job / f"tokenizer.{model.arm.vocabulary}.json"))
        self.valid = json.loads((job / "valid.json").read_text("utf-8"))
        self.begin = self.tokenizer.token_to_id("<bos>")
        self.end = self.tokenizer.token_to_id("<eos>")
        self.markers = json.loads((job / "chat.json").read_text("utf-8"))

    @torch.no_grad()
    def __call__(self, most: int) -> dict[str, float]:
        made = self.model.weights()
        found: dict[str, float] = {}
        self.model.layer, fast = layer, self.model.layer
        for name, texts in self.valid["texts"].items():
            whole, half, size, half_size = 0.0, 0.0, 0, 0
            rows = [self.halves(text) for text in texts[:most]]
            for start in range(0, len(rows), 32):
                part = rows[start : start + 32]
                longest = max(len(ids) for ids, _, _, _ in part)
                ids = torch.zeros(len(part), longest, dtype=torch.long)
                for place, (one, _, _, _) in enumerate(part):
                    ids[place, : len(one)] = torch.tensor(one)
                ids = ids.to(self.model.device)
                logits = (self.model.hidden(ids[:, :-1], made) @ made[0].T).float()
                cost = F.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none").cpu() / math.log(2)
                for place, (one, middle, bytes_all, bytes_half) in enumerate(part):
                    whole += cost[place, : len(one) - 1].sum().item()
                    half += cost[place, middle - 1 : len(one) - 1].sum().item()
                    size, half_size = size + bytes_all, half_size + bytes_half
            found[name] = round(whole / size, 4)
            found[f"{name} half"] = round(half / half_size, 4)
        self.model.layer = fast
        return found

    def halves(self, text: str) -> tuple[list[int], int, int, int]:
        words = text.split(" ")
        first = " ".join(words[: len(words) // 2])
        second = text[len(first) :]
        one = self.tokenizer.encode(first, add_special_tokens=False).ids
        both = [self.begin, *one, *self.tokenizer.encode(second, add_special_tokens=False).ids]
        return both[:1200], 1 + len(one), len(text.encode()), len(second.encode())

    @torch.no_grad()
    def translate(self, lines: int) -> dict[str, Any]:
        """Greedy translations and their chrF++ for each direction of the job."""
        made = self.model.weights()
        result: dict[str, Any] = {}
        self.model.layer, fast = layer, self.model.layer
        for direction, rows in self.valid["translate"].items():
            said = self.greedy([row["prompt"] for row in rows[:lines]], made)
            result[direction] = {"out": said, "chrf": chrf(said, [row["reference"] for row in rows[:lines]])}
        self.model.layer = fast
        return result

    def greedy(self, prompts: list[str], made: Any, most: int = 120) -> list[str]:
        """Greedy answers of at most `most` tokens; all is computed anew for each token, which a GPU hardly feels."""
        before, after = self.markers["open"], self.markers["close"]
        rows = [self.tokenizer.encode(before + text + after, add_special_tokens=False).ids for text in prompts]
        out: list[list[int]] = [[] for _ in rows]
        alive = list(range(len(rows)))
        while alive and max(len(out[i]) for i in alive) < most:
            longest = max(len(rows[i]) + len(out[i]) for i in alive)
            longest = -(-longest // 16) * 16
            ids = torch.zeros(len(alive), longest, dtype=torch.long)
            ends = []
            for place, i in enumerate(alive):
                both = rows[i] + out[i]
                ids[place, : len(both)] = torch.tensor(both)
                ends.append(len(both) - 1)
            hidden = self.model.hidden(ids.to(self.model.device), made)
            last = hidden[torch.arange(len(alive)), torch.tensor(ends)]
            chosen = (last @ made[0].T).argmax(-1).tolist()
            for i, token in zip(list(alive), chosen, strict=True):
                if token == self.end:
                    alive.remove(i)
                else:
                    out[i].append(token)
        return [self.tokenizer.decode(ids) for ids in out]


def chrf(said: list[str], references: list[str]) -> float:
    try:
        from sacrebleu.metrics import CHRF
    except ImportError:
        return -1.0
    return round(CHRF(word_order=2).corpus_score(said, [references]).score, 2)
