"""
What a task must know after a kill or a clear, on an Airflow without a task state store: kept in a Variable.

Only for what no look can find. A group and a message can be looked for, but a new invite link does not say which one it
has replaced.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.compat import Variable

if TYPE_CHECKING:
    from airflow.sdk.types import RuntimeTaskInstanceProtocol


class StateInVariable:
    """
    A store for :class:`~airflow_provider_periskope.once.record.Memory`: an Airflow Variable of one task instance.

    :param ti: the task instance. All of its tries find the same Variable.
    """

    def __init__(self, ti: RuntimeTaskInstanceProtocol) -> None:
        place = "\n".join((ti.dag_id, ti.run_id, ti.task_id, str(ti.map_index)))
        self.name = f"periskope_{hashlib.sha256(place.encode()).hexdigest()[:16]}"
        self._description = (
            f"State of {ti.dag_id}.{ti.task_id} in {ti.run_id}. "
            "May be deleted once that will be neither retried nor cleared."
        )

    def get(self, key: str) -> Any:
        """Return a value; ``None`` if there is none."""
        return self._all().get(key)

    def set(self, key: str, value: Any) -> None:
        """Write a value; when this returns, it is stored."""
        values = {**self._all(), key: value}
        Variable.set(self.name, values, description=self._description, serialize_json=True)

    def delete(self) -> None:
        """Delete the Variable, if there is one."""
        if self._all():
            Variable.delete(self.name)

    def _all(self) -> dict[str, Any]:
        return Variable.get(self.name, None, deserialize_json=True) or {}
