"""Keys for one purpose each, derived from the service's secret."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken

from supportdesk.errors import SettingsError

THREADS = "mail threads"
"""Purpose of the key that signs reply addresses and Message-IDs."""

_SEALING = "sealed settings"


def key_for(secret_key: bytes, purpose: str) -> bytes:
    """Derive the 32-byte key for one purpose."""
    return hmac.digest(secret_key, purpose.encode(), hashlib.sha256)


def seal(secret_key: bytes, text: str) -> str:
    """Encrypt a secret that has to be stored, such as a mailbox password; "" stays ""."""
    return _box(secret_key).encrypt(text.encode()).decode() if text else ""


def unseal(secret_key: bytes, sealed: str) -> str:
    """Decrypt what `seal` made.

    Raises:
        SettingsError: it was sealed with another secret key.
    """
    if not sealed:
        return ""
    try:
        return _box(secret_key).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SettingsError(
            "A stored password was sealed with another secret key;"
            " restore the old secret key or enter the password again."
        ) from None


def _box(secret_key: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(key_for(secret_key, _SEALING)))


def instance_id(secret_key: bytes) -> str:
    """Name this installation in mails that it sends, so that it knows its own coming back."""
    return key_for(secret_key, "instance")[:8].hex()
