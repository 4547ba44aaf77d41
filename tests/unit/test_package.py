from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
import textwrap
import warnings
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from airflow_provider_periskope import __version__, get_provider_info

ROOT = Path(__file__).resolve().parents[2]
NAME = "airflow-provider-periskope"


def python(code: str) -> Any:
    """Run code in a Python of its own and return the JSON that it prints last."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class TestProviderInfo:
    def test_is_as_airflow_itself_wants_it(self) -> None:
        schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
        jsonschema.validate(get_provider_info(), schema)

    def test_names_the_distribution(self) -> None:
        """Another name breaks all providers of an installation."""
        assert get_provider_info()["package-name"] == NAME == distribution(NAME).metadata["Name"]

    def test_is_found_by_its_entry_point(self) -> None:
        (entry_point,) = [
            entry for entry in distribution(NAME).entry_points if entry.group == "apache_airflow_provider"
        ]
        assert entry_point.load()() == get_provider_info()

    def test_everything_that_it_names_is_there(self) -> None:
        info = get_provider_info()
        modules = [
            module
            for kind in ("hooks", "operators", "sensors", "triggers")
            for part in info[kind]
            for module in part["python-modules"]
        ]
        assert len(modules) == 7
        for module in modules:
            importlib.import_module(module)
        (connection_type,) = info["connection-types"]
        for path in (connection_type["hook-class-name"], *info["extra-links"], *info["notifications"]):
            module, _, name = path.rpartition(".")
            assert getattr(importlib.import_module(module), name).__name__ == name

    def test_the_registry_file_lists_its_classes(self) -> None:
        listed = yaml.safe_load((ROOT / ".astro-registry.yaml").read_text())
        assert listed.pop("package-name") == NAME
        assert listed.pop("display-name") == get_provider_info()["name"]
        for kind, base in (("hooks", "Hook"), ("operators", "Operator"), ("sensors", "Sensor")):
            modules = [name for part in get_provider_info().get(kind, []) for name in part["python-modules"]]
            classes = {
                f"{module}.{name}"
                for module in modules
                for name, thing in vars(importlib.import_module(module)).items()
                if name.endswith(base) and getattr(thing, "__module__", "") == module and name[0] != "_"
            }
            assert {line["module"] for line in listed.get(kind, [])} == classes

    def test_airflow_shows_provider_and_link(self) -> None:
        from airflow.providers_manager import ProvidersManager

        manager = ProvidersManager()
        assert manager.providers[NAME].version == __version__
        assert (
            "airflow_provider_periskope.operators.group.PeriskopeGroupLink" in manager.extra_links_class_names
        )

    def test_reading_it_imports_neither_airflow_nor_what_only_tasks_need(self) -> None:
        loaded = python("""
            import json, sys
            from airflow_provider_periskope import get_provider_info
            get_provider_info()
            print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
        """)
        assert not {"airflow", "requests", "pydantic", "phonenumbers", "wtforms"} & set(loaded)


def test_the_package_says_that_it_is_typed_and_under_which_licence() -> None:
    assert files("airflow_provider_periskope").joinpath("py.typed").is_file()
    assert distribution(NAME).metadata["License-Expression"] == "Apache-2.0"


@pytest.mark.parametrize(
    "module",
    [
        "airflow_provider_periskope",
        "airflow_provider_periskope.operators.group",
        "unusual_prefix_0a1b2c_example_periskope_create_group",
    ],
)
def test_a_deprecation_met_by_our_modules_fails_the_tests(module: str) -> None:
    with pytest.raises(DeprecationWarning, match="of old"):
        warnings.warn_explicit("of old", DeprecationWarning, "any.py", 1, module=module)


class TestImportOfTheOperator:
    """What a DAG file pays for naming the operator."""

    def test_adds_no_more_than_the_module_itself(self) -> None:
        added = python("""
            import json, sys
            try:
                from airflow.sdk import BaseOperator, BaseOperatorLink
            except ImportError:
                from airflow.models import BaseOperator, BaseOperatorLink
            before = set(sys.modules)
            import airflow_provider_periskope.operators.group
            print(json.dumps(sorted(set(sys.modules) - before)))
        """)
        assert set(added) <= {
            "airflow_provider_periskope",
            "airflow_provider_periskope.compat",
            "airflow_provider_periskope.operators",
            "airflow_provider_periskope.operators.base",
            "airflow_provider_periskope.operators.group",
        }

    def test_making_a_task_loads_nothing_that_only_a_run_needs(self) -> None:
        loaded = python("""
            import json, sys
            try:
                from airflow.sdk import DAG
            except ImportError:
                from airflow.models.dag import DAG
            before = set(sys.modules)  # Airflow 3.0 itself comes with phonenumbers
            from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator as Create
            with DAG("d", schedule=None):
                Create(task_id="one", group_name="{{ ds }}", participants=["1"])
                Create.partial(task_id="many", group_name="x {{ ti.map_index }}").expand(participants=[["1"], ["2"]])
            print(json.dumps(sorted(name for name in set(sys.modules) - before if name.startswith((
                "airflow_provider_periskope.", "phonenumbers")))))
        """)
        # Airflow itself may have asked for the provider info meanwhile, which has the form in it.
        assert set(loaded) - {"airflow_provider_periskope.connection_form"} == {
            "airflow_provider_periskope.compat",
            "airflow_provider_periskope.operators",
            "airflow_provider_periskope.operators.base",
            "airflow_provider_periskope.operators.group",
        }

    def test_nor_does_making_a_sensor(self) -> None:
        loaded = python("""
            import json, sys
            try:
                from airflow.sdk import DAG, BaseSensorOperator
            except ImportError:
                from airflow.models.dag import DAG
                from airflow.sensors.base import BaseSensorOperator
            with DAG("d", schedule=None):
                BaseSensorOperator(task_id="any")
                before = set(sys.modules)
                from airflow_provider_periskope.sensors.group import PeriskopeGroupMembersSensor as Members
                Members(task_id="one", chat_id="x", at_least=5, deferrable=True)
            print(json.dumps(sorted(name for name in set(sys.modules) - before if name.startswith((
                "airflow_provider_periskope.", "phonenumbers", "requests", "pydantic", "asgiref")))))
        """)
        assert set(loaded) - {"airflow_provider_periskope.connection_form"} == {
            "airflow_provider_periskope.compat",
            "airflow_provider_periskope.sensors",
            "airflow_provider_periskope.sensors.group",
        }


def test_import_of_the_notifier_adds_no_more_than_the_module_itself() -> None:
    added = python("""
        import json, sys
        try:
            from airflow.sdk import DAG, BaseNotifier
        except ImportError:
            from airflow.models.dag import DAG
            from airflow.notifications.basenotifier import BaseNotifier
        before = set(sys.modules)
        from airflow_provider_periskope.notifications.periskope import PeriskopeNotifier
        with DAG("d", schedule=None, on_failure_callback=PeriskopeNotifier(chat_id="12036339", message="{{ ds }}")):
            pass
        print(json.dumps(sorted(name for name in set(sys.modules) - before if name.startswith((
            "airflow_provider_periskope", "requests", "pydantic", "phonenumbers", "asgiref")))))
    """)
    # Airflow itself may have asked for the provider info meanwhile.
    assert set(added) - {"airflow_provider_periskope", "airflow_provider_periskope.connection_form"} == {
        "airflow_provider_periskope.compat",
        "airflow_provider_periskope.notifications",
        "airflow_provider_periskope.notifications.periskope",
    }


class TestExamples:
    FILES = sorted((ROOT / "example_dags").glob("*.py"))

    def test_parsing_needs_no_connection_and_no_network(self) -> None:
        parsed = python(f"""
            import json, runpy, socket

            def refuse(*arguments):
                raise AssertionError(f"the network was used: {{arguments}}")

            socket.socket.connect = socket.getaddrinfo = refuse
            print(json.dumps([name for file in {list(map(str, self.FILES))!r} for name in runpy.run_path(file)]))
        """)
        assert set(parsed) >= {file.stem for file in self.FILES}

    @pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
    def test_imports_nothing_but_airflow_and_the_provider(self, file: Path) -> None:
        imported = {
            (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        tops = {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names)
        assert tops == {"airflow", "airflow_provider_periskope"}
