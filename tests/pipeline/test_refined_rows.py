"""The rows of JSON lines and Parquet files, given back with all their fields, kept or lost and why."""

import datetime
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from anatili.cli import main
from anatili.pipeline.refine_files import refine_files
from anatili.problem import Problem
from anatili.sample import sentences

KAZAKH = [row["kk"] for row in sentences(held_out=False) if "kk" in row]
RUSSIAN = [row["ru"] for row in sentences(held_out=False) if "ru" in row]


def text(start: int) -> str:
    return " ".join(KAZAKH[start : start + 8])


def packed_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    packing = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    with pa.output_stream(path, compression=packing) as stream:
        stream.write("\n".join(lines).encode())


def read_lines(path):
    packing = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    with pa.input_stream(path, compression=packing) as stream:
        return [json.loads(line) for line in stream.read().decode().splitlines()]


def given(start, identity, **fields):
    return {"id": identity, "text": text(start) if isinstance(start, int) else start, "metadata": fields}


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_rows_of_json_lines_come_back_with_their_fields(tmp_path, ending):
    rows = [
        given(0, "a/0", url="https://a.kz/0", dump="CC-MAIN-2024-18"),
        given(" ".join(RUSSIAN[:8]), "a/1", language_score=0.5),
        given(20, "a/2", tags=["x"]),
        given("қысқа", "a/4"),
        given(0, "a/5", url="https://a.kz/0"),  # the same text of the same page
        given(40, "a/6"),
        {"id": "a/7", "content": "бір"},
    ]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    packed_lines(tmp_path / "in" / f"0.{ending}", [*lines[:3], "{broken", *lines[3:]])
    refined = refine_files([tmp_path / "in"], "kk", tmp_path / "out", rows=True)
    assert refined.rows == str(tmp_path / "out" / "rows")
    kept, lost = (read_lines(tmp_path / "out" / "rows" / part / f"0.{ending}") for part in ("kept", "lost"))
    assert [row["id"] for row in kept] in (["a/0", "a/2", "a/6"], ["a/2", "a/5", "a/6"])
    assert [row["metadata"] for row in kept][-2:] == [{"tags": ["x"]}, {}]
    assert kept[-1]["text"] == text(40)
    reasons = {row.get("id", ""): row["lost_reason"] for row in lost}
    assert (reasons.pop("a/5", "") or reasons.pop("a/0", "")) == "duplicate"
    assert reasons.pop("a/4")  # whatever the pack says of a single word
    assert reasons == {"a/1": "another language", "": "not JSON", "a/7": "no text field"}
    assert next(row for row in lost if not row.get("id"))["lost_detail"] == f"0.{ending}:4"
    assert [row["text"] for row in lost if row.get("id") == "a/1"] == [rows[1]["text"]]


def test_columns_of_parquet_keep_their_types(tmp_path):
    day = datetime.datetime(2024, 5, 1)
    schema = pa.schema(
        {
            "id": pa.int32(),
            "text": pa.large_string(),
            "fetched": pa.timestamp("ms"),
            "picture": pa.binary(),
            "metadata": pa.struct({"url": pa.string(), "score": pa.float32()}),
        }
    )
    rows = [
        {
            "id": 1,
            "text": text(0),
            "fetched": day,
            "picture": b"\xff",
            "metadata": {"url": "https://a.kz/1", "score": 1},
        },
        {"id": 2, "text": " ".join(RUSSIAN[:8]), "fetched": day, "picture": b"\xfe", "metadata": None},
        {"id": 3, "text": None, "fetched": None, "picture": None, "metadata": None},
        {"id": 4, "text": text(20), "fetched": None, "picture": None, "metadata": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / "a.parquet", row_group_size=2)
    refine_files([tmp_path / "a.parquet"], "kk", tmp_path / "out", rows=True)
    kept, lost = (pq.read_table(tmp_path / "out" / "rows" / part / "a.parquet") for part in ("kept", "lost"))
    assert kept.schema == schema
    assert kept.to_pylist() == [rows[0], rows[3]]
    assert lost.schema.names == [*schema.names, "lost_reason", "lost_detail"]
    assert lost.select(schema.names).to_pylist() == [rows[1], rows[2]]
    assert lost["lost_reason"].to_pylist() == ["another language", "no text field"]


def test_many_rows_alike_among_others(tmp_path):
    """Which of rows alike is kept may be another than the first, and each is given back once."""
    texts = [text(0), text(10), "қысқа", text(0), text(30), "қысқа", text(0), text(40)]
    for name in ("a", "b"):  # the same in two files, of the same name in two folders
        packed_lines(tmp_path / "in" / name / "0.jsonl", [json.dumps({"n": n, "text": t}) for n, t in enumerate(texts)])
    for _ in range(2):
        refine_files([tmp_path / "in"], "kk", tmp_path / "out", rows=True)
        for name in ("a", "b"):
            parts = [read_lines(tmp_path / "out" / "rows" / part / name / "0.jsonl") for part in ("kept", "lost")]
            assert sorted(row["n"] for rows in parts for row in rows) == [*range(8)]
            assert all(row["text"] == texts[row["n"]] for rows in parts for row in rows)
        kept = [row["text"] for name in ("a", "b") for row in read_lines(tmp_path / "out/rows/kept" / name / "0.jsonl")]
        assert sorted(kept) == sorted([text(0), text(10), text(30), text(40)])


def test_what_was_taken_down_is_among_the_lost(tmp_path):
    rows = [given(start, start, url=f"https://a.kz/{start}") for start in (0, 20)]
    packed_lines(tmp_path / "0.jsonl", map(json.dumps, rows))
    refine_files([tmp_path / "0.jsonl"], "kk", tmp_path / "out", rows=True)
    call = ["takedown", str(tmp_path / "out"), "--url", "https://a.kz/0", "--reason", "asked", "--yes", "--later"]
    assert CliRunner().invoke(main, call).exit_code == 0
    call = ["refine", str(tmp_path / "0.jsonl"), "--language", "kk", "-o", str(tmp_path / "out"), "--rows"]
    done = CliRunner().invoke(main, [*call, "--redo", "collect.."])
    assert done.exit_code == 0, done.output
    lost = read_lines(tmp_path / "out" / "rows" / "lost" / "0.jsonl")
    assert [(row["id"], row["lost_reason"]) for row in lost] == [(0, "taken down")]


def test_rows_of_an_older_corpus_do_not_stay(tmp_path):
    packed_lines(tmp_path / "0.jsonl", map(json.dumps, [given(0, 0)]))
    refine_files([tmp_path / "0.jsonl"], "kk", tmp_path / "out", rows=True)
    refine_files([tmp_path / "0.jsonl"], "kk", tmp_path / "out")
    assert not (tmp_path / "out" / "rows").exists()


def test_files_without_rows_are_told(tmp_path):
    (tmp_path / "a.txt").write_text(text(0), "utf-8")
    with pytest.raises(Problem, match="no JSON lines or Parquet"):
        refine_files([tmp_path / "a.txt"], "kk", tmp_path / "out", rows=True)
    assert not (tmp_path / "out").exists()


def test_a_file_that_changed_since_is_noticed(tmp_path):
    file = tmp_path / "0.jsonl"
    packed_lines(file, map(json.dumps, [given(0, 0), given(20, 1)]))
    refine_files([file], "kk", tmp_path / "out")
    packed_lines(file, map(json.dumps, [given(20, 1), given(0, 0)]))  # as long as before
    with pytest.raises(Problem, match=r"0.jsonl has changed since its corpus was made, at row 1"):
        refine_files([file], "kk", tmp_path / "out", rows=True)
