"""denials.py: nothing of signbox's was denied by AppArmor since this was last asked. As root."""
import os

from guest import Ran, check, end

SEEN = "/run/denials-seen"


def denials():
    """What AppArmor has denied to signbox's programs since boot."""
    lines = Ran("journalctl", "--boot", "--no-pager", "--output", "cat").out.splitlines()
    return [line for line in lines if 'apparmor="DENIED"' in line and 'profile="usr.' in line and "signbox" in line]


def note():
    """From here on it is asked anew; returns what there was since the last time."""
    try:
        with open(SEEN) as file:
            seen = int(file.read())
    except FileNotFoundError:
        seen = 0
    now = denials()
    with open(SEEN, "w") as file:
        file.write(str(len(now)))
    return now[seen:]


if __name__ == "__main__":
    new = note()
    shown = {line.split("DENIED", 1)[1].split(" pid=")[0] + line.split(" comm=")[-1] for line in new}
    check("AppArmor has denied it nothing", not new, "\n".join(sorted(shown)))
    end()
