"""service.py setup|bot|attack|again: service mode. root sets it up, tester's bot uses it, and both it and another user attack it."""
import ctypes
import os
import pwd
import signal
import socket
import subprocess
import sys
import time

from guest import SIGNER, Bot, Client, Ran, add, check, end, process_of, secret, signs, wait, why_not

NAME, KEY = "trader", "binance/service"
SOCKET, UNIT = f"/run/signbox/{NAME}.sock", f"signbox@{NAME}"
EMPTY = "/run/signbox/empty.sock"
NOTED = "/run/vm-serials"
DESCRIPTION = f"signbox@{NAME}:binance:service"


def main_pid(unit=UNIT):
    return int(Ran("systemctl", "show", "--property", "MainPID", "--value", unit + ".service").out or 0)


def setup():
    for time in ("once", "and again"):
        ran = Ran("signbox", "setup", NAME, "--user", "tester")
        check(f"signbox setup, {time}", ran.code == 0, ran)
    about = pwd.getpwnam(f"signbox-{NAME}")
    check("the user of the service has no login", about.pw_shell.endswith("nologin") and about.pw_uid < 1000, about)
    for question, want in (("is-active", "active"), ("is-enabled", "enabled")):
        ran = Ran("systemctl", question, UNIT + ".socket")
        check(f"the socket {question}", ran.out.strip() == want, ran)
    owner = os.stat(SOCKET)
    check("the socket is the user's alone", (owner.st_mode & 0o777, owner.st_uid) == (0o600, 1000), owner)
    added = add(KEY, "--service", NAME)
    check("signbox add --service", added.code == 0, added)
    ran = Ran("signbox", "list", "--service", NAME)
    check("signbox list --service", ran.code == 0 and KEY in ran.out, ran)
    ran = Ran("signbox", "show", "--service", NAME, KEY)
    check("signbox show --service", ran.code == 0 and "read trade cancel" in ran.out and secret(KEY) not in ran.all, ran)
    ran = Ran("systemd-analyze", "security", "--no-pager", "--threshold=15", UNIT + ".service")
    check("systemd-analyze security: 1.5 at most", ran.code == 0, ran.all[-200:])
    ran = Ran("signbox", "setup", "empty", "--user", "tester")
    check("another bot, without a key", ran.code == 0, ran)
    for wrong in (["Trader", "--user", "tester"], ["x", "--user", "nobody-here"], ["a--b", "--user", "tester"]):
        ran = Ran("signbox", "setup", *wrong)
        check(f"signbox setup {' '.join(wrong)} is refused", ran.code != 0, ran)
    # What only root can know is told to the attackers: they do not fail for want of a number.
    serial = Ran("keyctl", "search", "@u", "user", DESCRIPTION).out.strip()
    check("root finds the key", serial.isdigit(), serial)
    with open(NOTED, "w") as file:
        file.write(serial)


def bot():
    client = Client(SOCKET)
    hello = client.hello()
    check("hello says service, and who asks", (hello.get("mode"), hello.get("uid")) == ("service", 1000), hello)
    why = client.signs(KEY)
    check("a bot signs over the socket", not why, why)
    withdraw = {"method": "POST", "url": "/sapi/v1/capital/withdraw/apply?coin=BTC&address=x&amount=1"}
    answer = client.ask("sign", key=KEY, request=withdraw)
    check("a withdrawal is denied", answer.get("error", {}).get("code") == "denied", answer)
    bridge = Bot(SIGNER, "--connect", NAME)
    why = bridge.signs(KEY)
    check("a bot signs over signbox-signer --connect", not why, why)
    check("which ends with its input", bridge.end() == 0)
    why = signs(KEY, "--service", NAME)
    check("signbox sign --service", not why, why)
    ran = Ran("signbox", "show", "--service", NAME, KEY)
    check("signbox show --service, as its user, says what is granted", ran.code == 0 and "read trade cancel" in ran.out, ran)
    python = f"import signbox; s = signbox.Signer('{KEY}', service='{NAME}'); print(s.sign('GET', '/api/v3/account')['url']); s.close()"
    ran = Ran("python3", "-c", python)
    check("a bot signs with the Python client", ran.code == 0 and "signature=" in ran.out, ran)

    without = Client(EMPTY)
    answer = without.ask("hello")
    check("a service without keys answers with why, or with no keys", "error" in answer or answer.get("hello", {}).get("keys") == [], answer)
    without.end()

    # Peers that behave badly, and one among them that does not.
    long = Client(SOCKET)
    sent, block = 0, b"x" * (1 << 20)
    try:
        for _ in range(64):
            long.socket.sendall(block)
            sent += 1
    except OSError:
        pass
    why = client.signs(KEY)
    check(f"{sent} MB without a newline do not hold up another bot", not why, why)
    long.end()
    many = []
    for _ in range(600):
        try:
            many.append(Client(SOCKET))
        except OSError:
            break
    began = time.monotonic()
    ran = Bot(SIGNER, "--connect", NAME)
    why = ran.signs(KEY)
    check(f"beside {len(many)} idle connections another process signs", not why, why)
    check("and that within 5 s", time.monotonic() - began < 5, time.monotonic() - began)
    ran.end()
    for one in many:
        one.end()
    time.sleep(2)
    stuck = Client(SOCKET)
    stuck.socket.settimeout(0.2)
    try:
        for _ in range(200000):
            stuck.say('{"v":1,"id":1,"op":"hello"}\n' * 100)
    except OSError:
        pass
    fresh = Bot(SIGNER, "--connect", NAME)
    why = fresh.signs(KEY)
    check("a bot that does not read its answers does not hold up another", not why, why)
    ran = Ran("systemctl", "is-active", UNIT + ".service")
    check("the service is still the same", ran.out.strip() == "active", ran)


class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


def call(name, *arguments):
    """A function of the C library; returns the error's number, 0 if there was none."""
    library = ctypes.CDLL(None, use_errno=True)
    return 0 if getattr(library, name)(*arguments) >= 0 else ctypes.get_errno()


def attack():
    user = pwd.getpwuid(os.getuid()).pw_name
    pids = process_of("signbox-signer", pwd.getpwnam(f"signbox-{NAME}").pw_uid)
    check(f"{user} finds the signer", pids != [], pids)
    check(f"{user} has a tracer", Ran("strace", "-o", "/dev/null", "true").code == 0)

    def fails(name, ran):
        check(f"{user}: {name}: refused", ran.code != 0 and secret(KEY) not in ran.all, ran)

    if user != "tester":
        check(f"{user}: the socket: refused", why_not(SOCKET) == "Permission denied", why_not(SOCKET))
        fails("signbox-signer --connect", Ran(SIGNER, "--connect", NAME, give='{"v":1,"id":1,"op":"hello"}\n'))
    with open(NOTED) as file:
        serial = file.read()
    for words in (
        ["print", serial], ["describe", serial], ["link", serial, "@u"], ["setperm", serial, "0x3f3f3f3f"], ["revoke", serial],
        ["invalidate", serial], ["unlink", serial, "@u"], ["chown", serial, str(os.getuid())], ["timeout", serial, "1"],
    ):
        fails(f"keyctl {words[0]}", Ran("keyctl", *words))
    with open("/proc/keys") as keys:
        check(f"{user}: /proc/keys does not show it", "signbox@" not in keys.read())
    fails("keyctl get_persistent of the service", Ran("keyctl", "get_persistent", "@p", f"signbox-{NAME}"))
    for pid in pids:
        for name in ("mem", "environ", "maps", "fd", "cwd", "root", "auxv", "stack", "syscall"):
            tool = "ls" if name == "fd" else "readlink" if name in ("cwd", "root") else "cat"
            fails(f"/proc/PID/{name}", Ran(tool, f"/proc/{pid}/{name}"))
        fails("strace", Ran("timeout", "10", "strace", "-p", str(pid)))
        for sign in ("0", "TERM", "KILL", "STOP", "SEGV"):
            fails(f"kill -{sign}", Ran("kill", f"-{sign}", str(pid)))
        room = ctypes.create_string_buffer(64)
        here, there = Part(ctypes.addressof(room), 64), Part(0x400000, 64)
        errno = call("process_vm_readv", pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
        check(f"{user}: process_vm_readv: refused", errno == 1, errno)
        fd = os.pidfd_open(pid)
        errno = call("syscall", 438, fd, 0, 0)
        check(f"{user}: pidfd_getfd: refused", errno == 1, errno)
        errno = call("prlimit", pid, 4, None, None)
        check(f"{user}: prlimit: refused", errno == 1, errno)
    fails("its records", Ran("ls", f"/var/lib/signbox-{NAME}"))
    for name, act in (
        ("unlink the socket", lambda: os.unlink(SOCKET)),
        ("put another in its place", lambda: socket.socket(socket.AF_UNIX).bind("/run/signbox/mine.sock")),
        ("rename it", lambda: os.rename(SOCKET, SOCKET + "~")),
        ("a drop-in for the unit", lambda: os.makedirs(f"/etc/systemd/system/{UNIT}.service.d/x")),
        ("a drop-in at run time", lambda: os.makedirs(f"/run/systemd/system/{UNIT}.service.d")),
        ("the owner's policy", lambda: os.makedirs("/etc/signbox/policy/x")),
        ("the program", lambda: open(SIGNER, "ab")),
    ):
        try:
            act()
            told = "it worked"
        except PermissionError:
            told = ""
        except OSError as error:
            told = str(error)
        check(f"{user}: {name}: refused", not told, told)
    for words in (
        ["stop", UNIT + ".service"], ["kill", UNIT + ".service"], ["restart", UNIT + ".socket"], ["edit", "--runtime", "--full", UNIT + ".service"],
        ["set-property", "--runtime", UNIT + ".service", "MemoryMax=1"], ["set-environment", "LD_PRELOAD=/tmp/x.so"], ["daemon-reload"],
    ):
        fails(f"systemctl {words[0]}", Ran("systemctl", "--no-ask-password", *words, env={**os.environ, "SYSTEMD_EDITOR": "true"}))
    fails("systemd-run as the service", Ran("systemd-run", "--no-ask-password", f"--uid=signbox-{NAME}", "true"))
    fails("signbox add --service", add("binance/mine", "--service", NAME))
    fails("signbox revoke --service", Ran("signbox", "revoke", "--service", NAME, KEY))
    fails("signbox setup", Ran("signbox", "setup", "mine", "--user", user))
    fails("signbox setup --remove", Ran("signbox", "setup", NAME, "--remove"))

    # The installed program, started as if it were the service: it has neither its user nor its keys.
    path = f"/tmp/{user}.sock"
    own = socket.socket(socket.AF_UNIX)
    own.bind(path)
    own.listen()
    options = [SIGNER, "--service", NAME, "--peer", str(os.getuid())]
    def third():
        os.dup2(own.fileno(), 3)
        os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))

    pretender = subprocess.Popen(options, stdin=own, stderr=subprocess.DEVNULL, preexec_fn=third, close_fds=False)
    time.sleep(3)
    told = "nothing"
    if pretender.poll() is None:
        told = Client(path).signs(KEY)
        pretender.kill()
    check(f"{user}: a signer of one's own as that service has no keys", bool(told) and "wrong" not in told, told)
    os.unlink(path)

    if user == "tester":
        # The socket is the user's own: who opens it to others is not answered for it.
        os.chmod(SOCKET, 0o666)
        client = Client(SOCKET)
        why = client.signs(KEY)
        check("the bot signs on", not why, why)


def again():
    os.chmod(SOCKET, 0o666)
    peer = Bot("setpriv", "--reuid=other", "--regid=other", "--init-groups", SIGNER, "--connect", NAME)
    answer = peer.ask("sign", key=KEY, request={"method": "GET", "url": "/api/v3/account"})
    check("where the socket is open to all, another user is turned away", "request" not in answer, answer)
    log = Ran("journalctl", "--boot", "--no-pager", "--unit", UNIT + ".service").out
    check("and that is logged", "turned away" in log and "1001" in log, log[-400:])
    answer = Client(SOCKET).ask("sign", key=KEY, request={"method": "GET", "url": "/api/v3/account"})
    check("so is root", "request" not in answer, answer)
    os.chmod(SOCKET, 0o600)

    def user_signs():
        bot = Bot("setpriv", "--reuid=tester", "--regid=tester", "--init-groups", SIGNER, "--connect", NAME)
        why = bot.signs(KEY)
        bot.end()
        return why

    first = main_pid()
    with open(f"/proc/{first}/attr/current") as current:
        held = current.read().strip("\0\n")
    check("the signer is confined by AppArmor", held == "usr.libexec.signbox.signbox-signer (enforce)", held)
    os.kill(first, signal.SIGKILL)
    check("killed, it is started again", wait(lambda: main_pid() not in (0, first)), main_pid())
    why = user_signs()
    check("and signs", not why, why)
    ran = Ran("systemctl", "restart", UNIT + ".service")
    why = user_signs()
    check("it signs after a restart", ran.code == 0 and not why, f"{ran} {why}")
    Ran("systemctl", "stop", UNIT + ".service")
    why = user_signs()
    check("stopped, its socket starts it again", not why, why)
    added = add("binance/second", "--service", NAME)
    check("a second key", added.code == 0, added)
    client = Bot("setpriv", "--reuid=tester", "--regid=tester", "--init-groups", SIGNER, "--connect", NAME)
    why = client.signs("binance/second")
    check("the service has it at once, or says what to do", not why or "restart" in why or "again" in why, why)
    client.end()
    ran = Ran("signbox", "revoke", "--service", NAME, "binance/second")
    check("signbox revoke --service", ran.code == 0, ran)
    client = Bot("setpriv", "--reuid=tester", "--regid=tester", "--init-groups", SIGNER, "--connect", NAME)
    why = client.signs("binance/second")
    check("what was revoked signs no more", bool(why) and "wrong" not in why, why)
    client.end()
    ran = Ran("signbox", "audit", "verify", "--state", f"/var/lib/signbox-{NAME}")
    check("the log of the service is whole", ran.code == 0 and "whole" in ran.all, ran)
    ran = Ran("signbox", "setup", "empty", "--remove")
    check("signbox setup --remove", ran.code == 0 and not os.path.exists(EMPTY), ran)
    gone = Ran("getent", "passwd", "signbox-empty")
    check("takes the user away", gone.code != 0, gone)
    left = [path for path in (f"/etc/systemd/system/{kind}.d" for kind in ("signbox@empty.service", "signbox@empty.socket")) if os.path.exists(path)]
    check("and the drop-ins", not left, left)


{"setup": setup, "bot": bot, "attack": attack, "again": again}[sys.argv[1]]()
end()
