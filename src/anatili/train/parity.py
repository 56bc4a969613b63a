"""Does the exported file say what the model says? The same tokens, and the same chances of what comes next."""

from pathlib import Path
from typing import Any

from anatili import sample
from anatili.problem import Problem
from anatili.text import show_path

ALLOWED = {"f32": 0.02, "f16": 0.05, "bf16": 0.1, "q8_0": 0.15, "q5_1": 0.6, "q5_0": 0.6, "q4_1": 1.2, "q4_0": 1.2}
"""Mean difference of the natural logarithms of chances that is allowed, by quantization."""
LIKELIEST = 10
"""Next tokens that are compared at each position."""
POSITIONS = 12
PROBES = 4
PROBE_LETTERS = 300
DEPTHS = 8
"""Places in one long text, evenly from its beginning to its end, where next tokens are compared too."""


def compare(folder: Path, file: Path, quantization: str) -> dict[str, Any]:
    """Run both on texts of the sample; `Problem` if they cut them differently or differ by more than is allowed."""
    import torch

    from anatili.engine.llama import LlamaEngine
    from anatili.engine.local import TransformersEngine

    ours, theirs = TransformersEngine(folder), LlamaEngine(file)
    begin = ours.tokenizer.bos_token_id
    if begin is None:  # Qwen has none; its end token opens texts in training
        begin = ours.tokenizer.eos_token_id

    def differ(ids: list[int], ends: list[int]) -> list[float]:
        """How far the logarithms are apart after each of the first `ends` tokens."""
        with torch.inference_mode():
            kept = torch.tensor([end - 1 for end in ends], device=ours.device)
            logits = ours.model(input_ids=torch.tensor([ids], device=ours.device), logits_to_keep=kept).logits[0]
        chances = torch.log_softmax(logits.float(), -1).cpu()
        return [
            abs(float(chances[place, token]) - chance)
            for place, end in enumerate(ends)
            for token, chance in theirs.next_chances(ids[:end], LIKELIEST).items()
        ]

    near: list[float] = []
    for text in probes():
        ids = ours.tokenizer.encode(text, add_special_tokens=False)
        if ids != theirs.tokenize(text):
            raise Problem(f"{show_path(file)}: llama.cpp cuts {text[:40]!r} into other tokens than transformers does")
        ids = [begin, *ids][: ours.context - 1]
        step = max(1, len(ids) // POSITIONS)
        near += differ(ids, list(range(step, len(ids), step)))
    reach = min(ours.context, theirs.context) - 1
    far = differ([begin, *long_text(ours.tokenizer, reach - 1)], [reach * n // DEPTHS for n in range(1, DEPTHS + 1)])
    allowed = ALLOWED[quantization]
    # Apart: what is wrong far into a text only would be lost among the many places near its beginning.
    for where, some in ((f"within {PROBE_LETTERS} characters", near), (f"up to {reach} tokens into a text", far)):
        mean, most = sum(some) / len(some), max(some)
        if mean > allowed:
            raise Problem(
                f"{show_path(file)} does not say what {show_path(folder)} says: log-probabilities differ by {mean:.3f} "
                f"on average (most {most:.3f}) {where}, {allowed} is allowed for {quantization}. Do not use it"
            )
    differences = near + far
    return {
        "positions": len(differences) // LIKELIEST,
        "reach": reach,
        "mean": round(sum(differences) / len(differences), 5),
        "mean_far": round(sum(far) / len(far), 5),
        "most": round(max(differences), 5),
        "allowed": allowed,
    }


def long_text(tokenizer: Any, count: int) -> list[int]:
    """So many tokens of the sample's pages, one after the other, from the beginning again where they do not suffice."""
    ids: list[int] = []
    for _, _, text in sample.passages().values():
        ids += tokenizer.encode(text + "\n", add_special_tokens=False)
        if len(ids) >= count:
            break
    return (ids * (count // len(ids) + 1))[:count]


def probes() -> list[str]:
    """The first words of some pages of the sample, in all its languages."""
    pages = list(sample.passages().values())
    return [text[:PROBE_LETTERS] for _, _, text in pages[:: max(1, len(pages) // PROBES)]]
