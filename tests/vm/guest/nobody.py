"""nobody.py: what another user gets of the group key: nothing."""
from guest import SIGNER, Bot, Ran, add, check, end, serials

MAIN = "binance/main"
bot = Bot(SIGNER, MAIN)
answer = bot.ask("sign", key=MAIN, request={"method": "GET", "url": "/api/v3/account"})
check("a user whom the key does not name gets no signature", answer.get("error", {}).get("code") == "denied", answer)
bot.end()
check("another user does not see the key", not serials(MAIN), serials(MAIN))
added = add(MAIN, "--users", "other")
check("only root makes group keys", added.code == 1 and "sudo" in added.err, added)
ran = Ran("ls", "/var/lib/signbox")
check("the state of signers is closed", ran.code != 0, ran)
end()
