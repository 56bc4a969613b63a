"""Request bodies of OpenAI's API. Keys that have no effect here are ignored, as OpenAI's own servers do."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, model_validator

from anatili.engine import Message, Sampling, ToolUse
from anatili.problem import Problem


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
MAX_TOOLS = 128
MAX_MESSAGES = 200
"""Maximum number of messages in one conversation."""

TokenIds = Annotated[list[Annotated[Int, Field(ge=0, lt=2**31)]], Field(min_length=1, max_length=1 << 17)]
Texts = Annotated[list[str], Field(min_length=1, max_length=MAX_PROMPTS)]
TokenIdLists = Annotated[list[TokenIds], Field(min_length=1, max_length=MAX_PROMPTS)]
Content = str | Annotated[list[dict[str, Any]], Field(max_length=100)] | None
Stop = str | Annotated[list[str], Field(max_length=16)] | None


class ModelRequest(BaseModel):
    """A request to a model."""

    model_config = ConfigDict(extra="ignore")
    model: str = Field("", max_length=200)


class FunctionCall(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str = Field(max_length=64)
    arguments: str = "{}"


class ToolCall(BaseModel):
    """A call of a tool that the model made earlier in a conversation."""

    model_config = ConfigDict(extra="ignore")
    id: str = Field("", max_length=200)
    type: Literal["function"] = "function"
    function: FunctionCall


class Function(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str | None = None
    parameters: dict[str, Any] | None = Field(None, description="JSON Schema of an object.")


class Tool(BaseModel):
    """A function that the model may call."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["function"]
    function: Function


class FunctionName(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str


class NamedTool(BaseModel):
    """The one tool that the model must call."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["function"]
    function: FunctionName


class TextMessage(BaseModel):
    """One message of a conversation without tools."""

    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "user", "assistant", "developer"]
    content: Content = None


class ChatMessage(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "user", "assistant", "developer", "tool"]
    content: Content = None
    tool_calls: Annotated[list[ToolCall], Field(max_length=MAX_TOOLS)] | None = None
    tool_call_id: str = Field("", max_length=200)

    def message(self) -> Message:
        """The message without what belongs to tools."""
        role = "system" if self.role == "developer" else self.role
        return {"role": role, "content": text_of(self.content)}

    def whole_message(self) -> Message:
        """The message with its calls of tools, or the id of the call that it answers."""
        calls = {"tool_calls": [call.model_dump() for call in self.tool_calls]} if self.tool_calls else {}
        answered = {"tool_call_id": self.tool_call_id} if self.role == "tool" else {}
        return {**self.message(), **calls, **answered}


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

    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    max_completion_tokens: Int | None = Field(None, ge=1, le=MAX_TOKENS)
    logprobs: StrictBool | None = None
    top_logprobs: Int | None = Field(None, ge=0, le=20)
    search: StrictBool = Field(True, description="Answer from retrieved passages if there is a search index.")
    language: str = Field("", max_length=20)
    tools: Annotated[list[Tool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: StrictBool | None = None

    @model_validator(mode="after")
    def check_tools(self) -> "ChatRequest":
        names = [tool.function.name for tool in self.tools or ()]
        if len(set(names)) < len(names):
            raise ValueError("tools: two have the same name")
        if isinstance(self.tool_choice, NamedTool) and self.tool_choice.function.name not in names:
            raise ValueError(f"tool_choice: there is no tool {self.tool_choice.function.name!r}")
        if self.tool_choice == "required" and not names:
            raise ValueError("tool_choice: a call is required, but there are no tools")
        calls: set[str] = set()
        for number, message in enumerate(self.messages):
            if message.role == "tool" and message.tool_call_id not in calls:
                raise ValueError(f"messages.{number}.tool_call_id: no call before it has this id")
            calls |= {call.id for call in message.tool_calls or ()}
        return self

    def tool_use(self) -> ToolUse | None:
        """The tools that the model may call; None if there are none."""
        if not self.tools or self.tool_choice == "none":
            return None
        choice = self.tool_choice.model_dump() if isinstance(self.tool_choice, NamedTool) else self.tool_choice
        tools = tuple(tool.model_dump(exclude_none=True) for tool in self.tools)
        return ToolUse(tools, choice or "auto", self.parallel_tool_calls)

    def needs_tools(self) -> bool:
        """Whether the model may call a tool, or has called one."""
        return self.tool_use() is not None or any(message.tool_calls for message in self.messages)

    def token_limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    def logprob_count(self) -> int:
        return (self.top_logprobs or 0) if self.logprobs else -1

    def conversation(self) -> list[Message]:
        return [message.message() for message in self.messages]

    def whole_conversation(self) -> list[Message]:
        """The conversation with calls of tools and their results."""
        return [message.whole_message() for message in self.messages]


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
    dimensions: Int | None = Field(
        None, ge=1, description="Keep this many numbers of each embedding, scaled to length 1 again."
    )


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


class RerankDocument(BaseModel):
    model_config = ConfigDict(extra="ignore")
    text: str


class RerankRequest(ModelRequest):
    """`POST /v1/rerank`, as at Jina and Cohere."""

    query: str = Field(min_length=1, max_length=10_000)
    documents: Annotated[list[str | RerankDocument], Field(min_length=1, max_length=1000)]
    top_n: Int | None = Field(None, ge=1)
    return_documents: StrictBool = False

    def texts(self) -> list[str]:
        return [document if isinstance(document, str) else document.text for document in self.documents]


def text_of(content: str | list[dict[str, Any]] | None) -> str:
    """The text of a message, whose content may be in parts; `Problem` for pictures, sound and files."""
    if not isinstance(content, list):
        return content or ""
    types = ("text", "input_text", "output_text")
    if other := [part for part in content if part.get("type") not in (*types, "refusal")]:
        raise Problem(f"a part of a message has the type {other[0].get('type')!r}: only text is read here")
    return "\n".join(str(part.get("text", "")) for part in content if part.get("type") in types)
