"""Bot tokens: what is not signed by the vendor for now is not believed."""

import hashlib
import hmac
import json
import zipfile
from base64 import urlsafe_b64encode
from io import BytesIO
from typing import Any

import pytest

from platform_app.demo.fake_kommo.json_web_tokens import sign
from platform_app.integrations.kommo.bot_tokens import BotToken, UntrustedToken, read_bot_token
from platform_app.integrations.kommo.widget_archive import IMAGES, LOCALES, make_archive

SECRET, AT = "s" * 40, 1_764_460_800.0
CLAIMS = {"account_id": 42, "entity_type": 2, "entity_id": 7, "iat": AT, "exp": AT + 300}


def encoded(data: Any) -> str:
    return urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_a_signed_token_says_for_whom_a_bot_asks(algorithm: str) -> None:
    token = sign(CLAIMS | {"exp": int(AT) + 300, "iat": int(AT)}, SECRET, algorithm=algorithm)
    assert read_bot_token(token, SECRET, at=AT) == BotToken("42", "lead", 7)
    customer = sign(CLAIMS | {"entity_type": "customers", "account_id": "42", "exp": int(AT) + 9}, SECRET)
    assert read_bot_token(customer, SECRET, at=AT) == BotToken("42", "customer", 7)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": AT - 100},
        {"exp": AT + 10_000_000},
        {"exp": None},
        {"exp": "soon"},
        {"iat": AT + 1_000},
        {"account_id": 0},
        {"account_id": True},
        {"entity_id": -7},
        {"entity_id": "7; DROP"},
        {"entity_id": None},
        {"entity_type": 5},
        {"entity_type": []},
    ],
)
def test_claims_that_cannot_be_used_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UntrustedToken):
        read_bot_token(sign(CLAIMS | changes, SECRET), SECRET, at=AT)


def test_forged_tokens_are_refused() -> None:
    good = sign(CLAIMS, SECRET, algorithm="HS512")
    head, body, signature = good.split(".")
    none = f"{encoded({'alg': 'none'})}.{body}."
    asymmetric = f"{encoded({'alg': 'RS256'})}.{body}.{signature}"
    altered = f"{head}.{encoded(CLAIMS | {'entity_id': 8})}.{signature}"
    short = f"{head}.{body}." + urlsafe_b64encode(
        hmac.digest(SECRET.encode(), f"{head}.{body}".encode(), hashlib.sha512)[:16]
    ).decode().rstrip("=")
    forged = [
        none,
        asymmetric,
        altered,
        short,
        f"{head}.{body}.",
        f"{head}.{body}",
        "",
        "..",
        "a.b.c",
        "é.b.c",
        good * 40,
    ]
    forged += [sign(CLAIMS, "another"), f"{encoded([])}.{body}.{signature}", f"{head}.{encoded('x')}.{signature}"]
    for token in forged:
        with pytest.raises(UntrustedToken):
            read_bot_token(token, SECRET, at=AT)
    with pytest.raises(UntrustedToken):
        read_bot_token(sign(CLAIMS, ""), "", at=AT)


def test_the_widget_has_what_the_vendor_asks_for() -> None:
    with zipfile.ZipFile(BytesIO(make_archive())) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["widget"]["locale"] == list(LOCALES) and manifest["locations"] == ["salesbot_designer"]
        for locale in LOCALES:
            words = json.loads(archive.read(f"i18n/{locale}.json"))
            assert all(words["widget"].values()) and all(words["salesbot"].values())
        for name, (width, height) in IMAGES.items():
            image = archive.read(f"images/{name}.png")
            assert image[:8] == b"\x89PNG\r\n\x1a\n" and image[16:24] == bytes([0, 0, *divmod(width, 256)]) + bytes(
                [0, 0, *divmod(height, 256)]
            )
        script = archive.read("script.js").decode()
        assert "widget_request" in script and "{{json.answer}}" in script and script.count("{") == script.count("}")
