"""user_unit.py: the unit of the user's manager: a signer that claims a key of the user keyring, behind a socket of the user."""
import os

from guest import Client, Ran, add, check, end, serials, wait

KEY, UNIT = "binance/atlogin", "signbox@binance-atlogin"
PATH = f"/run/user/{os.getuid()}/signbox/binance-atlogin.sock"

escaped = Ran("systemd-escape", KEY).out.strip()
check("the unit is the escaped handle", UNIT == f"signbox@{escaped}", escaped)
added = add(KEY, "--keyring", "user")
check("a key in the user keyring", added.code == 0, added)
serial = str(serials(KEY)[0])
check("before the claim the user reads it", Ran("keyctl", "print", serial).code == 0)
ran = Ran("systemctl", "--user", "enable", "--now", UNIT + ".socket")
check("systemctl --user enable --now", ran.code == 0, ran)
mode = os.stat(PATH).st_mode & 0o777 if os.path.exists(PATH) else 0
check("the socket is there, the user's alone", mode == 0o600, oct(mode))
client = Client(PATH)
hello = client.hello()
check("hello says claimed", hello.get("mode") == "claimed", hello)
why = client.signs(KEY)
check("a bot signs", not why, why)
ran = Ran("keyctl", "print", serial)
check("after the claim the user does not read it", ran.code != 0, ran)
ran = Ran("keyctl", "search", "@u", "user", "signbox:binance:atlogin")
check("nor is it in the user keyring", ran.code != 0, ran)
state = Ran("systemctl", "--user", "show", "--property", "ActiveState,NRestarts", UNIT + ".service").out.split()
check("the service runs, at its first start", state == ["NRestarts=0", "ActiveState=active"] or state == ["ActiveState=active", "NRestarts=0"], state)
client.end()
ran = Ran("systemctl", "--user", "disable", "--now", UNIT + ".socket", UNIT + ".service")
check("systemctl --user disable --now", ran.code == 0, ran)
check("the key is gone with its signer", wait(lambda: not serials(KEY)), serials(KEY))
end()
