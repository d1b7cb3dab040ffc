"""krakenex without the secret: `signbox.krakenex.API("kraken/main")` in the place of `krakenex.API(key, secret)`."""

from __future__ import annotations

from typing import Any

import krakenex

from .placeholder import TEXT
from .requests import Auth
from .signer import Signer


class API(krakenex.API):
    """krakenex's API, whose private calls are signed with a key."""

    def __init__(self, key: str | Signer) -> None:
        super().__init__(TEXT, TEXT)
        self.session.auth = Auth(key, when=lambda url, body: "/private/" in url)

    def load_key(self, path: Any) -> None:
        """There is no key to load: signbox has it."""
        raise TypeError("signbox has the key: leave load_key out, and the file")
