"""The conversations of `/v1/responses`, so that a request can go on from an earlier response.

They are kept in memory only: a restart forgets them, and so does a newer conversation when there is no more room.
"""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from anatili.engine import Message
from anatili.problem import Problem

MOST_RESPONSES = 1000
MOST_CHARACTERS = 5_000_000
"""Characters of all conversations together."""
MOST_MESSAGES = 40
"""Messages of one conversation; older ones are forgotten."""


class Conversations:
    """Conversations by the id of their last response. Threads may share it."""

    def __init__(self, responses: int = MOST_RESPONSES, characters: int = MOST_CHARACTERS) -> None:
        self.responses, self.characters = responses, characters
        self._kept: OrderedDict[str, tuple[Message, ...]] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def keep(self, response: str, messages: Sequence[Message]) -> None:
        """Store the conversation that ends with `response`; system messages are not part of it, as at OpenAI."""
        spoken = tuple(dict(message) for message in messages if message["role"] != "system")[-MOST_MESSAGES:]
        while spoken and spoken[0]["role"] == "tool":  # the call that it answers was cut off
            spoken = spoken[1:]
        size = size_of(spoken)
        with self._lock:
            while self._kept and (len(self._kept) >= self.responses or self._size + size > self.characters):
                _, oldest = self._kept.popitem(last=False)
                self._size -= size_of(oldest)
            if size <= self.characters:
                self._kept[response] = spoken
                self._size += size

    def before(self, response: str) -> list[Message]:
        """The messages up to and with `response`; `Problem` if it is not kept."""
        with self._lock:
            messages = self._kept.get(response)
        if messages is None:
            raise Problem(
                f"there is no response {response!r} to go on from: this server keeps the last {self.responses} until "
                "it restarts. Send the earlier messages in `input` instead of `previous_response_id`"
            )
        return [dict(message) for message in messages]


def size_of(messages: Sequence[Message]) -> int:
    calls = (call["function"] for message in messages for call in message.get("tool_calls", ()))
    called = sum(len(function["name"]) + len(function["arguments"]) for function in calls)
    return called + sum(len(message["content"]) for message in messages)
