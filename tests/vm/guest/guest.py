"""What the scripts in the guest share: checks, bogus secrets, and a bot that talks to a signer.

A check prints `ok NAME` or `FAIL NAME: why`. Secrets are computed where they are needed, so that none stands in a file or an argument.
"""
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import time

SIGNER = "/usr/libexec/signbox/signbox-signer"
# A command behind this is the user's, and has no other process between.
AS_TESTER = ["setpriv", "--reuid=tester", "--regid=tester", "--init-groups"]
failed = False


def check(name, holds, why=""):
    """Says whether something holds; goes on either way."""
    global failed
    failed = failed or not holds
    why = " | ".join(str(why).strip().splitlines())[-600:]
    print(f"ok {name}" if holds else f"FAIL {name}: {why or 'it does not hold'}", flush=True)
    return holds


def end():
    sys.exit(1 if failed else 0)


class Ran:
    """A command that has ended: its code, and what it printed."""

    def __init__(self, *command, give="", timeout=120, **more):
        try:
            done = subprocess.run(
                command, input=give, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout,
                errors="replace", **more,
            )
            self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired:
            self.code, self.out, self.err = -1, "", f"{command[0]} did not end in {timeout} s"
        self.all = self.out + self.err

    def __str__(self):
        return f"exit {self.code}, {self.all}"


def secret(handle):
    """The secret of a key in these tests."""
    return hashlib.sha256(b"signbox in a virtual machine " + handle.encode()).hexdigest()


def add(handle, *options, sudo=False):
    """`signbox add`, with the secret on descriptor 0: sudo closes those above 2."""
    before = ["sudo"] if sudo else []
    return Ran(*before, "signbox", "add", handle, "--key", "APIKEY", "--secret-fd", "0", *options, give=secret(handle))


def is_signed(handle, request):
    """Whether a request to Binance was signed with the secret of this key."""
    query, _, rest = request["url"].partition("?")[2].partition("&signature=")
    return hmac.compare_digest(hmac.new(secret(handle).encode(), query.encode(), "sha256").hexdigest(), rest)


def signs(handle, *options):
    """`signbox sign`; returns nothing if the signature is good, else why not."""
    ran = Ran("signbox", "sign", *options, handle, "GET", "/api/v3/account")
    if ran.code != 0:
        return str(ran)
    return "" if is_signed(handle, json.loads(ran.out)) else "the signature is wrong"


class Bot:
    """A process that answers lines, started by a command."""

    def __init__(self, *command, **more):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
        )
        self.pid = self.process.pid

    def ask(self, op, **fields):
        line = json.dumps({"v": 1, "id": 1, "op": op, **fields})
        try:
            print(line, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass
        answer = self.process.stdout.readline()
        if answer:
            return json.loads(answer)
        self.process.wait()
        return {"error": {"code": "ended", "text": f"exit {self.process.returncode}: {self.process.stderr.read()}"}}

    def hello(self):
        return self.ask("hello").get("hello", {})

    def signs(self, handle):
        """Returns nothing if it signs well, else why not."""
        answer = self.ask("sign", key=handle, request={"method": "GET", "url": "/api/v3/account"})
        if "request" not in answer:
            return json.dumps(answer)
        return "" if is_signed(handle, answer["request"]) else "the signature is wrong"

    def end(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        return self.process.wait(20)


class Client:
    """A bot at the socket of a service."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r")

    def say(self, text):
        self.socket.sendall(text.encode())

    def ask(self, op, **fields):
        try:
            self.say(json.dumps({"v": 1, "id": 1, "op": op, **fields}) + "\n")
        except OSError:
            pass  # what it has said before it hung up is still there
        try:
            return json.loads(self.lines.readline() or "{}")
        except OSError as error:
            return {"closed": str(error)}

    def end(self):
        self.socket.close()


Client.hello, Client.signs = Bot.hello, Bot.signs


def why_not(path):
    """What connecting to a socket fails with; nothing if it does not fail."""
    try:
        Client(path).end()
    except OSError as error:
        return error.strerror
    return ""


def serials(handle):
    """The keys of a handle that this user sees in /proc/keys, as numbers."""
    name = "signbox:" + handle.replace("/", ":")
    with open("/proc/keys") as keys:
        lines = [line.split() for line in keys]
    return [int(line[0], 16) for line in lines if line[7] == "user" and line[8].rstrip(":") == name]


def wait(condition, seconds=20):
    """Waits until something holds, and returns whether it does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.2)
    return bool(condition())


def process_of(name, user=None):
    """The numbers of the processes called so."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as comm:
                same = comm.read().strip() == name[:15]
            if same and (user is None or os.stat(f"/proc/{pid}").st_uid == user):
                found.append(int(pid))
        except OSError:
            pass
    return found
