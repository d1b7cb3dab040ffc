"""ccxt whose requests are signed by signbox: ccxt, ccxt.async_support, and the REST part of ccxt.pro.

    exchange = signbox.ccxt.signed(ccxt.kraken, "kraken/main")()      # a class, to make exchanges from
    signbox.ccxt.attach(exchange, "kraken/main")                      # or one line for an exchange that is there

ccxt builds each request as ever, and signs it with a placeholder. What was built with a credential goes to the signer, which looks at it,
drops that signature, and puts the true one in its place. Public requests go their own way. A refusal is a
`ccxt.PermissionDenied` that bots don't repeat; see the classes below for the rest. WebSocket logins are not signed: ccxt makes
them outside of sign(), with the placeholder, and the exchange refuses them.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import ccxt

from . import errors
from .placeholder import TEXT, is_placeholder, placeholder
from .signer import Signer, shared

LOG = logging.getLogger("signbox")


class Denied(errors.Denied, ccxt.PermissionDenied):
    """The policy refuses the request, by `rule`."""


class KeyGone(errors.KeyGone, ccxt.AuthenticationError):
    """The key has expired or was revoked."""


class RateLimited(errors.RateLimited, ccxt.RateLimitExceeded):
    """A limit of the key on requests in a time: ccxt's users wait and repeat."""


class Stale(errors.Stale, ccxt.InvalidNonce):
    """The time or nonce that ccxt has put in is not taken, twice: its clock or ours is wrong."""


class BadRequest(errors.BadRequest, ccxt.BadRequest):
    """What ccxt has built cannot be signed."""


class SignerDied(errors.SignerDied, ccxt.OperationFailed):
    """The signer ended; nothing was sent."""


class DeadlinePassed(errors.DeadlinePassed, ccxt.OperationFailed):
    """The signer did not answer; nothing was sent."""


class Unusable(errors.SignboxError, ccxt.BaseError):
    """There is no signer, and repeating brings none. `__cause__` is the error of signbox."""


KINDS = {
    kind.__bases__[0]: kind for kind in (Denied, KeyGone, RateLimited, Stale, BadRequest, SignerDied, DeadlinePassed)
}


def signed(base: Any, key: str | Signer) -> Any:
    """Returns the class of an exchange whose requests are signed with a key.

    Its exchanges need no credentials: what they are given for a secret is put aside, what is missing is filled with
    placeholders. Only where the key's record has no API key must it be given.
    """

    class Signed(base):
        """An exchange without its secret."""

        apiKey, secret, privateKey = Watched(PUBLIC), Watched(SECRET), Watched(SECRET)

        def __init__(self, config: Any = None) -> None:
            super().__init__(config or {})
            fill(self)

        def sign(self, *args: Any, **options: Any) -> Any:
            USED.what = 0
            request = super().sign(*args, **options)
            used = USED.what or (SECRET if SIGNATURE in str(request["body"]) else 0)
            if not used or (used == PUBLIC and not bears(request, self.apiKey)):
                return request
            try:
                try:
                    answer = asked(key, request)
                except errors.Stale:  # most likely ccxt's nonce, of the same millisecond as the last one
                    time.sleep(0.002)
                    request = super().sign(*args, **options)
                    answer = asked(key, request)
            except errors.SignboxError as error:
                raise translated(error) from error
            return {**request, **cleaned(answer, self.apiKey)}

    Signed.__name__, Signed.__qualname__ = base.__name__, base.__qualname__
    return Signed


def attach(exchange: Any, key: str | Signer) -> Any:
    """Has the requests of this exchange signed with a key from now on, and forgets the secret that it had; returns it."""
    fill(exchange)
    exchange.__class__ = signed(type(exchange), key)
    return exchange


def install(keys: dict[str, str | Signer]) -> None:
    """Puts signed classes in the place of ccxt's own, by name, for programs that take them from there: `{"kraken": "kraken/main"}`."""
    import ccxt.async_support
    import ccxt.pro

    for name, key in keys.items():
        for module in (ccxt, ccxt.async_support, ccxt.pro):
            if hasattr(module, name):
                setattr(module, name, signed(getattr(module, name), key))


NOT_SECRET = ("apiKey", "uid", "login", "accountId")
SIGNATURE = '"signature":'  # in a body that was signed before sign() saw it, as orders of Hyperliquid are
PUBLIC, SECRET = 1, 2
USED = threading.local()  # what the sign() that runs in this thread has read


class Watched:
    """A credential that tells when it is read: what was built without any of them needs no signature."""

    def __init__(self, kind: int) -> None:
        self._kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, exchange: Any, owner: type) -> Any:
        if exchange is None:
            return getattr(super(owner, owner), self._name, None)
        USED.what = getattr(USED, "what", 0) | self._kind
        return exchange.__dict__.get(self._name)

    def __set__(self, exchange: Any, value: Any) -> None:
        if self._kind == SECRET and value and not is_placeholder(value):
            put_aside(type(exchange), self._name)
        else:
            exchange.__dict__[self._name] = value


def asked(key: str | Signer, request: Any) -> Any:
    """The request signed, as the signer gives it."""
    headers = {name: str(value) for name, value in (request["headers"] or {}).items()}
    return shared(key).sign(request["method"], request["url"], headers, request["body"])


def fill(exchange: Any) -> None:
    """Gives an exchange placeholders for all that is secret, and for what it lacks."""
    kind = type(exchange)
    for name, needed in exchange.requiredCredentials.items():
        value, text = vars(exchange).get(name), placeholder(kind.__name__, name)
        if name == "apiKey" and str(value).startswith("organizations/"):  # of Coinbase: ccxt would want its private key
            value = None
        if text is None or not (needed or value) or (value and (name in NOT_SECRET or is_placeholder(value))):
            continue  # a placeholder that is there has a shape that somebody has chosen
        if value:
            put_aside(kind, name)
        setattr(exchange, name, text)


def put_aside(kind: type, name: str) -> None:
    """Says that an exchange was given a secret, which it does not get."""
    LOG.warning(
        "%s was given a %s, which is put aside: signbox has it. Take it out of the configuration; where it has lain on a "
        "disk, have the exchange issue another",
        kind.__name__,
        name,
    )


def bears(request: Any, key: str) -> bool:
    """Whether the API key stands in a request."""
    texts = (request["url"], request["body"] or "", *(request["headers"] or {}).values())
    return bool(key) and key in "\n".join(map(str, texts))


def cleaned(answer: Any, key: str) -> Any:
    """The answer without what is left of a placeholder; an error if it is the API key."""
    headers = answer["headers"]
    if "CB-ACCESS-SIGN" in headers and "Authorization" in headers:  # Coinbase has an HMAC and a token: here the second
        answer["headers"] = {name: value for name, value in headers.items() if not name.startswith("CB-ACCESS-")}
    if key == TEXT and bears(answer, key):
        raise KeyGone(
            "the key's record has no API key: give it as 'apiKey', or add the key again with --key", "unavailable"
        )
    return answer


def translated(error: errors.SignboxError) -> errors.SignboxError:
    """The same error as one of ccxt's as well."""
    made = KINDS.get(type(error), Unusable)(*error.args)
    made.__dict__.update(error.__dict__)
    return made
