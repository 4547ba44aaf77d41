"""
The suite against each Airflow release: ``python -m nox``, or ``python -m nox -s "suite(3.2.2)"`` for one of them.

Releases, their Pythons and the dates of their dependencies stand in ``tests/lab/releases.py``; the environments are
kept in ``.cache``, and shared with the targets that run a real scheduler. ``python -m`` makes ``tests.lab`` importable.
"""

from __future__ import annotations

import nox
from nox.command import CommandFailed

from tests.lab.environments import EnvironmentBuildError, add_provider, airflow_environment
from tests.lab.releases import NEWEST, OLDEST, RELEASES, Release, release_named

nox.options.sessions = ["suite"]
# Where it takes minutes, a few releases speak for the rest. The newest one is that of `make test`.
SUITE = {
    "tests/unit": RELEASES,
    "tests/dags": RELEASES,
    # A minute of waiting; of Airflow it needs only connections.
    "tests/http": (OLDEST, NEWEST),
    # What is left of tests/sandbox knows nothing of Airflow. 3.2 has moved what the plugin asks for errors.
    "tests/sandbox/test_sandbox_plugin.py": (OLDEST, release_named("3.2"), NEWEST),
}


@nox.session(python=False)
@nox.parametrize("release", [nox.param(release, id=release.version) for release in RELEASES])
def suite(session: nox.Session, release: Release) -> None:
    """Run the tests with one release; further arguments go to pytest."""
    try:
        run_suite(session, release)
    except (CommandFailed, EnvironmentBuildError) as error:
        if release.blocking:
            raise
        session.skip(f"FAILED, and blocks nothing, for {release.version} is a pre-release: {error}")


def run_suite(session: nox.Session, release: Release) -> None:
    """Build the environment, check which release it holds, and run the tests in it."""
    environment = add_provider(airflow_environment(release))
    python = str(environment.python)
    really = f"import airflow; assert airflow.__version__ == {release.version!r}, airflow.__version__"
    session.run(python, "-c", really, external=True)
    tests = [path for path, releases in SUITE.items() if release in releases]
    session.run(
        python, "-m", "pytest", "--numprocesses=4", "--dist=worksteal", *(session.posargs or tests), external=True,
        env={"PYTHONPATH": ""},
    )  # fmt: skip
