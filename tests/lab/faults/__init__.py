"""
Faults on a real scheduler: the instrument behind ``make faults``, which does not know what is being created.

Each row of a kind runs twice on one Airflow, with our operator and with Airflow's HttpOperator, all rows at the same
time. What came of it is read at the sandbox and from what the next task received.

- ``rows.py``: a row, and what a row can do to Airflow: kill a task, stop the database
- ``kind.py``: what a kind of creation has to say about itself, and how a run is judged
- ``case.py``: one row with one operator, from its connection to its finding
- ``runner.py``: start Airflow, run all cases, look for leaks
- ``page.py``: the table in the docs

To add a kind, such as messages, write three things; ``tests/system/group_faults.py`` is the example to follow:

1. ``tests/lab/dags/message_faults.py``: a function for each operator (``ours``, ``http``) that makes the task
   ``under_test`` and returns its ID and its outcome. ``lab_fault_dags.define_all`` makes the DAGs from them.
2. ``tests/system/message_faults.py``: the rows, and a subclass of :class:`~tests.lab.faults.kind.Kind`. It says which
   requests at the sandbox belong to a case, what they made, and what the DAG file needs to know.
3. One entry in ``KINDS`` of ``tests/system/check_faults.py``. From then on ``make faults`` runs it beside the others on
   the same Airflow, ``KIND=messages`` runs it alone, and ``WRITE=1`` writes ``docs/_generated/<page>.md``.

Try a new row with ``python -m tests.system.check_faults --kind messages --row dropped_after --keep``.
"""

from __future__ import annotations
