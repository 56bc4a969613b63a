"""Pack a GPU training job: the texts, pairs and SFT examples of a run, its vocabulary, a longer one, and the base.

    python bench/gpu/pack.py RUN JOB

RUN is a run of a recipe like recipes/kazakh-270m.toml whose stages up to `tokenizer` are built. What is learned from is
what the recipe says: its corpus and pairs, drawn by its [pretrain] mix and source_weights, and its SFT examples by its
[tune] mix.
JOB gets parts of at most 56 MB.
"""

import argparse
import json
import lzma
import random
import tempfile
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from anatili import weights
from anatili.document import Kept, read_shard
from anatili.gguf.base_model import open_base
from anatili.lang import load_pack
from anatili.recipe import Recipe, Tune, load_recipe
from anatili.refine.pairs import files_of, languages_of, read_pairs, source_of
from anatili.tokenizer.adapt import starting_rows
from anatili.tokenizer.extend import extend
from anatili.tokenizer.vocabulary import BpeVocabulary, read_vocabulary
from anatili.train import corpus, data, sft_examples, tune

SAMPLE_SHARE = 0.1
"""Share of the translation examples that are from the sample: whole answers, not sentences."""
LINES = 150
"""Lines translated in each direction."""


class Job:
    def __init__(self, run: Path, base: Path) -> None:
        from transformers import AutoTokenizer

        self.run, self.base = run, base
        self.recipe: Recipe = load_recipe(run / "recipe.toml")
        self.packs = {code: load_pack(code) for code in self.recipe.languages}
        self.tokenizer = AutoTokenizer.from_pretrained(run / "tokenizer")
        self.shards = sorted((run / "cut").glob("part-*.parquet"))
        self.pairs = files_of(run / "pairs", self.recipe.pairs)

    def rows(self) -> Iterator[dict[str, Any]]:
        """All that is learned from, each with its group."""
        begin, end = self.tokenizer.bos_token, self.tokenizer.eos_token
        for shard in self.shards:
            for groups in corpus.texts_of_documents(shard):
                for group, texts in groups.items():
                    yield from ({"g": group, "t": [[begin, 0], [text, 1], [end, 1]]} for text in texts)
        for file in self.pairs:
            one, other = languages_of(file)
            asking = [self.packs[a].prompts["translate"].get(b, "") for a, b in ((one, other), (other, one))]
            if all(asking):
                group = f"pair {one} {other} {source_of(file)}"
                yield from ({"g": group, "p": list(pair), "a": asking} for pair in read_pairs(file))
        own = self.recipe.tune.model_copy(update={"max_pairs": 0})
        for conversation in sft_examples.all_examples(Tune.model_validate(own.model_dump()), self.base, self.packs):
            templated = tune.templated_parts(conversation["messages"], self.tokenizer)
            parts = [[text, int(is_answer)] for text, is_answer in templated if text]
            yield {"g": f"lessons {conversation['kind']}", "t": parts}

    def weights(self) -> dict[str, dict[str, float]]:
        """How much is drawn of each group: in pretraining, and during SFT."""
        settings = self.recipe.pretrain
        with tempfile.TemporaryDirectory() as folder:
            counts = corpus.write_tokens(self.shards, self.run / "tokenizer", Path(folder), self.pairs)
        plain = data.shares(counts, settings, dict.fromkeys(counts, float("inf")), 10**9)
        taught = self.recipe.tune.mix
        room = (1 - self.recipe.tune.replay) / sum(taught.values())
        of_pairs = {group: share for group, share in plain.items() if group.startswith(f"{corpus.PAIRS}/")}
        while_tuning = {group: share * self.recipe.tune.replay for group, share in plain.items()}
        while_tuning |= {f"lessons {kind}": share * room for kind, share in taught.items()}
        translation = while_tuning.get("lessons translation", 0.0)
        while_tuning["lessons translation"] = SAMPLE_SHARE * translation
        for group, share in of_pairs.items():
            part = (1 - SAMPLE_SHARE) * translation * share / sum(of_pairs.values())
            while_tuning[group.replace(corpus.PAIRS, "chat", 1)] = part
        return {"weights": plain, "tune_weights": while_tuning}

    def valid(self) -> dict[str, Any]:
        """Texts to score on and lines to translate: those of the recipe's [evaluate], and held-out documents."""
        lines = {
            code: [line for file in files for line in (self.base / file).read_text("utf-8").splitlines()]
            for code, files in self.recipe.evaluate.texts.items()
        }
        texts = {code: some[:200] for code, some in lines.items()}
        held: dict[str, list[str]] = {}
        for shard in sorted((self.run / "cut" / "held-out").glob("part-*.parquet")):
            for row in read_shard(shard, Kept):
                if len(row.text) > 400:
                    held.setdefault(row.language, []).append(row.text[:900])
        for code, some in held.items():
            random.Random(1).shuffle(some)
            texts[f"{code} docs"] = some[:80]
        translate = {}
        for one, other in permutations(lines, 2):
            if len(lines[one]) == len(lines[other]) and (asking := self.packs[one].prompts["translate"].get(other)):
                both = zip(lines[one][:LINES], lines[other][:LINES], strict=True)
                translate[f"{one}-{other}"] = [{"prompt": f"{asking} {a}", "reference": b} for a, b in both]
        return {"texts": texts, "translate": translate}

    def chat(self) -> dict[str, str]:
        """What the chat template writes around a request and an answer."""
        mark = "\0"
        before, after = tune.render(self.tokenizer, [{"role": "user", "content": mark}], ask=True).split(mark)
        return {"open": before, "close": after, "end": self.tokenizer.eos_token}


def write_vocabularies(job: Job, out: Path, added: int) -> None:
    """The run's own vocabulary, one that is longer by `added` tokens, and the base's rows that they use."""
    folder = open_base(job.recipe.tokenizer.base, job.base)
    base, fitted = read_vocabulary(folder), read_vocabulary(job.run / "tokenizer")
    parts = (groups for shard in job.shards for groups in corpus.texts_of_documents(shard))
    own = [
        text
        for groups in parts
        for group, texts in groups.items()
        if group.startswith(f"{job.recipe.language}/")
        for text in texts
    ]
    scripts = {load_pack(job.recipe.language).main_script}
    found: dict[str, tuple[BpeVocabulary, list[list[int]]]] = {
        "trim": (fitted, weights.read_rows(job.run / "tokenizer" / "rows.npz"))
    }
    longer = extend(fitted, own, added, scripts, 5)
    found["ext"] = (longer, starting_rows(base, longer, len(fitted.tokens)))
    kept = sorted({i for _, rows in found.values() for row in rows for i in row})
    place = {old: new for new, old in enumerate(kept)}
    count = len(fitted.tokens)
    for name, (vocabulary, rows) in found.items():
        (out / f"tokenizer.{name}.json").write_text(vocabulary.dump(), "utf-8")
        weights.write_rows(out / f"rows.{name}.npz", rows)
        moved = [[place[i] for i in row] for row in rows]
        (out / f"rows.{name}.json").write_text(json.dumps({"old": moved[:count], "new": moved[count:]}), "utf-8")
        print(f"{name}: {len(rows):,} tokens")
    write_weights(weights.packaged_gguf(job.recipe.tokenizer.base), np.array(kept), out)
    (out / "config.json").write_text((folder / "config.json").read_text("utf-8"), "utf-8")


def write_weights(file: Path, rows: Any, out: Path) -> None:
    """The base's tensors as they are in its GGUF, only the rows that are used; in parts below 56 MB."""
    import gguf

    parts: list[dict[str, Any]] = [{}]
    size = 0
    for tensor in gguf.GGUFReader(file).tensors:
        data = tensor.data[rows] if tensor.name == "token_embd.weight" else tensor.data
        for number, piece in enumerate(np.array_split(data, 4) if tensor.name == "token_embd.weight" else [data]):
            if parts[-1] and size + piece.nbytes > 56_000_000:
                parts.append({})
                size = 0
            parts[-1] |= {f"{tensor.name}:{int(tensor.tensor_type)}:{number}": np.ascontiguousarray(piece)}
            size += piece.nbytes
    for number, part in enumerate(parts):
        np.savez(out / f"weights{number}.npz", **part)


def check(job: Job, out: Path) -> float:
    """Mean difference in log-probability between transformers with the base and ours with what was packed."""
    import torch
    from model import Arm, Gemma
    from transformers import AutoModelForCausalLM

    model = Gemma(out, Arm(name="check"), torch.device("cpu"))
    text = job.tokenizer.bos_token + "\n".join(job.valid()["texts"][job.recipe.language][:3])
    ids = torch.tensor([job.tokenizer.encode(text, add_special_tokens=False)])
    old = torch.tensor([row[0] for row in weights.read_rows(out / "rows.trim.npz")])
    folder = open_base(job.recipe.tokenizer.base, job.base)
    whole = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        made = model.weights()
        packed = (model.hidden(ids, made).to(made[0].dtype) @ made[0].T).float()
        known = whole(old[ids]).logits[..., old]
    own, other = (torch.log_softmax(part, -1)[0, :-1].gather(1, ids[0, 1:, None]) for part in (packed, known))
    return float((own - other).abs().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--base", type=Path, default=Path("recipes"), help="Folder of the recipe")
    parser.add_argument("--added", type=int, default=8_000, help="Pieces of the longer vocabulary")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    job = Job(options.run, options.base)
    rows = list(job.rows())
    random.Random(1).shuffle(rows)
    half = -(-len(rows) // 2)
    for number in range(2):
        with lzma.open(options.out / f"texts{number}.jsonl.xz", "wt", encoding="utf-8", preset=6) as file:
            for row in rows[number * half : (number + 1) * half]:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    for name, said in (("weights", job.weights()), ("valid", job.valid()), ("chat", job.chat())):
        (options.out / f"{name}.json").write_text(json.dumps(said, ensure_ascii=False, indent=1), "utf-8")
    write_vocabularies(job, options.out, options.added)
    print(f"{len(rows):,} texts; mean difference of log-probabilities, packed and base: {check(job, options.out):.4f}")


if __name__ == "__main__":
    main()
