"""How many published FSDP layouts the memory formula accepts, and how many it rejects at larger micro-batches.

    python bench/layouts.py llm-foundry/scripts/train/benchmarking/README.md

The file is MosaicML's table of what they ran (github.com/mosaicml/llm-foundry, 8c8dd48): 216 layouts of nine models on
8 to 512 chips of 40 or 80 GB, 512 to 65,536 tokens long. A layout that ran must be accepted; at twice and four times
its micro-batch many would not have run, because the largest that fits was searched for.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from anatili.compute.chips import Chip, find_chip
from anatili.compute.memory import Layout, fits
from anatili.compute.shape import Shape

# Name -> layers, hidden size, heads.
MODELS = {
    "125m": (12, 768, 12),
    "350m": (24, 1024, 16),
    "760m": (24, 1536, 12),
    "1b": (24, 2048, 16),
    "3b": (32, 2560, 20),
    "7b": (32, 4096, 32),
    "13b": (40, 5120, 40),
    "30b": (48, 7168, 56),
    "70b": (80, 8192, 64),
}
CHIPS = {"a100_80gb": "A100-80GB", "a100_40gb": "A100-40GB", "h100_80gb": "H100"}


def shape_of(model: str) -> Shape:
    layers, hidden_size, heads = MODELS[model]
    return Shape(
        layers=layers,
        hidden_size=hidden_size,
        heads=heads,
        kv_heads=heads,
        head_size=hidden_size // heads,
        intermediate_size=4 * hidden_size,
        vocabulary=50368,
        tied=True,
        gated=False,
    )


def rows(text: str) -> Iterator[tuple[Shape, int, Chip, Layout]]:
    """Shape, context, chip and layout of each row of the tables."""
    header: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if cells[0] == "Model":
            header = cells
        elif cells[0] in MODELS and len(cells) == len(header):
            row = dict(zip(header, cells, strict=True))
            layout = Layout(
                int(row["# GPUs"]), 1, 1, row["Activation Checkpointing"] == "True", "adamw", int(row["MicroBatchSize"])
            )
            yield shape_of(cells[0]), int(row["SeqLen (T)"]), find_chip(CHIPS[row["GPU"]]), layout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    layouts = list(rows(parser.parse_args().table.read_text("utf-8")))
    for times in (1, 2, 4):
        accepted = sum(
            fits(shape, context, replace(layout, micro_batch=times * layout.micro_batch), chip)
            for shape, context, chip, layout in layouts
        )
        print(f"micro-batch x {times}: {accepted} of {len(layouts)} accepted, {len(layouts) - accepted} rejected")


if __name__ == "__main__":
    main()
