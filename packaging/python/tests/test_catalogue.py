"""Every exchange that ccxt and the catalogue share: what signbox.ccxt makes with its own placeholders is what ccxt signs itself.

As tests/ccxt/compare.py, which asks the signer without the adapter; what differs there for a known reason differs here for it.
"""

from __future__ import annotations

import json
import random

import ccxt
import compare  # of tests/ccxt
import credentials
import frozen
import keyring
import pytest

import signbox
import signbox.ccxt

EACH = 3


def requests(plain, mine, chance):
    """Yields (endpoint, as the adapter makes it, as ccxt does) of a few endpoints that are signed."""
    exchange, now = plain.id, frozen.NOW_MS
    endpoints = sorted(frozen.entries(exchange))
    chance.shuffle(endpoints)
    found = 0
    for section, method, path in endpoints:
        now += 1000  # a nonce must rise
        if (exchange, path) == ("ndax", "Authenticate"):  # a login with a password, which signbox does not have
            continue
        for client in (plain, mine):
            frozen.freeze(client, now)
        parameters = compare.random_parameters(method, path, chance)
        try:
            wanted = compare.tidy(frozen.sign(plain, section, method, path, parameters))
        except Exception:  # ccxt cannot sign this one at all
            continue
        endpoint = f"{method} {section} {path}"
        try:
            made = {"request": compare.tidy(frozen.sign(mine, section, method, path, parameters))}
        except signbox.Denied as denied:
            assert denied.rule == "unknown-parameter", f"{exchange} {endpoint}: {denied}"  # they are random
            continue
        except signbox.SignboxError as error:
            made = {"error": {"text": str(error)}}
        if made.get("request") == wanted and not signbox.ccxt.bears(wanted, plain.apiKey):
            continue  # public
        yield endpoint, made, wanted
        found += 1
        if found == EACH:
            return


@pytest.fixture(scope="module")
def known():
    return [pattern for pattern, _, _ in compare.read_known()]


@pytest.mark.parametrize("name", compare.cases())
def test_the_adapter_makes_what_ccxt_makes(name, known):
    exchange = name.split()[0]
    right = credentials.credentials(name, "right")
    record = {field: right[kind] for kind, field in credentials.FIELDS.items() if right.get(kind)}
    given = {kind: right[kind] for kind in ("apiKey", "token") if kind in right}
    with keyring.key(f"signbox:{exchange}:main", json.dumps({**record, "allow": compare.WORDS})):
        with signbox.Signer(f"{exchange}/main", arguments=["--max-skew", "off"]) as signer:
            mine = signbox.ccxt.signed(getattr(ccxt, exchange), signer)({**given, "enableRateLimit": False})
            plain = frozen.client(exchange, right)
            for endpoint, made, wanted in requests(plain, mine, random.Random(f"1 {name}")):
                if name in ("coinbase es256", "coinbase eddsa"):  # tokens differ by their nonce
                    assert set(made["request"]["headers"]) == {"Authorization", "Content-Type"}
                    continue
                found = compare.difference((endpoint, None, wanted), made)
                told = f"{name}: {found}"
                assert found is None or any(pattern.search(told) for pattern in known), told
            assert right.get("secret", right.get("privateKey")) not in map(str, vars(mine).values())
