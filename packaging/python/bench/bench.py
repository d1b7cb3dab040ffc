#!/usr/bin/env python3
"""What a signed request costs from Python, as ratios to ccxt's own sign() in the same run. Needs ccxt; orjson as well for all rows.

    bench.py [--rounds N] [--cpu N] [--json] [--check]      with signbox-signer on the PATH

Four questions, for one order request at each of eight exchanges:

    pipe      a question that is ready in bytes, written to the signer and its answer read, nothing more / ccxt's sign(): no client is quicker
    client    Signer.sign() of the unsigned request / ccxt's in-process sign(): with orjson, and with the standard library
    adapter   what signbox.ccxt adds to ccxt's sign() / ccxt's sign(), with orjson
    busy      the median of Signer.sign() beside a second busy thread / without it

The variants take turns in blocks, so that a change of the machine's speed hits all; every figure is a median over rounds.
All keys are made up, in a session keyring that ends with the program. With --check, ends with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "ccxt"))

import ccxt  # noqa: E402
import keyring  # noqa: E402  of tests/ccxt

import signbox._connection  # noqa: E402
import signbox._json as encodings  # noqa: E402
import signbox.ccxt  # noqa: E402

UUID = "6d1b345e-2821-40e2-ad83-4ecb18a06876"
SECRET = "Ym9ndXNzZWNyZXRib2d1c3NlY3JldGJvZ3Vzc2VjcmV0Ym9ndXNzZWNy"
# For each exchange, an order as ccxt's sign() takes it: path, section, parameters.
ORDERS: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "binance": ("order", ["private"], {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "64123.1", "newClientOrderId": UUID, "newOrderRespType": "FULL"}),
    "kraken": ("AddOrder", ["private"], {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "64123.1", "volume": "0.01", "cl_ord_id": UUID}),
    "bybit": ("v5/order/create", ["private"], {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "64123.1", "timeInForce": "GTC", "orderLinkId": UUID}),
    "kucoin": ("orders", ["private"], {"clientOid": UUID, "side": "buy", "symbol": "BTC-USDT", "type": "limit", "price": "64123.1", "size": "0.01"}),
    "coinbase": ("brokerage/orders", ["v3", "private"], {"client_order_id": UUID, "product_id": "BTC-USD", "side": "BUY", "order_configuration": {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "64123.10", "post_only": False}}}),
    "okx": ("trade/order", ["private"], {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "px": "64123.1", "sz": "0.01", "clOrdId": UUID.replace("-", "")}),
    "coinbaseexchange": ("orders", ["private"], {"client_oid": UUID, "product_id": "BTC-USD", "side": "buy", "type": "limit", "price": "64123.10", "size": "0.01"}),
    "bitfinex": ("auth/w/order/submit", ["private"], {"type": "EXCHANGE LIMIT", "symbol": "tBTCUSD", "price": "64123.1", "amount": "0.01", "cid": 1700000000123}),
}  # fmt: skip
# What is added by signing, and not there in the request that a bot would send to be signed.
ADDED = {"timestamp", "recvWindow", "signature", "nonce"}


class Case:
    """One exchange: its order unsigned, and ccxt that signs it, without and with signbox."""

    def __init__(self, name: str) -> None:
        path, section, parameters = ORDERS[name]
        credentials = {"apiKey": "FAKEkey", "secret": SECRET, "password": "FAKE", "enableRateLimit": False}
        self.plain = getattr(ccxt, name)(credentials)
        self.adapted = signbox.ccxt.signed(getattr(ccxt, name), f"{name}/adapter")({"enableRateLimit": False})
        for exchange in (self.plain, self.adapted):
            exchange.nonce = rising().__next__
        made = self.plain.sign(path, section, "POST", dict(parameters))
        body = made["body"]
        if not body.startswith("{"):
            body = "&".join(pair for pair in body.split("&") if pair.partition("=")[0] not in ADDED)
        headers = {"Content-Type": made["headers"].get("Content-Type", "application/x-www-form-urlencoded")}
        signer = signbox.shared(f"{name}/main")
        url = made["url"]
        question = encodings.encode_plain(1, "sign", f"{name}/pipe", ("POST", url, headers, body), "")
        write, read = bare_signer(f"{name}/pipe")
        self.calls: dict[str, Callable[[], Any]] = {
            "ccxt": lambda: self.plain.sign(path, section, "POST", dict(parameters)),
            "adapter": lambda: self.adapted.sign(path, section, "POST", dict(parameters)),
            "pipe": lambda: (os.write(write, question), os.read(read, 65536)),
            "client": lambda: signer.sign("POST", url, headers, body),
        }


def bare_signer(handle: str) -> tuple[int, int]:
    """The descriptors of a signer that nothing stands before; it ends with this program."""
    process = subprocess.Popen(["signbox-signer", handle], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    BARE.append(process)
    assert process.stdin and process.stdout
    return process.stdin.fileno(), process.stdout.fileno()


BARE: list[subprocess.Popen[bytes]] = []


def rising() -> Any:
    """Nonces in milliseconds, each above the last: ccxt's own repeat when it is called twice in a millisecond."""
    now = int(time.time() * 1000)
    while True:
        now += 1
        yield now


def encode_with(what: str) -> None:
    """Has the client read and write its JSON with orjson, or with the standard library alone."""
    signbox._connection.encode = getattr(encodings, f"encode_{what}")
    signbox._connection.decode = encodings.decode_plain if what == "plain" else encodings.orjson.loads


def measure(calls: dict[str, tuple[str, Callable[[], Any]]], blocks: int, block: int) -> dict[str, float]:
    """The median time of each call, in nanoseconds; they take turns."""
    times: dict[str, list[int]] = {name: [] for name in calls}
    clock = time.perf_counter_ns
    for _ in range(blocks):
        for name, (encoding, call) in calls.items():
            encode_with(encoding)
            for _ in range(5):
                call()
            for _ in range(block):
                began = clock()
                call()
                times[name].append(clock() - began)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--cpu", type=int, help="keep this program and its signers on one processor: figures that repeat"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the table")
    parser.add_argument("--check", action="store_true", help="end with 1 if a goal is missed")
    options = parser.parse_args()
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})
    keyring.join_fresh_session()
    with ExitStack() as stack:
        for name in ORDERS:
            record = json.dumps({"key": "FAKEkey", "secret": SECRET, "passphrase": "FAKE"})
            for label in ("main", "adapter", "pipe"):  # one key belongs to one signer
                stack.enter_context(keyring.key(f"signbox:{name}:{label}", record))
        cases = {name: Case(name) for name in ORDERS}
        rows = {name: ratios(case, options.rounds) for name, case in cases.items()}
        busy = beside_a_busy_thread(cases["binance"], options.rounds)
    means = {
        what: statistics.geometric_mean([row[what] for row in rows.values()]) for what in next(iter(rows.values()))
    }
    goals = [
        ("client, orjson: geometric mean", means.get("orjson"), 0.5),
        (
            "client, orjson: worst",
            max((row["orjson"] for row in rows.values()), default=None) if encodings.orjson else None,
            0.9,
        ),
        ("client, standard library: geometric mean", means["plain"], 1.0),
        ("client, standard library: worst", max(row["plain"] for row in rows.values()), 1.6),
        ("adapter adds, orjson: geometric mean", means.get("adapter"), 0.6),
        ("busy second thread / quiet", busy, 3.0),
    ]
    if options.json:
        print(json.dumps({"rows": rows, "means": means, "busy": busy}))
    else:
        report(rows, means, goals)
    return 1 if options.check and any(found is not None and found > most for _, found, most in goals) else 0


def ratios(case: Case, rounds: int) -> dict[str, float]:
    """What the client takes, and what the adapter adds, as parts of ccxt's sign()."""
    calls = {
        "ccxt": ("plain", case.calls["ccxt"]),
        "pipe": ("plain", case.calls["pipe"]),
        "plain": ("plain", case.calls["client"]),
    }
    if encodings.orjson:
        calls |= {"orjson": ("orjson", case.calls["client"]), "adapter": ("orjson", case.calls["adapter"])}
    found: dict[str, list[float]] = {name: [] for name in calls if name != "ccxt"}
    for _ in range(rounds):
        times = measure(calls, 6, 100)
        for name, values in found.items():
            values.append(times[name] / times["ccxt"] - (1 if name == "adapter" else 0))
    return {name: statistics.median(values) for name, values in found.items()}


def beside_a_busy_thread(case: Case, rounds: int) -> float:
    """The median of a call beside a thread that computes, as a multiple of that without it."""

    def burn() -> None:
        while not stop.is_set():
            sum(range(100))

    found = []
    for _ in range(rounds):
        best = "orjson" if encodings.orjson else "plain"
        quiet = measure({"client": (best, case.calls["client"])}, 3, 100)["client"]
        stop = threading.Event()
        thread = threading.Thread(target=burn)
        thread.start()
        found.append(measure({"client": (best, case.calls["client"])}, 3, 100)["client"] / quiet)
        stop.set()
        thread.join()
    return statistics.median(found)


def report(
    rows: dict[str, dict[str, float]], means: dict[str, float], goals: list[tuple[str, float | None, float]]
) -> None:
    names = list(means)
    print(f"{'of ccxt sign()':18}" + "".join(f"{name:>10}" for name in names))
    for exchange, row in [*rows.items(), ("geometric mean", means)]:
        print(f"{exchange:18}" + "".join(f"{row[name]:10.2f}" for name in names))
    for text, found, most in goals:
        if found is not None:
            print(f"{'met ' if found <= most else 'MISS'} {text}: {found:.2f}, at most {most}")


if __name__ == "__main__":
    sys.exit(main())
