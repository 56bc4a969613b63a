"""An assistant that answers from a person's own documents, with any model."""

from collections.abc import Sequence
from pathlib import Path

from anatili.documents.collection import Collection
from anatili.documents.sources import check_sources
from anatili.opening import Tell, open_model, silent
from anatili.opening.documents import open_collection, open_readers
from anatili.serve.assistant import Assistant


def open_over_documents(
    sources: Sequence[str | Path],
    target: str | Path = "",
    runs: str | Path = "runs",
    adapters: Sequence[Path] = (),
    tell: Tell = silent,
    slots: int = 1,
    private_hosts: frozenset[str] = frozenset(),
) -> tuple[Assistant, Collection]:
    """An assistant for the documents in these folders and files and at these addresses, and their collection, which is
    being indexed in the background. `target` names the model as for `open_assistant`."""
    check_sources([str(source) for source in sources])
    model = open_model(target, Path(runs), adapters, tell, slots)
    collection = open_collection(sources, model.packs, open_readers(model.packs), private_hosts)
    collection.start()
    assistant = Assistant(model.engine, model.packs, collection.search, model.card, model.directions, model.dictionary)
    return assistant, collection
