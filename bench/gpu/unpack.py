"""What a GPU job learned as an adapter that a recipe can name.

    python bench/gpu/unpack.py OUT ADAPTER.gguf

OUT is the folder that came back. In a copy of the recipe set [pretrain] adapter to the file with tokens = 0, and [tune]
epochs = 0: the run then scores, releases and packages what was learned. Only an arm with the run's own vocabulary and
without a change of the embedding can be taken so.
"""

import argparse
from pathlib import Path

import gguf
import numpy as np
from model import MATRICES, PLACES


def learned(out: Path, arm: str) -> dict[str, np.ndarray]:
    """Name of a factor -> its numbers, from blocks of 32 int8 with a scale."""
    stored: dict[str, np.ndarray] = {}
    for part in sorted(out.glob(f"{arm}.*.npz")):
        with np.load(part) as file:
            stored |= dict(file)
    found = {name: value.astype(np.float32) for name, value in stored.items() if name[-2:] not in (":q", ":s")}
    for name in (name[:-2] for name in stored if name.endswith(":q")):
        whole, scale = stored[f"{name}:q"], stored[f"{name}:s"].astype(np.float32)
        found[name] = (whole.reshape(len(whole), -1, 32) * scale[..., None]).reshape(whole.shape)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("--arm", default="main")
    options = parser.parse_args()
    factors = learned(options.out, options.arm)
    inner = {name: value for name, value in factors.items() if "/layers/" in name}
    if extra := sorted(set(factors) - set(inner)):
        parser.error(f"{options.arm} changed {', '.join(extra)}, which an adapter cannot hold")
    names = {part.replace(".", "/"): place for place, part in PLACES.items() if part in MATRICES}
    writer = gguf.GGUFWriter(options.adapter, "gemma3")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    rank = next(len(value) for name, value in inner.items() if name.startswith("a/"))
    writer.add_float32("adapter.lora.alpha", 2.0 * rank)  # the job adds twice the product of its factors
    for name, value in sorted(inner.items()):
        side, _, layer, part = name.split("/", 3)
        kind = gguf.GGMLQuantizationType.Q8_0
        data = gguf.quants.quantize(np.ascontiguousarray(value), kind)
        writer.add_tensor(f"blk.{layer}.{names[part]}.weight.lora_{side}", data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{options.adapter}: rank {rank}, {options.adapter.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
