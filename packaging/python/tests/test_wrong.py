"""A signer that does everything wrong: each mistake is its own exception, in time, and nobody gets a signature from it.

The false signers are small scripts in the place of the program.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time

import pytest

import signbox
from signbox import _json

HELLO = {
    "v": 1,
    "id": 0,
    "hello": {"version": "0", "mode": "open", "counts": "memory", "keys": [{"key": "binance/main"}]},
}
SIGNED = {"method": "GET", "url": "/signed", "headers": {}, "body": None}
ASK = ("GET", "https://api.binance.com/api/v3/account")


@pytest.fixture
def false(tmp_path):
    """Starts a Signer whose program says hello, and then does this to each `question`, and can `answer`."""

    def start(then, hello=HELLO, **options):
        log = tmp_path / "questions"
        program = tmp_path / "signbox-signer"
        program.write_text(
            f"#!{sys.executable}\n"
            "import json, os, sys, time\n"
            "def answer(**fields): print(json.dumps(fields), flush=True)\n"
            "sys.stdin.readline()\n"
            f"print({json.dumps(hello) if isinstance(hello, dict) else hello!r}, flush=True)\n"
            f"signed = {SIGNED!r}\n"
            "for line in sys.stdin:\n"
            f"    open({str(log)!r}, 'a').write(line)\n"
            "    question = json.loads(line)\n"
            f"    {then}\n"
        )
        program.write_text(program.read_text().replace(": null", ": None"))
        program.chmod(0o755)
        signer = signbox.Signer("binance/main", program=str(program), **{"deadline": 2, **options})
        signer.log = log
        return signer

    return start


def test_one_that_does_it_right_is_believed(false):
    with false("answer(v=1, id=question['id'], request=signed)") as signer:
        assert signer.sign(*ASK) == SIGNED


@pytest.mark.parametrize(
    ("then", "wrong"),
    [
        ("answer(v=1, id=question['id'] + 1, request=signed)", signbox.WrongAnswer),
        ("answer(v=1, id=question['id'] - 1, request=signed)", signbox.WrongAnswer),
        ("answer(v=1, id=str(question['id']), request=signed)", signbox.WrongAnswer),
        ("[answer(v=1, id=question['id'], request=signed) for _ in 'twice']", None),
        ("answer(v=2, id=question['id'], request=signed)", signbox.WrongVersion),
        ("answer(v=1, id=question['id'], error={'code': 'version', 'text': 'v is not 1'})", signbox.WrongVersion),
        ("print('what?', flush=True)", signbox.WrongVersion),
        ("print('[]', flush=True)", signbox.WrongVersion),
        ("print('{}', flush=True)", signbox.WrongVersion),
        ("answer(v=1, id=question['id'])", signbox.WrongVersion),
        ("answer(v=1, id=question['id'], error='no')", signbox.WrongVersion),
        ("sys.exit(3)", signbox.SignerDied),
        ("time.sleep(60)", signbox.DeadlinePassed),
        ("answer(v=1, id=question['id'], error={'code': 'denied', 'text': 'no (rule over-day)'})", signbox.Denied),
        (
            "answer(v=1, id=question['id'], error={'code': 'rate_limited', 'text': 'x (rule over-rate)'})",
            signbox.RateLimited,
        ),
        ("answer(v=1, id=question['id'], error={'code': 'stale', 'text': 'x'})", signbox.Stale),
        ("answer(v=1, id=question['id'], error={'code': 'expired', 'text': 'x'})", signbox.KeyGone),
        ("answer(v=1, id=None, error={'code': 'bad_request', 'text': 'x'})", signbox.BadRequest),
        ("answer(v=1, id=question['id'], error={'code': 'of-a-later-version', 'text': 'x'})", signbox.Refused),
    ],
)
def test_each_mistake_is_its_own_exception(false, then, wrong):
    with false(then, deadline=1) as signer:
        began = time.monotonic()
        if wrong is None:  # the answer too many is found out by the next question
            assert signer.sign(*ASK) == SIGNED
            wrong = signbox.WrongAnswer
        with pytest.raises(wrong) as raised:
            signer.sign(*ASK)
        assert type(raised.value) is wrong and time.monotonic() - began < 1.9
        if wrong in (signbox.WrongAnswer, signbox.WrongVersion) and "id'])" not in then and "error=" not in then:
            asked = signer.log.read_text()
            with pytest.raises(wrong):  # it is not asked again, and no other is started
                signer.sign(*ASK)
            assert signer.log.read_text() == asked


def test_nothing_that_is_refused_is_asked_twice(false):
    for code in ["denied", "rate_limited", "stale", "expired", "bad_request"]:
        with false(f"answer(v=1, id=question['id'], error={{'code': {code!r}, 'text': 'x'}})") as signer:
            signer.log.write_text("")
            with pytest.raises(signbox.Refused):
                signer.sign(*ASK)
            assert len(signer.log.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("hello", "wrong"),
    [
        ({"v": 2, "id": 0, "hello": {}}, signbox.WrongVersion),
        ({"v": 1, "id": 0, "error": {"code": "version", "text": "v is not 1"}}, signbox.WrongVersion),
        ({"v": 1, "id": 5, "hello": {}}, signbox.WrongAnswer),
        ({"v": 1, "id": 0}, signbox.WrongVersion),
        ({"v": 1, "id": 0, "hello": {}}, signbox.WrongVersion),
        ("signbox-signer 9", signbox.WrongVersion),
        (
            {"v": 1, "id": 0, "hello": {"keys": [{"key": "binance/main", "error": {"code": "expired", "text": "x"}}]}},
            signbox.KeyGone,
        ),
    ],
)
def test_a_start_that_is_not_as_it_should_be_is_told(false, hello, wrong):
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(wrong):
        false("pass", hello)
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(("script", "wrong"), [("sleep 9", signbox.DeadlinePassed), ("exit 4", signbox.SignerMissing)])
def test_a_program_that_is_not_the_signer(tmp_path, script, wrong):
    (tmp_path / "p").write_text(
        f"#!/bin/sh\nexec {script}\n" if "sleep" in script else f"#!/bin/sh\necho no >&2; {script}\n"
    )
    (tmp_path / "p").chmod(0o755)
    began = time.monotonic()
    with pytest.raises(wrong):
        signbox.Signer("binance/main", program=str(tmp_path / "p"), deadline=0.3)
    assert time.monotonic() - began < 2


def test_one_that_has_ended_before_it_is_asked_is_told_with_its_reason(tmp_path):
    from signbox._connection import Connection
    from signbox._start import spawn

    def start():
        started = spawn("binance/main", str(program), [], False)
        started.process.wait()
        return started

    program = tmp_path / "p"
    program.write_text("#!/bin/sh\necho \"signbox-signer: key 'signbox:binance:main' has expired\" >&2\nexit 1\n")
    program.chmod(0o755)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(signbox.KeyGone, match="ended with 1: key 'signbox:binance:main' has expired"):
        Connection(start, 2, True)
    assert set(os.listdir("/proc/self/fd")) == before


def test_an_answer_in_pieces_is_one_answer(false):
    pieces = "[(sys.stdout.write(c), sys.stdout.flush(), time.sleep(0.001)) for c in json.dumps(dict(v=1, id=question['id'], request=signed)) + chr(10)]"
    with false(pieces) as signer:
        assert signer.sign(*ASK) == SIGNED
        assert asyncio.run(signbox.AsyncSigner(signer).sign(*ASK)) == SIGNED


def test_what_a_false_signer_says_at_its_end_is_told(false):
    with false("print('signbox-signer: a bug at line 7', file=sys.stderr); sys.exit(70)") as signer:
        with pytest.raises(signbox.SignerDied, match="ended with 70: a bug at line 7"):
            signer.sign(*ASK)


ENCODERS = [_json.encode_plain, *([_json.encode_orjson] if _json.orjson else [])]


@pytest.mark.parametrize("encode", ENCODERS)
def test_what_is_written_is_what_was_asked(encode):
    chance = random.Random(1)
    letters = [chr(i) for i in range(0, 0x300)] + ['"', "\\", "\u2028", "\U0001f600", "\ud7ff", "\x7f"]
    for number in range(500):
        url, body, name, value, reference = (
            "".join(chance.choices(letters, k=chance.randrange(1, 30))) for _ in range(5)
        )
        headers = {name: value} if number % 3 else {}
        request = {"method": "POST", "url": url, "headers": headers, "body": body if number % 2 else None}
        line = encode(number, "sign", "a/b", tuple(request.values()), reference if number % 5 else "")
        asked = {"v": 1, "id": number, "op": "sign", "key": "a/b", "request": request}
        assert json.loads(line) == ({**asked, "reference": reference} if number % 5 else asked)
        assert line.endswith(b"\n") and line.count(b"\n") == 1
        assert _json.decode_plain(line) == _json.decode(line) == json.loads(line)


@pytest.mark.parametrize("encode", ENCODERS)
def test_what_is_no_text_is_a_bad_request(encode):
    for request in [("GET", "/\ud800", None, None), ("GET", "/", None, b"\xff")]:
        with pytest.raises(signbox.BadRequest):
            encode(1, "sign", "a/b", request, "")
