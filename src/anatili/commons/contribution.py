"""What people give: kinds of lines with the fields that each needs, licenses, states and reasons."""

import hashlib
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from anatili.text import clean

Kind = Literal["answer", "translation", "passage", "sentence", "text"]
KINDS: tuple[Kind, ...] = ("answer", "translation", "passage", "sentence", "text")
"""Corrections of a model's answer, of its translation, of a passage of the search; the translation of a sentence that
was asked for; a new text."""
CORRECTIONS = ("answer", "translation", "passage")
WITH_SOURCE = ("answer", "translation", "sentence")
PAIRS = ("translation", "sentence")
LICENSES = ("CC0-1.0", "CC-BY-4.0")
"""Licenses to which a contributor can consent."""
TEXT_LICENSES = (*LICENSES, "CC-BY-SA-4.0")
"""Licenses that a text by somebody else may have."""
WAITING, QUEUED, ACCEPTED, REJECTED, WITHDRAWN = "waiting", "queued", "accepted", "rejected", "withdrawn"
"""States of a line: it waits for votes, it waits for a moderator, and how it ended."""
REASONS = ("", "wrong", "language", "unnatural", "copied", "spam", "personal", "other")
"""Why somebody finds a line bad."""
SHORT, LONG = 4_000, 20_000
"""Most characters of a line, and of a new text or passage."""
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,20}$")]
Short = Annotated[str, Field(max_length=SHORT)]


class Contribution(BaseModel):
    """A line as somebody gives it; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] = Field(
        description="Random, chosen by the sender: a line that is sent again with the same id is kept once."
    )
    kind: Kind
    language: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{2,20}$")] = Field(description="Language of the text.")
    text: Annotated[str, Field(max_length=LONG)] = Field(description="What the contributor writes.")
    draft: Annotated[str, Field(max_length=LONG)] = Field("", description="What the machine or the passage said.")
    source: Short = Field("", description="The question, or the text that is translated.")
    source_language: Code = ""
    title: Annotated[str, Field(max_length=300)] = ""
    origin: Annotated[str, Field(max_length=1000)] = Field("", description="Where a text or a passage is from.")
    license: Annotated[str, Field(pattern=r"^[A-Za-z0-9.+-]{0,40}$")] = Field(
        "", description="Of a text or passage by somebody else."
    )
    model: Annotated[str, Field(max_length=200)] = ""

    @model_validator(mode="before")
    @classmethod
    def tidy(cls, values: object) -> object:
        """Invisible characters and stray spaces are taken out before anything is checked."""
        if not isinstance(values, dict):
            return values
        fields = ("text", "draft", "source", "title", "origin", "model")
        return {
            key: clean(value).strip() if key in fields and isinstance(value, str) and len(value) <= LONG else value
            for key, value in values.items()
        }

    @model_validator(mode="after")
    def fits_its_kind(self) -> "Contribution":
        if not self.text:
            raise ValueError("the text is empty; write what you want to give")
        if self.kind not in ("text", "passage") and len(self.text) > SHORT:
            raise ValueError(f"at most {SHORT} characters; give the rest as another line")
        if self.kind in WITH_SOURCE and not self.source:
            raise ValueError("the question or the source text is missing; send it as `source`")
        if self.kind in PAIRS and not self.source_language:
            raise ValueError("send the language of the source text as `source_language`")
        if self.kind in PAIRS and self.source_language == self.language:
            raise ValueError("the source text and the translation are in the same language; choose another one")
        if self.kind in CORRECTIONS and not self.draft:
            raise ValueError("a correction needs the text that it corrects; send it as `draft`")
        if self.kind in CORRECTIONS and self.text == self.draft:
            raise ValueError("nothing was changed; write it as it should be")
        if self.kind == "text" and self.license and self.license not in TEXT_LICENSES:
            raise ValueError(f"a text must be one's own or under one of {', '.join(TEXT_LICENSES)}")
        if self.kind == "text" and self.license and not self.origin:
            raise ValueError("say where the text is from: an address, or a book with its year")
        if "://" in self.origin and urlsplit(self.origin).scheme not in ("http", "https"):
            raise ValueError("an address must start with http:// or https://")
        return self

    def folded(self) -> str:
        """What makes two lines the same: kind, language, source and text, without case and signs."""
        parts = (self.kind, self.language, self.source, self.text)
        return "\n".join(" ".join("".join(c if c.isalnum() else " " for c in part.lower()).split()) for part in parts)


def digest_of(token: str) -> str:
    """What is stored of a contributor's token. Tokens are random and long, so one round of SHA-256 is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def license_of(line: Contribution, consent: str) -> str:
    """The license under which a line can be given on: that of what it is made from, if that asks for more."""
    return line.license if line.kind in ("text", "passage", *PAIRS) and line.license not in ("", "CC0-1.0") else consent
