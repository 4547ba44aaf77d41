from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_periskope import connection_form
from airflow_provider_periskope.connection import EXTRAS
from airflow_provider_periskope.hooks.periskope import PeriskopeHook

STANDARD_FIELDS = {"description", "host", "schema", "login", "password", "port", "extra"}


def both_forms() -> list[tuple[dict[str, Any], list[str]]]:
    """Return behaviour and own fields of the form as newer and as older Airflows are told."""
    entry = connection_form.provider_connection_type()
    newer = {name.replace("-", "_"): value for name, value in entry["ui-field-behaviour"].items()}
    return [
        (newer, list(entry["conn-fields"])),
        (PeriskopeHook.get_ui_field_behaviour(), list(PeriskopeHook.get_connection_form_widgets())),
    ]


@pytest.fixture(params=[0, 1], ids=["from 3.2 on", "2.11 to 3.1"])
def form(request: pytest.FixtureRequest) -> tuple[dict[str, Any], list[str]]:
    return both_forms()[request.param]


class TestForm:
    def test_shows_only_what_is_used(self, form: tuple[dict[str, Any], list[str]]) -> None:
        behaviour, own = form
        shown = STANDARD_FIELDS - set(behaviour["hidden_fields"])
        assert shown == {"description", "host", "login", "password", "port"}
        assert own == ["timeout"]

    def test_calls_things_by_their_names(self, form: tuple[dict[str, Any], list[str]]) -> None:
        behaviour, _ = form
        assert behaviour["relabeling"]["password"] == "API key"
        assert behaviour["relabeling"]["login"].startswith("Phone")
        assert set(behaviour["placeholders"]) == {*behaviour["relabeling"], "port"}
        json.dumps(behaviour)

    def test_each_own_field_is_read(self, form: tuple[dict[str, Any], list[str]]) -> None:
        assert set(form[1]) <= set(EXTRAS)


def test_the_widget_takes_seconds_or_nothing() -> None:
    from wtforms import Form
    from wtforms.fields import IntegerField

    widgets = PeriskopeHook.get_connection_form_widgets()

    class Shown(Form):
        timeout = widgets["timeout"]

    class Posted(dict):  # what WTForms asks of posted data
        def getlist(self, name: str) -> list[str]:
            return [self[name]] if name in self else []

    assert widgets["timeout"].field_class is IntegerField
    assert Shown(Posted(timeout="30")).validate()
    assert Shown(Posted(timeout="")).validate()
    assert not Shown(Posted(timeout="0")).validate()
    assert not Shown(Posted(timeout="soon")).validate()


def test_the_field_of_the_newer_form_takes_seconds_or_nothing() -> None:
    import jsonschema

    schema = connection_form.provider_connection_type()["conn-fields"]["timeout"]["schema"]
    for good in (30, None):
        jsonschema.validate(good, schema)
    for bad in (0, "soon"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)
