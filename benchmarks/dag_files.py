"""Parsing DAG files and serialising what stands in them, as the DAG processor does over and over."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measuring import Figures, Samples, in_fresh_process, in_turn, timed

DAGS = Path(__file__).parent / "dags"
CONTENDERS = {
    "ours": "groups_1000.py",
    "HttpOperator": "http_1000.py",
    "EmptyOperator": "empty_1000.py",
    "ours, mapped": "groups_mapped.py",
    "HttpOperator, mapped": "http_mapped.py",
}


def measure(repetitions: int) -> Samples:
    """Parse and serialise each DAG file in fresh processes."""
    return in_turn(
        {
            name: lambda file=file: in_fresh_process(f"{__name__}:parse_and_serialise", file)  # type: ignore[misc]
            for name, file in CONTENDERS.items()
        },
        repetitions,
    )


def parse_and_serialise(file: str) -> Figures:
    """Parse one file and serialise its DAG. Its imports are measured apart, so they are made before."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    def once() -> None:
        bag = DagBag(dag_folder=str(DAGS / file))
        if bag.import_errors or len(bag.dags) != 1:
            raise SystemExit(f"{file}: {bag.import_errors}")
        for dag in bag.dags.values():
            DagSerialization.to_dict(dag)

    return timed(once, calls=3, warm_up=1)
