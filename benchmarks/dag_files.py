"""Parsing DAG files and serialising what stands in them, as the DAG processor does over and over."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.measuring import Samples, in_fresh_process, in_turn, timed

DAGS = Path(__file__).parent / "dags"
CONTENDERS = {
    "ours": "groups_1000.py",
    "HttpOperator": "http_1000.py",
    "EmptyOperator": "empty_1000.py",
    "ours, mapped": "groups_mapped.py",
    "HttpOperator, mapped": "http_mapped.py",
}


def measure(repetitions: int) -> Samples:
    """Parse and serialise each DAG file in turn, in one process."""
    return dict(in_fresh_process(f"{__name__}:parse_in_turn", repetitions))


def parse_in_turn(repetitions: str) -> Samples:
    """Do so once for the imports, which are measured apart, then as often as wanted."""
    contenders = {
        name: partial(timed, partial(parse_and_serialise, file)) for name, file in CONTENDERS.items()
    }
    in_turn(contenders, 1)
    return in_turn(contenders, int(repetitions))


def parse_and_serialise(file: str) -> None:
    """Parse one file and serialise its DAG."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    bag = DagBag(dag_folder=str(DAGS / file))
    if bag.import_errors or len(bag.dags) != 1:
        raise SystemExit(f"{file}: {bag.import_errors}")
    for dag in bag.dags.values():
        DagSerialization.to_dict(dag)
