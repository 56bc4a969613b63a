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


def compare(folder: Path, file: Path, quantization: str) -> dict[str, Any]:
    """Run both on texts of the sample; `Problem` if they cut them differently or differ by more than is allowed."""
    import torch

    from anatili.engine.llama import LlamaEngine
    from anatili.engine.local import TransformersEngine

    ours, theirs = TransformersEngine(folder), LlamaEngine(file)
    differences: list[float] = []
    begin = ours.tokenizer.bos_token_id
    for text in probes():
        ids = ours.tokenizer.encode(text, add_special_tokens=False)
        if ids != theirs.tokenize(text):
            raise Problem(f"{show_path(file)}: llama.cpp cuts {text[:40]!r} into other tokens than transformers does")
        ids = [begin, *ids][: ours.context - 1]
        with torch.inference_mode():
            logits = ours.model(input_ids=torch.tensor([ids], device=ours.device)).logits[0].float()
            chances = torch.log_softmax(logits, -1).cpu()
        step = max(1, len(ids) // POSITIONS)
        for end in range(step, len(ids), step):
            for token, chance in theirs.next_chances(ids[:end], LIKELIEST).items():
                differences.append(abs(float(chances[end - 1, token]) - chance))
    mean, most = sum(differences) / len(differences), max(differences)
    allowed = ALLOWED[quantization]
    if mean > allowed:
        raise Problem(
            f"{show_path(file)} does not say what {show_path(folder)} says: log-probabilities differ by {mean:.3f} on "
            f"average (most {most:.3f}), {allowed} is allowed for {quantization}. Do not use it"
        )
    return {
        "positions": len(differences) // LIKELIEST,
        "mean": round(mean, 5),
        "most": round(most, 5),
        "allowed": allowed,
    }


def probes() -> list[str]:
    """The first words of some pages of the sample, in all its languages."""
    pages = list(sample.passages().values())
    return [text[:300] for _, _, text in pages[:: max(1, len(pages) // PROBES)]]
