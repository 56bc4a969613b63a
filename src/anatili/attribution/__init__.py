"""From an answer back to the training text: stretches of a text that occur word for word in a run's corpus.

The index is a suffix array over words, in parts, beside the stages of a run (`RUN/attribution`). Words and not tokens:
any model's answer can be looked up, whatever its tokenizer, also in a run that stopped after its corpus; no stretch
begins or ends inside a word; and a Kazakh word is one number where its tokens are two or more and its bytes fourteen.
Capitals, punctuation and line breaks do not count.
"""
