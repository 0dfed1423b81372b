"""Blobs in a bucket: the same promises as in a folder, and an outage is no missing blob."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import sqlalchemy as sa

from supportdesk.actions.receive_mail import receive_mail
from supportdesk.db.blobs import key_of
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.models import Receipt
from supportdesk.db.s3_blobs import S3Blobs, open_s3
from supportdesk.errors import ChannelError, NotFound
from tests.servers.s3 import S3Server
from tests.world import mail, make_world


@pytest.fixture
def store(s3: S3Server) -> S3Blobs:
    return open_s3(f"s3://{s3.bucket}/desk/")


def objects(s3: S3Server) -> Any:
    return boto3.client("s3").list_objects_v2(Bucket=s3.bucket).get("Contents", [])


def test_what_is_put_in_is_what_comes_out(s3: S3Server, store: S3Blobs) -> None:
    key = store.put(b"mail")
    assert key == store.put(b"mail") == hashlib.sha256(b"mail").hexdigest()
    assert store.get(key) == b"mail"
    assert [one["Key"] for one in objects(s3)] == [f"desk/{key[:2]}/{key}"]


def test_all_keys_are_listed_in_order(store: S3Blobs) -> None:
    kept = [store.put(f"mail {number}".encode()) for number in range(20)]
    assert list(store.keys()) == sorted(kept)


def test_a_damaged_or_missing_blob_is_told_and_not_handed_out(s3: S3Server, store: S3Blobs) -> None:
    key = store.put(b"mail")
    boto3.client("s3").put_object(Bucket=s3.bucket, Key=f"desk/{key[:2]}/{key}", Body=b"flipped")
    with pytest.raises(NotFound, match="damaged; restore it from a backup"):
        store.get(key)
    with pytest.raises(NotFound, match="missing; restore it from a backup"):
        store.get(key_of(b"another"))


def test_a_store_that_is_away_is_no_missing_blob_and_keeps_nothing(
    s3: S3Server, store: S3Blobs
) -> None:
    key = store.put(b"mail")
    s3.stop()
    for ask in (lambda: store.get(key), lambda: store.put(b"more"), lambda: list(store.keys())):
        with pytest.raises(ChannelError, match="cannot be used now") as raised:
            ask()
        assert not raised.value.permanent
    s3.start_again()
    assert store.get(key) == b"mail"
    assert len(objects(s3)) == 1


def test_a_wrong_bucket_is_a_fault_of_the_store_and_not_of_every_blob(s3: S3Server) -> None:
    wrong = open_s3("s3://another/desk")
    with pytest.raises(ChannelError, match="bucket does not exist"):
        wrong.get(key_of(b"mail"))
    with pytest.raises(ChannelError, match="bucket does not exist"):
        wrong.put(b"mail")


def test_a_mail_that_the_store_did_not_take_is_not_accepted(
    s3: S3Server, store: S3Blobs, sqlite_url: str, tmp_path: Path
) -> None:
    database = Database(open_engine(sqlite_url))
    world = make_world(database, tmp_path)
    runtime = replace(world.runtime, blobs=store)

    def receive() -> None:
        receive_mail(
            runtime,
            mail("ekonom@kraj.example"),
            mail_from="",
            recipients=["business@example.com"],
            received_at=world.clock.now,
        )

    def receipts() -> int | None:
        with database.read() as session:
            return session.scalar(sa.select(sa.func.count(Receipt.id)))

    s3.stop()
    with pytest.raises(ChannelError):
        receive()
    assert receipts() == 0
    s3.start_again()
    receive()
    assert receipts() == 1
    database.close()
