"""cores.py: core dumps on, to a file and to a program: a signer that is killed leaves none, an ordinary process does. As root."""
import glob
import os
import signal
import subprocess
import sys
import time

import guest
from guest import AS_TESTER, SIGNER, Bot, Ran, check, end, secret, wait

MAIN, CLAIMED, CONTROL = "binance/main", "binance/cored", "binance/control"
FOLDER = "/var/tmp/cores"
CATCHER = "/usr/local/sbin/core-catcher"
NAIVE = f"import sys; sys.path.insert(0, {os.path.dirname(guest.__file__)!r}); import guest; kept = guest.secret({CONTROL!r}); print('up', flush=True); sys.stdin.read()"


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def as_tester(*command):
    """As the user, with cores of any size."""
    return [*AS_TESTER, "sh", "-c", 'ulimit -c unlimited && exec "$@"', "sh", *command]


def cores():
    """The cores, and whether each holds the one or the other secret."""
    found = {}
    for path in glob.glob(FOLDER + "/*"):
        with open(path, "rb") as file:
            held = file.read()
        found[os.path.basename(path)] = [name for name in (MAIN, CLAIMED, CONTROL) if secret(name).encode() in held]
    return found


def try_it(name):
    for path in glob.glob(FOLDER + "/*"):
        os.unlink(path)
    naive = subprocess.Popen(as_tester(sys.executable, "-c", NAIVE), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    naive.stdout.readline()
    os.kill(naive.pid, signal.SIGSEGV)
    naive.wait()
    wait(lambda: [CONTROL] in cores().values(), 30)
    check(f"{name}: a naive process leaves a core with its secret", [CONTROL] in cores().values(), cores())

    before = len(cores())
    added = Ran(*AS_TESTER, "signbox", "add", CLAIMED, "--keyring", "user", "--secret-fd", "0", give=secret(CLAIMED))
    check(f"{name}: a key to claim", added.code == 0, added)
    for handle, *options in ((MAIN,), (CLAIMED, "--claim")):
        bot = Bot(*as_tester(SIGNER, handle, *options))
        why = bot.signs(handle)
        check(f"{name}: the signer of {handle} is at work", not why, why)
        for _ in range(20):
            bot.signs(handle)
        os.kill(bot.pid, signal.SIGSEGV)
        code = bot.process.wait()
        time.sleep(3)
        check(f"{name}: SIGSEGV ends the signer of {handle}", code == -signal.SIGSEGV, code)
    held = cores()
    check(f"{name}: no core of a signer", len(held) == before and all(of == [CONTROL] for of in held.values()), held)


with open("/proc/sys/kernel/core_pattern") as file:
    was = file.read()
os.makedirs(FOLDER, exist_ok=True)
os.chmod(FOLDER, 0o1777)
write(CATCHER, f"#!/bin/sh\nexec cat >{FOLDER}/piped.$1\n")
os.chmod(CATCHER, 0o755)
try:
    write("/proc/sys/kernel/core_pattern", FOLDER + "/core.%e.%p")
    try_it("to a file")
    write("/proc/sys/fs/suid_dumpable", "2")
    try_it("to a file, suid_dumpable 2")
    write("/proc/sys/fs/suid_dumpable", "0")
    write("/proc/sys/kernel/core_pattern", f"|{CATCHER} %p")
    try_it("to a program")
finally:
    write("/proc/sys/kernel/core_pattern", was)
    write("/proc/sys/fs/suid_dumpable", "0")
end()
