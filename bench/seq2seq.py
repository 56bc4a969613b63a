"""What a translation model of NLLB-200's size costs on a processor: to convert, to open, and for each token.

    python bench/seq2seq.py FOLDER

Its weights are drawn at random, for time does not hang on them: 615 M in NLLB-200-distilled-600M's shape, written to
FOLDER (2.5 GB, taken away at the end). Sentences of 30 tokens, 30 tokens made for each; one thread of one core.
"""

import os
import shutil
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

from anatili.engine import seq2seq
from anatili.engine.seq2seq import BatchOptions, EncodedSentence, Seq2SeqEngine
from anatili.lang import codes, load_pack
from anatili.lang.translation import flores_code
from anatili.train.converted import convert

TOKENS = 30


def make(folder: Path) -> list[str]:
    """A model with random weights in `folder`; the tokens of its languages."""
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    torch.set_num_threads(1)
    names = [flores_code(load_pack(code)) for code in codes()]
    special = ["<s>", "<pad>", "</s>", "<unk>", "▁"]
    tokenizer = NllbTokenizer(vocab={piece: number for number, piece in enumerate(special)}, extra_special_tokens=names)
    shape = {
        f"{half}_{what}": size
        for half in ("encoder", "decoder")
        for what, size in (("layers", 12), ("attention_heads", 16), ("ffn_dim", 4096))
    }
    settings = M2M100Config(vocab_size=256_206, d_model=1024, max_position_embeddings=1024, **shape)
    with torch.device("meta"):  # drawing them as transformers does would take minutes
        model = M2M100ForConditionalGeneration(settings)
    model = model.to_empty(device="cpu")
    for parameter in model.parameters():
        parameter.data.uniform_(-0.03, 0.03)
    model.tie_weights(recompute_mapping=True)
    model.generation_config.max_length = None
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return names


def spent() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def show(name: str, began: tuple[float, float], more: str = "") -> None:
    wall, processor = (now - then for now, then in zip(spent(), began, strict=True))
    print(f"{name}: {wall:.1f} s, {processor:.1f} s of a processor{more}", flush=True)


def main() -> None:
    place = Path(sys.argv[1])
    try:
        source, target = make(place / "model")[:2]
        began = spent()
        size = convert(place / "model", place / "int8")["bytes"]
        show("convert", began, f"; {size / 1e6:.0f} MB")
        began = spent()
        engine = Seq2SeqEngine(place / "int8")
        show("open", began)
        sentence = EncodedSentence((source, *["▁"] * (TOKENS - 2), "</s>"), (target,))
        for beam in (1, seq2seq.BEAM):
            seq2seq.BEAM = beam
            for count in (1, 4, seq2seq.BATCH):
                began = spent()
                made = sum(map(len, engine._translate(BatchOptions(TOKENS, again=False), [sentence] * count)))
                rate = made / (spent()[1] - began[1])
                show(f"beam {beam}, {count} together", began, f"; {rate:.0f} tokens a second of it")
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
