"""aiohttp: `signbox run kraken/main -- python3 aiohttp_bot.py [URL]`."""

import asyncio
import sys

import aiohttp

import signbox.aiohttp

base = sys.argv[1] if len(sys.argv) > 1 else "https://api.kraken.com"


async def main():
    async with aiohttp.ClientSession(base, middlewares=(signbox.aiohttp.sign("kraken/main"),)) as session:
        print(await (await session.post("/0/private/Balance")).json())
        print(await (await session.post("/0/private/CancelOrder", data={"txid": "O1"})).json())


asyncio.run(main())
