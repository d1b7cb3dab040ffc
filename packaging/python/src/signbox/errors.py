"""What can go wrong between a bot and its signer, and what to do about each.

None of these is an `OSError` or a `TimeoutError`: libraries and bots repeat a request after those, and a refusal must not
be repeated. Nothing here holds a secret; a text is that of the signer or one from this file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


class SignboxError(Exception):
    """Any failure of this package: nothing was signed, or what was signed must not be sent."""


class SignerMissing(SignboxError):
    """There is no signer to talk to: the program is not installed, did not start, or its descriptors are in use."""


class WrongVersion(SignboxError):
    """The program at the other end speaks another version of the protocol: update it, or this package."""


class SignerDied(SignboxError):
    """The signer ended. A request without an answer was not sent to anybody, and may be signed again."""


class WrongAnswer(SignboxError):
    """An answer to another question, or no answer at all. The signer is not used any more: make a new one."""


class DeadlinePassed(SignboxError):
    """No answer came in time. A later one is thrown away: it never reaches another request."""


class Forked(SignboxError):
    """The signer belongs to the parent of this process: make a new one here."""


class Closed(SignboxError):
    """The signer was closed by this program."""


class Refused(SignboxError):
    """The signer answered, and did not sign. `code` is that of signbox-protocol(7)."""

    def __init__(self, text: str, code: str = "", rule: str | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.rule = rule


class Denied(Refused):
    """The policy of the key refuses the request, by `rule`. Repeating it changes nothing."""


class RateLimited(Refused):
    """A limit of the key on requests in a time has been reached; the text says how long to wait."""


class KeyGone(Refused):
    """The key has expired, was revoked or removed, or cannot be used: tell a person."""


class BadRequest(Refused):
    """The request is malformed, or could be read in two ways: a bug in the bot, not to be repeated."""


class Stale(Refused):
    """The time or nonce in the request is too old, too far ahead, or used. Leave it out: the signer sets it."""


KINDS: Mapping[str, type[Refused]] = {
    "denied": Denied,
    "rate_limited": RateLimited,
    "expired": KeyGone,
    "revoked": KeyGone,
    "no_such_key": KeyGone,
    "unavailable": KeyGone,
    "bad_request": BadRequest,
    "stale": Stale,
}
RULE = re.compile(r"\(rule ([a-z-]+)\)")


UPDATE = "update signbox-signer, or this package"


def refusal(answer: Any) -> SignboxError:
    """Makes the exception for an answer that is not what was asked for."""
    try:
        code, text = str(answer["error"]["code"]), str(answer["error"]["text"])
    except (TypeError, KeyError):
        return WrongVersion(f"what answers does not speak the protocol of signbox; {UPDATE}")
    if code == "version":
        return WrongVersion(f"{text}; {UPDATE}")
    rule = RULE.search(text)
    return KINDS.get(code, Refused)(text, code, rule[1] if rule else None)
