"""A host name for each Celery worker of one machine."""

from __future__ import annotations

import os


def name() -> str:
    """Return the name that the lab gave to this process."""
    return os.environ.get("LAB_WORKER", "lab")
