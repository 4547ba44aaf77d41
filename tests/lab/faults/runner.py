"""Run the rows of some kinds on one Airflow, all at the same time, and the disasters one after the other."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_periskope.sandbox.server import Sandbox
from tests.lab.environments import add_provider, airflow_environment
from tests.lab.faults.case import Case, States
from tests.lab.installation import Airflow
from tests.lab.leaks import KEY, leaks_in
from tests.lab.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.lab.faults.kind import Finding, Kind
    from tests.lab.faults.rows import Row
    from tests.lab.releases import Release

STAGGER = 0.7


def run(
    release: Release, rows: dict[Kind, list[Row]], contenders: Sequence[str], *, keep: bool = False
) -> tuple[dict[Kind, list[Finding]], list[str]]:
    """
    Run rows on one release.

    :param rows: the rows of each kind
    :param contenders: whether with our operator, with HttpOperator, or with both
    :param keep: whether to keep the home of Airflow, with the logs
    :return: what was found, and what the logs contain that they must not
    """
    environment = add_provider(airflow_environment(release))
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres())
        shared = stack.enter_context(Sandbox(api_key=KEY))
        airflow = Airflow(environment, postgres, settings={"AIRFLOW__CORE__XCOM_BACKEND": "lab_xcom.LabXCom"})
        orders = airflow.home / "xcom"
        orders.mkdir()
        airflow.variables["LAB_XCOM"] = str(orders)
        airflow.keep = keep
        stack.enter_context(airflow)
        states = stack.enter_context(States(airflow))
        cases = [
            Case(airflow, states, kind, row, contender, shared)
            for kind in rows for row in rows[kind] for contender in contenders if contender in kind.contenders
        ]  # fmt: skip
        for case in cases:
            case.prepare()
            if case.row.alone:
                stack.callback(case.sandbox.stop)
        for kind in rows:
            definitions = [case.definition() for case in cases if case.kind is kind]
            airflow.add_dags(kind.dags, **{Path(kind.dags).stem: definitions})
        airflow.wait_for_dags(*(case.dag_id for case in cases))
        print(f"Airflow {release.version}: {len(cases)} runs", flush=True)
        together = [case for case in cases if not case.row.disaster]
        # One after the other: sixty Pythons that start at once on two cores meet faults that no row is about.
        for case in sorted(together, key=lambda case: case.row.posts == 1):
            case.start()
            time.sleep(STAGGER)
        wait_for_ends(together, 330)
        for disaster in dict.fromkeys(case.row.disaster for case in cases if case.row.disaster):
            strike(airflow, disaster, [case for case in cases if case.row.disaster is disaster])
        states.read()
        findings: dict[Kind, list[Finding]] = {kind: [] for kind in rows}
        for case in cases:
            finding = case.finding()
            findings[case.kind].append(finding)
            if finding.problem:
                case.tell()
        return findings, leaks_in(airflow.home, texts=[text for kind in rows for text in kind.texts])


def wait_for_ends(cases: Sequence[Case], seconds: float) -> None:
    """Wait until all runs have ended, and tell of each that does."""
    until = time.monotonic() + seconds
    running = list(cases)
    while running and time.monotonic() < until:
        time.sleep(0.5)
        for case in [
            case for case in running if not case.acting and case.run_state() in ("success", "failed")
        ]:
            case.ended = time.monotonic()
            running.remove(case)
            print(f"  {case.dag_id}: {case.run_state()} after {case.ended - case.started:.0f} s", flush=True)


def strike(airflow: Airflow, disaster: Callable[[Airflow], None], cases: Sequence[Case]) -> None:
    """Bring one disaster over Airflow while the requests of these cases are open."""
    for case in cases:
        case.start()
    for case in cases:
        case.wait_for_post()
    time.sleep(1)
    disaster(airflow)
    wait_for_ends(cases, 240)
