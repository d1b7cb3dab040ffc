"""No copy of the secret in a bot's memory: all readable memory of a real ccxt bot is searched, as root, while it trades and after.

The control is the same bot with plain ccxt: there the same search finds copies.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from exchange import KEY, RECORD, SECRET, Exchange
from markets import CASES

# Trades once for each line on standard input, and says so.
BOT = """
import sys
sys.path.insert(0, {tests!r})
import ccxt, ccxt.async_support, ccxt.pro
from types import SimpleNamespace
from markets import ADDRESS, CASES, ready

{make}
server = SimpleNamespace(url={url!r}, host={host!r})
ready(exchange, server, CASES["kraken"])
print("ready", flush=True)
for line in sys.stdin:
    exchange.create_order("LTC/USDT", "limit", "buy", 1, 60)
    exchange.fetch_balance()
    try:
        exchange.withdraw("LTC", 1, ADDRESS, params={{"key": "mine"}})
        print("withdrew", flush=True)
    except ccxt.PermissionDenied:
        print("denied", flush=True)
    if line.strip() == "end":
        exchange = None
        print("ended", flush=True)
"""
SIGNED = 'import signbox.ccxt\nexchange = signbox.ccxt.signed(ccxt.kraken, "kraken/main")()'
# The secret comes as in life: out of a configuration in JSON.
PLAIN = "import json\nexchange = ccxt.kraken(json.load(open({config!r})))"


def copies(pid: int) -> int:
    """How often the secret stands in the memory of a process: as text, as what base64 stands for, and as UTF-16."""
    wanted = [SECRET.encode(), base64.b64decode(SECRET), SECRET.encode("utf-16-le")]
    found = 0
    searched = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            place, rights = line.split()[:2]
            if "r" not in rights or line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            start, end = (int(text, 16) for text in place.split("-"))
            rest = b""
            while start < end:
                memory.seek(start)
                data = memory.read(min(end - start, 1 << 22))
                if not data:
                    break
                found += sum((rest + data).count(text) for text in wanted)
                # What lies across two reads is found too, and nothing is counted twice.
                rest = data[-(min(map(len, wanted)) - 1) :] if len(data) > 64 else b""
                start += len(data)
                searched += len(data)
    assert searched > 10_000_000, "this is not the memory of a Python with ccxt"
    return found


def trades(command: list[str], program: str, answer: str, server: Exchange) -> list[int]:
    """Runs the bot and returns how many copies there were: idle, while it trades, after its trades, and after it let ccxt go."""
    bot = subprocess.Popen(
        [*command, sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert bot.stdin and bot.stdout
    counts = []
    try:
        assert bot.stdout.readline().strip() == "ready"
        for line in ["trade", "trade", "trade", "end"]:
            bot.stdin.write(line + "\n")
            bot.stdin.flush()
            if line == "trade":
                counts.append(copies(bot.pid))  # beside what it does
            assert bot.stdout.readline().strip() == answer
            counts.append(copies(bot.pid))
        assert bot.stdout.readline().strip() == "ended"
        counts.append(copies(bot.pid))
    finally:
        bot.stdin.close()
        bot.wait(10)
    assert len(server.signed) >= 8 and all(one.good for one in server.signed)
    return counts


@pytest.mark.skipif(os.geteuid() != 0, reason="searching another process's memory wants root")
def test_the_memory_of_a_bot_has_no_copy_of_the_secret_and_with_plain_ccxt_it_has(key, tmp_path):
    key("kraken/main", **RECORD)
    tests = str(Path(__file__).parent)
    answer = CASES["kraken"].default
    with Exchange("kraken", default=answer) as server:
        program = BOT.format(tests=tests, url=server.url, host=server.host, make=SIGNED)
        counts = trades(["signbox", "run", "kraken/main", "--"], program, "denied", server)
        assert counts == [0] * 8, counts
    with Exchange("kraken", default=answer) as server:
        program = BOT.format(tests=tests, url=server.url, host=server.host, make=SIGNED)
        counts = trades([], program, "denied", server)
        assert counts == [0] * 8, f"in mode open, too: {counts}"
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"apiKey": KEY, "secret": SECRET}))
    with Exchange("kraken", default=answer) as server:
        make = PLAIN.format(config=str(config))
        program = BOT.format(tests=tests, url=server.url, host=server.host, make=make)
        counts = trades([], program, "withdrew", server)
        assert min(counts[1:7]) >= 1, f"the search finds nothing where there is something: {counts}"
    print(f"copies with plain ccxt: {counts}")
