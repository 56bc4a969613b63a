"""Pulling from a hub: resumed, checked, refused where it must be; then the ordinary engine opens what came."""

import hashlib
import json
import os
import pty
import resource
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import hub as local
import pytest
import small_models as small
from conftest import run_anatili

NAME, FILE = "small/talker-GGUF", "talker-Q8_0.gguf"
pytest.importorskip("torch")
pytest.importorskip("xllamacpp")


@pytest.fixture(scope="module")
def gguf(tmp_path_factory) -> bytes:
    """A random model that llama.cpp opens."""
    from anatili.gguf.file import export_gguf

    place = tmp_path_factory.mktemp("made")
    export_gguf(small.make_folder(place, "qwen3"), place / "m.gguf", "q8_0")
    return (place / "m.gguf").read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> dict[str, bytes]:
    """A random model as safetensors, with what must not come along."""
    place = small.make_folder(tmp_path_factory.mktemp("folder"), "llama")
    found = {path.name: path.read_bytes() for path in place.iterdir()}
    assert "model.safetensors" in found
    return found | {"pytorch_model.bin": b"\x80\x02pickle", "modeling_talker.py": b"import os", "onnx/model.onnx": b"x"}


@pytest.fixture
def hub(gguf, folder):
    with local.serving() as found:
        found.repositories = {
            NAME: local.Repository({FILE: gguf, "README.md": b"# Talker\n", "mmproj-f16.gguf": b"GGUFpicture"}),
            "small/folder": local.Repository(folder),
            "small/shut": local.Repository({FILE: gguf}, "cc-by-nc-4.0", is_gated=True, allowed={"hf_good"}),
            "small/pickle": local.Repository({"config.json": b"{}", "pytorch_model.bin": b"\x80\x02."}),
            "small/many": local.Repository({"a-Q4_0.gguf": gguf, "a-Q8_0.gguf": gguf + b"\0"}),
            "small/split": local.Repository(
                {
                    "b-00001-of-00002.gguf": b"GGUF1",
                    "b-00002-of-00002.gguf": b"GGUF22",
                    "README.md": b"x",
                }
            ),
        }
        found.tokens = {"hf_good", "hf_stranger"}
        yield found


@pytest.fixture
def home(tmp_path, hub, sample_index):
    """What the command is run with: this hub, and caches of its own, where only the sample's index is."""
    keep_index(tmp_path / "cache", sample_index)
    keep = {name: said for name, said in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    return keep | {
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(tmp_path / "hf"),
        "ANATILI_CACHE": str(tmp_path / "cache"),
    }


def keep_index(cache: Path, sample_index: Path) -> None:
    cache.mkdir()
    (cache / sample_index.name).symlink_to(sample_index)


def pull(home, *arguments, **more):
    return run_anatili("pull", *arguments, env=home | more, stdin=subprocess.DEVNULL, timeout=120)


def place_of(done) -> Path:
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout)["place"])


def test_a_model_is_pulled_and_answers(hub, home, gguf):
    done = pull(home, NAME, "--yes", "--json")
    file = place_of(done)
    assert file.name == FILE
    assert file.read_bytes() == gguf
    assert file.parent.name == hub.repositories[NAME].commit, "where other programs look for it too"
    assert hub.downloads() == [""]
    asked = run_anatili("chat", NAME, "--question", "Абай кім?", "--json", "--limit", 4, env=home, timeout=600)
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["passages"], "it searches the sample, as the models that come along do"
    again = pull(home, NAME, "--json")
    assert place_of(again) == file, "what is here needs no question"
    assert hub.downloads() == [""], "and no byte of it again"


def test_what_breaks_off_goes_on_by_itself(hub, home, gguf):
    hub.breaks = [5000, 7000]
    file = place_of(pull(home, NAME, "--yes", "--json"))
    assert hub.downloads() == ["", "bytes=5000-", "bytes=12000-"]
    assert file.read_bytes() == gguf


def test_what_was_given_up_goes_on_at_the_next_call(hub, home, gguf, tmp_path):
    hub.breaks = [100_000] + [0] * 20
    done = pull(home, NAME, "--yes")
    assert done.returncode == 1
    assert "broke off after 0.1 of" in done.stderr
    assert "give the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    part = next((tmp_path / "hf").rglob("*.part"))
    assert part.read_bytes() == gguf[:100_000]
    hub.breaks, hub.asked = [], []
    file = place_of(pull(home, NAME, "--yes", "--json"))
    assert hub.downloads() == ["bytes=100000-"]
    assert hashlib.sha256(file.read_bytes()).digest() == hashlib.sha256(gguf).digest()
    assert not list((tmp_path / "hf").rglob("*.part"))


def test_a_server_that_knows_no_ranges_sends_it_all_again(hub, home, gguf):
    hub.breaks, hub.ignores_ranges = [9000], True
    assert place_of(pull(home, NAME, "--yes", "--json")).read_bytes() == gguf
    assert hub.downloads() == ["", "bytes=9000-"]


def test_other_bytes_than_the_hub_names_are_refused(hub, home, tmp_path):
    hub.spoil = True
    done = pull(home, NAME, "--yes")
    assert done.returncode == 1
    assert "is not what" in done.stderr
    assert "refused and removed" in done.stderr
    assert not [path for path in (tmp_path / "hf").rglob("*") if path.stat().st_size > 100_000]
    asked = run_anatili("chat", NAME, "--question", "Абай кім?", env=home, stdin=subprocess.DEVNULL)
    assert asked.returncode == 1, "and nothing is taken for pulled"


def test_a_damaged_file_is_seen_and_fetched_again(hub, home, gguf):
    file = place_of(pull(home, NAME, "--yes", "--json"))
    file.resolve().write_bytes(gguf[:-1] + bytes([gguf[-1] ^ 1]))
    assert place_of(pull(home, NAME, "--yes", "--json")).read_bytes() == gguf
    assert hub.downloads() == ["", ""]


def test_a_file_that_does_not_fit_is_told_before_it_is_begun(hub, home, tmp_path, monkeypatch):
    from anatili.models import hub as fetching
    from anatili.problem import Problem

    plan = fetching.PullPlan("x", NAME, "0" * 40, (fetching.File(FILE, 10**15, "0" * 64),), FILE, "")
    monkeypatch.setattr(fetching, "cache", lambda: tmp_path / "not" / "yet" / "there")
    with pytest.raises(Problem, match=r"needs 1000000\.00 GB .* GB are free"):
        fetching.fetch(plan, print)
    assert hub.asked == []


def test_a_disk_that_fills_up_meanwhile_keeps_what_came(hub, home, gguf, tmp_path):
    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    done = run_anatili("pull", NAME, "--yes", env=home, preexec_fn=small_disk, timeout=120)
    assert done.returncode == 1
    assert "no space left" in done.stderr
    assert "Traceback" not in done.stderr
    hub.asked.clear()
    assert place_of(pull(home, NAME, "--yes", "--json")).read_bytes() == gguf
    assert hub.downloads() == ["bytes=50000-"]


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "log in and accept its terms at https://huggingface.co/small/shut"),
        ("hf_stranger", "the account of your token may not have small/shut yet"),
        ("hf_wrong", "refuses the token (HF_TOKEN)"),
    ],
)
def test_a_gated_model_says_where_to_accept_its_terms(hub, home, token, said):
    done = pull(home, "small/shut", "--yes", **({"HF_TOKEN": token} if token else {}))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert hub.downloads() == []


def test_a_token_opens_a_gated_model_and_is_sent_nowhere_else(hub, home, gguf):
    done = pull(home, "small/shut", "--yes", "--json", HF_TOKEN="hf_good")
    assert place_of(done).read_bytes() == gguf
    assert hub.downloads() == [""]
    assert hub.leaked == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("small/nowhere",), "no repository small/nowhere"),
        ((NAME, "other.gguf"), f"has no file other.gguf; name one of these:\n  {FILE}"),
        (("small/many",), "has 2 GGUF files; name one of these:\n  a-Q4_0.gguf"),
        (("small/pickle",), "only as pickle (pytorch_model.bin)"),
        (("small/pickle", "pytorch_model.bin"), "only .gguf and .safetensors are pulled"),
        (("kazllm-9b",), "no model 'kazllm-9b' in the registry; near: kazllm-8b"),
        (("a/b/c",), "not the OWNER/NAME"),
        (("kazakh-26m",), "comes with anatili"),
        (("piper-kk",), "cannot be pulled, only pointed to: https://huggingface.co/rhasspy/piper-voices"),
        (("qwen3-8b", "x.gguf"), "has its file in the registry"),
    ],
)
def test_what_cannot_be_pulled_is_told_in_a_sentence(hub, home, arguments, said):
    done = pull(home, *arguments, "--yes")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert hub.downloads() == []


def test_without_a_network_one_sentence_and_what_is_here_is_used(hub, home, gguf):
    there = home | {"HF_ENDPOINT": "http://127.0.0.1:9"}
    begun = time.monotonic()
    done = pull(there, NAME, "--yes")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: no connection to 127.0.0.1:9")
    assert "HF_ENDPOINT names a mirror" in done.stderr
    offline = pull(home, NAME, "--yes", HF_HUB_OFFLINE="1")
    assert f"HF_HUB_OFFLINE is set, and {NAME} is not here" in offline.stderr
    assert hub.asked == []
    assert time.monotonic() - begun < 60, "it does not try for ever"
    file = place_of(pull(home, NAME, "--yes", "--json"))
    for absent in (there, home | {"HF_HUB_OFFLINE": "1"}):
        assert place_of(pull(absent, NAME, "--yes", "--json")) == file
        said = run_anatili("tokenizer", "report", NAME, "--text", Path(__file__), "--json", env=absent)
        assert said.returncode == 0, said.stderr


@pytest.mark.parametrize(
    ("setting", "said"), [({"says_html": True}, "does not answer as a hub does"), ({"fails": 503}, "answered 503")]
)
def test_a_server_that_is_no_hub_is_told_as_such(hub, home, setting, said):
    for name, value in setting.items():
        setattr(hub, name, value)
    done = pull(home, NAME, "--yes")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_comes_without_pickle_and_code_and_is_opened(hub, home):
    place = place_of(pull(home, "small/folder", "--yes", "--json"))
    came = {path.name for path in place.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= came
    assert not came & {"pytorch_model.bin", "modeling_talker.py", "onnx"}
    asked = run_anatili("evaluate", "small/folder", "--text", Path(__file__), "--max-bytes", 500, "--json", env=home)
    assert asked.returncode == 0, asked.stderr


def test_all_pieces_of_a_split_model_come(hub, home):
    first = place_of(pull(home, "small/split", "--yes", "--json"))
    assert first.name == "b-00001-of-00002.gguf"
    assert {path.name for path in first.parent.iterdir()} == {"b-00001-of-00002.gguf", "b-00002-of-00002.gguf"}


def test_what_changed_on_the_hub_is_pulled_anew(hub, home, gguf):
    first = place_of(pull(home, NAME, "--yes", "--json"))
    hub.repositories[NAME].files["README.md"] = b"# Talker, second edition\n"
    second = place_of(pull(home, NAME, "--yes", "--json"))
    assert first.parent != second.parent
    assert hub.downloads() == [""], "the bytes that stayed the same do not travel again"


def test_nobody_to_ask_means_no(hub, home):
    done = pull(home, NAME)
    assert done.returncode == 1
    assert "license: apache-2.0" in done.stderr
    assert "add --yes" in done.stderr
    assert hub.downloads() == []


def at_a_terminal(home, arguments, answers) -> tuple[int, str]:
    """The command at a terminal, `answers` typed one at each question; its status and all that was shown."""
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "anatili", *arguments], stdin=terminal, stdout=terminal, stderr=terminal, env=home
    )
    os.close(terminal)
    shown, end, left = "", time.monotonic() + 300, list(answers)
    while time.monotonic() < end:
        ready, _, _ = select.select([control], [], [], 1)
        if not ready:
            if process.poll() is not None:
                break
            continue
        try:
            shown += os.read(control, 65_536).decode("utf-8", "replace")
        except OSError:  # the other side is closed
            break
        if left and shown.rstrip().endswith("[y/N]:"):
            os.write(control, left.pop(0).encode() + b"\n")
    status = process.wait(60)
    os.close(control)
    return status, shown


@pytest.fixture
def shelf(home, hub, tmp_path):
    """A registry whose kazllm-8b is the small model: the real rows are far too large."""
    import anatili

    code = tmp_path / "code"
    shutil.copytree(Path(anatili.__file__).parent, code / "anatili")
    file = code / "anatili" / "models" / "registry.toml"
    rows = file.read_text("utf-8")
    file.write_text(
        rows.replace("issai/LLama-3.1-KazLLM-1.0-8B-GGUF4", NAME).replace(
            "checkpoints_llama8b_031224_18900-Q4_K_M.gguf", FILE
        ),
        "utf-8",
    )
    return home | {"PYTHONPATH": str(code)}


def test_chat_offers_to_pull_and_goes_on(hub, shelf):
    question = ["chat", "kazllm-8b", "--question", "Абай кім?", "--limit", "4"]
    status, shown = at_a_terminal(shelf, question, ["n"])
    assert status == 1
    assert "not for commercial use" in shown
    assert "nothing was pulled" in shown
    assert hub.downloads() == []
    status, shown = at_a_terminal(shelf, question, ["y"])
    assert status == 0, shown
    assert hub.downloads() == [""]
    assert "Абай" in shown.split("[y/N]")[1], "passages and answer follow"
    nobody = run_anatili("models", "kazllm-8b", "--json", env=shelf)
    assert json.loads(nobody.stdout)["here"] is True


def test_where_nobody_can_be_asked_the_command_is_told(hub, shelf):
    for command in (
        ["chat", "kazllm-8b", "--question", "Абай кім?"],
        ["evaluate", "kazllm-8b", "--text", __file__],
        ["translate", "kazllm-8b", __file__, "--target", "kk"],
        ["serve", "kazllm-8b"],
        ["tokenizer", "report", "kazllm-8b", "--text", __file__],
    ):
        done = run_anatili(*command, env=shelf, stdin=subprocess.DEVNULL)
        assert done.returncode == 1
        assert "kazllm-8b is not here: anatili pull kazllm-8b   (about 4.89 GB, CC-BY-NC-4.0" in done.stderr, command
    assert hub.asked == []


def test_what_is_no_chat_model_says_what_it_is(hub, home, gguf):
    hub.repositories["rbehzadan/bge-m3-gguf"] = local.Repository({"bge-m3-Q8_0.gguf": gguf})
    place_of(pull(home, "bge-m3", "--yes", "--json"))
    done = run_anatili("chat", "BGE-M3", "--question", "Абай кім?", env=home)
    assert "bge-m3 does not answer questions: it is a model for embedding" in done.stderr


def test_each_kind_comes_with_what_it_needs(hub, home, gguf):
    """CTranslate2's folder has weights of a form of its own; one of sentence vectors has a folder that says how."""
    hub.repositories["skywood/nllb-200-distilled-600M-ct2-int8"] = local.Repository(
        {
            "model.bin": b"\6\0\0\0\x10\0TransformerSpec",
            "config.json": b"{}",
            "shared_vocabulary.json": b"[]",
            "sentencepiece.bpe.model": b"\n\1x",
            "tokenizer.json": b"{}",
            "optimizer.bin": b"\x80\2",
        }
    )
    place = place_of(pull(home, "nllb-600m", "--yes", "--json"))
    assert {path.name for path in place.iterdir()} == {
        "model.bin",
        "config.json",
        "shared_vocabulary.json",
        "sentencepiece.bpe.model",
        "tokenizer.json",
    }
    hub.repositories["small/vectors"] = local.Repository(
        {
            "model.safetensors": gguf,
            "config.json": b"{}",
            "modules.json": b"[]",
            "1_Pooling/config.json": b"{}",
            "openvino/model.safetensors": gguf,
            ".gitattributes": b"*.bin filter=lfs",
        }
    )
    place = place_of(pull(home, "small/vectors", "--yes", "--json"))
    came = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert came == {"model.safetensors", "config.json", "modules.json", "1_Pooling/config.json"}


@pytest.mark.parametrize("name", ["../../evil.gguf", "/evil.gguf", "a\x1b[2J.gguf", "..\\evil.gguf"])
def test_a_hub_that_names_files_elsewhere_is_refused(hub, home, gguf, tmp_path, name):
    hub.repositories["small/evil"] = local.Repository({name: gguf})
    done = pull(home, "small/evil", "--yes")
    assert done.returncode == 1
    assert "refused" in done.stderr
    assert not list(tmp_path.rglob("evil.gguf"))
    assert hub.downloads() == []


def test_a_pulled_model_goes_by_its_name_and_tells_what_it_is(gguf, tmp_path, monkeypatch, sample_index):
    from anatili.models import registry
    from anatili.serve.assistant import open_assistant

    keep_index(tmp_path / "cache", sample_index)
    monkeypatch.setenv("ANATILI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "m.gguf").write_bytes(gguf)
    row = registry.known("gemma-3-4b")
    kept = registry.Pulled(row.name, row.repository, "f" * 40, str(tmp_path), {"m.gguf": len(gguf)}, "m.gguf")
    registry.write_pulled(kept)
    assert registry.pulled(row.name) is None, "of another file than the registry has now"
    (tmp_path / "m.gguf").rename(tmp_path / row.file)
    registry.write_pulled(
        registry.Pulled(row.name, row.repository, "f" * 40, str(tmp_path), {row.file: len(gguf)}, row.file)
    )
    assistant = open_assistant(row.name)
    assert assistant.name == row.name
    assert row.about in assistant.card
    assert "LicenseRef-Gemma" in assistant.card
    assert assistant.search is not None
    assert next(iter(assistant.packs)) == "kk", "its maker names no languages: all are offered, the main one first"
    assert not assistant.prepare([{"role": "user", "content": "zzz qqq xxyy"}]).passages
    assert assistant.prepare([{"role": "user", "content": "zzz qqq xxyy"}]).abstains, "as small as it is"
