"""Commands for tokenizers and models: report, fit, export."""

from pathlib import Path
from typing import Any

import click

from anatili.cli.options import Group, as_json, print_json, report_problems, say_aside
from anatili.cli.pulling import offers_to_pull
from anatili.problem import Problem

PATH = click.Path(path_type=Path)
plot_option = click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="File for a plot, .png or .svg."
)


@click.group(cls=Group)
def tokenizer() -> None:
    """Measure tokenizers, learn a vocabulary, or adapt that of a base model.

    \b
    anatili tokenizer report runs/tiny/tokenizer --text kk.txt --text en.txt --peers
    anatili tokenizer train --text kk.txt --vocabulary 32768 --out my-tokenizer
    anatili tokenizer fit gemma-3-270m --text kk.txt --language kk --added 8000 --out fitted
    """


@tokenizer.command("report")
@click.argument("tokenizers", nargs=-1, type=PATH)
@click.option(
    "--text", "texts", multiple=True, required=True, metavar="[LANG=]FILE", help="One text per line; repeatable."
)
@click.option("--peers", is_flag=True, help="Add the tokenizers whose packages are installed (Llama, Qwen, Tekken).")
@click.option("--pivot", default="", help="Language with which parity compares.  [default: English]")
@plot_option
@as_json
@report_problems
@offers_to_pull
def report_command(
    tokenizers: tuple[Path, ...], texts: tuple[str, ...], peers: bool, pivot: str, plot: Path | None, wants_json: bool
) -> None:
    """Measure tokens per word, bytes per token, parity and exactness of TOKENIZERS on texts.

    A tokenizer is a folder with tokenizer.json, such a file, a .gguf, SentencePiece's .model, tiktoken's ranks,
    Tekken's JSON, or the name of a bundled model. Files with the same number of lines are treated as translations of
    each other: parity is then the number of tokens for each token in the pivot language.

    \b
    anatili tokenizer report runs/tiny/tokenizer --text kk=dev/kk.txt --text en=dev/en.txt --peers --plot t.png
    """
    from anatili.lang import reference
    from anatili.opening import tokenizer_file
    from anatili.plot import check_plot
    from anatili.tokenizer import report
    from anatili.tokenizer.peers import installed_peers, open_tokenizer

    if not tokenizers and not peers:
        raise Problem("no tokenizer to report on: name one, or add --peers")
    if plot:
        check_plot(plot)
    read_texts = [named_text(text) for text in texts]
    opened = [  # a model that was found by its name is called by it, not by its file in the cache
        open_tokenizer(tokenizer_file(path, say_aside), "" if path.exists() else str(path)) for path in tokenizers
    ] + (installed_peers() if peers else [])
    if not opened:
        raise Problem("no other tokenizer is installed: name one to report on")
    rows = report.report(opened, read_texts, pivot or reference())
    if plot:
        report.draw(plot, rows)
    if wants_json:
        print_json(report.as_json(rows))
        return
    from anatili.cli.progress import show_table

    show_table(
        ["tokenizer", "tokens", "text", "", "words", "tokens/word", "bytes/token", "1-token words", "exact", "parity"],
        [
            [
                row.tokenizer,
                f"{row.size:,}",
                row.text,
                row.language,
                f"{row.words:,}",
                f"{row.tokens_per_word:.2f}",
                f"{row.bytes_per_token:.2f}",
                f"{row.one_token_words:.0%}",
                f"{row.exact:.2%}",
                f"{row.parity:.2f}" if row.parity else "-",
            ]
            for row in rows
        ],
    )


def named_text(argument: str) -> Any:
    """The text of an argument `[LANG=]FILE`."""
    from anatili.tokenizer.report import read_text

    language, mark, path = argument.partition("=")
    return read_text(Path(path), language) if mark and len(language) < 9 else read_text(Path(argument))


texts_option = click.option(
    "--text",
    "texts",
    multiple=True,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Text to learn from, UTF-8; repeatable.",
)
out_option = click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write."
)


@tokenizer.command("train")
@texts_option
@click.option(
    "--vocabulary", default=32768, show_default=True, type=click.IntRange(512, 500_000), help="Number of tokens."
)
@out_option
@report_problems
def train_command(texts: tuple[Path, ...], vocabulary: int, out: Path) -> None:
    """Learn a byte-level vocabulary from text files; unknown characters are encoded as bytes, so nothing is lost.

    \b
    anatili tokenizer train --text kk.txt --text ru.txt --vocabulary 49152 --out my-tokenizer
    """
    from anatili.tokenizer.train import train_on_files

    size = train_on_files(texts, vocabulary, out)
    click.echo(f"{size:,} tokens in {out}")
    if size < vocabulary:
        say_aside(f"fewer than {vocabulary:,}: no other pair comes twice in these texts; add more with --text")


@tokenizer.command("fit")
@click.argument("base")
@texts_option
@click.option("--language", required=True, help="Code of the language pack in whose script the new tokens are.")
@click.option(
    "--added", default=0, show_default=True, type=click.IntRange(0, 200_000), help="Number of tokens to learn."
)
@click.option(
    "--trim", default=0, show_default=True, type=click.IntRange(0), help="Number of first tokens to keep; 0: all."
)
@out_option
@report_problems
def fit_command(base: str, texts: tuple[Path, ...], language: str, added: int, trim: int, out: Path) -> None:
    """Adapt the vocabulary of BASE, a model folder or bundled base: remove tokens of other languages, learn new ones.

    Text without removed tokens and without letters of the language's script is tokenized exactly as before.
    """
    from anatili.tokenizer.train import adapt_to_files

    size = adapt_to_files(base, texts, language, out, added=added, trim=trim)
    click.echo(f"{size:,} tokens in {out}; rows.npz lists the old embeddings from which each new one is initialized")


@click.command()
@click.argument("model", type=PATH)
@click.option("--gguf", is_flag=True, help="Write GGUF, for llama.cpp; this is the default.")
@click.option("--ctranslate2", is_flag=True, help="Write a folder for CTranslate2 (NLLB, Tilmash, M2M100, MADLAD).")
@click.option(
    "--quantization",
    default="",
    help="f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0; for CTranslate2 int8, "
    "bfloat16, float16, float32.  [default: q8_0, int8]",
)
@click.option("-o", "--out", type=PATH, help="File, or folder of a package.  [default: beside MODEL]")
@click.option("--base", type=PATH, help="Base model of an adapter; MODEL is then a PEFT folder.")
@click.option(
    "--package", is_flag=True, help="Write everything of a run that is to be published into the folder --out."
)
@click.option(
    "--check/--no-check", default=True, show_default=True, help="Run both models and compare their log-probabilities."
)
@as_json
@report_problems
@offers_to_pull
def export(
    model: Path,
    gguf: bool,
    ctranslate2: bool,
    quantization: str,
    out: Path | None,
    base: Path | None,
    package: bool,
    check: bool,
    wants_json: bool,
) -> None:
    """Convert MODEL to GGUF or CTranslate2, and check that it computes the same.

    MODEL is a Hugging Face folder or a run. GGUF is for llama.cpp, CTranslate2 for models that only translate. A tensor
    that is missing, unused or of another shape stops the export.

    \b
    anatili export runs/tiny/tune/model --gguf
    anatili export runs/mine/tune/adapter --base base-model --gguf -o adapter.gguf
    anatili export madlad400-3b-mt --ctranslate2 -o madlad      for `anatili translate madlad` and `serve`
    anatili export runs/mine --package -o mine        for `anatili chat mine` elsewhere, with card and digests
    """
    from anatili.opening import find_model
    from anatili.train import export as exporting

    if ctranslate2:
        facts = exporting.to_ctranslate2(model, out, quantization or "int8", check=check)
        line = f"{facts['folder']}: {facts['bytes'] / 1e6:.1f} MB, in {facts['seconds']:.0f} s"
    elif package:
        show_package(model, out or Path(model.name), quantization or "q8_0", wants_json)
        return
    elif base:
        from anatili.gguf.adapter import export_adapter

        facts = export_adapter(model, base, out or model.with_suffix(".gguf"))
        line = f"{facts['file']}: {facts['bytes'] / 1e6:.1f} MB, apply it with --adapter"
    else:
        facts = exporting.to_gguf(find_model(str(model)), out, quantization or "q8_0", check=check)
        line = f"{facts['file']}: {facts['bytes'] / 1e6:.1f} MB"
    if wants_json:
        print_json(facts)
        return
    click.echo(line)
    if "parity" in facts:
        show_parity("CTranslate2" if ctranslate2 else "llama.cpp", facts["parity"])


def show_parity(engine: str, parity: dict[str, Any]) -> None:
    """Print how close the log-probabilities of an engine are to those of transformers."""
    click.echo(f"{engine} and transformers agree at {parity['positions']} positions: log-probabilities differ by")
    click.echo(f"{parity['mean']:.4f} on average (limit {parity['allowed']}) and {parity['most']:.4f} at most")


def show_package(run: Path, folder: Path, quantization: str, wants_json: bool) -> None:
    from anatili.models.packaging import pack
    from anatili.run import find_run

    description = pack(find_run(run), folder, quantization)
    if wants_json:
        print_json(description)
        return
    size = sum((folder / name).stat().st_size for name in description["files"])
    click.echo(f"{folder}: {size / 1e6:.1f} MB" + (f", built on {description['base']}" if description["base"] else ""))


COMMANDS = (tokenizer, export)
