"""session.py PAGE ROW: is this session as its row of the table in signbox-sessions(7) says?"""
import gzip
import os
import sys

from guest import Ran, add, check, end, serials, signs

KEPT, GROUP, HERE, THERE = "binance/kept", "binance/main", "binance/here", "binance/there"
SERVICE = ("binance/service", "--service", "trader")


def rows(page):
    """The table of the page: the name of each session, and its cells by their headings."""
    with (gzip.open if page.endswith(".gz") else open)(page, "rt") as file:
        text = file.read()
    table = text.split(".Bl -column", 1)[1].split("\n.El", 1)[0]
    lines = [line[len(".It "):].replace("\\(aq", "'").split(" Ta ") for line in table.splitlines() if line.startswith(".It ")]
    cells = [[cell.replace(".It ", "").strip().strip('"') for cell in line] for line in lines]
    head = [cell.removeprefix("Em ") for cell in cells[0]]
    return {line[0]: dict(zip(head, line, strict=True)) for line in cells[1:]}


def session_keyring():
    """Whose keyring @s is: own, default, root's, another's or revoked."""
    told = Ran("keyctl", "rdescribe", "@s")
    if told.code != 0:
        return "revoked" if "revoked" in told.all else str(told)
    _, uid, _, _, name = told.out.strip().split(";", 4)
    if int(uid) != os.geteuid():
        return "root\\(aqs" if uid == "0" else "another\\(aqs"
    return "default" if name.startswith("_uid_ses.") else "own"


def main(page, row):
    told = rows(page)[row]
    seen = {"session": row, "@s": session_keyring().replace("\\(aq", "'")}

    # Plain keyctl(1) on a key in @u: found by everybody, read by whoever has @u under @s.
    plain = Ran("keyctl", "print", Ran("keyctl", "search", "@u", "user", "signbox:binance:kept").out.strip() or "0")
    seen["keyctl"] = "reads" if plain.code == 0 else "denied" if "denied" in plain.all else "no key"

    added = add(HERE)
    seen["add"] = "stored" if added.code == 0 else "refused"
    if added.code == 0:
        why = signs(HERE)
        check(f"{row}: a key that was added here signs", not why, why)
        Ran("signbox", "remove", HERE)
    else:
        check(f"{row}: what refuses says what to do", "keyring user" in added.err or "user keyring" in added.err, added)
        check(f"{row}: nothing was stored", not serials(HERE), serials(HERE))

    instead = add(THERE, "--keyring", "user")
    why = str(instead) if instead.code else signs(THERE)
    seen["add @u"] = "signs" if not why else "no"
    Ran("signbox", "remove", THERE)

    for column, key in (("@u", [KEPT]), ("group", [GROUP]), ("service", SERVICE)):
        why = signs(*key)
        seen[column] = "signs" if not why else "no"
        if why and told.get(column) == "signs":
            print(f"{row}: {key[0]}: {why}")
    for column, cell in told.items():
        check(f"{row}: {column}: {cell}", seen.get(column) == cell, f"it is {seen.get(column)!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
    end()
