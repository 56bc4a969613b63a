"""`/v1/rerank`: texts scored by how well they answer a query, in the format of Jina and Cohere."""

import uuid
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from anatili.search.rerank import scores
from anatili.serve.chat import AppState
from anatili.serve.schemas import RerankRequest

RERANKER = "search"
"""The name of our ranking of texts, which does not use the model; the model's own name is accepted too."""


def rerank_routes(state: AppState) -> APIRouter:
    routes = APIRouter(tags=["search"])

    @routes.post("/v1/rerank")
    async def rerank(body: RerankRequest) -> dict[str, Any]:
        """Score texts by how well they answer a query, best first, in the format of Jina and Cohere. The scores are by
        words, and also by embeddings where the index has some."""
        if body.model != RERANKER:
            state.check_model(body.model)
        dense = state.assistant.search.dense if state.assistant.search else None
        texts = body.texts()
        values = await run_in_threadpool(
            scores, body.query, texts, state.assistant.packs, dense.engine if dense else None
        )
        order = sorted(range(len(texts)), key=lambda index: -values[index])[: body.top_n]
        results = [
            {
                "index": index,
                "relevance_score": round(values[index], 4),
                **({"document": {"text": texts[index]}} if body.return_documents else {}),
            }
            for index in order
        ]
        return {
            "id": uuid.uuid4().hex,
            "model": body.model or RERANKER,
            "results": results,
            "usage": {"total_tokens": 0},
        }

    return routes
