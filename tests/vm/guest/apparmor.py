"""apparmor.py: both profiles are enforced and at work, and an attack that only they stop is stopped. As root."""
import os
import shutil

from denials import denials, note
from guest import AS_TESTER, SIGNER, Bot, Ran, add, check, end, process_of, wait

MAIN, ROOTED = "binance/main", "binance/rooted"
TARGET = "/usr/local/lib/attacked"


def confinement(pid):
    with open(f"/proc/{pid}/attr/current") as current:
        return current.read().strip().strip("\0")


def evidence():
    """root's signbox panic fills a folder of the system's"""
    os.mkdir(TARGET)
    Ran("signbox", "panic", "--yes", "--evidence", TARGET)
    return os.listdir(TARGET) != []


def state():
    """a signer of root's makes its state directory where the system has its files"""
    added = add(ROOTED, "--keyring", "user")
    check("a key of root's", added.code == 0, added)
    # Without its group it is not the installed signer, and takes --state.
    signer = Bot("setpriv", "--no-new-privs", SIGNER, "--state", TARGET, ROOTED)
    signer.hello()
    return os.path.exists(TARGET)


with open("/sys/kernel/security/apparmor/profiles") as profiles:
    loaded = profiles.read()
for profile in ("usr.bin.signbox", "usr.libexec.signbox.signbox-signer"):
    check(f"{profile} is enforced", f"{profile} (enforce)" in loaded, loaded[:300])

added = add(MAIN, "--users", "tester")
check("a group key", added.code == 0, added)
signer = Bot(*AS_TESTER, SIGNER, MAIN)
why = signer.signs(MAIN)
check("a signer signs", not why, why)
check("it is confined", confinement(signer.pid) == "usr.libexec.signbox.signbox-signer (enforce)", confinement(signer.pid))
signer.end()
operator = Bot(*AS_TESTER, "signbox", "watch")
check("so is the operator's program", wait(lambda: confinement(operator.pid) == "usr.bin.signbox (enforce)"), confinement(operator.pid))
operator.end()
bot = Bot(*AS_TESTER, "signbox", "run", MAIN, "--", "sleep", "60")
check("a bot of signbox run is there", wait(lambda: process_of("sleep", 1000)))
for pid in process_of("sleep", 1000):
    check("the bot of signbox run is not confined", confinement(pid) == "unconfined", confinement(pid))
    os.kill(pid, 15)
bot.process.wait()

for profile, attack in (("usr.bin.signbox", evidence), ("usr.libexec.signbox.signbox-signer", state)):
    file = f"/etc/apparmor.d/{profile}"
    # Not complaining: the kernel drops what it has to log when that is much at once.
    ran = Ran("apparmor_parser", "--remove", file)
    check(f"while {profile} is not there, {attack.__doc__}", ran.code == 0 and attack(), ran)
    shutil.rmtree(TARGET, ignore_errors=True)
    ran = Ran("apparmor_parser", "--replace", file)
    check(f"{profile} is enforced again", ran.code == 0, ran)
    before = len(denials())
    check(f"then not: {attack.__doc__}", not attack())
    check("and that is logged", wait(lambda: len(denials()) > before), denials()[-3:])
    shutil.rmtree(TARGET, ignore_errors=True)
note()
end()
