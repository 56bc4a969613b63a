"""Parity of an exported file with its model: the same tokens, and the same logprobs of the next tokens."""

from pathlib import Path
from typing import Any

from anatili import sample
from anatili.problem import Problem
from anatili.text import show_path

ALLOWED = {"f32": 0.02, "f16": 0.05, "bf16": 0.1, "q8_0": 0.15, "q5_1": 0.6, "q5_0": 0.6, "q4_1": 1.2, "q4_0": 1.2}
"""Quantization -> allowed mean difference of logprobs (natural logarithm)."""
TOP_LOGPROBS = 10
"""Next tokens compared at each position."""
POSITIONS = 12
PROBES = 4
PROBE_LETTERS = 300
DEPTHS = 8
"""Positions in one long text, evenly spread to its end, where next tokens are compared too."""


def compare(folder: Path, file: Path, quantization: str) -> dict[str, Any]:
    """Run both on texts of the sample; `Problem` if they tokenize differently or differ by more than is allowed."""
    import torch

    from anatili.engine.llama import LlamaEngine
    from anatili.engine.local import TransformersEngine

    ours, exported = TransformersEngine(folder), LlamaEngine(file)
    begin = ours.tokenizer.bos_token_id
    if begin is None:  # Qwen has none; in training its end token opens a text
        begin = ours.tokenizer.eos_token_id

    def differ(ids: list[int], ends: list[int]) -> list[float]:
        """Absolute differences of the top logprobs after each prefix of `ids` whose length is in `ends`."""
        with torch.inference_mode():
            positions = torch.tensor([end - 1 for end in ends], device=ours.device)
            logits = ours.model(input_ids=torch.tensor([ids], device=ours.device), logits_to_keep=positions).logits[0]
        logprobs = torch.log_softmax(logits.float(), -1).cpu()
        return [
            abs(float(logprobs[row, token]) - logprob)
            for row, end in enumerate(ends)
            for token, logprob in exported.next_logprobs(ids[:end], TOP_LOGPROBS).items()
        ]

    near: list[float] = []
    for text in probes():
        ids = ours.tokenizer.encode(text, add_special_tokens=False)
        if ids != exported.tokenize(text):
            raise Problem(f"{show_path(file)}: llama.cpp tokenizes {text[:40]!r} differently from transformers")
        ids = [begin, *ids][: ours.context - 1]
        step = max(1, len(ids) // POSITIONS)
        near += differ(ids, list(range(step, len(ids), step)))
    reach = min(ours.context, exported.context) - 1
    far = differ([begin, *long_text(ours.tokenizer, reach - 1)], [reach * n // DEPTHS for n in range(1, DEPTHS + 1)])
    allowed = ALLOWED[quantization]
    # Checked separately: an error only far into a text would be averaged away by the many positions near its beginning.
    for where, values in ((f"within {PROBE_LETTERS} characters", near), (f"up to {reach} tokens into a text", far)):
        mean, most = sum(values) / len(values), max(values)
        if mean > allowed:
            raise Problem(
                f"{show_path(file)} does not say what {show_path(folder)} says: logprobs differ by {mean:.3f} on "
                f"average (at most {most:.3f}) {where}, {allowed} is allowed for {quantization}. Do not use this file"
            )
    differences = near + far
    return {
        "positions": len(differences) // TOP_LOGPROBS,
        "reach": reach,
        "mean": round(sum(differences) / len(differences), 5),
        "mean_far": round(sum(far) / len(far), 5),
        "most": round(max(differences), 5),
        "allowed": allowed,
    }


def long_text(tokenizer: Any, count: int) -> list[int]:
    """The first `count` tokens of the sample's pages joined together, repeated if they are too few."""
    ids: list[int] = []
    for _, _, text in sample.passages().values():
        ids += tokenizer.encode(text + "\n", add_special_tokens=False)
        if len(ids) >= count:
            break
    return (ids * (count // len(ids) + 1))[:count]


def probes() -> list[str]:
    """The beginnings of some pages of the sample, in all its languages."""
    pages = list(sample.passages().values())
    return [text[:PROBE_LETTERS] for _, _, text in pages[:: max(1, len(pages) // PROBES)]]
