"""leftover.py PAGE ROW: a process that its login leaves behind: what goes on, and what a new signer finds. Its last line is `end`."""
import sys

import guest
import session
from guest import SIGNER, Bot, Ran, add, check, signs, wait

IN_SESSION = "binance/session"
added = add(IN_SESSION)
check("a key in the session of a login is stored", added.code == 0, added)
bots = {
    "a signer": Bot(SIGNER, IN_SESSION),
    "a signer of signbox run": Bot("signbox", "run", IN_SESSION, "--", sys.executable, guest.__file__.replace("guest.py", "relay.py")),
}
for name, bot in bots.items():
    why = bot.signs(IN_SESSION)
    check(f"{name} signs with it", not why, why)
gone = wait(lambda: "revoked" in Ran("keyctl", "rdescribe", "@s").all, 60)
check("the logout revokes the session keyring", gone, Ran("keyctl", "rdescribe", "@s"))
for name, bot in bots.items():
    why = bot.signs(IN_SESSION)
    check(f"{name} that was started before the logout signs after it", not why, why)
    bot.end()
why = signs(IN_SESSION)
check("after the logout nobody new gets the key of the session", "revoked" in why, why or "it signs")
session.main(*sys.argv[1:])
print("end", flush=True)
