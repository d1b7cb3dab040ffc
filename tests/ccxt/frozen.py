"""ccxt clients whose clock and chance stand still, so that a request can be built twice."""

import base64
import hashlib
import inspect

import ccxt

NOW_MS = 1700000000123
UUID = "01234567-89ab-4cde-8f01-23456789abcd"


def client(name, credentials, now_ms=NOW_MS):
    """Returns the ccxt client `name` at a fixed time."""
    made = getattr(ccxt, name)({**credentials, "enableRateLimit": False})
    freeze(made, now_ms)
    return made


def freeze(made, now_ms):
    """Stops the clock of a client, and its chance."""
    made.milliseconds = lambda: now_ms
    made.seconds = lambda: now_ms // 1000
    made.microseconds = lambda: now_ms * 1000 + 456
    made.uuid = lambda *_: UUID
    made.uuid16 = lambda *_: UUID.replace("-", "")[:16]
    made.uuid22 = lambda *_: UUID.replace("-", "")[:22]
    made.random_bytes = lambda length, *_: "0123456789abcdef" * (length // 8) + "0123456789abcdef"[: 2 * (length % 8)]


def entries(name):
    """Yields (section, method, path) of every endpoint in ccxt's `api`, each once."""
    seen = set()
    for kind in getattr(ccxt, name).__mro__:
        for value in vars(kind).values():
            if type(value).__name__ != "Entry":
                continue
            row = (value.api if isinstance(value.api, str) else ".".join(value.api), value.method.upper(), value.path)
            if row not in seen:
                seen.add(row)
                yield row


def sign(made, section, method, path, params):
    """Calls sign() the way that ccxt's request() does; older versions take a section of one word as a text."""
    words = section.split(".")
    api = words[0] if len(words) == 1 and ccxt.__version__ < "4.5.50" else words
    takes = len(inspect.signature(made.sign).parameters)
    arguments = [path, api, method, dict(params), None, None, {}]
    return made.sign(*arguments[: max(takes, 4)])


def text_key(what, length=64):
    """Returns a fake secret that is hex text and base64 text at once."""
    return hashlib.sha512(what.encode()).hexdigest()[:length]


def base64_key(what, length=32):
    return base64.b64encode(hashlib.sha512(what.encode()).digest()[:length]).decode()
