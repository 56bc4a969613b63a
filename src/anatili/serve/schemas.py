"""What clients of OpenAI's API send. Keys that change nothing here are ignored, as that API's own servers do."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from anatili.engine import Message, Sampling


def no_truth(value: Any) -> Any:
    """JSON's true and false are no numbers, though Python's are."""
    if isinstance(value, bool | str):
        raise ValueError("a number is needed")
    return value


Int = Annotated[int, BeforeValidator(no_truth)]
Float = Annotated[float, BeforeValidator(no_truth)]
MAX_TOKENS = 2048
"""Tokens of one answer at most."""
MAX_PROMPTS = 256
"""Texts that one request may ask about."""
MAX_CHOICES = 8

TokenIds = Annotated[list[Annotated[Int, Field(ge=0, lt=2**31)]], Field(min_length=1, max_length=1 << 17)]
Texts = Annotated[list[str], Field(min_length=1, max_length=MAX_PROMPTS)]
ManyIds = Annotated[list[TokenIds], Field(min_length=1, max_length=MAX_PROMPTS)]
Stop = str | Annotated[list[str], Field(max_length=16)] | None


class Wanted(BaseModel):
    """A request."""

    model_config = ConfigDict(extra="ignore")
    model: str = Field("", max_length=200)


class Turn(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "user", "assistant", "developer"]
    content: str | Annotated[list[dict[str, Any]], Field(max_length=100)] | None = None

    def message(self) -> Message:
        role = "system" if self.role == "developer" else self.role
        if isinstance(self.content, list):
            kinds = ("text", "input_text", "output_text")
            said = [str(part.get("text", "")) for part in self.content if part.get("type") in kinds]
            return {"role": role, "content": "\n".join(said)}
        return {"role": role, "content": self.content or ""}


class JsonSchema(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)
    name: str = ""
    form: dict[str, Any] = Field(default={}, alias="schema")


class ResponseFormat(BaseModel):
    """`json_object` for any JSON, `json_schema` for JSON of a given form."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None

    def schema_wanted(self) -> Mapping[str, Any] | None:
        if self.type == "text":
            return None
        return self.json_schema.form if self.type == "json_schema" and self.json_schema else {}


class Generated(Wanted):
    """How text is to be made."""

    stream: StrictBool = False
    stream_options: dict[str, Any] | None = None
    max_tokens: Int | None = Field(None, ge=0, le=MAX_TOKENS)
    temperature: Float | None = Field(None, ge=0, le=2)
    top_p: Float | None = Field(None, gt=0, le=1)
    seed: Int | None = Field(None, ge=0, lt=2**31)
    n: Int | None = Field(None, ge=1, le=MAX_CHOICES)
    stop: Stop = None
    repetition_penalty: Float | None = Field(None, ge=1, le=2)
    response_format: ResponseFormat = ResponseFormat()

    def tokens(self) -> int | None:
        return self.max_tokens

    def logprob_count(self) -> int:
        return -1

    def samplings(self, limit: int, temperature: float, repetition: float) -> list[Sampling]:
        """One for each of the answers wanted; the arguments are what holds where the request is silent."""
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        seed = secrets.randbelow(2**30) if self.seed is None else self.seed
        asked = self.tokens()
        return [
            Sampling(
                max_tokens=limit if asked is None else asked,
                temperature=temperature if self.temperature is None else self.temperature,
                top_p=self.top_p or 0.95,
                repetition_penalty=self.repetition_penalty or repetition,
                seed=seed + number,
                stop=tuple(filter(None, stop)),
                top_logprobs=self.logprob_count(),
                schema=self.response_format.schema_wanted(),
            )
            for number in range(self.n or 1)
        ]

    def wants_usage(self) -> bool:
        return bool((self.stream_options or {}).get("include_usage"))


class ChatWanted(Generated):
    """`POST /v1/chat/completions`. Beyond OpenAI: `search` and `language`, of the question."""

    messages: list[Turn] = Field(min_length=1, max_length=200)
    max_completion_tokens: Int | None = Field(None, ge=1, le=MAX_TOKENS)
    logprobs: StrictBool | None = None
    top_logprobs: Int | None = Field(None, ge=0, le=20)
    search: StrictBool = Field(True, description="Answer from passages found, where there is an index.")
    language: str = Field("", max_length=20)

    def tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    def logprob_count(self) -> int:
        return (self.top_logprobs or 0) if self.logprobs else -1

    def conversation(self) -> list[Message]:
        return [turn.message() for turn in self.messages]


class TextWanted(Generated):
    """`POST /v1/completions`."""

    prompt: str | Texts | TokenIds | ManyIds = ""
    echo: StrictBool = False
    logprobs: Int | None = Field(None, ge=0, le=20)

    def logprob_count(self) -> int:
        return -1 if self.logprobs is None else self.logprobs

    def prompts(self) -> list[str | list[int]]:
        return many(self.prompt)


class VectorsWanted(Wanted):
    """`POST /v1/embeddings`."""

    input: str | Texts | TokenIds | ManyIds
    encoding_format: Literal["float", "base64"] = "float"


class AnswerWanted(Wanted):
    """`POST /v1/responses`, text only."""

    input: str | Annotated[list[Turn], Field(min_length=1, max_length=200)]
    instructions: str | None = None
    stream: StrictBool = False
    max_output_tokens: Int | None = Field(None, ge=1, le=MAX_TOKENS)
    temperature: Float | None = Field(None, ge=0, le=2)
    top_p: Float | None = Field(None, gt=0, le=1)
    search: StrictBool = True
    language: str = Field("", max_length=20)

    def chat(self) -> ChatWanted:
        """The same as a request for chat."""
        turns = [Turn(role="user", content=self.input)] if isinstance(self.input, str) else self.input
        first = [Turn(role="system", content=self.instructions)] if self.instructions else []
        return ChatWanted(
            model=self.model, messages=[*first, *turns], stream=self.stream, max_tokens=self.max_output_tokens,
            temperature=self.temperature, top_p=self.top_p, search=self.search, language=self.language,
        )  # fmt: skip


class TokensWanted(Wanted):
    """`POST /tokenize`, as vLLM has it."""

    prompt: str
    add_special_tokens: StrictBool = True


class TokensGiven(Wanted):
    """`POST /detokenize`, as vLLM has it."""

    tokens: list[Annotated[Int, Field(ge=0, lt=2**31)]] = Field(max_length=1 << 17)


def many(given: Any) -> list[str | list[int]]:
    """One text, or the ids of one, as a list of one."""
    return list(given) if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
