"""The model card: `README.md` in English for the Hugging Face hub, `README.CODE.md` in the other languages."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from anatili.lang import reference
from anatili.licenses import hub_name
from anatili.release.compatibility import compatibility_lines
from anatili.release.facts import Facts
from anatili.release.localization import Words, table, words_of

TASK = "text-generation"
HEADING = re.compile(r"(?m)^## .*$")
SMALLEST, SMALL = 50_000_000, 1_000_000_000
"""Parameters up to which a model is called a toy, or small."""


def model_card(facts: Facts, words: Words, names: Iterable[str], files: Mapping[str, str]) -> str:
    """The card in the language of `words`. `names`: languages with cards; `files`: file -> key of its description."""
    parts = list(sections(facts, words, files))
    others = [f"[{words.language(code)}]({card_name('README', code)})" for code in names if code != words.code]
    if others:
        parts.append(f"{words('other_languages')}: {', '.join(others)}.")
    head = f"---\n{front_matter(facts)}---\n\n" if words.code == reference() else ""
    return head + "\n\n".join(parts) + "\n"


def card_name(stem: str, code: str) -> str:
    """`README.md` in the reference language, else `README.CODE.md`."""
    return f"{stem}.md" if code == reference() else f"{stem}.{code}.md"


def front_matter(facts: Facts) -> str:
    """The metadata for the hub as YAML, with the scores as its `model-index`."""
    import yaml
    from huggingface_hub import ModelCardData

    data = ModelCardData(
        license=hub_name(facts.license),
        language=list(facts.languages),
        library_name="transformers",
        pipeline_tag=TASK,
        tags=["anatili"],
        model_name=facts.name,
        eval_results=eval_results(facts) or None,
        base_model=facts.base or None,
        license_name=facts.license if hub_name(facts.license) == "other" else None,
    ).to_dict()
    first = ("license", "license_name", "language", "library_name", "pipeline_tag", "tags")
    ordered = {key: data[key] for key in (*first, *sorted(data.keys() - {*first})) if data.get(key) is not None}
    text: str = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=120)
    return text


def eval_results(facts: Facts) -> list[Any]:
    """The scores of the released model, one for each text set and measure."""
    from huggingface_hub import EvalResult

    results = {}
    for row in facts.scores:
        if row["who"] == "tune":
            results[row["language"], row["texts"], "bits_per_byte"] = (row["bits_per_byte"], row.get("interval"), row)
    for row in facts.measures:
        if row["who"] == "tune" and row["value"] is not None:
            key = row["language"], str(row.get("texts", "")) or row["measure"], row["measure"]
            results[key] = (row["value"], row.get("interval"), row)
    return [
        EvalResult(
            task_type=TASK,
            dataset_type=texts.replace(" ", "-"),
            dataset_name=f"{texts} ({language})",
            dataset_config=language,
            metric_type=metric.replace(" ", "_"),
            metric_name=metric,
            metric_value=value,
            metric_args={"n": row["count"], **({"interval_95": list(interval)} if interval else {})},
        )
        for (language, texts, metric), (value, interval, row) in results.items()
    ]


def sections(facts: Facts, words: Words, files: Mapping[str, str]) -> Iterator[str]:
    """The card's text, part by part."""
    yield f"# {facts.name}"
    yield f"{introduction(facts, words)}\n\n{words(size_label(facts.parameters))}"
    yield f"## {words('limits')}\n\n{words('limits_text')}"
    yield f"## {words('training')}"
    yield "\n".join(f"- {line}" for line in training_lines(facts, words))
    yield f"## {words('scores')}"
    if facts.scores:
        yield words("scores_text")
        yield score_table(facts, words)
    if facts.measures:
        yield words("measures_text")
        yield measure_table(facts, words)
    if not (facts.scores or facts.measures):
        yield words("no_scores")
    yield memorized_text(facts, words)
    if facts.translation:
        yield f"## {words('translation')}\n\n{words('translation_text')}"
        yield table(*translation_rows(facts, words))
    yield f"## {words('license')}\n\n{' '.join(license_lines(facts, words))}"
    yield "\n".join(f"- {line}" for line in compatibility_lines(facts, words))
    yield f"{words('removal')}: {removal(facts, words)}"
    if files:
        yield f"## {words('files')}"
        rows = [[f"`{name}`", words(key)] for name, key in files.items()]
        yield table([words("column_file"), words("column_about")], rows)
    yield f"## {words('check')}\n\n{words('check_text')}\n\n{words('reproduce_text')}"


def memorized_text(facts: Facts, words: Words) -> str:
    """How much of its own texts the model has from its training text word for word, or that nobody measured it."""
    if not facts.memorized:
        return words("not_memorized")
    memorized = facts.memorized
    share, *interval = (words.decimal(100 * value, 2) for value in (memorized["share"], *(memorized["interval"] or ())))
    return words(
        "memorized",
        share=share,
        interval=" – ".join(interval) or "-",
        least=memorized["least_words"],
        words=words.number(memorized["words"]),
        texts=words.number(memorized["texts"]),
        tokens=memorized["tokens"],
        copied=words.number(memorized["texts_with_one"]),
        longest=memorized["longest"],
    )


def introduction(facts: Facts, words: Words) -> str:
    """What the model is, in a sentence."""
    languages = ", ".join(f"{words.language(code)} ({code})" for code in facts.languages)
    return words(
        "intro",
        parameters=words.number(facts.parameters),
        languages=languages,
        origin=origin(facts, words),
        made_with=facts.made_with,
    )


def origin(facts: Facts, words: Words) -> str:
    """What the training started from."""
    if not facts.base:
        return words("origin_scratch")
    parts = [words("origin_adapters" if facts.adapters else "origin_weights")]
    parts += [words("origin_trimmed")] if facts.trimmed else []
    parts += [words("origin_added", count=words.number(facts.added_tokens))] if facts.added_tokens else []
    return words("origin_base", base=facts.base, how=", ".join(parts))


def size_label(parameters: int) -> str:
    """The key of an honest description of a model of this size."""
    if parameters < SMALLEST:
        return "size_toy"
    return "size_small" if parameters < SMALL else "size_scores"


def training_lines(facts: Facts, words: Words) -> Iterator[str]:
    if facts.notes:
        yield facts.notes.get(words.code) or facts.notes[reference()]
    else:
        yield words(
            "training_tokens",
            tokens=words.number(facts.trained_tokens),
            context=facts.context,
            precision=facts.precision,
            device=facts.device,
            conversations=words.number(facts.conversations),
        )
    rates = ", ".join(f"{code} {words.decimal(rate, 2)}" for code, rate in facts.tokens_per_word.items())
    yield words("tokens_per_word", rates=rates)
    card = card_name("DATA", words.code)
    yield words("training_data", documents=words.number(facts.uses["training"]), data_card=card)


def license_lines(facts: Facts, words: Words) -> Iterator[str]:
    yield words("license_text", license=facts.license)
    if facts.base_license:
        yield words("license_base", base=facts.base, terms=facts.base_license)


def removal(facts: Facts, words: Words) -> str:
    """Where to write to have a document removed."""
    return words("removal_contact", contact=facts.contact) if facts.contact else words("removal_no_contact")


def score_table(facts: Facts, words: Words) -> str:
    return table(*score_rows(facts, words))


def score_rows(facts: Facts, words: Words) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of bits per byte."""
    columns = ("language", "texts", "count", "bytes", "model", "bits", "interval")
    rows = [
        [
            row["language"],
            row["texts"],
            words.number(row["count"]),
            words.number(row["bytes"]),
            row["who"],
            words.decimal(row["bits_per_byte"]),
            ends(row, words),
        ]
        for row in facts.scores
    ]
    return [words(f"column_{name}") for name in columns], rows


def measure_table(facts: Facts, words: Words) -> str:
    return table(*measure_rows(facts, words))


def measure_rows(facts: Facts, words: Words) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of all other measures."""
    columns = ("measure", "language", "texts", "count", "model", "value", "interval", "chance")
    ordered = sorted(
        facts.measures, key=lambda row: (row["measure"], row["language"], row.get("texts", ""), row["who"])
    )
    rows = [
        [
            row["measure"],
            row["language"],
            row.get("texts", ""),
            words.number(row["count"]),
            row["who"],
            "-" if row["value"] is None else words.decimal(row["value"]),
            ends(row, words),
            str(row.get("chance", "-")),
        ]
        for row in ordered
    ]
    return [words(f"column_{name}") for name in columns], rows


def translation_rows(facts: Facts, words: Words) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of directions."""
    rows = []
    for row in facts.translation:
        is_measured = row.get("chrf") is not None
        ends_of = [words.decimal(end, 1) for end in row.get("interval") or ()]
        rows.append(
            [
                f"{row['source']}-{row['target']}",
                words.decimal(row["chrf"], 1) if is_measured else words("not_measured"),
                " – ".join(ends_of) or "-",
                words.number(row["count"]) if is_measured else "-",
                row.get("texts") or "-",
            ]
        )
    columns = (
        words("column_direction"),
        "chrF++",
        words("column_interval"),
        words("column_count"),
        words("column_texts"),
    )
    return list(columns), rows


def with_added_parts(card: str, older: str) -> str:
    """`card` with the parts of an older one that somebody added to it, such as an audit, before the license."""
    headings = set(HEADING.findall(card))
    parts = re.split(r"(?m)^(?=## )", older)[1:]
    added = [part.strip() for part in parts if part.splitlines()[0] not in headings]
    if not added:
        return card
    before = f"## {words_of(reference())('license')}"
    return card.replace(before, "\n\n".join([*added, before]), 1)


def ends(row: Mapping[str, Any], words: Words) -> str:
    """The interval of a row; "-" if it has none."""
    interval = row.get("interval")
    return " – ".join(words.decimal(end) for end in interval) if interval else "-"
