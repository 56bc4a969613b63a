"""Programs that people already use, with our server."""

import importlib.util
import json
import re
import subprocess
import sys

import httpx
import pytest
from guides import write_files

from anatili.sample.topics import read_topics

OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def test_langchain_chats_and_embeds(llama_address):
    langchain = pytest.importorskip("langchain_openai")
    options = {"base_url": f"{llama_address}/v1", "api_key": "none"}
    chat = langchain.ChatOpenAI(model="kazakh-26m", max_tokens=20, **options)
    answer = chat.invoke("Алтын адам қайдан табылды?").content
    assert "[1]" in answer
    assert "".join(chunk.content for chunk in chat.stream("Алтын адам қайдан табылды?")) == answer
    # Without this option it splits texts with a vocabulary that it downloads.
    embeddings = langchain.OpenAIEmbeddings(model="kazakh-26m", check_embedding_ctx_length=False, **options)
    assert len(embeddings.embed_query("қала")) == len(embeddings.embed_documents(["қала", "өзен"])[1]) > 100


@pytest.mark.parametrize(
    ("file", "package", "text"),
    [
        ("langchain_retriever", "langchain_core", lambda found: (found[0].page_content, found[0].metadata)),
        ("llamaindex_retriever", "llama_index.core", lambda found: (found[0].node.text, found[0].node.metadata)),
    ],
)
def test_the_retrievers_of_the_guide_find_passages(llama_address, tmp_path, file, package, text):
    pytest.importorskip(package)
    write_files("connect.md", tmp_path, "python")
    spec = importlib.util.spec_from_file_location(file, tmp_path / f"{file}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    retriever = module.AnatiliRetriever(address=llama_address, limit=3)
    ask = getattr(retriever, "invoke", None) or retriever.retrieve
    found = ask("Алтын адам қайдан табылды?")
    passage, metadata = text(found)
    assert len(found) == 3
    assert "сақ" in passage.lower()
    assert metadata["title"] == "Алтын адам"
    assert metadata["source"].startswith("http")


def test_the_server_matches_its_openapi_description(llama_address):
    pytest.importorskip("schemathesis")
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        f"{llama_address}/openapi.json",
        "--phases",
        "fuzzing",
        "--max-examples",
        "8",
        "--exclude-checks",
        "positive_data_acceptance",
        "--generation-deterministic",
        "--request-timeout",
        "60",
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert result.returncode == 0, result.stdout[-3000:]
    paths = httpx.get(f"{llama_address}/openapi.json").json()["paths"].values()
    tested = re.search(r"Tested: (\d+)", result.stdout)
    assert tested, result.stdout[-3000:]
    assert int(tested[1]) == sum(map(len, paths)), result.stdout[-3000:]


TASK = """\
task: anatili_choice
dataset_path: json
dataset_kwargs:
  data_files: {{test: {file}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
target_delimiter: " "
metric_list: [{{metric: acc}}]
"""


def test_lm_eval_gives_the_same_accuracy_as_our_logprobs(llama_address, tmp_path, monkeypatch):
    for name, value in {**OFFLINE, "HF_HOME": str(tmp_path / "hf"), "OPENAI_API_KEY": "none"}.items():
        monkeypatch.setenv(name, value)
    lm_eval = pytest.importorskip("lm_eval")
    from lm_eval.tasks import TaskManager

    topics = read_topics()[:6]
    items = [
        {
            "question": topic.pages["kk"].question,
            "choices": [topic.pages["kk"].answer, other.pages["kk"].answer],
            "answer": 0,
        }
        for topic, other in zip(topics, topics[1:] + topics[:1], strict=True)
    ]
    file = tmp_path / "items.jsonl"
    file.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items), "utf-8")
    (tmp_path / "task.yaml").write_text(TASK.format(file=file), "utf-8")
    # What `lm_eval --model local-completions --tasks anatili_choice` does, without loading torch once more for it.
    results = lm_eval.simple_evaluate(
        model="local-completions",
        model_args=f"base_url={llama_address}/v1/completions,model=kazakh-26m,num_concurrent=1,max_retries=1",
        tasks=["anatili_choice"],
        task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
        bootstrap_iters=0,
    )
    accuracy = results["results"]["anatili_choice"]["acc,none"]
    right = 0
    for item in items:
        scores = [logprob_of(llama_address, item["question"], choice) for choice in item["choices"]]
        right += scores[0] >= max(scores)
    assert accuracy == pytest.approx(right / len(items))


def logprob_of(address: str, question: str, answer: str) -> float:
    """The log-probability of an answer after its question, by our own API."""

    def tokens(text: str) -> list[int]:
        body = {"prompt": text, "add_special_tokens": False}
        return httpx.post(f"{address}/tokenize", json=body).json()["tokens"]

    whole, before = tokens(f"{question} {answer}"), len(tokens(question))
    body = {"prompt": whole, "max_tokens": 0, "echo": True, "logprobs": 1}
    completion = httpx.post(f"{address}/v1/completions", json=body, timeout=60).json()
    return sum(completion["choices"][0]["logprobs"]["token_logprobs"][before:])
