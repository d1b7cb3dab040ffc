"""The real freqtrade, started as `python -m signbox.freqtrade trade`, buys, is shown its order, and cancels it as it ends.

Kraken is a server on this machine that verifies with the true secret; the configuration has none.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from exchange import RECORD, SECRET, Exchange
from kraken import answers

pytest.importorskip("freqtrade", reason="freqtrade is not installed")

STRATEGY = """
from freqtrade.strategy import IStrategy

class Buys(IStrategy):
    timeframe = "5m"
    minimal_roi = {"0": 10}
    stoploss = -0.9
    startup_candle_count = 0
    process_only_new_candles = False

    def populate_indicators(self, dataframe, metadata):
        # What a strategy can see of the exchange: no secret.
        for api in (self.dp._exchange._api, self.dp._exchange._api_async):
            assert "placeholder" in api.secret and type(api).__name__ == "kraken"
        print("strategy looked", flush=True)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = 0
        return dataframe
"""


def configuration(server, folder):
    api = {"public": server.url, "private": server.url, "zendesk": server.url}
    return {
        "dry_run": False, "max_open_trades": 1, "stake_currency": "USDT", "stake_amount": 60, "trading_mode": "spot",
        "timeframe": "5m", "cancel_open_orders_on_exit": True, "user_data_dir": str(folder), "db_url": f"sqlite:///{folder}/trades.sqlite",
        "entry_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1}, "exit_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
        "exchange": {"name": "kraken", "key": "", "secret": "", "enable_ws": False, "pair_whitelist": ["BTC/USDT"], "ccxt_config": {"urls": {"api": api}, "enableRateLimit": False}},
        "pairlists": [{"method": "StaticPairList"}], "internals": {"process_throttle_secs": 1}, "initial_state": "running", "bot_name": "b",
    }  # fmt: skip


def trade(server, folder, until):
    """Runs the bot until a word stands in its log or a path was asked for, and a moment more; returns its log."""
    (folder / "strategies").mkdir()
    (folder / "strategies" / "buys.py").write_text(STRATEGY)
    (folder / "config.json").write_text(json.dumps(configuration(server, folder)))
    assert SECRET not in (folder / "config.json").read_text()
    command = ["signbox", "run", "kraken/main", "--", sys.executable, "-m", "signbox.freqtrade", "trade"]
    command += ["--config", str(folder / "config.json"), "--strategy", "Buys"]
    with open(folder / "log", "w") as log:
        bot = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end and bot.poll() is None:
                if until in (folder / "log").read_text() or any(until in one.path for one in server.signed):
                    break
                time.sleep(0.2)
            time.sleep(2)
            bot.send_signal(signal.SIGINT)
            bot.wait(30)
        finally:
            bot.kill()
    return (folder / "log").read_text()


def test_the_real_bot_trades_and_cancels(key, tmp_path):
    key("kraken/main", **RECORD)
    with Exchange("kraken", answers()) as server:
        told = trade(server, tmp_path, "/0/private/AddOrder")
        paths = [one.path for one in server.signed]
        assert "/0/private/AddOrder" in paths and "/0/private/CancelOrder" in paths, f"{paths} {told[-4000:]}"
        assert all(one.good for one in server.signed)
        assert "strategy looked" in told and "Traceback" not in told


def test_a_refusal_is_logged_with_its_rule_and_the_bot_goes_on(key, tmp_path):
    key("kraken/main", **RECORD, allow=["read"])
    with Exchange("kraken", answers()) as server:
        told = trade(server, tmp_path, "class-not-granted")
        assert "class-not-granted" in told and "Traceback" not in told, told[-3000:]
        assert server.signed and not any("AddOrder" in one.path for one in server.seen)


def test_without_a_key_it_says_how(tmp_path):
    ran = subprocess.run([sys.executable, "-m", "signbox.freqtrade", "trade"], capture_output=True, text=True)
    assert ran.returncode == 1 and "signbox run kraken/main" in ran.stderr
