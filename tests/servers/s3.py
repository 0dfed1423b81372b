"""A real S3 protocol on loopback: moto's server, one bucket a test."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import boto3
import pytest
from moto.server import ThreadedMotoServer


@dataclass(slots=True)
class S3Server:
    """A server that can go away and come back on its port; its buckets survive in this process."""

    server: ThreadedMotoServer
    port: int
    bucket: str

    @property
    def environ(self) -> dict[str, str]:
        """Give the variables that lead clients here."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def stop(self) -> None:
        """Go away."""
        self.server.stop()

    def start_again(self) -> None:
        """Come back with all that was kept."""
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.server.start()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """Run a server with an empty bucket, and have clients of this process find it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    found = S3Server(server, port, f"blobs-{secrets.token_hex(4)}")
    for name, value in found.environ.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket=found.bucket)
    yield found
    found.stop()
