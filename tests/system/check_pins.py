"""
What an install of the provider does to an Airflow that is there: ``python -m tests.system.check_pins``.

``pip install airflow-provider-periskope`` into each release must add packages and change none. ``--floors`` installs
our dependencies at their lowest (``uv --resolution lowest-direct``) and runs the tests with them. It ends with 1 when
a package moved.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from tests.lab.environments import (
    CACHE,
    PROVIDER,
    ROOT,
    TEST_TOOLS,
    EnvironmentBuildError,
    airflow_environment,
    frozen,
    interpreter,
    run_uv,
)  # fmt: skip
from tests.lab.releases import OLDEST, RELEASES, Release, release_named

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOOR = re.compile(r'^    "([\w.-]+)>=([\d.]+)",$', re.MULTILINE)
"""A dependency in pyproject.toml, and its floor."""


def wheel(folder: Path) -> Path:
    """Build the wheel of the provider."""
    run_uv("build", "--wheel", "--out-dir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


def moved(release: Release, built: Path) -> tuple[list[str], list[str]]:
    """Install the wheel into a copy of the release's environment, as pip would; return changed and added packages."""
    before = airflow_environment(release, extras=("postgres",))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "environment"
        # A fresh environment from the same packages: installing into the kept one would spoil it for the next time.
        run_uv("venv", "--python", interpreter(release), str(copy))
        python = copy / "bin" / "python"
        requirements = Path(folder) / "as-resolved.txt"
        pins = {name: pin for name, pin in before.pins.items() if name != PROVIDER}
        requirements.write_text("".join(f"{name}=={pin}\n" for name, pin in pins.items()))
        run_uv("pip", "install", "--no-deps", "--python", str(python), "--requirement", str(requirements))
        # With the dependencies of their day, as Airflow's constraint files give them to its users.
        run_uv("pip", "install", "--python", str(python), "--exclude-newer", release.as_of, str(built))
        run_uv("pip", "check", "--python", str(python))
        after = frozen(python)
    changed = [f"{name} {pin} -> {after.get(name)}" for name, pin in pins.items() if after.get(name) != pin]
    return changed, sorted(after.keys() - pins.keys() - {PROVIDER})


def floors() -> int:
    """Install our dependencies at their lowest, on the oldest Airflow, and run the tests with them."""
    path = CACHE / "floors"
    shutil.rmtree(path, ignore_errors=True)
    run_uv("venv", "--python", interpreter(OLDEST), str(path))
    python = path / "bin" / "python"
    run_uv(
        "pip", "install", "--python", str(python), "--resolution", "lowest-direct",
        "--exclude-newer", OLDEST.as_of, "--refresh-package", PROVIDER, f"{ROOT}[sandbox]",
    )  # fmt: skip
    lowest = frozen(python)
    constraints = path / "constraints.txt"
    constraints.write_text("".join(f"{name}=={pin}\n" for name, pin in lowest.items() if name != PROVIDER))
    run_uv(
        "pip",
        "install",
        "--python",
        str(python),
        "--constraint",
        str(constraints),
        f"{ROOT}[sandbox]",
        *TEST_TOOLS,
    )
    wanted = dict(FLOOR.findall((ROOT / "pyproject.toml").read_text().partition("[dependency-groups]")[0]))
    got = {name: lowest[name] for name in wanted}
    print("Lowest:", ", ".join(" ".join(pair) for pair in got.items()), flush=True)
    if any(Version(got[name]) != Version(floor) for name, floor in wanted.items()):
        print(f"PROBLEM: these are not the floors of pyproject.toml: {wanted}")
        return 1
    tests = [path for path in ("tests/unit", "tests/http", "tests/dags") if (ROOT / path).exists()]
    return subprocess.run(
        [str(python), "-m", "pytest", "--numprocesses=2", "--dist=worksteal", *tests], check=False, cwd=ROOT
    ).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Check pins, or floors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--airflow", action="append", help="a release (3.3, oldest, newest); may be repeated")
    parser.add_argument(
        "--floors", action="store_true", help="run the tests with the lowest dependencies instead"
    )
    options = parser.parse_args(arguments)
    if options.floors:
        return floors()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        built = wheel(Path(folder))
        for release in [release_named(version) for version in options.airflow or ()] or RELEASES:
            try:
                changed, added = moved(release, built)
                verdict = "nothing changed" if not changed else f"PROBLEM: changed {', '.join(changed)}"
                wrong = bool(changed)
                verdict += f"; added {', '.join(added) or 'nothing'}"
            except EnvironmentBuildError as error:
                verdict, wrong = f"PROBLEM: {error}", True
            print(f"Airflow {release.version}: {verdict}", flush=True)
            failed |= wrong and release.blocking
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
