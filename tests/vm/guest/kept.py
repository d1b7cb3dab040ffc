"""kept.py: the keys that every session of signbox-sessions(7) is asked about: one in @u, one of the group, one of a service."""
from guest import Ran, add, check, end, signs

ran = Ran("sudo", "signbox", "setup", "trader", "--user", "tester")
check("a service", ran.code == 0, ran)
for handle, options, sudo, there in (
    ("binance/kept", ["--keyring", "user"], False, []),
    ("binance/main", ["--users", "tester"], True, []),
    ("binance/service", ["--service", "trader"], True, ["--service", "trader"]),
):
    added = add(handle, *options, sudo=sudo)
    why = str(added) if added.code else signs(handle, *there)
    check(f"{handle} is there and signs", not why, why)
end()
