"""`Signer` against the real signbox-signer: what is signed, who gets which answer, and what happens when things end."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import signbox
from signbox import Signer

SECRET = "made-up-secret-of-binance"
ORDER = "symbol=LTCBTC&side=BUY&type=LIMIT&quantity=1&price=0.1&timeInForce=GTC"
URL = "https://api.binance.com/api/v3/"


@pytest.fixture
def binance(key):
    return key("binance/main", key="FAKEkey", secret=SECRET)


@pytest.fixture
def signer(binance):
    with Signer(binance, deadline=2) as made:
        yield made


def verified(signed, secret=SECRET):
    """Whether the request carries what Binance wants: the HMAC of all that stands before the signature."""
    sent = signed["body"] or urlsplit(signed["url"]).query
    text, _, signature = sent.rpartition("&signature=")
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest() == signature


def process_of(signer):
    return signer._connection._process


def kill(signer):
    process_of(signer).kill()
    process_of(signer).wait()


def descriptors():
    return set(os.listdir("/proc/self/fd"))


def test_a_request_comes_back_signed(signer):
    signed = signer.sign("POST", URL + "order", {"User-Agent": "bot"}, ORDER)
    assert verified(signed)
    assert signed["headers"] == {"User-Agent": "bot", "X-MBX-APIKEY": "FAKEkey"}
    assert signed["body"].startswith(ORDER + "&timestamp=")
    assert (signed["method"], signed["url"]) == ("POST", URL + "order")


def test_a_login_comes_back_with_the_names_of_the_exchange(key):
    with Signer(key("okx/main", key="FAKEkey", secret=SECRET, passphrase="made-up", allow=["login"])) as signer:
        stamp = str(int(time.time()))
        for login in (
            signer.login(),
            signer.login("login", {"sign": "placeholder", "apiKey": "placeholder", "timestamp": stamp}),
            asyncio.run(signbox.AsyncSigner(signer).login("login", {"timestamp": stamp})),
        ):
            signed = hmac.new(SECRET.encode(), (login["timestamp"] + "GET/users/self/verify").encode(), hashlib.sha256)
            assert login.pop("sign") == base64.b64encode(signed.digest()).decode()
            assert abs(int(login.pop("timestamp")) - int(stamp)) < 5
            assert login == {"apiKey": "FAKEkey", "passphrase": "made-up"}
        for name, fields in [("no-such-login", None), ("login", {"amount": "1"}), ("login", {"sign": b"bytes"})]:
            with pytest.raises(signbox.BadRequest):
                signer.login(name, fields)
        with pytest.raises(signbox.Stale):
            signer.login("login", {"timestamp": "1700000000"})
        assert signer.login()["apiKey"] == "FAKEkey", "and it is still of use"


def test_a_login_wants_a_grant_of_its_own(signer):
    for login in (signer.login, lambda: asyncio.run(signbox.AsyncSigner(signer).login())):
        with pytest.raises(signbox.Denied) as denied:
            login()
        assert denied.value.rule == "class-not-granted"


def test_a_body_of_bytes_is_text_too_and_other_bytes_are_a_bad_request(signer):
    assert verified(signer.sign("POST", URL + "order", None, ORDER.encode()))
    with pytest.raises(signbox.BadRequest, match="UTF-8"):
        signer.sign("POST", URL + "order", None, b"\xff\xfe")
    with pytest.raises(signbox.BadRequest):
        signer.sign("POST", URL + "order", {"X": 7}, ORDER)
    assert verified(signer.sign("GET", URL + "account"))


def test_a_refusal_names_the_rule(signer):
    with pytest.raises(signbox.Denied) as denied:
        signer.sign(
            "POST", "https://api.binance.com/sapi/v1/capital/withdraw/apply", None, "coin=BTC&address=x&amount=1"
        )
    assert (denied.value.rule, denied.value.code) == ("class-not-granted", "denied")
    assert "withdraw" in str(denied.value)
    assert not isinstance(denied.value, OSError), "libraries repeat what fails with an OSError"


def test_check_signs_nothing_and_tells(signer):
    verdict = signer.check("GET", URL + "account")
    assert verdict["allowed"] and verdict["rule"] == "granted"
    verdict = signer.check("POST", URL + "nothing")
    assert not verdict["allowed"] and verdict["rule"] == "unknown-endpoint"


def test_hello_says_what_the_signer_is(signer):
    hello = signer.hello()
    assert hello["mode"] == "open" and hello["keys"][0]["allow"] == ["read", "trade", "cancel"]


def test_many_are_signed_at_once_in_order_with_refusals_in_place(signer):
    asked = [("GET", f"{URL}openOrders?symbol=A{i}") for i in range(300)]
    signed = signer.sign_many(asked)
    assert all(verified(one) and f"symbol=A{i}&" in one["url"] for i, one in enumerate(signed))
    asked[7] = ("GET", URL + "nothing")
    mixed = signer.sign_many(asked, return_exceptions=True)
    assert isinstance(mixed[7], signbox.Denied) and verified(mixed[8])
    with pytest.raises(signbox.Denied):
        signer.sign_many(asked)
    assert verified(signer.sign("GET", URL + "account"))


@pytest.mark.parametrize("socketpair", [False, True])
def test_more_than_the_pipes_hold_does_not_stop(binance, socketpair):
    with Signer(binance, socketpair=socketpair) as signer:
        body = ORDER + "&note=" + "x" * 50_000
        signed = signer.sign_many([("POST", URL + "order", {}, body)] * 80)
        assert all(map(verified, signed)) and len(signed) == 80


def test_threads_get_their_own_answers(signer):
    wrong = []

    def ask(name):
        for i in range(150):
            signed = signer.sign("GET", f"{URL}openOrders?symbol=T{name}N{i}")
            if f"symbol=T{name}N{i}&" not in signed["url"] or not verified(signed):
                wrong.append(signed)

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong and not any(thread.is_alive() for thread in threads)


def test_a_fork_is_told_and_can_have_its_own(signer, binance):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            try:
                signer.sign("GET", URL + "account")
                told = "signed"
            except signbox.Forked as error:
                told = str(error)
            with Signer(binance) as own:
                good = all(verified(own.sign("GET", f"{URL}openOrders?symbol=C{i}")) for i in range(100))
            shared = verified(signbox.shared(binance).sign("GET", URL + "account"))
            os.write(write, f"{good} {shared} {told}".encode())
        finally:
            os._exit(0)
    for i in range(100):
        assert f"symbol=P{i}&" in signer.sign("GET", f"{URL}openOrders?symbol=P{i}")["url"]
    os.waitpid(child, 0)
    assert os.read(read, 1000).decode().startswith("True True this process was forked")
    os.close(read)
    os.close(write)
    assert verified(signer.sign("GET", URL + "account")), "the child has not ended the parent's"


def test_a_shared_signer_of_the_parent_is_not_that_of_the_child(binance):
    mine = signbox.shared(binance)
    assert signbox.shared(binance) is mine
    child = os.fork()
    if child == 0:
        own = signbox.shared(binance)
        os._exit(0 if own is not mine and verified(own.sign("GET", URL + "account")) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    mine.close()
    assert signbox.shared(binance) is not mine
    signbox.shared(binance).close()


def test_a_signer_that_was_killed_is_started_again_and_that_is_said(signer, caplog):
    signer._connection._born -= 60
    first = process_of(signer)
    kill(signer)
    with caplog.at_level(logging.WARNING, "signbox"):
        assert verified(signer.sign("GET", URL + "account"))
    assert signer.restarts == 1 and process_of(signer) is not first
    assert "signal 9; started another" in caplog.text


def test_one_that_ends_right_after_its_start_is_not_started_again_at_once(signer):
    kill(signer)
    for _ in range(2):
        with pytest.raises(signbox.SignerDied, match="right after its start"):
            signer.sign("GET", URL + "account")


def test_restart_off_means_off(binance):
    with Signer(binance, restart=False) as signer:
        signer._connection._born -= 60
        kill(signer)
        with pytest.raises(signbox.SignerDied, match="'restart' is off"):
            signer.sign("GET", URL + "account")


@pytest.mark.parametrize("limits", [{"rate": "100/s"}, {"notional-day": "1000"}])
def test_a_limit_that_is_counted_is_not_begun_anew(key, limits):
    with Signer(key("binance/main", key="FAKEkey", secret=SECRET, limits=limits)) as signer:
        signer._connection._born -= 60
        kill(signer)
        for _ in range(2):
            with pytest.raises(signbox.SignerDied, match=f"would count {next(iter(limits))} from nothing"):
                signer.sign("GET", URL + "account")


def test_limits_that_are_not_counted_are_no_hindrance(key):
    with Signer(key("binance/main", key="FAKEkey", secret=SECRET, limits={"symbols": "LTCBTC"})) as signer:
        signer._connection._born -= 60
        kill(signer)
        assert verified(signer.sign("GET", URL + "account"))


def test_one_that_dies_with_the_question_says_so_at_once(signer):
    os.kill(process_of(signer).pid, signal.SIGSTOP)
    threading.Timer(0.2, process_of(signer).kill).start()
    began = time.monotonic()
    with pytest.raises(signbox.SignerDied, match=r"signal 9; nothing that has no answer was sent"):
        signer.sign("GET", URL + "account")
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("others", [0, 1])
def test_a_late_answer_reaches_nobody(binance, others):
    idle = threading.Event()
    threads = [threading.Thread(target=idle.wait) for _ in range(others)]
    for thread in threads:
        thread.start()
    with Signer(binance, deadline=0.3) as signer:
        process = process_of(signer)
        os.kill(process.pid, signal.SIGSTOP)
        for i in range(3):
            began = time.monotonic()
            with pytest.raises(signbox.DeadlinePassed):
                signer.sign("GET", f"{URL}openOrders?symbol=LATE{i}")
            assert 0.25 < time.monotonic() - began < 0.8
        os.kill(process.pid, signal.SIGCONT)
        for i in range(20):
            assert f"symbol=NEW{i}&" in signer.sign("GET", f"{URL}openOrders?symbol=NEW{i}")["url"]
        assert process_of(signer) is process
    idle.set()
    for thread in threads:
        thread.join()


def test_a_full_pipe_is_a_deadline_too_and_the_rest_of_the_line_is_not_lost(binance):
    with Signer(binance, deadline=0.3) as signer:
        os.kill(process_of(signer).pid, signal.SIGSTOP)
        long = [("POST", URL + "order", {}, ORDER + "&note=" + "x" * 50_000)]
        for _ in range(4):
            with pytest.raises(signbox.DeadlinePassed):
                signer.sign_many(long)
        os.kill(process_of(signer).pid, signal.SIGCONT)
        signer.deadline = 5
        assert "symbol=AFTER&" in signer.sign("GET", f"{URL}openOrders?symbol=AFTER")["url"]


def test_an_interrupt_crosses_no_answers(signer):
    class Interrupt(Exception):
        pass

    def interrupt(*_):
        raise Interrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    os.kill(process_of(signer).pid, signal.SIGSTOP)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(Interrupt):
            signer.sign("GET", f"{URL}openOrders?symbol=INTERRUPTED")
    finally:
        signal.signal(signal.SIGALRM, before)
        os.kill(process_of(signer).pid, signal.SIGCONT)
    assert "symbol=NEXT&" in signer.sign("GET", f"{URL}openOrders?symbol=NEXT")["url"]


def test_a_key_that_is_gone_says_how(key):
    for change, code in [(revoke, "revoked"), (expire, "expired")]:
        with Signer(key("binance/main", key="FAKEkey", secret=SECRET)) as signer:
            change()
            with pytest.raises(signbox.KeyGone) as gone:
                signer.sign("GET", URL + "account")
            assert gone.value.code == code
            with pytest.raises(signbox.KeyGone) as gone:
                Signer("binance/main")
            assert gone.value.code == code
    with pytest.raises(signbox.KeyGone, match="signbox add") as gone:
        Signer("binance/none")
    assert gone.value.code == "no_such_key"


def revoke():
    subprocess.run(["signbox", "revoke", "binance/main"], check=True, capture_output=True)


def expire():
    subprocess.run(["signbox", "timeout", "binance/main", "1s"], check=True, capture_output=True)
    time.sleep(1.2)


def test_a_key_whose_record_is_wrong_is_told_at_once(key):
    with pytest.raises(signbox.KeyGone, match="unknown grant"):
        Signer(key("binance/main", secret="x", allow=["everything"]))


def test_close_ends_the_signer_and_leaves_nothing(binance):
    before = descriptors()
    signer = Signer(binance)
    process = process_of(signer)
    signer.close()
    assert process.returncode == 0 and descriptors() == before
    with pytest.raises(signbox.Closed):
        signer.sign("GET", URL + "account")
    signer.close()
    dropped = Signer(binance)
    process = process_of(dropped)
    del dropped
    assert process.returncode == 0 and descriptors() == before


def test_close_does_not_wait_for_a_signer_that_stands_still(binance):
    signer = Signer(binance, deadline=20)
    os.kill(process_of(signer).pid, signal.SIGSTOP)
    told = []

    def ask():
        try:
            signer.sign("GET", URL + "account")
        except signbox.SignerDied as error:
            told.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.1)
    began = time.monotonic()
    signer.close()
    thread.join(5)
    assert told and time.monotonic() - began < 4
    with pytest.raises(signbox.Closed):
        signer.sign("GET", URL + "account")


def test_what_fails_to_start_leaves_nothing(binance):
    before = descriptors()
    for options in [{"program": "/nowhere/signbox-signer"}, {"arguments": ["--nonsense"]}, {"arguments": ["\0"]}]:
        with pytest.raises(signbox.SignerMissing):
            Signer(binance, **options)
    assert descriptors() == before


def test_the_end_of_the_bot_ends_the_signer(binance):
    bot = f"import signbox, os; s = signbox.Signer({binance!r}); print(s._connection._process.pid, flush=True); KILL"
    for ending in ["pass", "os._exit(1)", "os.kill(os.getpid(), 9)"]:
        run = subprocess.run([sys.executable, "-c", bot.replace("KILL", ending)], capture_output=True, text=True)
        pid = int(run.stdout)
        for _ in range(100):
            if not os.path.exists(f"/proc/{pid}") or "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
                break
            time.sleep(0.02)
        else:
            pytest.fail(f"the signer outlives a bot that ends with {ending}")


def test_alerts_of_the_signer_are_logged(key, caplog):
    limits = {"alert": "new-endpoint"}
    with Signer(key("binance/main", key="FAKEkey", secret=SECRET, limits=limits)) as signer:
        with caplog.at_level(logging.WARNING, "signbox"):
            for path in ["account", "openOrders?symbol=A", "account"]:
                assert verified(signer.sign("GET", URL + path))
    assert "alert" in caplog.text


def test_ctrl_c_is_for_the_bot_alone(binance):
    bot = f"""
import os, signal, signbox
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, if these tests run behind an '&'
signer = signbox.Signer({binance!r})
try:
    os.killpg(0, signal.SIGINT)
    signal.pause()
except KeyboardInterrupt:
    print(signer.sign("DELETE", "{URL}openOrders?symbol=LTCBTC")["url"])
"""
    run = subprocess.run(
        [sys.executable, "-c", bot], capture_output=True, text=True, start_new_session=True, timeout=60
    )
    assert "signature=" in run.stdout, run.stderr


def test_a_busy_thread_does_not_slow_it_down(signer):
    """The bench has the numbers; this only sees whether the interpreter's lock is let go, which costs 5 ms a call."""

    def burn():
        while not stop.is_set():
            sum(range(100))

    stop = threading.Event()
    thread = threading.Thread(target=burn)
    thread.start()
    took = []
    for _ in range(200):
        began = time.perf_counter()
        signer.sign("GET", URL + "account")
        took.append(time.perf_counter() - began)
    stop.set()
    thread.join()
    assert sorted(took)[100] < 0.002
