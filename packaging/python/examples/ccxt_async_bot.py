"""A bot on ccxt.pro or ccxt.async_support: `signbox run kraken/main -- python3 ccxt_async_bot.py [URL]`."""

import asyncio
import sys

import ccxt.pro

import signbox.ccxt

config = {}
if len(sys.argv) > 1:
    config["urls"] = {"api": {"public": sys.argv[1], "private": sys.argv[1]}}


async def main():
    exchange = signbox.ccxt.attach(ccxt.pro.kraken(config), "kraken/main")
    try:
        print((await exchange.fetch_balance())["USDT"])
        order = await exchange.create_order("BTC/USDT", "limit", "buy", 0.001, 60000)
        await exchange.cancel_order(order["id"], "BTC/USDT")
    finally:
        await exchange.close()


asyncio.run(main())
