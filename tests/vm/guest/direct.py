"""direct.py: the installed default: a group key, and a bot that starts the signer itself. As the named user, who may use sudo once."""
import os
import signal

from guest import SIGNER, Bot, Ran, add, check, end, secret, serials

MAIN = "binance/main"
added = add(MAIN, "--users", "tester", sudo=True)
check("sudo signbox add --users tester", added.code == 0 and "only signers of group signbox" in added.err, added)

bot = Bot(SIGNER, MAIN)
hello = bot.hello()
got = {name: hello.get(name) for name in ("mode", "binary", "static", "seccomp", "counts")}
want = {"mode": "group", "binary": "unreadable", "static": True, "seccomp": True, "counts": "/var/lib/signbox"}
check("the signer is in mode group, and unreadable", got == want, got)
check("its memory is what this kernel has", hello.get("memory") in ("secretmem", "mlock"), hello)
why = bot.signs(MAIN)
check("a bot signs", not why, why)
answer = bot.ask("sign", key=MAIN, request={"method": "POST", "url": "/sapi/v1/capital/withdraw/apply?coin=BTC&address=x&amount=1"})
check("a withdrawal is denied", answer.get("error", {}).get("code") == "denied", answer)


def denied(name, *command):
    ran = Ran(*command)
    check(name, ran.code != 0 and secret(MAIN) not in ran.all, ran)


pid = bot.pid
with open("/proc/keys") as keys:
    seen = "binance:main" in keys.read()
check("the bot's user does not see the key", not seen)
serial = Ran("sudo", "keyctl", "search", "@u", "user", "signbox:binance:main").out.strip() or "0"
check("root finds it", serial != "0")
for action in ("print", "describe", "revoke", "invalidate"):
    denied(f"keyctl {action} of the key is refused", "keyctl", action, serial)
denied("keyctl link of the key is refused", "keyctl", "link", serial, "@u")
denied("the memory of the signer is closed", "cat", f"/proc/{pid}/mem")
check("there is a tracer", Ran("strace", "-o", "/dev/null", "true").code == 0)
denied("the signer cannot be traced", "timeout", "10", "strace", "-p", str(pid))
denied("the program cannot be read", "cat", SIGNER)
denied("the ledger cannot be read", "cat", "/var/lib/signbox/binance:main.ledger")
why = bot.signs(MAIN)
check("the bot signs on", not why, why)
os.kill(pid, signal.SIGKILL)
bot.process.wait()
second = Bot(SIGNER, MAIN)
why = second.signs(MAIN)
check("a second signer signs after the first was killed", not why, why)
check("the signer ends with its input", second.end() == 0)
report = Ran("sudo", "signbox", "audit", "verify")
check("the log of what was signed is whole", report.code == 0 and "whole" in report.all, report)
end()
