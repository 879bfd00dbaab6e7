"""Encryption: secrets of tenants and users, encrypted with AES-GCM and bound to their owner and a purpose.

Keys come from PLATFORM_SECRET_KEY, the newest first, else from a file in the data folder that is created once. An
encrypted text names its key, so that a missing key can be told from an altered text.
"""

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from platform_app.config import settings, split_list
from platform_app.data_dir import read_or_create_secret
from platform_app.errors import Conflict

_FORMAT = "v1"
_NONCE_BYTES = 12  # bytes
_SIGNATURE_BYTES = 16
_VISIBLE_CHARS = 4  # characters at the end of a secret that people may see, once it has three times as many


@dataclass(frozen=True)
class _Key:
    name: str
    cipher: AESGCM
    signing: bytes


def encrypt(secret: str, owner_id: str, purpose: str) -> str:
    """Return a secret encrypted with the newest key, bound to a tenant or user and a purpose."""
    key, nonce = _keys()[0], os.urandom(_NONCE_BYTES)
    closed = key.cipher.encrypt(nonce, secret.encode(), _associated_data(owner_id, purpose))
    return f"{_FORMAT}.{key.name}.{urlsafe_b64encode(nonce + closed).decode()}"


def decrypt(sealed: str, owner_id: str, purpose: str) -> str:
    """Return a secret in clear. Raises Conflict if its key is missing, or it was altered or bound to something else."""
    form, name, written = [*sealed.split(".", 2), "", ""][:3]
    key = next((key for key in _keys() if key.name == name), None)
    if form == _FORMAT and key is None:
        raise Conflict("The encryption key is missing. Restore it or enter the value again.")
    try:
        closed = urlsafe_b64decode(written)
        if key is None or form != _FORMAT or urlsafe_b64encode(closed).decode() != written:
            raise ValueError("not written by us")
        return key.cipher.decrypt(
            closed[:_NONCE_BYTES], closed[_NONCE_BYTES:], _associated_data(owner_id, purpose)
        ).decode()
    except (ValueError, InvalidTag) as error:
        raise Conflict("The saved value couldn’t be read. Enter it again.") from error


def sign(text: str, purpose: str) -> str:
    """Return a signature of a text for a purpose: 22 characters that need no escaping, made with the newest key."""
    return _signature(_keys()[0], text, purpose)


def is_signed(text: str, purpose: str, signature: str) -> bool:
    """Return whether `sign` made a signature of a text for a purpose, with whichever key."""
    given = signature.encode("utf-8", "replace")
    return any(hmac.compare_digest(_signature(key, text, purpose).encode(), given) for key in _keys())


def _signature(key: _Key, text: str, purpose: str) -> str:
    digest = hmac.digest(key.signing, _associated_data(purpose, text), "sha256")
    return urlsafe_b64encode(digest[:_SIGNATURE_BYTES]).decode().rstrip("=")


def newest_key_prefix() -> str:
    """Return the prefix of every text that is encrypted with the newest key."""
    return f"{_FORMAT}.{_keys()[0].name}."


def visible_suffix(secret: str) -> str:
    """Return the last characters of a secret, by which people recognize it; "" for a short one."""
    return secret[-_VISIBLE_CHARS:] if len(secret) >= 3 * _VISIBLE_CHARS else ""


def key_file() -> Path:
    """Return the path of the key that is generated if none is configured."""
    return settings().data_dir.resolve() / "secrets" / "secret-key"


def _keys() -> tuple[_Key, ...]:
    given = split_list(settings().secret_key.get_secret_value())
    return _derive_keys(tuple(given or [read_or_create_secret(key_file(), 32)]))


@lru_cache
def _derive_keys(given: tuple[str, ...]) -> tuple[_Key, ...]:
    return tuple(
        _Key(_derive(one, "name")[:4].hex(), AESGCM(_derive(one, "cipher")), _derive(one, "signing")) for one in given
    )


def _derive(key: str, use: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"platform {_FORMAT} {use}".encode()).derive(key.encode())


def _associated_data(owner_id: str, purpose: str) -> bytes:
    return "\n".join((_FORMAT, owner_id, purpose)).encode()
