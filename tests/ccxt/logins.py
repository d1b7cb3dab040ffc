#!/usr/bin/env python3
"""Compares the logins that the signer signs with those that ccxt.pro sends.

    logins.py [--signer PATH] [--print]

ccxt.pro logs in with a bogus secret at a fixed time, to a WebSocket that is not there. What it would send goes to the real
signbox-signer with nonsense for a signature, and must come back with the signature that it had. Nothing is sent anywhere.
With --print, prints what ccxt.pro sends as vectors for logins.json.
Needs ccxt 4.5.90, and installs it into a temporary folder if it cannot be imported.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import compare

NOW_MS = 1700000000123
KEY = "FAKE17e267bbf4f49e468e3b2ae8726d"
SECRET = "b8f128b0fdfc45e2b3cde21e3d72b3191ede6b355b55ef93b59defbc91592da2"
BASE64 = "uriWQ8eqYNdq6gUeykuTu8Cduiu2gmgm7ym8dQAbAzAv3xbtY6q+j24hbgazX5bB/dH/LxV2tgW9MX16qr77rw=="
ED25519 = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIO7L0a2KquznkDHuJYAqjol1GksRM85sGkWmu4CT3sFl\n-----END PRIVATE KEY-----"
PASSPHRASE = "fake Pass-phrase+1/2"

# The exchange, its secret, the name of the login, what is called, and where in what is sent the fields of the login stand.
CASES = [
    ("binance", SECRET, "userDataStream.subscribe.signature", lambda made: made.sign_params({}), lambda sent: sent),
    ("binance", ED25519, "session.logon", lambda made: made.sign_params({}), lambda sent: sent),
    ("bybit", SECRET, "auth", lambda made: made.authenticate(""), lambda sent: dict(zip(["api_key", "expires", "signature"], sent["args"]))),
    ("okx", SECRET, "login", lambda made: made.authenticate(), lambda sent: sent["args"][0]),
    ("bitget", SECRET, "login", lambda made: made.authenticate({"url": ""}), lambda sent: sent["args"][0]),
    ("gate", SECRET, "login", lambda made: made.authenticate("", "spot"), lambda sent: gate(sent)),
    ("gate", SECRET, "login", lambda made: made.authenticate("", "futures"), lambda sent: gate(sent)),
    ("gate", SECRET, "subscribe", lambda made: made.subscribe_private("", "", ["BTC_USDT"], "spot.orders", {}), lambda sent: gate_channel(sent)),
    ("coinbaseexchange", BASE64, "subscribe", lambda made: made.authenticate(), lambda sent: sent),
    ("deribit", SECRET, "client_signature", lambda made: made.authenticate(), lambda sent: sent["params"]),
]


def gate(sent):
    names = ["timestamp", "api_key", "signature"]
    return {"channel": sent["channel"], **{name: sent["payload"][name] for name in names}}


def gate_channel(sent):
    return {**{name: sent[name] for name in ["channel", "event", "time"]}, **{name: sent["auth"][name] for name in ["KEY", "SIGN"]}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--signer", type=Path, default=compare.newest_signer())
    parser.add_argument("--print", action="store_true")
    options = parser.parse_args()
    import keyring

    keyring.join_fresh_session()
    wrong = 0
    for exchange, secret, login, call, fields in CASES:
        sent = fields(asyncio.run(captured(exchange, secret, call)))
        if options.print:
            print(json.dumps(vector(exchange, secret, login, sent), indent=2), end=",\n")
            continue
        record = {"key": KEY, "secret": secret, "passphrase": PASSPHRASE, "allow": ["login"]}
        question = {"v": 1, "id": 1, "op": "login", "key": f"{exchange}/main", "login": login, "fields": blinded(sent)}
        with keyring.key(f"signbox:{exchange}:main", json.dumps(record)):
            run = subprocess.run(
                [options.signer, "--max-skew", "off", f"{exchange}/main"],
                input=json.dumps(question) + "\n", capture_output=True, text=True, timeout=60,
            )
        got = json.loads(run.stdout or "{}").get("login", run.stdout + run.stderr)
        if got != sent:
            wrong += 1
            print(f"{exchange} {login}: got {got}, want {sent}")
    print(f"{len(CASES) - wrong} of {len(CASES)} the same", file=sys.stderr)
    return 1 if wrong else 0


async def captured(exchange, secret, call):
    """What ccxt.pro sends, or returns if it sends nothing itself."""
    import ccxt.pro

    made = getattr(ccxt.pro, exchange)({"apiKey": KEY, "secret": secret, "password": PASSPHRASE})
    made.milliseconds = lambda: NOW_MS
    made.seconds = lambda: NOW_MS // 1000
    # The clock that is in seconds of exchanges that want seconds.
    made.nonce = lambda: NOW_MS // 1000 if exchange == "coinbaseexchange" else NOW_MS
    sent = []

    def watch(_url, _hash, message=None, *_):
        sent.append(message)
        return done()

    made.watch, made.client = watch, lambda _url: Nowhere()
    result = call(made)
    result = await result if asyncio.iscoroutine(result) else result
    await made.close()
    return sent[0] if sent else result


class Nowhere:
    """A WebSocket that is not there."""

    def __init__(self):
        self.subscriptions, self.futures = {}, {}

    def future(self, *_):
        return done()

    reusableFuture = reusable_future = future


def done():
    future = asyncio.get_running_loop().create_future()
    future.set_result({})
    return future


def blinded(sent):
    """The same, with nonsense for the signature, the key and the passphrase."""
    secret = ["sign", "signature", "SIGN", "apiKey", "api_key", "key", "KEY", "client_id", "passphrase"]
    return {name: "placeholder" if name in secret else value for name, value in sent.items()}


def vector(exchange, secret, login, sent):
    comment = f"ccxt.pro 4.5.90 {exchange}, {login}"
    record = {"key": KEY, "secret": secret, "passphrase": PASSPHRASE}
    return {"comment": comment, **record, "now_ms": NOW_MS, "login": login, "fields": blinded(sent), "signed": sent}


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory() as folder:
        compare.import_ccxt(folder)
        sys.exit(main())
