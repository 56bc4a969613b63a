"""Conversations that can be gone on from: bounded, and shared by threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from anatili.problem import Problem
from anatili.serve.conversations import MOST_MESSAGES, Conversations


def turn(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}, {"role": "assistant", "content": "a"}]


def test_a_conversation_is_kept_without_its_instructions():
    kept = Conversations()
    kept.keep("r1", [{"role": "system", "content": "s"}, *turn("q")])
    assert kept.before("r1") == turn("q")
    with pytest.raises(Problem, match=r"no response 'r2' to go on from: this server keeps the last 1000 until"):
        kept.before("r2")


def test_the_result_of_a_call_that_was_cut_off_goes_with_it():
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "1", "tool_call_id": "c1"},
    ]
    kept = Conversations()
    kept.keep("whole", turns)
    assert kept.before("whole") == turns
    more = [message for number in range(MOST_MESSAGES) for message in turn(str(number))][: MOST_MESSAGES - 1]
    kept.keep("cut", [*turns, *more])
    assert kept.before("cut") == more


def test_the_oldest_go_first():
    kept = Conversations(responses=2)
    for name in ("r1", "r2", "r3"):
        kept.keep(name, turn(name))
    assert kept.before("r3") == turn("r3")
    with pytest.raises(Problem):
        kept.before("r1")
    kept = Conversations(characters=10)
    kept.keep("r1", turn("12345"))
    kept.keep("r2", turn("12345"))
    assert kept.before("r2") == turn("12345")
    with pytest.raises(Problem):
        kept.before("r1")
    kept.keep("r3", turn("x" * 100))
    with pytest.raises(Problem):
        kept.before("r3")


def test_a_long_conversation_forgets_its_beginning():
    kept = Conversations()
    kept.keep("r1", [message for number in range(MOST_MESSAGES) for message in turn(str(number))])
    assert len(kept.before("r1")) == MOST_MESSAGES
    assert kept.before("r1")[-2]["content"] == str(MOST_MESSAGES - 1)


def test_threads_share_it():
    kept = Conversations(responses=50)

    def use(number: int) -> bool:
        kept.keep(f"r{number}", turn(str(number)))
        try:
            return kept.before(f"r{number}") == turn(str(number))
        except Problem:
            return True  # 50 newer ones came between

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(2000)))
    assert len(kept._kept) == 50
    assert kept._size == sum(len(m["content"]) for messages in kept._kept.values() for m in messages)
