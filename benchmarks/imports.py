"""What importing an operator adds to a DAG file that has imported Airflow."""

from __future__ import annotations

import importlib
from functools import partial

from benchmarks.measuring import Figures, Samples, in_fresh_process, in_turn, timed

MODULES = {
    "ours": "airflow_provider_periskope.operators.group",
    "ours, message": "airflow_provider_periskope.operators.message",
    "HttpOperator": "airflow.providers.http.operators.http",
    "SlackAPIPostOperator": "airflow.providers.slack.operators.slack",
}


def measure(repetitions: int) -> Samples:
    """Import each operator's module in fresh processes."""
    return in_turn(
        {
            name: partial(in_fresh_process, f"{__name__}:import_module", module)
            for name, module in MODULES.items()
        },
        repetitions,
    )


def import_module(module: str) -> Figures:
    """Import one module after what every DAG file imports."""
    # The names of airflow.sdk are loaded when they are first asked for.
    from airflow.sdk import DAG, BaseOperator  # noqa: F401

    return timed(lambda: importlib.import_module(module))
