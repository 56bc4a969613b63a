"""Pack a GPU training job: texts, lessons, fitted vocabularies and the base, in parts that travel.

    python bench/gpu/pack.py DATA EXTRA JOB

DATA is a folder of third-party data that is not part of this project; EXTRA holds further texts
(`kk.NAME.txt`: documents separated by blank lines; `kk-ru.NAME.tsv`: pairs). Lines that share eight words
in a row with DATA/bench or DATA/exams are left out and counted.
"""

import argparse
import json
import lzma
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from anatili import weights
from anatili.lang import load_pack
from anatili.recipe import Tune
from anatili.tokenizer.adapt import rows_of
from anatili.tokenizer.extend import extend
from anatili.tokenizer.pieces import read_vocabulary
from anatili.tokenizer.trim import trim
from anatili.train import lessons

LANGUAGES = ("kk", "ru", "en", "tr")
PROSE = {"kaznerd": 1, "stukenov_seeds": 1, "apertium_kaz_segcorpus": 1, "apertium_kaz_texts": 1, "common_voice_kk": 1,
         "lingua_testdata": 1, "sdg_translations": 1, "mozilla_www_l10n": 1, "akorda8651": 1, "apertium_kaz_rus": 1,
         "kaznu_parallel": 1, "faker_kkwiki": 1}  # fmt: skip
OTHER = ("kazsandra", "debian_l10n", "mozilla_apps", "mediawiki", "aosp_framework")
PAIRS_PROSE = {"kk-en": ("kaznu_parallel", "sdg_translations", "mozilla_www_l10n"),
               "kk-ru": ("apertium_kaz_rus", "sdg_translations", "mozilla_www_l10n"),
               "kk-tr": ("sdg_translations", "mozilla_www_l10n")}  # fmt: skip
PAIRS_STRINGS = {"kk-en": ("debian_l10n", "mediawiki", "aosp_framework"),
                 "kk-ru": ("debian_l10n", "mediawiki", "mozilla_apps", "aosp_framework"),
                 "kk-tr": ("debian_l10n", "mediawiki", "mozilla_apps", "aosp_framework")}  # fmt: skip
LONGEST = {"kk": 1100, "ru": 1500, "en": 1900, "tr": 1500}
"""Letters of a document part: about 450 tokens."""
SKIPPED = re.compile(r"_mt\b|^docs_dsx|^docs_saltanat|rust_book")
"""Texts made or helped by machines."""
WORD = re.compile(r"[^\W\d_]+")
random.seed(1)


def ngrams(text: str) -> Iterator[int]:
    words = WORD.findall(text.casefold())
    for start in range(len(words) - 7):
        yield hash(" ".join(words[start : start + 8]))


def guarded(data: Path) -> set[int]:
    found: set[int] = set()
    patterns = ("bench/*_dev/*.txt", "bench/ud_kazakh_ktb/kk.txt", "bench/sib200/*/*", "exams/*.jsonl")
    for file in (file for pattern in patterns for file in data.glob(pattern)):
        for line in file.read_text("utf-8", "replace").splitlines():
            found.update(ngrams(line))
    return found


class Guard:
    def __init__(self, data: Path) -> None:
        self.known, self.lost = guarded(data), 0

    def ok(self, text: str) -> bool:
        hit = any(gram in self.known for gram in ngrams(text))
        self.lost += hit
        return not hit


class Caser:
    """Capitals given back to lower-cased text, by how words are mostly written within sentences elsewhere."""

    def __init__(self, texts: Iterable[str]) -> None:
        upper: Counter[str] = Counter()
        lower: Counter[str] = Counter()
        forms: dict[str, Counter[str]] = {}
        for text in texts:
            for match in list(WORD.finditer(text))[1:]:
                word = match.group()
                low = word.lower()
                (lower if word == low else upper)[low] += 1
                if word != low:
                    forms.setdefault(low, Counter())[word] += 1
        self.table = {w: forms[w].most_common(1)[0][0] for w, n in upper.items() if n >= 2 and n > 1.5 * lower[w]}

    def __call__(self, text: str) -> str:
        if text != text.lower():
            return text
        text = WORD.sub(lambda m: self.table.get(m.group(), m.group()), text)
        text = re.sub(r"\s+([,.;:!?»)])", r"\1", text)
        text = re.sub(r"([«(])\s+", r"\1", text)
        text = re.sub(r"\s+('s|'t|n't)\b", r"\1", text)
        text = re.sub(r'"\s+([^"]*?)\s+"', r"«\1»", text).replace('" ', "").strip(' "')
        start = next((i for i, c in enumerate(text) if c.isalpha()), 0)
        return text[:start] + text[start : start + 1].upper() + text[start + 1 :]


def read_lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]


def is_prose(line: str, least: int = 4) -> bool:
    letters = sum(map(str.isalpha, line))
    return len(line.split()) >= least and letters > 0.6 * len(line) and not line.startswith(('"<', '"'))


def undoubled(lines: list[str]) -> list[str]:
    """Without lines that say nearly what the one before says (numbers in words and in digits)."""
    kept: list[str] = []
    for line in lines:
        now, before = set(line.lower().split()), set(kept[-1].lower().split()) if kept else set()
        if not before or len(now & before) < 0.6 * len(now | before):
            kept.append(line)
    return kept


def blocks(lines: list[str], longest: int) -> Iterator[str]:
    """Half of the lines alone, half several to a text."""
    waiting: list[str] = []
    size = random.randint(3, 10)
    for line in lines:
        if random.random() < 0.3:
            yield line
            continue
        if waiting and (len(waiting) >= size or sum(map(len, waiting)) + len(line) > longest):
            yield "\n".join(waiting)
            waiting, size = [], random.randint(3, 10)
        waiting.append(line)
    if waiting:
        yield "\n".join(waiting)


def parts(document: str, longest: int) -> Iterator[str]:
    """A document in parts that fit, cut between paragraphs or sentences."""
    pieces: list[str] = []
    for paragraph in document.splitlines():
        if len(paragraph) <= longest:
            pieces.append(paragraph)
        else:
            pieces += re.split(r"(?<=[.!?…])\s+(?=[A-ZА-ЯЁӘҒҚҢӨҰҮІÇĞİÖŞÜ«“—–-])", paragraph)
    now: list[str] = []
    for piece in pieces:
        if now and sum(map(len, now)) + len(piece) > longest:
            yield "\n".join(now)
            now = []
        now.append(piece[: 2 * longest])
    if now:
        yield "\n".join(now)


def documents(path: Path) -> Iterator[str]:
    for document in re.split(r"\n\s*\n", path.read_text("utf-8", "replace")):
        if document.strip():
            yield document.strip()


def read_rows(path: Path) -> Iterator[list[str]]:
    for line in path.read_text("utf-8", "replace").splitlines():
        row = [cell.strip() for cell in line.split("\t")]
        if len(row) >= 2 and row[0] and row[1]:
            yield row


PLACEHOLDER = re.compile(r"%[\w$]|\{|\}|&\w|<\w|\$\w|https?:|\\n|_\w")
NUMBER = re.compile(r"\d+")


def good_pair(one: str, other: str, *, least: int = 3) -> bool:
    if not (least <= len(one.split()) <= 60 and least <= len(other.split()) <= 70):
        return False
    if PLACEHOLDER.search(one) or PLACEHOLDER.search(other) or one == other:
        return False
    if not 0.4 < len(one) / len(other) < 2.5:
        return False
    first, second = Counter(NUMBER.findall(one)), Counter(NUMBER.findall(other))
    return sum((first - second).values()) + sum((second - first).values()) <= 1


class Job:
    def __init__(self, data: Path, extra: Path) -> None:
        self.data, self.extra = data, extra
        self.guard = Guard(data)
        self.groups: dict[str, list[list[list[Any]]]] = {}
        self.pairs: dict[str, dict[str, list[tuple[str, str]]]] = {}
        self.packs = {code: load_pack(code) for code in LANGUAGES}
        self.held: dict[str, list[str]] = {}

    def add(self, group: str, text: str) -> None:
        if self.guard.ok(text):
            self.groups.setdefault(group, []).append([["<bos>", 0], [text, 1], ["<eos>", 1]])

    def kazakh(self) -> None:
        folder = self.data / "text"
        cased = [line for name in ("kaznerd", "stukenov_seeds", "apertium_kaz_segcorpus", "apertium_kaz_rus")
                 for line in read_lines(folder / f"{name}.kk.txt")]  # fmt: skip
        self.caser = Caser(cased)
        seen: set[str] = set()
        for name in PROSE:
            lines = [self.caser(line) for line in undoubled(read_lines(folder / f"{name}.kk.txt")) if is_prose(line)]
            lines = [line for line in lines if not (line.lower() in seen or seen.add(line.lower()))]
            for text in blocks(lines, LONGEST["kk"]):
                self.add("kk prose", text)
        for name in OTHER:
            lines = list(dict.fromkeys(line for line in read_lines(folder / f"{name}.kk.txt") if is_prose(line, 5)))
            lines = [line for line in lines if not PLACEHOLDER.search(line)]
            for text in blocks(lines, LONGEST["kk"]):
                self.add("kk reviews" if name == "kazsandra" else "kk strings", text)

    def extras(self) -> None:
        for path in sorted(self.extra.glob("??.*.txt")):
            code, name = path.name.split(".")[:2]
            if code not in LANGUAGES or SKIPPED.search(name):
                continue
            kept = list(documents(path))
            random.Random(path.name).shuffle(kept)
            if len(kept) > 200 or "wiki" in name or "classics" in name:
                long = [text for text in kept if len(text) > 400][:12]
                self.held.setdefault(code, []).extend(text[:900] for text in long)
                kept = [text for text in kept if text not in long]
            for document in kept:
                for text in parts(document, LONGEST[code]):
                    if len(text.split()) >= 5:
                        self.add(f"{code} law" if "law" in name else f"{code} docs", text)

    def parallel(self) -> None:
        english = Caser(
            row[1] for row in read_rows(self.data / "parallel/kk-en/kaznu_parallel.tsv") if row[1] != row[1].lower()
        )
        for kind, table in (("prose", PAIRS_PROSE), ("strings", PAIRS_STRINGS)):
            for pair, names in table.items():
                for name in names:
                    for row in read_rows(self.data / "parallel" / pair / f"{name}.tsv"):
                        one, other = row[:2]
                        if name == "kaznu_parallel":
                            if len(row) > 2 and row[2] and float(row[2]) < 0.3:
                                continue
                            if one == one.lower():
                                one, other = self.caser(one), english(other)
                        if good_pair(one, other, least=3 if kind == "prose" else 4):
                            self.pairs.setdefault(pair, {}).setdefault(kind, []).append((one, other))
        for path in sorted(self.extra.glob("??-??.*.tsv")):
            pair = path.name[:5]
            if SKIPPED.search(path.name) or not set(pair.split("-")) <= set(LANGUAGES):
                continue
            kind = "law" if "law" in path.name else "help" if "help" in path.name or "docs" in path.name else "prose"
            for row in read_rows(path):
                if pair == "kk-en" and row[0] == row[0].lower():
                    row = [self.caser(row[0]), english(row[1])]
                if good_pair(row[0], row[1]):
                    self.pairs.setdefault(pair, {}).setdefault(kind, []).append((row[0], row[1]))
        for kind in ("prose", "strings", "help"):
            tables = {code: dict(self.pairs.get(f"kk-{code}", {}).get(kind, [])) for code in ("ru", "en", "tr")}
            for one, other in (("ru", "en"), ("ru", "tr"), ("en", "tr")):
                joined = [(tables[one][k], tables[other][k]) for k in tables[one].keys() & tables[other].keys()]
                self.pairs.setdefault(f"{one}-{other}", {}).setdefault(kind, []).extend(sorted(joined))
        for kinds in self.pairs.values():
            for kind, rows in kinds.items():
                kinds[kind] = [row for row in dict.fromkeys(rows) if self.guard.ok(row[0]) and self.guard.ok(row[1])]

    def lessons(self) -> None:
        for lesson in lessons.everything(Tune(), self.data, self.packs):
            name = "lessons " + ("translation" if lesson["kind"] == "translation" else lesson["kind"])
            self.groups.setdefault(name, []).append(chat(lesson["messages"]))

    def replay(self) -> None:
        """Prose of the other languages that stands beside Kazakh."""
        for pair, kinds in self.pairs.items():
            for kind in ("prose", "strings"):
                for place, code in enumerate(pair.split("-")):
                    if code == "kk" or (pair not in ("kk-en", "kk-ru", "kk-tr")):
                        continue
                    lines = list(dict.fromkeys(row[place] for row in kinds.get(kind, [])))
                    for text in blocks(lines, LONGEST[code]):
                        self.add(f"{code} {kind}", text)


def chat(messages: list[dict[str, str]]) -> list[list[Any]]:
    """A conversation as the fitted tokenizer's chat template writes it, in parts with and without loss."""
    row: list[list[Any]] = [["<bos>", 0]]
    for message in messages:
        role = "model" if message["role"] == "assistant" else message["role"]
        loss = int(role == "model")
        row += [[f"<start_of_turn>{role}\n", 0], [f"{message['content']}<eos>", loss], ["\n", 0]]
    return row[:-1]


def write_valid(job: Job, data: Path, out: Path) -> None:
    flores = {code: read_lines(data / f"bench/flores_dev/{code}.txt") for code in ("kk", "ru", "en")}
    texts = {code: flores[code][:200] for code in ("kk", "ru", "en")}
    ntrex = {"tr": read_lines(data / "bench/ntrex_dev/tur.txt"), "kk": read_lines(data / "bench/ntrex_dev/kaz.txt")}
    for code, held in job.held.items():
        if held:
            random.Random(1).shuffle(held)
            texts[f"{code} docs"] = held[:80]
    translate: dict[str, list[dict[str, str]]] = {}
    for one, other in (("kk", "en"), ("en", "kk"), ("kk", "ru"), ("ru", "kk"), ("ru", "en"), ("en", "ru")):
        asking = job.packs[one].prompts["translate"][other]
        translate[f"{one}-{other}"] = [
            {"prompt": f"{asking} {flores[one][i]}", "reference": flores[other][i]} for i in range(997)
        ]
    for one, other in (("kk", "tr"), ("tr", "kk")):
        asking = job.packs[one].prompts["translate"][other]
        translate[f"{one}-{other}"] = [
            {"prompt": f"{asking} {ntrex[one][i]}", "reference": ntrex[other][i]} for i in range(998)
        ]
    for rows in translate.values():
        del rows[150:]
    (out / "valid.json").write_text(json.dumps({"texts": texts, "translate": translate}, ensure_ascii=False), "utf-8")
    markers = {"open": "<bos><start_of_turn>user\n", "close": "<eos>\n", "ask": "<start_of_turn>model\n"}
    (out / "chat.json").write_text(json.dumps(markers), "utf-8")


def write_vocabularies(job: Job, folder: Path, out: Path, first: int, added: int) -> None:
    base = read_vocabulary(folder)
    texts = [
        "".join(part[0] for part in row if part[0] not in ("<bos>", "<eos>"))
        for rows in job.groups.values()
        for row in rows
    ]
    texts += [text for kinds in job.pairs.values() for some in kinds.values() for row in some for text in row]
    kazakh = [
        part[0]
        for name, rows in job.groups.items()
        if name in ("kk prose", "kk docs", "kk law")
        for row in rows
        for part in row[1:2]
    ]
    trimmed = trim(base, texts, scripts={"Cyrl"}, first=first, least=3)
    extended = extend(trimmed, kazakh, added, {"Cyrl"}, 5)
    used = []
    for name, fitted in (("trim", trimmed), ("ext", extended)):
        (out / f"tokenizer.{name}.json").write_text(fitted.dump(), "utf-8")
        rows = rows_of(base, fitted, len(trimmed.pieces))
        used.append(rows)
        print(name, len(fitted.pieces))
    kept = sorted({i for rows in used for row in rows for i in row})
    place = {old: new for new, old in enumerate(kept)}
    count = len(trimmed.pieces)
    for name, rows in zip(("trim", "ext"), used, strict=True):
        weights.write_rows(out / f"rows.{name}.npz", rows)
        old, new = [[place[i] for i in row] for row in rows[:count]], [[place[i] for i in row] for row in rows[count:]]
        (out / f"rows.{name}.json").write_text(json.dumps({"old": old, "new": new}), "utf-8")
    write_weights(weights.packaged_gguf("gemma-3-270m"), np.array(kept), out)


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
        print("weights", number, sum(v.nbytes for v in part.values()))


def check(job: Path, folder: Path) -> float:
    """Mean difference in log-probability between transformers with the base and ours with what was packed."""
    import torch
    from model import Arm, Gemma
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    model = Gemma(job, Arm(name="check"), torch.device("cpu"))
    tokenizer = Tokenizer.from_file(str(job / "tokenizer.trim.json"))
    text = "<bos>" + "\n".join(json.loads((job / "valid.json").read_text("utf-8"))["texts"]["kk"][:3])
    ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False).ids])
    old = torch.tensor([row[0] for row in weights.read_rows(job / "rows.trim.npz")])
    whole = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        made = model.weights()
        packed = (model.hidden(ids, made).to(made[0].dtype) @ made[0].T).float()
        known = whole(old[ids]).logits[..., old]
    own, other = (torch.log_softmax(part, -1)[0, :-1].gather(1, ids[0, 1:, None]) for part in (packed, known))
    return float((own - other).abs().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("extra", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--first", type=int, default=70_000)
    parser.add_argument("--added", type=int, default=8_000)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    job = Job(options.data, options.extra)
    job.kazakh()
    job.extras()
    job.parallel()
    job.replay()
    job.lessons()
    for pair, kinds in sorted(job.pairs.items()):
        for kind, some in kinds.items():
            print(f"pairs {pair} {kind:12} {len(some):8} {sum(len(''.join(r).encode()) for r in some) / 1e6:8.2f} MB")
    for name, rows in sorted(job.groups.items()):
        print(f"{name:32} {len(rows):8} {sum(len(p[0].encode()) for r in rows for p in r) / 1e6:8.2f} MB", flush=True)
    print("left out for eight words shared with a benchmark:", job.guard.lost)
    folder = weights.open_base("gemma-3-270m", Path())
    write_vocabularies(job, folder, options.out, options.first, options.added)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (options.out / "config.json").write_text(json.dumps(config, indent=1), "utf-8")
    write_valid(job, options.data, options.out)
    rows = [{"g": name, "t": row} for name, some in sorted(job.groups.items()) for row in some]
    for pair, kinds in sorted(job.pairs.items()):
        one, other = pair.split("-")
        ask = [job.packs[a].prompts["translate"][b] for a, b in ((one, other), (other, one))]
        rows += [
            {"g": f"{one} {other} {kind}", "p": list(row), "a": ask} for kind, some in kinds.items() for row in some
        ]
    random.shuffle(rows)
    half = -(-len(rows) // 2)
    for number in range(2):
        with lzma.open(options.out / f"texts{number}.jsonl.xz", "wt", encoding="utf-8", preset=6) as file:
            for row in rows[number * half : (number + 1) * half]:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"mean difference of log-probabilities, packed base and base: {check(options.out, folder):.4f}")


if __name__ == "__main__":
    main()
