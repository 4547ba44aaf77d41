"""Apache Airflow provider for Periskope, the API behind a company's own WhatsApp phone."""

from __future__ import annotations

__version__ = "0.1.0"
