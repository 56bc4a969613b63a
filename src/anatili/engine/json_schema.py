"""Answers that must match a JSON Schema: which tokens may come next, by llguidance."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from anatili.problem import Problem, not_installed


def open_vocabulary(tokenizer: Any, size: int) -> Any:
    """A Hugging Face tokenizer of `size` tokens in the form llguidance needs; takes a second for large ones."""
    try:
        from llguidance import LLTokenizer
    except ImportError as error:
        raise Problem(not_installed("answers in JSON need llguidance", "serve")) from error
    return LLTokenizer(tokenizer.backend_tokenizer.to_str(), n_vocab=size, eos_token=tokenizer.eos_token_id)


def read_grammar(schema: Mapping[str, Any]) -> str:
    """The grammar of a JSON Schema; {} is any object."""
    from llguidance import LLMatcher

    # If white space were allowed between the parts, a model could go on with it for ever.
    compact = {"whitespace_flexible": False}
    return str(LLMatcher.grammar_from_json_schema(json.dumps(dict(schema) or {"type": "object"}), overrides=compact))


def check_schema(schema: Mapping[str, Any]) -> None:
    """`Problem` if a JSON Schema is wrong, or asks for what llguidance cannot enforce."""
    from llguidance import LLMatcher

    if error := LLMatcher.validate_grammar(read_grammar(schema)):
        raise Problem(f"this JSON Schema cannot be used: {error}")


class SchemaConstraint:
    """Keeps one answer within a JSON Schema; {} is any object."""

    def __init__(self, vocabulary: Any, schema: Mapping[str, Any]) -> None:
        from llguidance import LLMatcher

        self.matcher = LLMatcher(vocabulary, read_grammar(schema), log_level=0)
        self.check()

    def check(self) -> None:
        if self.matcher.is_error():
            raise Problem(f"this JSON Schema cannot be used: {self.matcher.get_error()}")

    def mask(self, logits: Any) -> None:
        """Rule out all tokens that may not come next in `logits`, float32 of shape (vocabulary,), in place."""
        # Not llguidance.torch: it compiles this at the first token, which takes seconds and a C++ compiler.
        from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

        bitmask = allocate_token_bitmask(1, len(logits))
        fill_next_token_bitmask(self.matcher, bitmask)
        self.check()
        allowed = np.unpackbits(bitmask[0].view(np.uint8), count=len(logits), bitorder="little")
        logits.numpy()[allowed == 0] = -np.inf

    def accept(self, token: int) -> None:
        """Record the token that was chosen."""
        self.matcher.consume_token(token)
        self.check()
