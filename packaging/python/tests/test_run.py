"""Bots under `signbox run`: they have the signer of that, and their session has no key."""

from __future__ import annotations

import subprocess
import sys

import pytest
from test_signer import SECRET, URL

BOT = f"""
import os, subprocess, sys
import signbox

def good(key="binance/main"):
    with signbox.Signer(key) as signer:
        return "signature" in str(signer.sign("GET", "{URL}account"))
"""


def run(bot, *options, keys=("binance/main",)):
    command = ["signbox", "run", *options, *keys, "--", sys.executable, "-c", BOT + bot]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


@pytest.fixture(autouse=True)
def keys(key):
    key("binance/main", key="FAKEkey", secret=SECRET)
    key("binance/other", key="OTHERkey", secret=SECRET)


@pytest.mark.parametrize("options", [[], ["--socketpair"], ["--claim"]])
def test_the_signer_of_run_is_used_and_the_key_is_out_of_reach(options):
    seen = "ls = subprocess.run(['keyctl', 'show', '@s'], capture_output=True, text=True).stdout; "
    mode = "signbox.Signer('binance/main').hello()['mode']"
    told = run(f"{seen}print(good(), good(), {mode}, 'signbox:binance' in ls)", *options)
    assert told == ["True", "True", "claimed" if "--claim" in options else "run", "False"]


def test_two_keys_have_one_signer():
    bot = "a, b = (signbox.Signer('binance/' + n) for n in ('main', 'other'))\n"
    bot += f"print(*(s.sign('GET', '{URL}account')['headers']['X-MBX-APIKEY'] for s in (a, b, a)))"
    assert run(bot, keys=("binance/main", "binance/other")) == ["FAKEkey", "OTHERkey", "FAKEkey"]


def test_a_key_that_run_was_not_given_is_told_and_not_looked_for_elsewhere():
    bot = "try: good('binance/other')\nexcept signbox.KeyGone as e: print(e.code)"
    assert run(bot) == ["no_such_key"]


@pytest.mark.parametrize("options", [[], ["--socketpair"]])
def test_what_the_bot_starts_has_no_way_to_the_signer(options):
    child = "import os; print(os.environ.get('SIGNBOX_FDS'), len(os.listdir('/proc/self/fd')))"
    bot = f"fds = os.environ['SIGNBOX_FDS']; print(good(), flush=True); subprocess.run([sys.executable, '-c', {child!r}], close_fds=False)"
    told = run(bot, *options)
    assert told[0] == "True" and told[1] == "None" and int(told[2]) <= 4


def test_a_fork_is_told_and_crosses_nothing():
    bot = f"""
signer = signbox.Signer("binance/main")
if os.fork() == 0:
    for make in (lambda: signer, lambda: signbox.Signer("binance/main")):
        try:
            make().sign("GET", "{URL}account")
            print("signed")
        except signbox.Forked:
            print("forked")
    sys.stdout.flush()
    os._exit(0)
os.wait()
print(good())
"""
    assert run(bot) == ["forked", "forked", "True"]


@pytest.mark.parametrize("options", [[], ["--socketpair"]])
def test_of_two_processes_that_were_one_before_only_one_gets_the_signer(options):
    """Where workers are forked before anything is asked: whoever asks first has it, the other is told."""
    bot = """
a, b = os.pipe()
c, d = os.pipe()
if os.fork() == 0:
    print(good(), flush=True)
    os.write(b, b"x")
    os.read(c, 1)
    os._exit(0)
os.read(a, 1)
try:
    good()
except signbox.SignerMissing as e:
    print("another process" in str(e))
os.write(d, b"x")
os.wait()
"""
    assert run(bot, *options) == ["True", "True"]


def test_when_the_signer_of_run_has_ended_that_is_told():
    bot = f"""
import signal, time
signer = signbox.Signer("binance/main", deadline=2)
pid = next(int(p) for p in os.listdir("/proc") if p.isdigit() and open(f"/proc/{{p}}/comm").read() == "signbox-signer\\n"
           and os.getppid and open(f"/proc/{{p}}/stat").read().split()[3] == str(os.getpid()))
os.kill(pid, signal.SIGKILL)
time.sleep(0.1)
for _ in range(2):
    try: signer.sign("GET", "{URL}account")
    except signbox.SignerDied as e: print("again" in str(e))
"""
    assert run(bot) == ["True", "True"]


@pytest.mark.parametrize("value", ["", "7", "x,y", "900,901"])
def test_descriptors_that_are_none_are_told(value):
    bot = "try: signbox.Signer('binance/main')\nexcept signbox.SignerMissing as e: print('SIGNBOX_FDS' in str(e))"
    ran = subprocess.run(
        [sys.executable, "-c", BOT + bot],
        capture_output=True,
        text=True,
        env={"SIGNBOX_FDS": value, "PATH": "/nowhere"},
    )
    assert ran.stdout.split() == ["True"], ran.stderr
