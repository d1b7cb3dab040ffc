"""Signs exchange API requests with a secret that this process does not hold.

    import signbox

    with signbox.Signer("kraken/main") as signer:
        request = signer.sign("POST", "https://api.kraken.com/0/private/Balance")

The secret stays in the Linux kernel keyring, and a walled-in process, signbox-signer(1), signs what the key was granted.
For libraries there are `signbox.ccxt`, `signbox.requests`, `signbox.httpx`, `signbox.aiohttp`, `signbox.binance`,
`signbox.krakenex`, `signbox.hummingbot`, and `python -m signbox.freqtrade`.
"""

from .errors import (
    BadRequest,
    Closed,
    DeadlinePassed,
    Denied,
    Forked,
    KeyGone,
    RateLimited,
    Refused,
    SignboxError,
    SignerDied,
    SignerMissing,
    Stale,
    WrongAnswer,
    WrongVersion,
)
from .signer import AsyncSigner, Signed, Signer, Verdict, shared

__all__ = [
    "AsyncSigner",
    "BadRequest",
    "Closed",
    "DeadlinePassed",
    "Denied",
    "Forked",
    "KeyGone",
    "RateLimited",
    "Refused",
    "SignboxError",
    "Signed",
    "Signer",
    "SignerDied",
    "SignerMissing",
    "Stale",
    "Verdict",
    "WrongAnswer",
    "WrongVersion",
    "shared",
]
