"""What a scheduler does before a DAG runs, and `dag.test()` leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import airflow
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


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
