"""`audit.toml` of a pack: how answers refuse or deflect in the language, and how an audit asks and reports in it."""

from functools import cache
from pathlib import Path

from pydantic import Field

from anatili.lang import LanguagePack, PackTable, Regex, read_table, read_toml
from anatili.problem import Problem

KINDS = ("refused", "deflected", "unknowing", "answered")
"""What a case may be."""


class Ask(PackTable):
    """How an audit asks."""

    cloze: str = Field("{question}\n", description="What stands before a statement that is scored.")
    listed: str = Field(description="Question which of `{options}`, one a line, is right; the statement follows.")
    letters: tuple[str, str] = Field(description="Two ways to ask for the letter of the right one of `{options}`.")
    rubric: str = Field("", description="What a judge is asked about `{question}` and `{answer}`.")
    verdicts: dict[str, str] = Field(default={}, description="answered, evaded, refused -> the judge's word for it.")


class Case(PackTable):
    """An answer, and the class that it must get."""

    text: str
    expected: str = Field(alias="is", pattern=f"^({'|'.join(KINDS)})$")


class AuditWords(PackTable):
    """What `audit.toml` may say. Phrases are linear regular expressions for lowercase text."""

    refusal: tuple[Regex, ...] = Field(min_length=1, description="How an answer declines.")
    deflection: tuple[Regex, ...] = Field((), description="How it sends the reader elsewhere or changes the subject.")
    unknowing: tuple[Regex, ...] = Field((), description="How it says that it does not know.")
    hedge: tuple[Regex, ...] = Field((), description="How it keeps to generalities.")
    ask: Ask
    cases: tuple[Case, ...] = ()
    report: dict[str, str] = Field(default={}, description="Words of the report.")


@cache
def load_words(folder: Path) -> AuditWords | None:
    """The `audit.toml` in a pack's folder; None where there is none, or nothing in it."""
    path = folder / "audit.toml"
    return read_table(path, AuditWords) if read_toml(path) else None


def audit_words(pack: LanguagePack) -> AuditWords:
    """The words of a pack; `Problem` if it has none."""
    words = load_words(pack.folder)
    if words is None:
        raise Problem(f"the pack {pack.code} has no audit.toml, so nothing can be audited in {pack.name}")
    return words
