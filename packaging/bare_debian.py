"""A Debian that has nothing: no Python, no compiler, no library of a display. The check can run in it.

It takes debootstrap and the rights of root to make one. Programs in there run as a person without rights, in
a mount namespace of their own; the folder that the check works in stands at the same place as outside.
"""

import shutil
import subprocess
from pathlib import Path

SUITE = "bookworm"
_PERSON = "1000"
# The whole namespace is turned to the new root, not the process alone (chroot), for there a person may make
# further ones, as the sandbox does. $HOME is the person's, with what the check has put there.
_ENTER = """
searched=$PATH PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=$1 shared=$2 person=$3
shift 3
mount --bind "$root" "$root"
for folder in "$shared" /tmp/.X11-unix; do
    mkdir -p "$root$folder" "$folder"
    mount --bind "$folder" "$root$folder"
done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
[ "$person" = 0 ] || chown -R "$person:$person" "$HOME"
cd "$root"
mkdir -p outside
pivot_root . outside
umount -l /outside
cd "$HOME"
exec setpriv --reuid="$person" --regid="$person" --clear-groups env PATH="$searched" "$@"
"""


def make(root: Path) -> None:
    """Anew, for what the last check has installed would hide what is missing."""
    if root.exists():
        shutil.rmtree(root)
    subprocess.run(["debootstrap", "--variant=minbase", SUITE, root], check=True)
    for file in (root / "var/lib/apt/lists").glob("*"):  # of a mirror that only debootstrap knows
        if file.is_file():
            file.unlink()
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    with (root / "etc/passwd").open("a") as file:
        file.write(f"person:x:{_PERSON}:{_PERSON}::/home/person:/bin/sh\n")


def entering(root: Path, shared: Path, person: str = _PERSON) -> list[str]:
    """What a command begins with to run in there. The process that is started becomes the command's."""
    script = ["/bin/sh", "-euc", _ENTER, "bare", str(root), str(shared), person]
    return ["/usr/bin/unshare", "--mount", "--propagation", "private", *script]


def install(root: Path, shared: Path, command: str) -> None:
    """`command`: as the program tells a person who has to do it. Here root does."""
    settings = {"HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
    words = [*entering(root, shared, "0"), "/bin/sh", "-ec", command.replace("sudo ", "")]
    subprocess.run(words, env=settings, check=True)
