"""The sections of a recipe from `collect` to `cut`: what a corpus is made of. `recipe` has the others."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A group of settings that one stage reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    if not TYPE_CHECKING:  # a type checker must go on refusing names that no section has

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(
                f"{type(self).__name__} has no setting {name!r} here: a stage sees those that it names in `settings` "
                "(stage_table.py), no other"
            )


class Source(Section):
    """A set of files to collect from."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$", description="Short name, kept with every document.")
    path: str = Field(
        description="File, folder or pattern, relative to the recipe; `@FILE`: those that FILE lists, a line each; an "
        "address (https, s3); `sample:` is the bundled crawl, `pack:` the language's own list of sites; of a commons "
        "the file, or the address of PostgreSQL."
    )
    kind: Literal["warc", "commoncrawl", "site", "html", "jsonl", "parquet", "text", "files", "commons"] = Field(
        "warc",
        description="Form: warc (also WET, or a far list of them), commoncrawl (by its index), site, commons (accepted "
        "contributions of `serve --contribute`), or files: pages, corpora, and `files` for PDF, Word, EPUB and slides.",
    )
    crawls: tuple[str, ...] = Field((), strict=False, description="Crawls to take from, such as CC-MAIN-2026-04.")
    files: int = Field(0, ge=0, description="First files of a far list (or parts of the index) to take; 0: all.")
    pages: int = Field(1000, ge=1, le=1_000_000, description="Most pages of one site.")
    pause: float = Field(1.0, ge=0, le=3600, description="Least seconds between two requests to a site.")
    depth: int = Field(0, ge=0, le=20, description="Links followed within a site; 0: its sitemaps and feeds alone.")
    sift: tuple[str, ...] = Field(
        (), strict=False, description="Languages: only pages whose bytes can hold one of them go on (`anatili sift`)."
    )
    language: str = Field(
        "",
        description="Language of all its documents, one of the recipe's; `mark` then takes it whatever the identifier "
        "says. Empty: each document is identified.",
    )
    license: str = Field("unknown", description="SPDX code, or `unknown` where each page has its own.")
    unit: Literal["line", "lines", "paragraph", "file"] = Field(
        "paragraph", description="What one document is in a text file; lines: following ones, about 120 words together."
    )
    column: int = Field(0, ge=0, le=1000, description="Column (from 1) of a tab-separated text file; 0: whole lines.")
    text_field: str = Field("text", description="Field that holds the text, in JSON lines and Parquet.")
    id_field: str = Field("", description="Field that holds an id of the source's own, if it has one.")
    url_field: str = Field("url", description="Field that holds the web address, if there is one.")


class Collect(Section):
    """Where documents come from."""

    rate: float = Field(4.0, ge=0, le=1000, description="Most requests a second to Common Crawl or a store; 0: any.")
    contact: str = Field("", pattern=r"^[ -~]*$", description="E-mail or web address that the User-Agent names.")
    sources: tuple[Source, ...] = Field((), strict=False, description="Files to collect from, in order.")
    shard_records: int = Field(200, ge=1, le=1_000_000, description="Records in one shard.")
    block_lists: tuple[str, ...] = Field(
        (), strict=False, description="Files of hosts and address prefixes whose pages are left out (as UT1's; .gz)."
    )
    max_bytes: int = Field(10_000_000, ge=1_000, le=1_000_000_000, description="Longest page in bytes, unpacked.")
    private_hosts: tuple[str, ...] = Field(
        (), strict=False, description="host:port of servers in a private network that may be fetched from."
    )


class Extract(Section):
    """How a page becomes a text."""

    mode: Literal["careful", "fast", "quick"] = Field(
        "careful",
        description="careful: trafilatura (F1 .96); fast: our own classifier (F1 .96 too, some quarter of the time); "
        "quick: resiliparse (F1 .92, a tenth of the time).",
    )
    min_characters: int = Field(80, ge=0, le=100_000, description="Pages with less text are counted as empty.")


class MarkSettings(Section):
    """What is looked at in each document."""

    benchmarks: tuple[str, ...] = Field(
        (), strict=False, description="Files of test sets, a sentence a line: texts that hold their words are marked."
    )
    line_letters: int = Field(25, ge=10, le=1000, description="Letters a line must have for its language to count.")


class Dedup(Section):
    """When two documents count as the same."""

    min_likeness: Share = Field(0.7, description="Share of common five-word sequences from which two are the same.")
    bands: int = Field(14, ge=1, le=64, description="Bands of the MinHash search; more find less alike pairs.")
    rows: int = Field(8, ge=1, le=32, description="Hashes in a band; more make a chance meeting rarer.")
    boilerplate_pages: int = Field(
        10, ge=0, description="Pages of a host that must hold a line for it to count as boilerplate; 0: none does."
    )
    shared_documents: int = Field(
        0, ge=0, description="Documents that must hold a sentence for it to count as shared, and be cut out; 0: none."
    )


class Cut(Section):
    """Which documents stay. A language pack may set other values in its [cut]; a value in the recipe wins."""

    min_words: int = Field(30, ge=0, le=100_000, description="Shorter documents are left out.")
    max_words: int = Field(100_000, ge=1, le=10_000_000, description="Longer documents are left out.")
    min_confidence: Share = Field(0.7, description="Least confidence of the language.")
    min_alphabet: Share = Field(0.85, description="Least share of letters from the language's own alphabet.")
    min_stopwords: Share = Field(0.02, description="Least share of stop words; lists of names and spam have few.")
    max_other: Share = Field(0.2, description="Letters in lines of another language from which those are cut out.")
    max_switched: Share = Field(0.08, description="Most words that may be stop words of another of the languages.")
    keep_folded: bool = Field(False, description="Keep texts typed without the language's own letters.")
    keep_translated: bool = Field(False, description="Keep pages that say that a machine translated them.")
    max_contaminated: int = Field(0, ge=0, description="Most sequences of eight words shared with [mark] benchmarks.")
    min_quality: float = Field(0.07, ge=-1, le=1, description="Least score of the pack's classifier; -1 keeps all.")
    max_repeats: Share = Field(0.3, description="Most of the characters that may stand in repeated lines.")
    max_repeated_words: Share = Field(0.2, description="Most of the words one three-word sequence may cover.")
    max_shared: Share = Field(0.5, description="Most of the words that may stand in shared sentences (`[dedup]`).")
    max_runs: Share = Field(0.4, description="Most of the words in five-word sequences that come more than once.")
    max_linked: Share = Field(0.5, description="Most of the words that may be links on the page.")
    max_surprisal: float = Field(1.9, ge=0, le=100, description="Most bits a character, as a multiple of good prose.")
    max_odd: Share = Field(0.15, description="Most of the words whose letters follow one another as in no known word.")
    min_order: float = Field(0.7, ge=-100, le=100, description="Least fit of neighboring words, in standard errors.")
    min_cohesion: float = Field(-0.3, ge=-100, le=100, description="Least that sentences must have in common.")
    max_unended: Share = Field(0.6, description="Most of the words in lines that break off without punctuation.")
    min_verse: Share = Field(0.5, description="Rhyming lines from which order, broken lines, stop words do not count.")
    max_symbols: Share = Field(0.1, description="Most of the characters that may be symbols.")
    max_links: int = Field(10, ge=0, le=10_000, description="Most web addresses in 100 words.")
    max_blocked: Share = Field(0.02, description="Most of the words that may be on the pack's blocked list.")
    scripts: tuple[str, ...] = Field(("Cyrl", "Latn", "Arab"), strict=False, description="ISO 15924 scripts that stay.")
    licenses: tuple[str, ...] = Field((), strict=False, description="Licenses or kinds (`permissive`) that stay.")
    obey_opt_outs: bool = Field(True, description="Leave out documents whose owner refuses use for training.")
    mask_personal: bool = Field(True, description="Write [email], [phone], [iin] in place of personal data.")
    held_out: Share = Field(0.05, description="Share of documents kept from training, for `evaluate`.")
