"""Request bodies of `/v1/responses`, and what they say as a request of `/v1/chat/completions`."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from anatili.engine import Message
from anatili.problem import Problem
from anatili.serve.schemas import (
    MAX_MESSAGES,
    MAX_TOKENS,
    MAX_TOOLS,
    ChatMessage,
    ChatRequest,
    Content,
    Float,
    Function,
    FunctionCall,
    FunctionName,
    Int,
    ModelRequest,
    TextMessage,
    Tool,
    ToolCall,
)


class ResponsesTool(Function):
    """A function that the model may call, as `/v1/responses` has it: without an object of its own."""

    type: Literal["function"]

    def chat(self) -> Tool:
        return Tool(type="function", function=Function(**self.model_dump(exclude={"type"})))


class NamedResponsesTool(FunctionName):
    type: Literal["function"]


class ResponsesCall(BaseModel):
    """A call of a tool that the model made earlier."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["function_call"]
    call_id: str = Field(max_length=200)
    name: str = Field(max_length=64)
    arguments: str = "{}"

    def call(self) -> ToolCall:
        return ToolCall(id=self.call_id, function=FunctionCall(name=self.name, arguments=self.arguments))


class ResponsesCallOutput(BaseModel):
    """What a tool returned."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["function_call_output"]
    call_id: str = Field(max_length=200)
    output: Content = None


ResponsesItem = TextMessage | ResponsesCall | ResponsesCallOutput


class ResponsesRequest(ModelRequest):
    """`POST /v1/responses`: text, and calls of tools (functions)."""

    input: str | Annotated[list[ResponsesItem], Field(min_length=1, max_length=MAX_MESSAGES - 1)]
    instructions: str | None = None
    previous_response_id: str | None = Field(
        None, max_length=100, description="Go on from this response; the server keeps the last ones until it restarts."
    )
    store: StrictBool | None = Field(None, description="Whether another request may go on from this one (default).")
    stream: StrictBool = False
    max_output_tokens: Int | None = Field(None, ge=1, le=MAX_TOKENS)
    temperature: Float | None = Field(None, ge=0, le=2)
    top_p: Float | None = Field(None, gt=0, le=1)
    search: StrictBool = True
    language: str = Field("", max_length=20)
    tools: Annotated[list[ResponsesTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedResponsesTool | None = None
    parallel_tool_calls: StrictBool | None = None

    def chat(self, before: Sequence[Message] = ()) -> ChatRequest:
        """The same request for `/v1/chat/completions`, after the messages `before`; `Problem` if it is not valid."""
        given = self.input
        messages = chat_messages([TextMessage(role="user", content=given)] if isinstance(given, str) else given)
        system = [ChatMessage(role="system", content=self.instructions)] if self.instructions else []
        earlier = [ChatMessage.model_validate(message) for message in before][len(messages) - MAX_MESSAGES + 1 :]
        while earlier and earlier[0].role == "tool":  # its call was cut off
            earlier = earlier[1:]
        choice = self.tool_choice
        if isinstance(choice, NamedResponsesTool):
            choice_of_chat: Any = {"type": "function", "function": {"name": choice.name}}
        else:
            choice_of_chat = choice
        try:
            return ChatRequest(
                model=self.model,
                messages=[*system, *earlier, *messages],
                stream=self.stream,
                max_tokens=self.max_output_tokens,
                temperature=self.temperature,
                top_p=self.top_p,
                search=self.search,
                language=self.language,
                tools=[tool.chat() for tool in self.tools or ()],
                tool_choice=choice_of_chat,
                parallel_tool_calls=self.parallel_tool_calls,
            )
        except ValidationError as error:
            raise Problem(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


def chat_messages(items: Sequence[ResponsesItem]) -> list[ChatMessage]:
    """The items of `/v1/responses` as messages; calls that follow each other were made at once."""
    messages: list[ChatMessage] = []
    for item in items:
        if isinstance(item, TextMessage):
            messages.append(ChatMessage(role=item.role, content=item.content))
        elif isinstance(item, ResponsesCallOutput):
            messages.append(ChatMessage(role="tool", content=item.output, tool_call_id=item.call_id))
        elif messages and messages[-1].role == "assistant":
            calls = [*(messages[-1].tool_calls or ()), item.call()]
            messages[-1] = ChatMessage(role="assistant", content=messages[-1].content, tool_calls=calls)
        else:
            messages.append(ChatMessage(role="assistant", tool_calls=[item.call()]))
    return messages
