"""Debian packages that the lab needs and installs itself where it may."""

from __future__ import annotations

import os
import shutil
import subprocess


class PackageMissingError(Exception):
    """A Debian package that is missing and can't be installed from here."""


def install(*packages: str) -> None:
    """Install packages with apt-get, as root on Debian; elsewhere say in one line what to install."""
    names = " ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise PackageMissingError(
            f"The lab needs {names}: install it with your system's package tool and run again."
        )
    print(f"Installing {names} from Debian …", flush=True)
    # Debian starts a server as soon as it is installed, where it can; the lab starts its own.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (
        ["apt-get", "update"],
        ["apt-get", "install", "--yes", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)
        if done.returncode:
            raise PackageMissingError(f"{' '.join(command)} failed: {done.stderr.strip()[-1000:]}")
