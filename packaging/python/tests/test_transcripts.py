"""The transcripts of tests/protocol, which every client plays: what they ask, asked through this client, is answered as they say.

Lines that no client of this package writes (malformed ones, other versions) are for the signer's own tests and are left out, and
so are transcripts that change keys while they play.
"""

from __future__ import annotations

import json
import re
import shlex
from contextlib import suppress
from pathlib import Path

import keyring  # of tests/ccxt
import pytest

from signbox import KeyGone, Signer
from signbox.errors import refusal

FOLDER = Path(__file__).resolve().parents[3] / "tests" / "protocol"
FILES = [file for file in sorted(FOLDER.glob("*.txt")) if "\n! " not in file.read_text()]
# What stands for something that nobody can know beforehand: see tests/protocol/README.md.
OPEN = {"TIME": r"[\w:.%-]+", "SIG": r"[\w+/=%]+", "TOKEN": r"[\w.-]+", "HERE": r"[\w.-]+"}
FIELDS = {"v", "id", "op", "key", "request", "reference"}
REQUEST = {"method", "url", "headers", "body"}
played = 0


def pattern(text):
    """The pattern of an answer, without its id, which is this client's own."""
    text = re.sub(r'^\{"v":1,"id":("[^"]*"|[^,]*),', "{", text)
    parts = re.split(r"<(TIME|SIG|TOKEN|HERE)>", text)
    return "".join(OPEN[part] if at % 2 else re.escape(part) for at, part in enumerate(parts))


def start(arguments):
    """A signer for all keys of a transcript, by the first of them that can be used."""
    for key in (one for one in arguments if "/" in one):
        others = [one for one in arguments if one != key]
        with suppress(KeyGone):
            return Signer(key, arguments=others)
    pytest.fail("no key that can be used")


def question(line):
    """A question that this client can ask, and writes as it stands there but for the order of its parts; or None."""
    try:
        asked = json.loads(line)
    except ValueError:
        return None
    if json.dumps(asked, separators=(",", ":"), ensure_ascii=False) != line or not isinstance(asked, dict):
        return None
    request = asked.get("request")
    usual = asked.keys() <= FIELDS and asked.get("v") == 1 and asked.get("op") in ("sign", "check")
    if not usual or not isinstance(request, dict) or not {"method", "url"} <= request.keys() <= REQUEST:
        return None
    headers = request.get("headers") or {}
    if not isinstance(headers, dict):
        return None
    texts = [asked.get("key"), request["method"], request["url"], request.get("body") or "", *headers.values()]
    return asked if all(isinstance(text, str) for text in [*texts, asked.get("reference", "")]) else None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_client_gets_what_the_transcript_says(file):
    global played
    keys, signer, waiting = {}, None, []
    try:
        for line in file.read_text().splitlines():
            word, _, rest = line.partition(" ")
            if word == "key":
                handle, _, payload = rest.partition(" ")
                keys[handle] = keyring.key("signbox:" + handle.replace("/", ":"), payload)
                keys[handle].__enter__()
            elif word == "start":
                signer = start(shlex.split(rest))
            elif word == ">":
                waiting.append(question(rest))
            elif word == "<" and waiting:
                asked = waiting.pop(0)
                if asked is not None:
                    request = asked["request"]
                    parts = (request["method"], request["url"], request.get("headers"), request.get("body"))
                    got = signer._ask(asked["op"], asked["key"], parts, asked.get("reference", ""), 5)
                    del got["v"], got["id"]
                    if "error" in got:  # its text is for people, and may change
                        one, other = refusal(got), refusal(json.loads(rest))
                        assert type(one) is type(other) and vars(one) == vars(other), f"{rest}\n{one}"
                    else:
                        written = json.dumps(got, separators=(",", ":"), ensure_ascii=False)
                        assert re.fullmatch(pattern(rest), written), f"{rest}\n{written}"
                    played += 1
            elif word == "exit":
                signer.close()
                signer = None
    finally:
        if signer:
            signer.close()
        for one in keys.values():
            one.__exit__(None, None, None)


def test_there_was_something_to_play():

    assert FILES and (played > 100 or played == 0), played
