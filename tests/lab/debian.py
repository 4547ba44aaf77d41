"""Debian packages, installed where that is possible: ``python -m tests.lab.debian nodejs npm``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab.locking import locked


class PackageMissingError(Exception):
    """A Debian package that is missing and can't be installed from here."""


def install(*packages: str) -> None:
    """Install packages with apt-get, as root on Debian; elsewhere say in one line what to install."""
    names = " ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise PackageMissingError(
            f"This needs {names} from Debian: install it with your system's package tool and run again."
        )
    # Debian starts a server as soon as it is installed, where it can; the lab starts its own.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    # apt-get gives up at once when another one is at work.
    with locked(Path(tempfile.gettempdir()) / "periskope-apt-get.lock"):
        print(f"Installing {names} from Debian …", flush=True)
        for command in (
            ["apt-get", "update"],
            ["apt-get", "install", "--yes", "--no-install-recommends", *packages],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)
            if done.returncode:
                raise PackageMissingError(f"{' '.join(command)} failed: {done.stderr.strip()[-1000:]}")


if __name__ == "__main__":
    try:
        install(*sys.argv[1:])
    except PackageMissingError as error:
        sys.exit(str(error))
