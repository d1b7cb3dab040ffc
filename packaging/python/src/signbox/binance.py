"""python-binance without the secret: `signbox.binance.Client("binance/main")` for `binance.Client(key, secret)`, and `AsyncClient`.

The API key comes from the key's record. REST alone: what python-binance signs for the WebSocket API are no requests, and
the exchange refuses it with the placeholder's signature.
"""

from __future__ import annotations

import re
from typing import Any

import binance

from . import aiohttp, requests
from .placeholder import TEXT
from .signer import Signer

# Besides what python-binance has signed with the placeholder, what takes the API key alone.
WANTED = re.compile(rb"\bsignature=|/userDataStream|/listenKey|/historicalTrades")


def wanted(url: str, body: bytes) -> bool:
    """Whether a request is one for the signer."""
    return bool(WANTED.search(url.encode()) or WANTED.search(body))


class Client(binance.Client):
    """python-binance's Client, whose requests are signed with a key."""

    def __init__(self, key: str | Signer, **options: Any) -> None:
        self._signbox = key
        super().__init__(TEXT, TEXT, **options)

    def _init_session(self) -> Any:
        session = super()._init_session()
        session.headers.pop("X-MBX-APIKEY", None)  # it is the placeholder
        session.auth = requests.Auth(self._signbox, wanted)
        return session


class AsyncClient(binance.AsyncClient):
    """python-binance's AsyncClient, likewise: `await AsyncClient.create("binance/main")`."""

    def __init__(self, key: str | Signer, _secret: None = None, *options: Any, **named: Any) -> None:
        self._signbox = key
        super().__init__(TEXT, TEXT, *options, **named)

    def _init_session(self) -> Any:
        others = self._session_params.get("middlewares", ())
        self._session_params["middlewares"] = (*others, aiohttp.sign(self._signbox, wanted))
        return super()._init_session()

    def _get_headers(self) -> dict[str, str]:
        headers: dict[str, str] = super()._get_headers()
        headers.pop("X-MBX-APIKEY", None)  # it is the placeholder
        return headers
