"""credential.py add|bot|look: a key that a service has again after a reboot, from a credential that systemd has encrypted."""
import os
import sys

from guest import SIGNER, Bot, Ran, add, check, end, secret

NAME, KEY, GONE = "rebooted", "binance/credential", "binance/uncredited"
FOLDER = f"/etc/signbox/credentials/{NAME}"
OPENED = f"/run/credentials/signbox@{NAME}.service"


def holders(folder):
    """The files under a folder in which the secret stands as it is."""
    found = []
    for place, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(place, name)
            if not os.path.isfile(path) or os.path.islink(path):
                continue
            try:
                with open(path, "rb") as file:
                    held = file.read()
            except OSError:
                continue
            if secret(KEY).encode() in held:
                found.append(path)
    return found


def add_it():
    ran = Ran("signbox", "setup", NAME, "--user", "tester")
    check("signbox setup", ran.code == 0, ran)
    added = add(KEY, "--service", NAME, "--credential")
    check("signbox add --service --credential", added.code == 0, added)
    added = add(GONE, "--service", NAME)
    check("and a key without", added.code == 0, added)
    files = os.listdir(FOLDER)
    check("the credential is there", files == [f"signbox.{KEY.replace('/', '.')}"], files)
    check("its folder is root's alone", os.stat(FOLDER).st_mode & 0o077 == 0 and os.stat(FOLDER).st_uid == 0, oct(os.stat(FOLDER).st_mode))
    found = holders("/etc") + holders("/var/lib") + holders("/run") + holders("/tmp")
    check("the secret stands in no file as it is", not found, found)
    drop_in = f"/etc/systemd/system/signbox@{NAME}.service.d/credentials.conf"
    check("the drop-in is there", os.path.exists(drop_in), drop_in)
    bot = Bot("setpriv", "--reuid=tester", "--regid=tester", "--init-groups", SIGNER, "--connect", NAME)
    why = bot.signs(KEY)
    check("before the reboot it signs", not why, why)


def bot():
    bot = Bot(SIGNER, "--connect", NAME)
    why = bot.signs(KEY)
    check("after the reboot the bot signs, and nobody has typed anything", not why, why)
    why = bot.signs(GONE)
    check("a key without a credential is gone", "no_such_key" in why, why)
    bot.end()
    for path in (FOLDER, OPENED):
        ran = Ran("ls", path)
        check(f"{path} is closed to the user", ran.code != 0, ran)


def look():
    ran = Ran("systemctl", "--failed", "--plain", "--no-legend")
    check("no unit of it has failed", "signbox" not in ran.out, ran)
    check("the folders that were closed are there", os.path.isdir(FOLDER) and os.path.isdir(OPENED))
    ran = Ran("signbox", "list", "--service", NAME)
    check("signbox list --service names it", ran.code == 0 and KEY in ran.out, ran)
    ran = Ran("signbox", "remove", "--service", NAME, KEY)
    check("signbox remove --service takes the credential away", ran.code == 0 and not os.path.exists(f"{FOLDER}/signbox.binance.credential"), ran)


{"add": add_it, "bot": bot, "look": look}[sys.argv[1]]()
end()
