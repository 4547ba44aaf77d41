"""Virtual environments with one Airflow release each and the provider on top, kept between runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.locking import locked

if TYPE_CHECKING:
    from tests.lab.releases import Release

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "airflow"
# What the lab adds to Airflow itself: the driver of PostgreSQL, and the operator that ours is compared with.
EXTRAS = ("postgres", "http")
PROVIDER = "airflow-provider-periskope"
# WTForms makes the form of connections, and an Airflow 3 without the FAB provider comes without it.
TEST_TOOLS = ("pytest>=8.3", "pytest-cov>=6", "pytest-xdist>=3.7", "coverage>=7.10", "wtforms>=3.1")


class EnvironmentBuildError(Exception):
    """An environment that can't be built here, and what would help."""


@dataclass(frozen=True)
class Environment:
    """An installed Airflow.

    :param release: which one
    :param path: its virtual environment
    """

    release: Release
    path: Path

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.path / "bin" / "python"

    @property
    def airflow(self) -> Path:
        """The command line of Airflow."""
        return self.path / "bin" / "airflow"

    @cached_property
    def pins(self) -> dict[str, str]:
        """Every installed package and its version."""
        return frozen(self.python)


def interpreter(release: Release) -> str:
    """Find a Python for a release, or fall back to the running one and say so."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    for minor in release.pythons:
        if minor == running:
            return sys.executable
        candidates = [shutil.which(f"python{minor}")]
        pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
        candidates += [str(path) for path in sorted(pyenv.glob(f"{minor}.*/bin/python{minor}"), reverse=True)]
        candidates += [f"/usr/bin/python{minor}", f"/usr/local/bin/python{minor}"]
        for candidate in candidates:
            # A shim of pyenv stands on the path for versions that are not switched on, and then fails.
            if candidate and Path(candidate).exists() and _runs(candidate):
                return candidate
    print(f"No Python {' or '.join(release.pythons)} here: using {running} in its place.", flush=True)
    return sys.executable


def _runs(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def frozen(python: Path) -> dict[str, str]:
    """Read the installed packages of an environment."""
    listing = run_uv("pip", "freeze", "--python", str(python))
    return dict(line.split("==", 1) for line in listing.splitlines() if "==" in line)


def airflow_environment(release: Release, *, extras: tuple[str, ...] = EXTRAS) -> Environment:
    """Build the environment of a release without the provider, or take the one of the last run."""
    python = interpreter(release)
    wanted = f"{release.version} {release.as_of} {sorted(extras)} {python}"
    name = f"{release.version}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"
    environment = Environment(release, CACHE / name)
    complete = environment.path / "complete"
    with locked(_lock(environment)):
        if not complete.exists():
            shutil.rmtree(environment.path, ignore_errors=True)
            run_uv("venv", "--python", python, str(environment.path))
            run_uv(
                "pip", "install", "--python", str(environment.python),
                "--exclude-newer", release.as_of, "--prerelease", "if-necessary-or-explicit",
                f"apache-airflow[{','.join(extras)}]=={release.version}",
            )  # fmt: skip
            complete.write_text(wanted)
    return environment


def add_provider(environment: Environment) -> Environment:
    """Install the provider and what its tests need into the environment, moving none of Airflow's packages.

    Nothing is installed while the source is the one that is there already: other checks may be running from it.
    """
    constraints = environment.path / "constraints.txt"
    installed = environment.path / "provider"
    source = _source()
    with locked(_lock(environment)):
        if installed.exists() and installed.read_text() == source:
            return environment
        if not constraints.exists():
            pins = frozen(environment.python)
            constraints.write_text(
                "".join(f"{name}=={pin}\n" for name, pin in pins.items() if name != PROVIDER)
            )
        run_uv(
            "pip", "install", "--python", str(environment.python), "--constraint", str(constraints),
            "--reinstall-package", PROVIDER, f"{ROOT}[sandbox]", *TEST_TOOLS,
        )  # fmt: skip
        installed.write_text(source)
    return environment


def _lock(environment: Environment) -> Path:
    return environment.path.with_name(f"{environment.path.name}.lock")


def _source() -> str:
    """Return a digest of all that is installed from here."""
    digest = hashlib.sha256(" ".join(TEST_TOOLS).encode())
    package = sorted((ROOT / "airflow_provider_periskope").rglob("*"))
    for file in [ROOT / "pyproject.toml", ROOT / "README.md", *package]:
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def run_uv(*arguments: str) -> str:
    """Run uv and return what it prints."""
    # From the root folder: uv reads the settings of the project it stands in, and these are not its environments.
    command = [sys.executable, str(ROOT / "scripts" / "uv_like_pip.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=os.sep)
    if done.returncode:
        raise EnvironmentBuildError(f"uv {' '.join(arguments)} failed:\n{done.stderr.strip()[-3000:]}")
    return done.stdout
