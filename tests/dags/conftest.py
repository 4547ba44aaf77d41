"""What a scheduler does before a DAG runs, and `dag.test()` leaves out."""

from __future__ import annotations

import contextlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import airflow
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# What `dag.test()` puts in the place of the API server takes seconds to build. From 3.3 on, Airflow keeps it from task
# to task; 3.0 to 3.2 build one for each.
with contextlib.suppress(ImportError):  # 2.11
    from airflow.sdk.execution_time import supervisor

    supervisor.in_process_api_server = lru_cache(supervisor.in_process_api_server)


@pytest.fixture
def meet_assets(_airflow_database: None) -> Callable[[Any], None]:
    """Give a function that makes the outlets of a DAG known: tasks with unknown ones fail, or leave no event."""
    from airflow.utils.session import create_session

    def meet(dag: Any) -> None:
        if airflow.__version__.startswith("2."):
            dag.sync_to_db()
            return
        from airflow.models.asset import AssetActive, AssetModel

        with create_session() as session:
            for asset in (outlet for task in dag.tasks for outlet in task.outlets):
                if session.query(AssetModel).filter_by(uri=asset.uri).first() is None:
                    session.add(AssetModel(name=asset.name, uri=asset.uri, group=asset.group, extra={}))
                    session.flush()
                session.merge(AssetActive(name=asset.name, uri=asset.uri))

    return meet
