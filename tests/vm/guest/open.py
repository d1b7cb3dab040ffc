"""open.py: the modes that need no root: open, run and claimed, as a user at work in one login."""
import sys

import guest
from guest import SIGNER, Bot, Ran, add, check, end, serials, signs, secret

OPEN, RUN, CLAIMED = "binance/open", "binance/run", "binance/claimed"
READ = "import subprocess,sys; sys.exit(subprocess.run(['keyctl','print',sys.argv[1]], stdout=subprocess.DEVNULL).returncode)"
RELAY = guest.__file__.replace("guest.py", "relay.py")


def keyctl_reads(serial):
    return Ran("keyctl", "print", str(serial)).out.find(secret(OPEN)) >= 0


# open: the control for what follows; the bot could read the key.
added = add(OPEN)
check("a key for this session is stored", added.code == 0, added)
bot = Bot(SIGNER, OPEN)
check("open: hello says so", bot.hello().get("mode") == "open", bot.hello())
why = bot.signs(OPEN)
check("open: a bot signs", not why, why)
check("open: keyctl reads the key", keyctl_reads(serials(OPEN)[0]))
ran = Ran("signbox", "revoke", OPEN)
check("open: revoke", ran.code == 0, ran)
check("open: the signer that runs refuses at once", "revoked" in bot.signs(OPEN), "it signs")
bot.end()

# run: the bot stands in a session without the key.
add(RUN)
bot = Bot("signbox", "run", RUN, "--", sys.executable, RELAY)
check("run: hello says so", bot.hello().get("mode") == "run", bot.hello())
why = bot.signs(RUN)
check("run: a bot signs", not why, why)
bot.end()
serial = str(serials(RUN)[0])
check("run: this session reads the key", Ran("keyctl", "print", serial).code == 0)
ran = Ran("signbox", "run", RUN, "--", "keyctl", "print", serial)
check("run: the bot does not", ran.code != 0 and "denied" in ran.all, ran)
ran = Ran("signbox", "run", RUN, "--", "keyctl", "search", "@s", "user", "signbox:binance:run")
check("run: the bot does not find it", ran.code != 0, ran)

# claimed: nobody but the signer has the key from then on.
add(CLAIMED, "--keyring", "user")
serial = str(serials(CLAIMED)[0])
check("claimed: before the claim the user reads the key", Ran("keyctl", "print", serial).code == 0)
bot = Bot(SIGNER, "--claim", CLAIMED)
check("claimed: hello says so", bot.hello().get("mode") == "claimed", bot.hello())
why = bot.signs(CLAIMED)
check("claimed: a bot signs", not why, why)
for words in (["print", serial], ["describe", serial], ["link", serial, "@s"], ["revoke", serial], ["search", "@u", "user", "signbox:binance:claimed"]):
    ran = Ran("keyctl", *words)
    check(f"claimed: keyctl {words[0]} is refused", ran.code != 0, ran)
ran = Ran("sudo", "keyctl", "print", serial)
check("claimed: keyctl of root is refused", ran.code != 0, ran)
why = signs(CLAIMED)
check("claimed: no second signer gets it", why and "wrong" not in why, why)
bot.end()
end()
