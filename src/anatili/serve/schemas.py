"""Request bodies of OpenAI's API. Keys that have no effect here are ignored, as OpenAI's own servers do."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from anatili.engine import Message, Sampling


def check_number(value: Any) -> Any:
    """JSON's true and false are not numbers, although Python's are; nor are numbers in quotation marks."""
    if isinstance(value, bool | str):
        raise ValueError("must be a number")
    return value


Int = Annotated[int, BeforeValidator(check_number)]
Float = Annotated[float, BeforeValidator(check_number)]
MAX_TOKENS = 2048
"""Maximum number of tokens in one answer."""
MAX_PROMPTS = 256
"""Maximum number of texts in one request."""
MAX_CHOICES = 8

TokenIds = Annotated[list[Annotated[Int, Field(ge=0, lt=2**31)]], Field(min_length=1, max_length=1 << 17)]
Texts = Annotated[list[str], Field(min_length=1, max_length=MAX_PROMPTS)]
TokenIdLists = Annotated[list[TokenIds], Field(min_length=1, max_length=MAX_PROMPTS)]
Stop = str | Annotated[list[str], Field(max_length=16)] | None


class ModelRequest(BaseModel):
    """A request to a model."""

    model_config = ConfigDict(extra="ignore")
    model: str = Field("", max_length=200)


class ChatMessage(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "user", "assistant", "developer"]
    content: str | Annotated[list[dict[str, Any]], Field(max_length=100)] | None = None

    def message(self) -> Message:
        role = "system" if self.role == "developer" else self.role
        if isinstance(self.content, list):
            types = ("text", "input_text", "output_text")
            texts = [str(part.get("text", "")) for part in self.content if part.get("type") in types]
            return {"role": role, "content": "\n".join(texts)}
        return {"role": role, "content": self.content or ""}


class JsonSchema(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)
    name: str = ""
    definition: dict[str, Any] = Field(default={}, alias="schema")


class ResponseFormat(BaseModel):
    """`json_object` for any JSON, `json_schema` for JSON that matches a schema."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None

    def required_schema(self) -> Mapping[str, Any] | None:
        """The schema that the answer must match, {} for any JSON, None for plain text."""
        if self.type == "text":
            return None
        return self.json_schema.definition if self.type == "json_schema" and self.json_schema else {}


class GenerationRequest(ModelRequest):
    """A request that generates text."""

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

    def token_limit(self) -> int | None:
        return self.max_tokens

    def logprob_count(self) -> int:
        return -1

    def samplings(self, max_tokens: int, temperature: float, repetition_penalty: float) -> list[Sampling]:
        """One for each of the `n` answers. The arguments are the defaults for what the request leaves out."""
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        seed = secrets.randbelow(2**30) if self.seed is None else self.seed
        token_limit = self.token_limit()
        return [
            Sampling(
                max_tokens=max_tokens if token_limit is None else token_limit,
                temperature=temperature if self.temperature is None else self.temperature,
                top_p=self.top_p or 0.95,
                repetition_penalty=self.repetition_penalty or repetition_penalty,
                seed=seed + number,
                stop=tuple(filter(None, stop)),
                top_logprobs=self.logprob_count(),
                schema=self.response_format.required_schema(),
            )
            for number in range(self.n or 1)
        ]

    def wants_usage(self) -> bool:
        return bool((self.stream_options or {}).get("include_usage"))


class ChatRequest(GenerationRequest):
    """`POST /v1/chat/completions`. `search` and `language` (of the question) are additions to OpenAI's API."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=200)
    max_completion_tokens: Int | None = Field(None, ge=1, le=MAX_TOKENS)
    logprobs: StrictBool | None = None
    top_logprobs: Int | None = Field(None, ge=0, le=20)
    search: StrictBool = Field(True, description="Answer from retrieved passages if there is a search index.")
    language: str = Field("", max_length=20)

    def token_limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    def logprob_count(self) -> int:
        return (self.top_logprobs or 0) if self.logprobs else -1

    def conversation(self) -> list[Message]:
        return [message.message() for message in self.messages]


class CompletionRequest(GenerationRequest):
    """`POST /v1/completions`."""

    prompt: str | Texts | TokenIds | TokenIdLists = ""
    echo: StrictBool = False
    logprobs: Int | None = Field(None, ge=0, le=20)

    def logprob_count(self) -> int:
        return -1 if self.logprobs is None else self.logprobs

    def prompts(self) -> list[str | list[int]]:
        return as_list(self.prompt)


class EmbeddingsRequest(ModelRequest):
    """`POST /v1/embeddings`."""

    input: str | Texts | TokenIds | TokenIdLists
    encoding_format: Literal["float", "base64"] = "float"


class ResponsesRequest(ModelRequest):
    """`POST /v1/responses`, text only."""

    input: str | Annotated[list[ChatMessage], Field(min_length=1, max_length=200)]
    instructions: str | None = None
    stream: StrictBool = False
    max_output_tokens: Int | None = Field(None, ge=1, le=MAX_TOKENS)
    temperature: Float | None = Field(None, ge=0, le=2)
    top_p: Float | None = Field(None, gt=0, le=1)
    search: StrictBool = True
    language: str = Field("", max_length=20)

    def chat(self) -> ChatRequest:
        """The same request for `/v1/chat/completions`."""
        messages = [ChatMessage(role="user", content=self.input)] if isinstance(self.input, str) else self.input
        system = [ChatMessage(role="system", content=self.instructions)] if self.instructions else []
        return ChatRequest(
            model=self.model, messages=[*system, *messages], stream=self.stream, max_tokens=self.max_output_tokens,
            temperature=self.temperature, top_p=self.top_p, search=self.search, language=self.language,
        )  # fmt: skip


class TokenizeRequest(ModelRequest):
    """`POST /tokenize`, as in vLLM."""

    prompt: str
    add_special_tokens: StrictBool = True


class DetokenizeRequest(ModelRequest):
    """`POST /detokenize`, as in vLLM."""

    tokens: list[Annotated[Int, Field(ge=0, lt=2**31)]] = Field(max_length=1 << 17)


def as_list(value: Any) -> list[str | list[int]]:
    """Several texts as they are; a single text, or the token ids of one, as a list of one."""
    return list(value) if isinstance(value, list) and value and not isinstance(value[0], int) else [value]
