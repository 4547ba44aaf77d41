"""Prepare the database of the Airflow that runs this: its tables, one connection, one pool. Used by airflow_ui.py."""

from __future__ import annotations

import json
import sys

from airflow.models import Pool
from airflow.models.connection import Connection as ConnectionRow
from airflow.utils import db
from airflow.utils.session import create_session


def main(connection: str, pool: str) -> None:
    """
    Prepare the database.

    :param connection: fields of the connection as JSON.
    :param pool: name of the pool with one slot.
    """
    fields = json.loads(connection)
    db.upgradedb()
    with create_session() as session:
        session.query(ConnectionRow).filter_by(conn_id=fields["conn_id"]).delete()
        session.add(ConnectionRow(**fields))
    Pool.create_or_update_pool(
        pool, slots=1, description="This phone makes one group at a time", include_deferred=False
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
