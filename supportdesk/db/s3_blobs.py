"""Content-addressed files in an S3 bucket, for a service on several machines."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar

from supportdesk.db.blobs import damaged, key_of, missing
from supportdesk.errors import ChannelError, SettingsError

Answer = TypeVar("Answer")

_CONNECT_SECONDS = 3
_READ_SECONDS = 20
_TRIES = 3


class S3Blobs:
    """A bucket or a part of one, `s3://bucket/prefix`; access comes from the usual AWS variables.

    A blob is durable before `put` returns: S3 answers then. One that is there already is written
    again, because asking first would cost as much.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def put(self, content: bytes) -> str:
        """Keep `content` and return its key.

        Raises:
            ChannelError: the store does not answer or refuses; nothing may be acknowledged.
        """
        key = key_of(content)
        self._asked(lambda: self._files.pipe_file(self._path(key), content))
        return key

    def get(self, key: str) -> bytes:
        """Read a blob back.

        Raises:
            NotFound: the blob is missing or its content no longer matches its name.
            ChannelError: the store does not answer or refuses; the blob may well be there.
        """
        try:
            content: bytes = self._asked(
                lambda: self._files.cat_file(self._path(key), max_concurrency=1)
            )
        except FileNotFoundError:
            raise missing(key) from None
        if key_of(content) != key:
            raise damaged(key)
        return content

    def keys(self) -> Iterator[str]:
        """List what is kept, in order."""
        for digit in "0123456789abcdef":  # a part at a time: there may be millions
            yield from self._asked(lambda digit=digit: self._keys_from(digit))  # type: ignore[misc]

    def _keys_from(self, digit: str) -> list[str]:
        paths: list[str] = self._files.find(self._url, prefix=digit)
        return sorted(path.rpartition("/")[2] for path in paths)

    def _path(self, key: str) -> str:
        return f"{self._url}/{key[:2]}/{key}"

    @cached_property
    def _files(self) -> Any:
        # Opened by the first who needs it: the thread that it works in does not live on in the
        # processes that gunicorn forks.
        from s3fs import S3FileSystem

        files = S3FileSystem(
            config_kwargs={
                "connect_timeout": _CONNECT_SECONDS,
                "read_timeout": _READ_SECONDS,
                "retries": {"total_max_attempts": 1},  # it is s3fs that tries again
            },
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        files.retries = _TRIES
        return files

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        from botocore.exceptions import BotoCoreError

        try:
            return ask()
        except (OSError, BotoCoreError) as error:
            if isinstance(error, FileNotFoundError) and not _lacks_the_bucket(error):
                raise
            raise ChannelError(
                "The blob store {url} cannot be used now: {reason}. Check blob_store, the AWS"
                " variables and the store itself; nothing is lost, it is tried again.",
                permanent=False,
                url=self._url,
                reason=str(error) or type(error).__name__,
            ) from error


def open_s3(url: str) -> S3Blobs:
    """Open the store at `url`, not yet asking it for anything.

    Raises:
        SettingsError: what speaks to S3 is not installed.
    """
    try:
        import s3fs  # noqa: F401
    except ImportError:
        raise SettingsError(
            "blob_store is {url}, but what speaks to S3 is not installed; install"
            " `supportdesk[s3]`.",
            url=url,
        ) from None
    return S3Blobs(url)


def _lacks_the_bucket(error: FileNotFoundError) -> bool:
    answer = getattr(error.__cause__, "response", {})
    return bool(answer.get("Error", {}).get("Code") == "NoSuchBucket")
