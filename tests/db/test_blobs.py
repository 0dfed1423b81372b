"""The blob store: durable before it counts, and never anything but what was put in."""

import hashlib
import os
from pathlib import Path

import pytest

from supportdesk.db.blobs import BlobStore
from supportdesk.errors import NotFound


def test_a_blob_is_flushed_and_renamed_and_its_folders_are_flushed_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    flush = os.fsync

    def watch(handle: int) -> None:
        flushed.append(os.fstat(handle).st_ino)
        flush(handle)

    monkeypatch.setattr(os, "fsync", watch)
    folder = tmp_path / "data" / "blobs"
    key = BlobStore(folder).put(b"mail")
    blob = folder / key[:2] / key
    in_order = [tmp_path, folder.parent, folder, blob, blob.parent]
    assert flushed == [path.stat().st_ino for path in in_order]


def test_the_same_content_again_is_the_same_blob(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    assert store.put(b"mail") == store.put(b"mail") == hashlib.sha256(b"mail").hexdigest()
    assert store.get(store.put(b"mail")) == b"mail"


def test_a_blob_that_fails_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    store = BlobStore(tmp_path)
    store.put(b"first")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.put(b"second")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("damage", [b"", b"flipped"])
def test_a_damaged_or_missing_blob_is_told_and_not_handed_out(
    tmp_path: Path, damage: bytes
) -> None:
    store = BlobStore(tmp_path)
    key = store.put(b"mail")
    path = tmp_path / key[:2] / key
    path.write_bytes(damage)
    with pytest.raises(NotFound, match="damaged; restore it from a backup"):
        store.get(key)
    path.unlink()
    with pytest.raises(NotFound, match="missing; restore it from a backup"):
        store.get(key)


def test_the_keys_are_those_of_whole_blobs_in_order(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs")
    assert list(store.keys()) == []
    kept = [store.put(str(number).encode()) for number in range(50)]
    aside = tmp_path / "blobs" / kept[0][:2] / f".{kept[0]}.1a2b3c4d"
    aside.write_bytes(b"half")
    assert list(store.keys()) == sorted(kept)
