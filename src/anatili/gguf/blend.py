"""Weighted sums of LoRA adapters: what several trainings from one base learned, as one adapter of the same size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili.atomic_files import whole_file
from anatili.gguf import check_gguf
from anatili.gguf.file import quantized
from anatili.gguf.reader import open_gguf
from anatili.problem import Problem
from anatili.text import show_path

ALPHA = "adapter.lora.alpha"
LORA_A, LORA_B = ".lora_a", ".lora_b"

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Part:
    """An adapter and its weight in the sum."""

    weight: float
    file: Path


def blend(parts: Sequence[Part], target: Path) -> dict[str, Any]:
    """Write the weighted sum of GGUF adapters to `target`; returns its rank and the share of the sum that is lost.

    The sum of adapters has the sum of their ranks. It is cut back to the highest rank among them by singular values,
    which keeps the most of each matrix; adapters that began as one lose almost nothing (0.02 % of the squared norm for
    ours). Weights that sum to less than 1 shrink what was learned. Averaging trained models: Wortsman et al. 2022,
    Model soups, arXiv 2203.05482.
    """
    import gguf

    if len(parts) < 2:
        raise Problem("give two adapters or more")
    adapters = [(part.weight, *read_adapter(part.file)) for part in parts]
    _, architecture, alpha, first = adapters[0]
    for part, (_, _, _, tensors) in zip(parts, adapters, strict=True):
        if tensors.keys() != first.keys():
            raise Problem(f"{show_path(part.file)} and {show_path(parts[0].file)} adapt different matrices")
    names = sorted(name.removesuffix(LORA_A) for name in first if name.endswith(LORA_A))
    rank = max(len(tensors[names[0] + LORA_A]) for *_, tensors in adapters)
    lost = []
    with whole_file(target) as temporary:
        writer = gguf.GGUFWriter(temporary, architecture)
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32(ALPHA, alpha)
        for name in names:
            pairs = [(w * a / len(t[name + LORA_A]), t[name + LORA_A], t[name + LORA_B]) for w, _, a, t in adapters]
            a, b, share = blend_matrix(pairs, rank, name)
            lost.append(share)
            for side, array in ((LORA_A, a), (LORA_B, b * np.float32(rank / alpha))):
                data, kind = quantized(np.ascontiguousarray(array), gguf.GGMLQuantizationType.Q8_0, gguf)
                writer.add_tensor(name + side, data, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return {"file": show_path(target), "rank": rank, "lost": round(float(np.mean(lost)), 6)}


def blend_matrix(pairs: Sequence[tuple[float, Array, Array]], rank: int, name: str) -> tuple[Array, Array, float]:
    """The sum of `scale * b @ a` as a (rank x inputs) and b (outputs x rank), and the share of its square lost."""
    if len({(a.shape[1], len(b)) for _, a, b in pairs}) > 1:
        raise Problem(f"the adapters have matrices of different shapes for {name}: they belong to different bases")
    outer = np.concatenate([scale * b for scale, _, b in pairs], axis=1, dtype=np.float64)
    inner = np.concatenate([a for _, a, _ in pairs], axis=0, dtype=np.float64)
    left, left_corner = np.linalg.qr(outer)
    right, right_corner = np.linalg.qr(inner.T)
    u, values, v = np.linalg.svd(left_corner @ right_corner.T)
    root = np.zeros(rank)
    kept = min(rank, len(values))
    root[:kept] = np.sqrt(values[:kept])
    a, b = np.zeros((rank, inner.shape[1]), np.float32), np.zeros((len(outer), rank), np.float32)
    a[:kept] = (v[:kept] * root[:kept, None]) @ right.T
    b[:, :kept] = left @ (u[:, :kept] * root[:kept])
    total = float((values**2).sum())
    return a, b, float((values[kept:] ** 2).sum()) / total if total else 0.0


def read_adapter(file: Path) -> tuple[str, float, dict[str, Array]]:
    """Architecture, alpha and the dequantized tensors of a GGUF adapter."""
    import gguf

    check_gguf(file)
    reader = open_gguf(file)
    if ALPHA not in reader.fields:
        raise Problem(f"{show_path(file)} is not a LoRA adapter")
    tensors = {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors}
    return str(reader.fields["general.architecture"].contents()), float(reader.fields[ALPHA].contents()), tensors
