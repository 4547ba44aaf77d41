"""Running a DAG of a file once, in this process, and why its tasks failed."""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest


def load_dag(file: Path, dag_id: str | None = None) -> Any:
    """
    Read a DAG from its file.

    :param dag_id: which DAG, where the file has several.
    :raises FileNotFoundError: when there is no such file.
    :raises ValueError: when the file has errors, or not just one such DAG.
    """
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # before 3.2
        from airflow.models.dagbag import DagBag  # type: ignore[no-redef]

    if not file.is_file():
        raise FileNotFoundError(f"There is no DAG file {file}")
    bag = DagBag(dag_folder=str(file))
    if bag.import_errors:
        raise ValueError("\n".join([f"The DAG file {file} has errors:", *bag.import_errors.values()]))
    if dag_id is None and len(bag.dags) > 1:
        raise ValueError(f"{file} has several DAGs; name one by dag_id: {', '.join(sorted(bag.dags))}")
    dag = bag.dags.get(dag_id) if dag_id else next(iter(bag.dags.values()), None)
    if dag is None:
        wanted = f"no DAG {dag_id!r}; it has {', '.join(sorted(bag.dags))}" if bag.dags else "no DAG"
        raise ValueError(f"{file} has {wanted}")
    return dag


def run_once(dag: Any, file: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Any:
    """Run a DAG by `dag.test()`, which from 3.0 on wants it to be in a file of a bundle, and reads it again."""
    bundle = {
        "name": f"run_dag {file}",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(file)},
    }
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    forget_bundles()
    if "logical_date" in options and "execution_date" in inspect.signature(dag.test).parameters:  # 2.11
        options["execution_date"] = options.pop("logical_date")
    logger = logging.getLogger("airflow.task")
    handlers = list(logger.handlers)
    try:
        return dag.test(**options)
    finally:
        # Airflow 2.11 leaves one that writes to what this test reads its output from, which is closed for the next.
        logger.handlers[:] = handlers


def forget_bundles() -> None:
    """Let Airflow read its list of bundles anew; from 3.4 on it keeps the first one it has read."""
    with contextlib.suppress(ImportError):  # 2.11 has no bundles
        from airflow.dag_processing.bundles import manager

        for kept in vars(manager).values():
            if hasattr(kept, "cache_clear"):
                kept.cache_clear()


class Failures:
    """Listens to Airflow for the errors of tasks, and keeps the last one of each."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}

    @pluggy.HookimplMarker("airflow")
    def on_task_instance_failed(self, task_instance: Any, error: Any) -> None:
        """Keep the error of a task whose try has failed."""
        index = getattr(task_instance, "map_index", -1)
        task = (
            f"{task_instance.task_id}[{index}]" if index is not None and index >= 0 else task_instance.task_id
        )
        kind = f"{type(error).__name__}: " if isinstance(error, BaseException) else ""
        self.errors[task] = f"{kind}{error}"

    def __str__(self) -> str:
        return "\n".join(f"task {task!r}: {error}" for task, error in self.errors.items())

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Listen for as long as a DAG runs."""
        hooks = listener_manager().pm
        hooks.register(self)
        try:
            yield
        finally:
            hooks.unregister(self)


def listener_manager() -> Any:
    """Get what tells listeners about tasks; its place has moved in 3.2."""
    try:
        module = import_module("airflow.sdk.listener")
    except ImportError:
        module = import_module("airflow.listeners.listener")
    return module.get_listener_manager()
