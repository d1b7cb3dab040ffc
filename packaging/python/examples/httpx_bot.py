"""httpx, with and without asyncio: `signbox run kraken/main -- python3 httpx_bot.py [URL]`."""

import asyncio
import sys

import httpx

import signbox.httpx

base = sys.argv[1] if len(sys.argv) > 1 else "https://api.kraken.com"

with httpx.Client(base_url=base, auth=signbox.httpx.Auth("kraken/main")) as client:
    print(client.post("/0/private/Balance").json())


async def main():
    async with httpx.AsyncClient(base_url=base, auth=signbox.httpx.Auth("kraken/main")) as client:
        print((await client.post("/0/private/CancelOrder", data={"txid": "O1"})).json())


asyncio.run(main())
