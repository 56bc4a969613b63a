"""Fixtures: an S3 server (moto), and a bucket on it."""

import os

import pytest


@pytest.fixture(scope="module")
def s3():
    """An S3 server with the bucket `runs`, and a client for it."""
    boto3 = pytest.importorskip("boto3")
    moto_server = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    s3fs.S3FileSystem.clear_instance_cache()  # clients of another test's server
    server = moto_server.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        yield boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def bucket(s3):
    s3.create_bucket(Bucket="runs")
    yield s3
    for key in keys(s3):
        s3.delete_object(Bucket="runs", Key=key)


def keys(s3) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket="runs").get("Contents", [])]
