"""ccxt whose requests and WebSocket logins are signed by signbox: ccxt, ccxt.async_support and ccxt.pro.

    exchange = signbox.ccxt.signed(ccxt.kraken, "kraken/main")()      # a class, to make exchanges from
    signbox.ccxt.attach(exchange, "kraken/main")                      # or one line for an exchange that is there

ccxt builds each request as ever, with a signature that is worth nothing. What was built with a credential goes to the signer, which looks at it,
drops that signature, and puts the true one in its place. Public requests go their own way. A refusal is a
`ccxt.PermissionDenied` that bots don't repeat; see the classes below for the rest.

ccxt.pro makes the login of a WebSocket outside of sign(), with the placeholder too. Where it is one of `LOGINS`, the signer puts the true one in
its place before it is sent, if the key has the grant `login`. What else bears a placeholder or its signature, such as an order over a
WebSocket, is not sent: `BadRequest`.
"""

from __future__ import annotations

import base64
import copy
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import cache, partial
from typing import Any, Union

import ccxt

from . import errors
from .placeholder import TEXT, is_placeholder, placeholder
from .signer import AsyncSigner, Signer, shared

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

        def check_required_credentials(self, error: bool = True) -> Any:
            have = vars(self)
            for name, needed in self.requiredCredentials.items():
                if needed and not have.get(name):
                    return super().check_required_credentials(error)
            USED.what |= SECRET  # as ccxt's own does, which reads them one by one
            return True

        def sign(self, *args: Any, **options: Any) -> Any:
            USED.what = 0
            request = built(super().sign, *args, **options)
            used = USED.what or (SECRET if SIGNATURE in str(request["body"]) else 0)
            if not used or (used == PUBLIC and not bears(request, self.apiKey)):
                return request
            try:
                try:
                    answer = asked(key, request)
                except errors.Stale:  # most likely ccxt's nonce, of the same millisecond as the last one
                    time.sleep(0.002)
                    request = built(super().sign, *args, **options)
                    answer = asked(key, request)
            except errors.SignboxError as error:
                raise translated(error) from error
            request.update(cleaned(answer, vars(self).get("apiKey", "")))
            return request

        def client(self, url: str) -> Any:
            client = super().client(url)
            if "send" not in vars(client):
                client.send = partial(send, self, key, client.send)
            return client

    Signed.hmac = quick_hmac(Signed)
    for name in ("rsa", "eddsa", "ecdsa", "jwt"):
        setattr(Signed, name, noting(Signed, name))
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


Place = tuple[Union[str, int], ...]


def under(place: Place, *names: str) -> dict[str, Place]:
    """Fields that stand in one place of a message, by their names."""
    return {name: (*place, name) for name in names}


# The logins of ccxt.pro, by exchange: what stands in the message, the login's name in signbox-protocol(7), and where in the
# message its fields stand; the signature, which tells it from a message without one, is the last.
GATE = {"channel": ("channel",), **under(("payload",), "timestamp", "api_key", "signature")}
GATE_CHANNEL = {**under((), "channel", "event", "time"), **under(("auth",), "KEY", "SIGN")}
USER = "userDataStream.subscribe.signature"
LOGINS: dict[str, list[tuple[dict[str, str], str, dict[str, Place]]]] = {
    "binance": [({"method": USER}, USER, under(("params",), "recvWindow", "timestamp", "apiKey", "signature"))],
    "bitget": [({"op": "login"}, "login", under(("args", 0), "apiKey", "passphrase", "timestamp", "sign"))],
    "bitmex": [({"op": "authKeyExpires"}, "authKeyExpires", {"key": ("args", 0), "expires": ("args", 1), "signature": ("args", 2)})],
    "bybit": [({"op": "auth"}, "auth", {"api_key": ("args", 0), "expires": ("args", 1), "signature": ("args", 2)})],
    "coinbaseexchange": [({"type": "subscribe"}, "subscribe", under((), "key", "passphrase", "timestamp", "signature"))],
    "deribit": [({"method": "public/auth"}, "client_signature", under(("params",), "grant_type", "client_id", "timestamp", "nonce", "data", "signature"))],
    "gate": [
        ({"event": "api", "channel": "spot.login"}, "login", GATE),
        ({"event": "api", "channel": "futures.login"}, "login", GATE),
        ({"event": "subscribe"}, "subscribe", GATE_CHANNEL),
    ],
    "okx": [({"op": "login"}, "login", under(("args", 0), "apiKey", "passphrase", "timestamp", "sign"))],
}  # fmt: skip
NOT_SECRET = ("apiKey", "uid", "login", "accountId")
SIGNATURE = '"signature":'  # in a body that was signed before sign() saw it, as orders of Hyperliquid are
PUBLIC, SECRET = 1, 2
WORTHLESS = (TEXT.encode(), base64.b64decode(TEXT))  # as keys of an HMAC
NOTED = 1000  # how many signatures that ccxt.pro has made, and maybe not sent, are known again


class Used(threading.local):
    """What the sign() that runs in this thread has read, and whether one runs."""

    what = 0
    signing = False


USED = Used()


class Watched:
    """A credential that tells when it is read: what was built without any of them needs no signature."""

    def __init__(self, kind: int) -> None:
        self._kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, exchange: Any, owner: type) -> Any:
        if exchange is None:
            return getattr(super(owner, owner), self._name, None)
        USED.what |= self._kind
        return exchange.__dict__.get(self._name)

    def __set__(self, exchange: Any, value: Any) -> None:
        if self._kind == SECRET and value and not is_placeholder(value):
            put_aside(type(exchange), self._name)
        else:
            exchange.__dict__[self._name] = value


def built(sign: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """A request as ccxt signs it: what it makes here is the signer's to replace, and not noted."""
    USED.signing = True
    try:
        return sign(*args, **options)
    finally:
        USED.signing = False


def asked(key: str | Signer, request: Any) -> Any:
    """The request signed, as the signer gives it."""
    headers = {name: str(value) for name, value in (request["headers"] or {}).items()}
    return shared(key).sign(request["method"], request["url"], headers, request["body"])


async def send(exchange: Any, key: str | Signer, plain: Callable[[Any], Awaitable[Any]], message: Any) -> Any:
    """Sends a message over a WebSocket: a login as the signer gives it, and nothing else that was made with a placeholder."""
    try:
        found = known_login(exchange, message)
        if found:
            message = await logged_in(key, message, *found)
        if in_message(message, placeholders(exchange)):
            raise errors.BadRequest(
                f"this message of {exchange.id} is signed, or has a placeholder in it, and is no login that signbox knows; "
                "over a WebSocket it signs logins alone, so it was not sent",
                "bad_request",
            )
    except errors.SignboxError as error:
        raise translated(error) from error
    return await plain(message)


async def logged_in(key: str | Signer, message: Any, name: str, places: dict[str, Place]) -> Any:
    """The message with the signer's login in it."""
    fields = {field: at(message, place) for field, place in places.items()}
    given = {field: value for field, value in fields.items() if value is not None}
    answer = await AsyncSigner(shared(key)).login(name, given)
    message = copy.deepcopy(message)
    for field, value in answer.items():
        *way, last = places[field]
        at(message, way)[last] = value
    return message


def known_login(exchange: Any, message: Any) -> tuple[str, dict[str, Place]] | None:
    """Which login a message is, and where its fields stand."""
    for kind in type(exchange).__mro__:
        for pattern, name, places in LOGINS.get(kind.__name__, []):
            wanted = all(at(message, (member,)) == value for member, value in pattern.items())
            if wanted and at(message, list(places.values())[-1]) is not None:
                return name, places
    return None


def at(message: Any, place: Iterable[str | int]) -> Any:
    """What stands in a place of a message, None if there is no such place."""
    for step in place:
        try:
            message = message[step]
        except (LookupError, TypeError):
            return None
    return message


def noting(kind: type, name: str) -> Callable[..., Any]:
    """A way to sign of ccxt's that notes what it makes outside of sign(), for nobody to send it."""

    def made(exchange: Any, *args: Any, **options: Any) -> Any:
        signature = getattr(super(kind, exchange), name)(*args, **options)
        if not USED.signing:
            noted = vars(exchange).setdefault("_noted", deque(maxlen=NOTED))
            for part in signature.values() if isinstance(signature, dict) else [signature]:
                data = part.encode() if isinstance(part, str) else part
                if isinstance(data, bytes):
                    noted.extend({data.decode("latin-1"), data.hex(), base64.b64encode(data).decode()})
        return signature

    return made


def quick_hmac(kind: type) -> Callable[..., Any]:
    """ccxt's hmac(), which in sign() makes nothing of a placeholder: the signer puts the true signature in that place."""
    noted = noting(kind, "hmac")

    def made(exchange: Any, request: Any, secret: Any, *args: Any, **options: Any) -> Any:
        if USED.signing and secret in WORTHLESS and not options:
            return empty_hmac(*args)
        return noted(exchange, request, secret, *args, **options)

    return made


@cache
def empty_hmac(*args: Any) -> Any:
    """What ccxt makes of no message: text or bytes of the kind that is asked for."""
    return ccxt.Exchange.hmac(b"", TEXT.encode(), *args)


def placeholders(exchange: Any) -> list[str]:
    """What no message may have in it: placeholders, and the signatures that were made with them."""
    given = [vars(exchange).get(name) for name in ("apiKey", "secret", "password", "privateKey")]
    return [text for text in given if text and is_placeholder(text)] + list(vars(exchange).get("_noted", ()))


def in_message(message: Any, texts: Iterable[str]) -> bool:
    """Whether one of these stands in a message, in capitals or not."""
    whole = message if isinstance(message, str) else json.dumps(message, default=str, ensure_ascii=False)
    folded = whole.casefold()
    return any(text.casefold() in folded for text in texts)


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
    if not key:
        return False
    for text in (request["url"], request["body"] or "", *(request["headers"] or {}).values()):
        if key in str(text):
            return True
    return False


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
