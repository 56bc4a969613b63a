"""How likely an engine's model finds sentences behind a context."""

from collections.abc import Sequence

from anatili.engine import Engine, Span
from anatili.problem import Problem


class Scorer:
    """An engine asked for log probabilities."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def sums(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The log probability of the second text of each pair behind the first.

        A token that stands over the border belongs to the second text. Of what does not fit into the model, the
        beginning is left out.
        """
        contexts = {context: self.engine.tokenize(context, begin=True) for context in dict(pairs)}
        spans = [self.span(contexts[context], context + text) for context, text in pairs]
        return [sum(values) for values in self.engine.logprobs(spans)]

    def span(self, before: Sequence[int], text: str) -> Span:
        """The tokens of a text, scored from where they are no longer those of its context."""
        ids = self.engine.tokenize(text, begin=True)
        start = min(len(ids), len(before))
        while start and ids[:start] != before[:start]:
            start -= 1
        over = max(0, len(ids) - self.engine.context) if self.engine.context else 0
        return Span(ids[over:], max(1, start - over))


def can_score(engine: Engine) -> bool:
    """Whether the engine gives log probabilities of a text."""
    try:
        return bool(Scorer(engine).sums([("a", "b c")]))
    except Problem:
        return False
