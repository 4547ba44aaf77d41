"""Apache Airflow provider for Periskope, the API behind a company's own WhatsApp phone."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def get_provider_info() -> dict[str, Any]:
    """
    Tell Airflow what this package provides (entry point ``apache_airflow_provider``).

    :return: provider info as Airflow's ``provider_info.schema.json`` describes it.
    """
    from airflow_provider_periskope.connection_form import provider_connection_type

    integration = "Periskope"
    return {
        "package-name": "airflow-provider-periskope",
        "name": "Periskope",
        # Airflow reads the version from the distribution; registries of providers read it here.
        "versions": [__version__],
        "description": "Creates WhatsApp groups through `Periskope <https://periskope.app>`__.",
        "integrations": [
            {
                "integration-name": integration,
                "external-doc-url": "https://docs.periskope.app",
                "tags": ["service"],
            }
        ],
        "operators": [
            {
                "integration-name": integration,
                "python-modules": [
                    "airflow_provider_periskope.operators.group",
                    "airflow_provider_periskope.operators.message",
                    "airflow_provider_periskope.operators.participants",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": integration,
                "python-modules": ["airflow_provider_periskope.sensors.group"],
            }
        ],
        "hooks": [
            {
                "integration-name": integration,
                "python-modules": ["airflow_provider_periskope.hooks.periskope"],
            }
        ],
        "triggers": [
            {
                "integration-name": integration,
                "python-modules": [
                    "airflow_provider_periskope.triggers.group",
                    "airflow_provider_periskope.triggers.wait",
                ],
            }
        ],
        "notifications": ["airflow_provider_periskope.notifications.periskope.PeriskopeNotifier"],
        "connection-types": [provider_connection_type()],
        "extra-links": ["airflow_provider_periskope.operators.group.PeriskopeGroupLink"],
    }
