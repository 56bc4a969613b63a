"""When the assistant answers and when it does not, and what its quotations hold of the answers.

    python bench/abstain.py

The questions of the sample are asked twice: with all its pages, where an answer is right, and without the page that a
question was written from (in any language), where nothing is what should come; some of those other pages do hold the
answer, so the second share is a lower bound. Of what is quoted, the share of the written answer's words (stems, stop
words apart) that it holds.
"""

from collections.abc import Callable

from anatili.lang import load_pack
from anatili.opening.sample_index import sample_run
from anatili.sample.crawl import topic_url
from anatili.sample.topics import read_topics
from anatili.search.analysis import terms
from anatili.search.searcher import Hit, Search
from anatili.serve.assistant import MIN_COVERAGE, fitting_passages
from anatili.serve.citations import Report, quotation


def covered(said: str, answer: str, code: str) -> float:
    """Share of the terms of `answer`, stop words apart, that are among those of `said`."""
    pack = load_pack(code)
    wanted = {t for word in answer.split() if pack.lower(word.strip(".,")) not in pack.stopwords
              for t in terms(code)[word].split()}  # fmt: skip
    return len(wanted & set(terms(code).of(said).split())) / max(1, len(wanted))


def shares(
    search: Search, code: str, fits: Callable[[list[Hit], str], list[Hit]] = fitting_passages
) -> tuple[float, ...]:
    """Shares of questions answered with their page there, declined without it; of the answers' words quoted, and n."""
    answered = declined = 0
    quoted = []
    topics = read_topics()
    for topic in topics:
        page = topic.pages[code]
        own = {topic_url(topic, other) for other in topic.pages}
        found = search.find(page.question, 12, code)
        others: list[Hit] = [hit for hit in found if hit.passage.url not in own][:6]
        fit = fits(found[:6], code)
        answered += bool(fit)
        declined += not fits(others, code)
        if fit:
            quoted.append(covered(quotation(fit[0], Report()), page.answer, code))
    return answered / len(topics), declined / len(topics), sum(quoted) / max(1, len(quoted)), len(quoted)


def main() -> None:
    count = len(read_topics())
    packs = {code: load_pack(code) for code in read_topics()[0].pages}
    search = Search(sample_run(list(packs), print).folder("index"), packs)
    for code in packs:
        answered, declined, quoted, many = shares(search, code)
        print(f"{code}: threshold {MIN_COVERAGE}; answered {answered:.3f} with the page, declined {declined:.3f} "
              f"without it, n = {count}; quotations hold {quoted:.3f} of the answers' words, n = {many}")  # fmt: skip


if __name__ == "__main__":
    main()
