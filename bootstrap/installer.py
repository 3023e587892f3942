"""Starts pip and apt-get, says and logs what they do, and turns each of their failures into one sentence.

Standard library only. What is to be installed is not known here: see environment.py.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import system_packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from subprocess import Popen

ROOT = Path(__file__).resolve().parents[1]
VENV = Path(os.environ.get("SMALLCODER_VENV") or ROOT / ".venv").absolute()
LOG, DOWNLOADS = VENV / "setup.log", VENV / "setup-downloads"
SECONDS_OF_SILENCE = 10
SILENCES_TO_A_WORD = 3
SMALLEST_REPORT_MB = 5
LINES_OF_AN_UNKNOWN_FAILURE = 10
UNFIT_SETTINGS = {"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON"}
QUIET_SETTINGS = {
    **{"PIP_PROGRESS_BAR": "off", "PIP_NO_INPUT": "1"},
    **{"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0"},
}

AGAIN = "then start again: it goes on where it stopped"
FAILURES = (
    (
        r"Errno 28|No space left on device|WinError 112",
        f"The disk that holds {VENV} is full: free some space, {AGAIN}.",
    ),
    (
        r"Errno 1\b|Errno 13|Errno 30|Permission denied|WinError 5\b",
        f"{VENV} cannot be written: give yourself the right to, or set SMALLCODER_VENV to another folder.",
    ),
    (r"Errno 17|Errno 20", f"{VENV} is a file, and must be a folder: move it away, {AGAIN}."),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        "The package index could not prove who it is: check the clock, and where a proxy is in between, name "
        f"its certificate to pip (pip config set global.cert FILE), {AGAIN}.",
    ),
    (
        "NewConnectionError|Max retries exceeded|connection broken by|Temporary failure in name resolution"
        "|getaddrinfo failed|ConnectTimeout|ReadTimeout|Network is unreachable|IncompleteRead",
        f"The package index cannot be reached: check the network, and `pip config list`, {AGAIN}.",
    ),
    (
        r"No matching distribution found for (\S+)",
        "The package index has no {0} for {1}: the README says which systems are supported, and an index of "
        "your own may lack it.",
    ),
)


class SetupError(Exception):
    """Why the environment cannot be had; the text is for the person and says what to do."""


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def at_terminal() -> bool:
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())


def ask(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower()


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip(*arguments: str) -> str:
    return must_run_python(venv_python(), "-m", "pip", *arguments)


def must_run_python(python: str | Path, *arguments: str) -> str:
    succeeded, said = run_python(python, *arguments)
    if not succeeded:
        raise SetupError(explain(said))
    return said


def run_python(python: str | Path, *arguments: str) -> tuple[bool, str]:
    """Downloads go to the disk that was checked for space; a person's settings of pip hold otherwise."""
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in UNFIT_SETTINGS}
    downloads = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(DOWNLOADS))
    return run([str(python), "-I", *arguments], {**kept, **QUIET_SETTINGS, **downloads})


def run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[bool, str]:
    """Whether it succeeded, and all that it said, which the log keeps too."""
    import subprocess

    VENV.mkdir(parents=True, exist_ok=True)
    said = []
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(command)}\n")
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            close_fds=False,  # environment.only_one means its lock to be inherited
        )
        for line in lines_of(process):
            log.write(line)
            said.append(line)
    return process.wait() == 0, "".join(said)


def lines_of(process: Popen[str]) -> Iterator[str]:
    """Tells the person what is downloaded, how much of it is here, and that a long silence is no end."""
    import queue
    import threading

    lines: queue.Queue[str] = queue.Queue()

    def collect() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put("")

    threading.Thread(target=collect, daemon=True).start()
    reported_mb = silences = 0
    doing = "at work"
    while True:
        try:
            line = lines.get(timeout=SECONDS_OF_SILENCE)
        except queue.Empty:
            here_mb = downloaded_mb()
            if here_mb >= reported_mb + SMALLEST_REPORT_MB:
                say(f"      {here_mb} MB so far")
            else:
                silences += 1
                if silences % SILENCES_TO_A_WORD == 0:
                    say(f"      still {doing}; Ctrl+C stops it, and the next start goes on from there")
            reported_mb = here_mb
            continue
        if not line:
            return
        large = re.search(r"Downloading (\S+ \([\d.]+ [MG]B\))", line)
        if large:
            say(f"      downloading {large[1]}")
        elif line.startswith("Installing collected packages"):
            doing = "installing"
            say("      installing")
        yield line


def downloaded_mb() -> int:
    total = 0
    for folder, _, files in os.walk(DOWNLOADS):
        for file in files:
            path = os.path.join(folder, file)
            total += os.path.getsize(path) if os.path.exists(path) else 0
    return total // 1_000_000


def explain(said: str) -> str:
    for sign, sentence in FAILURES:
        found = re.search(sign, said)
        if found:
            return sentence.format(found[1] if found.lastindex else "", this_machine())
    last = "".join(f"\n  {line}" for line in said.splitlines()[-LINES_OF_AN_UNKNOWN_FAILURE:])
    return f"The set-up failed; all of it stands in {LOG}, and these are the last lines:{last}"


def this_machine() -> str:
    import platform

    return f"Python {sys.version_info[0]}.{sys.version_info[1]} on {platform.system()} {platform.machine()}"


def provide(missing: Mapping[str, str], who: str) -> None:
    """Installs what a Linux system lacks (what -> Debian package), at a terminal with the person's leave."""
    if not missing:
        return
    if not system_packages.has_apt():
        raise SetupError(by_hand(missing, who))
    packages = sorted({*missing.values()})
    if at_terminal():
        command = system_packages.apt_text(packages)
        if ask(f"{lack(missing, who)}. Install it now, with `{command}`? [Y/n] ") not in ("", "y", "yes"):
            raise SetupError(by_hand(missing, who))
    elif os.geteuid() != 0:
        raise SetupError(by_hand(missing, who))
    say(f"Installing system packages: {' '.join(packages)}")
    succeeded, said = apt_install(packages)
    if not succeeded:
        last = (said.strip().splitlines() or ["nothing"])[-1]
        sentence = by_hand(missing, who).removesuffix(".")
        raise SetupError(f"{sentence}; apt-get failed just now, and its last words were: {last}")


def by_hand(missing: Mapping[str, str], who: str) -> str:
    """What a person is to do about it."""
    if not system_packages.has_apt():
        return f"{lack(missing, who)}: install it with the system's own package manager, then start again."
    command = system_packages.apt_text(sorted({*missing.values()}))
    return f"{lack(missing, who)}: install it with `{command}`, then start again."


def lack(missing: Mapping[str, str], who: str) -> str:
    return f"{who} needs what this system lacks ({', '.join(missing)})"


def apt_install(packages: Sequence[str]) -> tuple[bool, str]:
    """A fresh system has no lists of packages, and old lists name packages that are gone."""
    install = system_packages.apt_command("install", "-y", "--no-install-recommends", *packages)
    succeeded, said = run(install, os.environ)
    if succeeded:
        return True, said
    run(system_packages.apt_command("update"), os.environ)
    return run(install, os.environ)
