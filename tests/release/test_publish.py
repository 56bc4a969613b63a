"""Publishing: to a folder, to a real S3 server, and with the hub's own client to a server that speaks its API."""

import subprocess

import hub as hubs
import pytest
from click.testing import CliRunner

from anatili.cli import main
from anatili.problem import Problem
from anatili.release.assemble import assemble_model
from anatili.release.publish import check_release, hub_name, plan_publish, publish
from anatili.release.verify import verify


@pytest.fixture
def release(tmp_path):
    """A signed release with a large file."""
    source, key = tmp_path / "source", tmp_path / "key"
    (source / "model").mkdir(parents=True)
    (source / "README.md").write_text("---\nlicense: mit\n---\n# m\n")
    (source / "model" / "model.safetensors").write_bytes(b"weights" * 1000)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    assemble_model(source, tmp_path / "m", key)
    return tmp_path / "m"


NAMES = ["README.md", "model/model.safetensors", "SHA256SUMS", "SHA256SUMS.sig"]


def send(release, target, **options):
    """Publish and return what was sent."""
    plan = plan_publish(release, target)
    publish(release, plan, lambda line: None, **options)
    return [item.name for item in plan.to_send]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_folder_becomes_the_same_release_and_an_interrupted_copy_is_finished(release, tmp_path):
    target = tmp_path / "target"
    dry = run("publish", release, "--to", target, "--dry-run")
    assert (dry.exit_code, target.exists()) == (0, False)
    assert "to send: 4 of 4 files" in dry.output
    assert run("publish", release, "--to", target).exit_code == 0
    assert verify(target).is_good
    (target / "model" / "model.safetensors").write_bytes(b"weights" * 500)  # the copy broke off here
    (target / "SHA256SUMS.sig").unlink()
    assert send(release, str(target)) == ["model/model.safetensors", "SHA256SUMS.sig"]
    assert verify(target).is_good
    assert send(release, str(target)) == []


def test_files_of_an_older_release_are_only_removed_when_asked(release, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "old.md").write_text("old")
    with pytest.raises(Problem, match=r"has 1 files that are not part of this release \(old.md\)"):
        send(release, str(target))
    assert sorted(path.name for path in target.iterdir()) == ["old.md"]
    send(release, str(target), delete=True)
    assert verify(target).is_good


def test_what_is_not_fit_is_not_published(release, tmp_path):
    (release / "README.md").write_text("# changed\n")
    answer = run("publish", release, "--to", tmp_path / "target")
    assert (answer.exit_code, "changed: README.md" in answer.output) == (1, True)
    assert not (tmp_path / "target").exists()
    with pytest.raises(Problem, match="no SHA256SUMS"):
        check_release(tmp_path, unsigned=True)


def test_a_store_gets_every_file_once(release, tmp_path, monkeypatch):
    boto3, moto_server = pytest.importorskip("boto3"), pytest.importorskip("moto.server")
    store = moto_server.ThreadedMotoServer(port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        client = boto3.client("s3")
        client.create_bucket(Bucket="store")
        target = "s3://store/models/m"
        assert send(release, target) == NAMES
        assert send(release, target) == []
        client.put_object(
            Bucket="store", Key="models/m/README.md", Body=b"---\nlicense: mit\n---\n# n\n"
        )  # same size, no digest
        client.delete_object(Bucket="store", Key="models/m/SHA256SUMS")
        assert send(release, target) == ["README.md", "SHA256SUMS"]
        for name in NAMES:
            (tmp_path / "got" / name).parent.mkdir(parents=True, exist_ok=True)
            client.download_file("store", f"models/m/{name}", str(tmp_path / "got" / name))
        assert verify(tmp_path / "got").is_good
        with pytest.raises(Problem, match=r"s3://gone.*the same command goes on"):
            send(release, "s3://gone/m")
    finally:
        store.stop()


def test_the_hub_gets_large_files_first_and_one_commit(release, monkeypatch):
    from huggingface_hub import constants

    with hubs.serving() as hub:
        hub.tokens.add("t")
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # the server offers the older transfer only
        monkeypatch.setenv("HF_TOKEN", "t")
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        target = "hf://owner/m"
        assert [item.name for item in plan_publish(release, target).to_send] == NAMES
        assert not hub.repositories
        assert send(release, target) == NAMES
        assert {name: (release / name).read_bytes() for name in NAMES} == hub.repositories["owner/m"].files
        puts = [path for method, path, _ in hub.asked if method == "PUT"]
        assert len(puts) == 1
        assert send(release, target) == []
        hub.repositories["owner/m"].files.pop("model/model.safetensors")  # the commit was lost, the large file was not
        hub.repositories["owner/m"].files["README.md"] = b"old"
        assert send(release, target) == ["README.md", "model/model.safetensors"]
        assert [path for method, path, _ in hub.asked if method == "PUT"] == puts
        assert send(release, "hf://datasets/owner/m") == NAMES
        assert set(hub.repositories["datasets/owner/m"].files) == set(NAMES)
        monkeypatch.setenv("HF_TOKEN", "wrong")
        with pytest.raises(Problem, match=r"hf://owner/m: .*401"):
            send(release, target)


@pytest.mark.parametrize("target", ["hf://owner", "hf://a/b/c", "hf://datasets/x"])
def test_a_repository_has_an_owner_and_a_name(target):
    with pytest.raises(Problem, match="names no repository"):
        hub_name(target)
