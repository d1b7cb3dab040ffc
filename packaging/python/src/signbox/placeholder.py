"""What to give a library in place of credentials, so that it builds its requests as ever. No secret, and the same for all.

A library looks at the shape of a secret to choose how to sign: text that is base64 as well and has neither the length nor the padding
of a private key makes it take the HMAC that costs least. The signer puts the true signature in that place, of whichever kind.
"""

from __future__ import annotations

import base64
import binascii

TEXT = "signbox+placeholder+no+secret+00"  # 32 characters, 24 bytes of base64
ED25519 = base64.b64encode(b"signbox placeholder, no secret 0").decode()
# The base58 of the same 32 bytes.
ED25519_BASE58 = "ed25519:8mX76Z8y84iCeiTg9KNrJ9YApRR9SBAGnods2VTqsxgF"
PEM = (
    "-----BEGIN PRIVATE KEY-----\n"
    + base64.b64encode(bytes.fromhex("302e020100300506032b657004220420") + b"signbox placeholder, no secret 0").decode()
    + "\n-----END PRIVATE KEY-----\n"
)
# Exchanges that take a private key alone, by ccxt's names for their credentials.
SPECIAL: dict[str, dict[str, str]] = {
    "backpack": {"secret": ED25519},
    "woofipro": {"apiKey": ED25519_BASE58, "secret": ED25519_BASE58},
    "modetrade": {"apiKey": ED25519_BASE58, "secret": ED25519_BASE58},
    "revolutx": {"privateKey": PEM},
    "hyperliquid": {"privateKey": "0x" + "51" * 32},
    "coinbaseinternational": {"apiKey": TEXT[:8], "secret": (TEXT + TEXT)[:43]},  # a key of Deribit's, by its length
    "gemini": {"apiKey": "account-" + TEXT[:24]},
}
USUAL = {"apiKey": TEXT, "secret": TEXT, "password": TEXT, "uid": "0", "login": TEXT, "accountId": "0"}


def placeholder(exchange: str, field: str) -> str | None:
    """Returns what stands for a credential at an exchange, as ccxt names both; None where no text would do."""
    return SPECIAL.get(exchange, {}).get(field, USUAL.get(field))


def is_placeholder(text: str) -> bool:
    """Whether it is one of these, or says of itself that it is one: 'signbox' or 'placeholder' in it, or in what it encodes."""
    try:
        decoded = base64.b64decode(text.encode(), validate=True)
    except (ValueError, binascii.Error):
        decoded = b""
    said = any(word in one.lower() for word in (b"signbox", b"placeholder") for one in (text.encode(), decoded))
    return said or any(text in texts.values() for texts in SPECIAL.values())
