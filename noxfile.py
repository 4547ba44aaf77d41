"""
The suite against each Airflow release: ``nox``, or ``nox -s "suite(3.2.2)"`` for one of them.

Releases, their Pythons and the dates of their dependencies stand in ``tests/system/releases.py``; the environments are
kept in ``.cache``, and shared with the targets that run a real scheduler.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from tests.system.environment import add_provider, airflow_environment  # noqa: E402
from tests.system.releases import NEWEST, OLDEST, RELEASES, Release  # noqa: E402

nox.options.sessions = ["suite"]
SUITE = ("tests/unit", "tests/http", "tests/dags")
# Over a minute, and of Airflow it needs only the base class of hooks: the oldest and the newest speak for the rest.
SLOW = "tests/http/test_one_group.py"


@nox.session(python=False)
@nox.parametrize("release", [nox.param(release, id=release.version) for release in RELEASES])
def suite(session: nox.Session, release: Release) -> None:
    """Run the tests with one release; further arguments go to pytest."""
    environment = add_provider(airflow_environment(release), with_tests=True)
    python = str(environment.python)
    really = f"import airflow; assert airflow.__version__ == {release.version!r}, airflow.__version__"
    session.run(python, "-c", really, external=True)
    tests = [path for path in SUITE if (ROOT / path).exists()]
    if release not in (OLDEST, NEWEST):
        tests.append(f"--ignore={SLOW}")
    # A pre-release is reported, and fails nothing.
    codes = [0] if release.blocking else [0, 1]
    session.run(
        python, "-m", "pytest", *(session.posargs or tests), external=True, success_codes=codes,
        env={"PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
