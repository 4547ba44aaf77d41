from __future__ import annotations

from importlib.util import find_spec

if missing := [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]:
    raise ModuleNotFoundError(
        f"The sandbox needs {' and '.join(missing)}.\n"
        "What to do: pip install 'airflow-provider-periskope[sandbox]'",
        name=missing[0],
    )
