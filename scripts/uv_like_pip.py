"""Run uv where pip works: with pip's index, certificates and proxy, which uv does not read by itself."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

UV_NAMES = {
    "index-url": ["UV_DEFAULT_INDEX"],
    "extra-index-url": ["UV_INDEX"],
    "find-links": ["UV_FIND_LINKS"],
    "trusted-host": ["UV_INSECURE_HOST"],
    "cert": ["SSL_CERT_FILE"],
    "proxy": ["HTTPS_PROXY", "HTTP_PROXY"],
}
"""Settings of pip, and the environment variables by which uv takes the same."""
COMMA_SEPARATED = {"UV_FIND_LINKS"}


def pip_settings() -> dict[str, str]:
    """Return what pip is configured with: by files, and above them by ``PIP_…`` variables."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split("=", 1) for line in listed.splitlines() if "=" in line]
    found = {key: ast.literal_eval(value) for key, value in lines}
    sections = ("global", "install", ":env:")  # A later one wins, as with pip.
    return {
        name: found[f"{section}.{name}"]
        for section in sections
        for name in UV_NAMES
        if f"{section}.{name}" in found
    }


def environment() -> dict[str, str]:
    """Return the environment to run uv in. What is set for uv already stays."""
    # pip has trusted the system's certificates since 24.2; uv has a list of its own unless told otherwise.
    settings = {"UV_SYSTEM_CERTS": "1"}
    for name, value in pip_settings().items():
        for variable in UV_NAMES[name]:
            words = value.split()
            settings[variable] = ("," if variable in COMMA_SEPARATED else " ").join(words)
    if "UV_INDEX" in settings:
        # pip takes the best version from all indexes; uv asks one after the other.
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return settings | os.environ


def main() -> None:
    """Become uv."""
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    os.execve(uv, [str(uv), *sys.argv[1:]], environment())


if __name__ == "__main__":
    main()
