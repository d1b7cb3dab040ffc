"""package.py DEB...: upgrade with a service at work, removal, purge; nothing is left behind, and no key is lost silently. As root."""
import os
import sys

from guest import AS_TESTER, SIGNER, Bot, Ran, add, check, end, process_of

NAME, KEY, MAIN = "packaged", "binance/packaged", "binance/main"
PROGRAMS = [deb for deb in sys.argv[1:] if "python3-" not in deb]
UNIT = f"signbox@{NAME}"


def pid():
    return int(Ran("systemctl", "show", "--property", "MainPID", "--value", UNIT + ".service").out or 0)


def signs():
    bot = Bot(*AS_TESTER, SIGNER, "--connect", NAME)
    why = bot.signs(KEY)
    bot.end()
    return why


def left():
    """What is there of signbox outside of /proc."""
    ran = Ran("find", "/", "-xdev", "-iname", "*signbox*", "-not", "-path", "/srv/rig/*", "-not", "-path", "/tmp/older*", "-not", "-path", "/var/log/journal/*")
    more = Ran("find", "/run", "/dev/shm", "-iname", "*signbox*", "-not", "-path", "/run/user/*")
    return sorted(line for line in (ran.out + more.out).splitlines() if not line.startswith("/var/lib/dpkg/info"))


# The version before this one: the same, by another number.
OLD = "/tmp/older"
for command in (
    ["dpkg-deb", "--raw-extract", PROGRAMS[0], OLD],
    ["sed", "-i", "s/^Version: .*/Version: 0.0.1/", OLD + "/DEBIAN/control"],
    ["dpkg-deb", "--build", "-Znone", OLD, OLD + ".deb"],
    ["dpkg", "--install", OLD + ".deb"],
    ["signbox", "setup", NAME, "--user", "tester"],
):
    ran = Ran(*command, timeout=600)
    check(" ".join(command), ran.code == 0, ran)
for handle, *options in ((KEY, "--service", NAME), (MAIN, "--users", "tester")):
    added = add(handle, *options)
    check(f"{handle} is added", added.code == 0, added)
why = signs()
check("the service signs", not why, why)
direct = Bot(*AS_TESTER, SIGNER, MAIN)
why = direct.signs(MAIN)
check("a signer of a bot's signs", not why, why)

before = pid()
ran = Ran("dpkg", "--install", *PROGRAMS, timeout=600)
check("upgrade", ran.code == 0 and "over (0.0.1)" in ran.all, ran)
ran = Ran("systemctl", "is-active", UNIT + ".socket")
check("its socket listens after the upgrade", ran.out.strip() == "active", ran)
check("the service runs the new program", pid() not in (0, before), f"{before}, {pid()}")
why = signs()
check("and signs with the key it had", not why, why)
why = direct.signs(MAIN)
check("the signer of the bot signs on", not why, why)

# Removal: what is a service is stopped, and the keys that are left are named.
ran = Ran("dpkg", "--remove", "signbox", timeout=600)
check("removal", ran.code == 0, ran)
check("it names the keys that stay in the kernel", MAIN in ran.all and KEY in ran.all, ran)
check("the service is stopped", not process_of("signbox-signer", None) or pid() == 0, process_of("signbox-signer"))
ran = Ran("systemctl", "is-active", UNIT + ".socket")
check("its socket too", ran.out.strip() != "active", ran)
check("its drop-ins stay for a return", os.path.exists(f"/etc/systemd/system/{UNIT}.service.d"))

# And back: the service is there again, with its key.
ran = Ran("dpkg", "--install", *PROGRAMS, timeout=600)
check("installed again", ran.code == 0, ran)
why = signs()
check("the service signs again", not why, why)
direct.end()

ran = Ran("dpkg", "--purge", "signbox", timeout=600)
check("purge", ran.code == 0, ran)
Ran("dpkg", "--purge", "python3-signbox", timeout=600)
check("no file is left behind", left() == [], "\n".join(left()))
for database in ("passwd", "group"):
    ran = Ran("getent", database)
    check(f"nobody is left behind in {database}", "signbox" not in ran.out, [line for line in ran.out.splitlines() if "signbox" in line])
with open("/sys/kernel/security/apparmor/profiles") as profiles:
    check("no profile is left in the kernel", "signbox" not in profiles.read())
ran = Ran("systemctl", "--failed", "--plain", "--no-legend")
check("no unit of it has failed", "signbox" not in ran.out, ran)
check("no signer runs", process_of("signbox-signer") == [], process_of("signbox-signer"))
end()
