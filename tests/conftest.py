"""What all tests share: an Airflow home of their own, the sandbox, and a way to run DAGs."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

# Airflow fixes its home and reads its settings when it is first imported, so before anything else.
HOME = tempfile.mkdtemp(prefix="periskope-tests-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ.update(
    AIRFLOW_HOME=HOME,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
)
# A proxy or key of the machine must not change what is tested.
for name in [
    name for name in os.environ if name.startswith("AIRFLOW_CONN_") or name.lower().endswith("_proxy")
]:
    del os.environ[name]

pytest_plugins = ["airflow_provider_periskope.sandbox.pytest"]
