"""The connection form, defined once: Airflow 3.2 and newer read it from the provider info, older ones from the hook."""

from __future__ import annotations

from typing import Any

CONN_TYPE = "periskope"
HOOK_NAME = "Periskope"
HOOK_CLASS = "airflow_provider_periskope.hooks.periskope.PeriskopeHook"

DEFAULT_BASE_URL = "https://api.periskope.app/v1"
DEFAULT_READ_TIMEOUT = 60

# The port is of use to few, but Airflow 3.3.1 and 3.3.2 refuse to test a connection that has none.
HIDDEN_FIELDS = ["schema", "extra"]
# These fields have no help text, and a placeholder disappears once something is entered. So the label says what
# somebody needs who comes back to correct a field.
RELABELING = {
    "login": "Phone, with country code",
    "password": "API key",
    "host": "API base URL",
}
PLACEHOLDERS = {
    "login": "919876543210: digits only; or Periskope's phone-… id",
    "password": "from Settings > API in the Periskope console",
    "host": f"{DEFAULT_BASE_URL} if left empty",
    "port": "443 if left empty; the test button of Airflow 3.3.1 and 3.3.2 needs it",
}
TIMEOUT_LABEL = "Read timeout"
TIMEOUT_DESCRIPTION = f"Seconds to wait for a response; {DEFAULT_READ_TIMEOUT} if left empty."


def provider_connection_type() -> dict[str, Any]:
    """Return the form as the ``connection-types`` entry of the provider info, which Airflow 3.2 and newer read."""
    return {
        "connection-type": CONN_TYPE,
        "hook-name": HOOK_NAME,
        "hook-class-name": HOOK_CLASS,
        "conn-fields": {
            "timeout": {
                "label": TIMEOUT_LABEL,
                "description": TIMEOUT_DESCRIPTION,
                "schema": {"type": ["integer", "null"], "minimum": 1},
            }
        },
        "ui-field-behaviour": {
            "hidden-fields": HIDDEN_FIELDS,
            "relabeling": RELABELING,
            "placeholders": PLACEHOLDERS,
        },
    }


def form_widgets() -> dict[str, Any]:
    """Return the form's own fields as the WTForms widgets that Airflow 2.11 to 3.1 ask the hook for."""
    from wtforms import IntegerField
    from wtforms.validators import NumberRange, Optional

    try:  # Airflow 2.11 styles its form with this widget; Airflow 3 draws the form itself and does without.
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget

        style: dict[str, Any] = {"widget": BS3TextFieldWidget()}
    except ImportError:
        style = {}
    return {
        "timeout": IntegerField(
            TIMEOUT_LABEL,
            description=TIMEOUT_DESCRIPTION,
            validators=[Optional(), NumberRange(min=1)],
            **style,
        )
    }


def field_behaviour() -> dict[str, Any]:
    """Return what Airflow 2.11 to 3.1 ask the hook for: hidden fields, labels and placeholders."""
    return {"hidden_fields": HIDDEN_FIELDS, "relabeling": RELABELING, "placeholders": PLACEHOLDERS}
