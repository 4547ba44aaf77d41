from __future__ import annotations

pytest_plugins = ["airflow_provider_periskope.sandbox.pytest_plugin"]
