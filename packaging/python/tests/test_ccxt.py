"""Unified calls of the real ccxt through signbox, at thirteen exchanges, against servers that verify with the true secret."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest
from exchange import RECORD, Exchange
from markets import ADDRESS, CASES, ready

import signbox
import signbox.ccxt

ALL = ["read", "trade", "cancel", "transfer", "withdraw"]


def calls() -> dict[str, tuple[Any, ...]]:
    """The five calls, and with what."""
    return {
        "create_order": ("LTC/USDT", "limit", "buy", 1, 60),
        "cancel_order": ("1", "LTC/USDT"),
        "fetch_balance": (),
        "fetch_open_orders": ("LTC/USDT",),
        "withdraw": ("LTC", 1, ADDRESS),
    }


def made(module: Any, name: str) -> Any:
    return signbox.ccxt.signed(getattr(module, name), f"{name}/main")()


@pytest.mark.parametrize("name", CASES)
def test_the_unified_calls_reach_the_exchange_with_true_signatures(name, key):
    key(f"{name}/main", **RECORD, allow=ALL)
    case = CASES[name]
    with Exchange(name, case.answers, case.default) as server:
        exchange = ready(made(ccxt, name), server, case)
        for call, arguments in calls().items():
            before = len(server.signed)
            getattr(exchange, call)(*arguments, params=case.withdraw if call == "withdraw" else {})
            assert len(server.signed) > before, call
            assert all(one.good for one in server.signed), call


@pytest.mark.parametrize("module", [ccxt.async_support, ccxt.pro], ids=["async", "pro"])
def test_and_so_they_do_async_and_over_the_rest_of_pro(module, key):
    async def all_of_them() -> None:
        for name, case in CASES.items():
            with Exchange(name, case.answers, case.default) as server:
                exchange = ready(made(module, name), server, case)
                try:
                    for call, arguments in calls().items():
                        before = len(server.signed)
                        await getattr(exchange, call)(*arguments, params=case.withdraw if call == "withdraw" else {})
                        assert len(server.signed) > before, f"{name} {call}"
                    assert all(one.good for one in server.signed), name
                finally:
                    await exchange.close()

    for name in CASES:
        key(f"{name}/main", **RECORD, allow=ALL)
    asyncio.run(all_of_them())


@pytest.mark.parametrize("name", CASES)
def test_a_withdrawal_that_is_not_granted_is_a_permission_denied_and_nothing_is_sent(name, key):
    key(f"{name}/main", **RECORD)
    case = CASES[name]
    with Exchange(name, case.answers, case.default) as server:
        exchange = ready(made(ccxt, name), server, case)
        with pytest.raises(ccxt.PermissionDenied) as denied:
            exchange.withdraw("LTC", 1, ADDRESS, params=case.withdraw)
        assert isinstance(denied.value, signbox.Denied) and denied.value.rule in ("class-not-granted", "fits-ungranted")
        assert not isinstance(denied.value, ccxt.OperationFailed), "bots repeat those"
        assert not any("withdraw" in one.path.lower() for one in server.seen)
        exchange.fetch_open_orders("LTC/USDT")
        assert server.signed[-1].good


def test_what_is_public_does_not_reach_the_signer(key):
    key("kraken/main", **RECORD, allow=[])
    with Exchange("kraken", {"Ticker": {"error": [], "result": {"LTCUSDT": {}}}}) as server:
        exchange = ready(made(ccxt, "kraken"), server, CASES["kraken"])
        exchange.fetch_ticker("LTC/USDT")
        assert [one.good for one in server.seen] == [None]
        with pytest.raises(ccxt.PermissionDenied):
            exchange.fetch_balance()


def test_one_line_for_an_exchange_that_is_there(key, caplog):
    key("kraken/main", **RECORD)
    case = CASES["kraken"]
    for module in (ccxt, ccxt.async_support):
        with Exchange("kraken", {}, case.default) as server:
            exchange = ready(module.kraken({"apiKey": "of-the-bot", "secret": "b2xkIHNlY3JldA=="}), server, case)
            signbox.ccxt.attach(exchange, "kraken/main")
            balance = exchange.fetch_balance()
            if module is not ccxt:
                asyncio.run(ended(exchange, balance))
            assert [one.good for one in server.seen] == [True]
            assert "b2xkIHNlY3JldA==" not in repr(vars(exchange)), "the secret that was there is let go of"
            assert "is put aside" in caplog.text and "b2xk" not in caplog.text
            caplog.clear()


async def ended(exchange, waiting):
    try:
        return await waiting
    finally:
        await exchange.close()


def test_the_session_of_ccxt_takes_the_hook_for_requests(key):
    from signbox.requests import Auth

    key("kraken/main", **RECORD)
    with Exchange("kraken", {}, CASES["kraken"].default) as server:
        exchange = ready(ccxt.kraken({"apiKey": "FAKE", "secret": "c2lnbmJveA=="}), server, CASES["kraken"])
        exchange.session.auth = Auth("kraken/main", when=lambda url, body: "/private/" in url)
        exchange.fetch_balance()
        exchange.create_order("LTC/USDT", "limit", "buy", 1, 60)
        assert [one.good for one in server.seen] == [True, True]


def test_what_a_program_takes_from_ccxt_by_name_is_signed_after_install(key):
    key("kraken/main", **RECORD)
    before = [(module, module.kraken) for module in (ccxt, ccxt.async_support, ccxt.pro)]
    try:
        signbox.ccxt.install({"kraken": "kraken/main"})
        with Exchange("kraken", {}, CASES["kraken"].default) as server:
            exchange = ready(ccxt.kraken({"apiKey": "x", "secret": "c2lnbmJveA=="}), server, CASES["kraken"])
            exchange.fetch_balance()
            assert [one.good for one in server.seen] == [True]
        assert all(module.kraken is not plain for module, plain in before)
    finally:
        for module, plain in before:
            module.kraken = plain


def test_credentials_are_placeholders_of_the_right_shape(key):
    """Each exchange of the catalogue that ccxt has signs with them: what is built is then the signer's."""
    import base64

    for name, secret in [("backpack", 32), ("kraken", 24), ("coinbaseexchange", 24)]:
        exchange = signbox.ccxt.signed(getattr(ccxt, name), f"{name}/main")()
        assert len(base64.b64decode(exchange.secret)) == secret
    # The API key of the bot is kept: a record without one needs it.
    kept = signbox.ccxt.signed(ccxt.kraken, "kraken/main")({"apiKey": "mine", "password": "mine"})
    assert kept.apiKey == "mine" and kept.id == "kraken" and type(kept).__name__ == "kraken"


def test_a_secret_that_a_bot_sets_is_put_aside(key, caplog):
    key("kraken/main", **RECORD)
    with Exchange("kraken", default=CASES["kraken"].default) as server:
        exchange = ready(made(ccxt, "kraken"), server, CASES["kraken"])
        exchange.secret = "cmVhbA=="
        assert exchange.secret != "cmVhbA==" and "is put aside" in caplog.text and "cmVhbA" not in caplog.text
        exchange.fetch_balance()
        assert [one.good for one in server.seen] == [True]


@pytest.mark.parametrize("name", ["backpack", "woofipro", "revolutx", "hyperliquid", "kraken", "coinbaseinternational"])
def test_a_placeholder_is_known_as_one(name, caplog):
    from signbox.placeholder import is_placeholder, placeholder

    if not hasattr(ccxt, name):
        pytest.skip(f"ccxt {ccxt.__version__} has no {name}")
    exchange = signbox.ccxt.signed(getattr(ccxt, name), f"{name}/main")()
    for field in ("secret", "privateKey"):
        if exchange.requiredCredentials.get(field):
            assert getattr(exchange, field) == placeholder(name, field) and is_placeholder(getattr(exchange, field))
    assert not caplog.text
    assert not is_placeholder(RECORD["secret"])


def test_a_record_without_an_api_key_wants_it_from_the_bot(key):
    key("kraken/main", secret=RECORD["secret"])
    with Exchange("kraken", default=CASES["kraken"].default) as server:
        with pytest.raises(ccxt.AuthenticationError, match="give it as 'apiKey'"):
            ready(made(ccxt, "kraken"), server, CASES["kraken"]).fetch_balance()
        assert not server.seen
        bot = signbox.ccxt.signed(ccxt.kraken, "kraken/main")({"apiKey": RECORD["key"]})
        ready(bot, server, CASES["kraken"]).fetch_balance()
        assert [one.good for one in server.seen] == [True]


def test_two_requests_in_a_millisecond_have_two_nonces(key):
    key("kraken/main", **RECORD)
    with Exchange("kraken", default=CASES["kraken"].default) as server:
        exchange = ready(made(ccxt, "kraken"), server, CASES["kraken"])
        nonces = iter([now := exchange.milliseconds(), now, now + 1])
        exchange.nonce = exchange.incrementing_nonce = lambda: next(nonces)
        exchange.fetch_balance()
        exchange.fetch_balance()
        assert [one.good for one in server.seen] == [True, True] and not list(nonces)


def test_a_clock_that_is_wrong_is_an_invalid_nonce(key):
    key("kraken/main", **RECORD)
    with Exchange("kraken", default=CASES["kraken"].default) as server:
        exchange = ready(made(ccxt, "kraken"), server, CASES["kraken"])
        before = exchange.milliseconds() - 3_600_000
        exchange.nonce = exchange.incrementing_nonce = lambda: before
        with pytest.raises(ccxt.InvalidNonce):
            exchange.fetch_balance()
        assert not server.seen


@pytest.mark.parametrize("program", ["exit 1", "exec sleep 9"])
def test_without_a_signer_nothing_is_sent(program, key, tmp_path):
    (tmp_path / "signbox-signer").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "signbox-signer").chmod(0o755)
    with Exchange("kraken", {}, CASES["kraken"].default) as server:
        signbox.signer.SIGNERS.clear()
        exchange = ready(made(ccxt, "kraken"), server, CASES["kraken"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
            patch.setattr(
                signbox.Signer.__init__, "__kwdefaults__", {**signbox.Signer.__init__.__kwdefaults__, "deadline": 0.3}
            )
            with pytest.raises(ccxt.BaseError) as failed:
                exchange.fetch_balance()
        assert isinstance(failed.value, signbox.SignboxError)
        assert not server.seen


def test_orders_that_ccxt_signs_before_sign_are_signed_anew(key):
    """Hyperliquid: the signature of a wallet stands in the body, and sign() sees it ready."""
    import frozen  # of tests/ccxt

    wallet = "0x" + "12" * 32
    key("hyperliquid/main", secret=wallet, allow=[*ALL, "admin"])
    address = {"walletAddress": "0x" + "ab" * 20}
    sent: dict[str, list[str]] = {"plain": [], "signbox": []}
    with signbox.Signer("hyperliquid/main", arguments=["--max-skew", "off"]) as signer:
        for which, exchange in {
            "plain": ccxt.hyperliquid({**address, "privateKey": wallet}),
            "signbox": signbox.ccxt.signed(ccxt.hyperliquid, signer)(address),
        }.items():
            with Exchange("hyperliquid") as server:
                ready(exchange, server, CASES["binance"]._replace(market="10107"))
                exchange.markets["LTC/USDT"]["baseId"] = "10107"
                frozen.freeze(exchange, frozen.NOW_MS)
                for call, arguments in list(calls().items())[:2]:
                    with suppress(Exception):  # the server's answer says nothing
                        getattr(exchange, call)(*arguments)
                sent[which] = [one.body for one in server.seen]
    assert sent["plain"] == sent["signbox"]
    assert any('"type":"order"' in body for body in sent["plain"]) and any(
        '"cancels"' in body for body in sent["plain"]
    )
