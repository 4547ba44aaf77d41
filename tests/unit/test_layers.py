"""The import graph: what each part of the package may know of the others, and of Airflow and HTTP."""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "airflow_provider_periskope"
ROOT = Path(__file__).resolve().parents[2] / PACKAGE

LAYERS = [
    {"operators", "sensors", "notifications", "doctor"},
    {"waiting", "delivery", "group_changes", "group_closing"},
    {"triggers"},
    {"once"},
    {"hooks"},
    {"input"},
    {"api"},
    {"connection"},
    {"membership"},
    {"connection_form", "models", "exceptions", "phone_numbers", "compat", "webhooks"},
]
"""From top to bottom; a module imports its own layer or a lower one."""


def module_of(path: Path) -> str:
    return ".".join((PACKAGE, *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {module_of(path): path for path in sorted(ROOT.rglob("*.py"))}
PROVIDER = {name for name in MODULES if not name.startswith(f"{PACKAGE}.sandbox")}
SANDBOX = set(MODULES) - PROVIDER


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports_of(module: str, *, types: bool, late: bool = True) -> set[str]:
    """
    Return the names of the modules that a module imports.

    :param types: with those that only type checkers import.
    :param late: with those that are imported within functions.
    """
    found: set[str] = set()

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not late:
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            # `from package import module` names a module in its second half.
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = names & set(MODULES)
            found.update(submodules or {node.module or ""})
        elif is_type_checking(node) and not types:
            assert isinstance(node, ast.If)
            for child in node.orelse:
                walk(child)
            return
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(ast.parse(MODULES[module].read_text()))
    return found


def part_of(module: str) -> str:
    return module.removeprefix(PACKAGE).lstrip(".").partition(".")[0]


def layer_of(module: str) -> int:
    (layer,) = [number for number, layer in enumerate(LAYERS) if part_of(module) in layer]
    return layer


def test_every_module_has_its_layer() -> None:
    for module in PROVIDER - {PACKAGE}:
        layer_of(module)


@pytest.mark.parametrize("module", sorted(PROVIDER - {PACKAGE}))
def test_imports_point_downwards_only(module: str) -> None:
    ours = {name for name in imports_of(module, types=False) if name.startswith(f"{PACKAGE}.")}
    assert {name for name in ours if layer_of(name) < layer_of(module)} == set()


@pytest.mark.parametrize("types", [False, True], ids=["at run time", "with type hints"])
def test_no_import_cycle(types: bool) -> None:
    graph = {module: imports_of(module, types=types) & set(MODULES) - {module} for module in MODULES}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as cycle:
        pytest.fail(" imports ".join(reversed(cycle.args[1])))
    assert len(order) == len(MODULES)


def outside(modules: set[str], *, types: bool = True, late: bool = True) -> set[str]:
    """Return the top names of what some modules import from outside the package and the standard library."""
    tops = {
        name.partition(".")[0] for module in modules for name in imports_of(module, types=types, late=late)
    }
    return tops - {PACKAGE} - set(sys.stdlib_module_names)


def within(*parts: str) -> set[str]:
    return {module for module in PROVIDER if part_of(module) in parts}


def test_http_and_what_happens_only_once_know_nothing_of_airflow() -> None:
    modules = within("api", "once")
    assert "airflow" not in outside(modules)
    ours = {part_of(name) for module in modules for name in imports_of(module, types=False)}
    assert not ours & {"compat", "waiting", "delivery", "hooks", "operators"}


def test_the_rule_does_not_know_what_is_created() -> None:
    kinds = {f"{PACKAGE}.once.group", f"{PACKAGE}.once.message", f"{PACKAGE}.once.invitations"}
    for module in ("rule", "doubt", "record"):
        imported = imports_of(f"{PACKAGE}.once.{module}", types=True)
        assert not imported & kinds
        assert not {part_of(name) for name in imported} & {"hooks", "api", "models", "input"}


def test_checks_of_the_input_know_nothing_of_http_or_airflow() -> None:
    modules = within("input", "membership", "models", "phone_numbers", "exceptions")
    assert outside(modules) <= {"pydantic", "pydantic_core", "phonenumbers"}
    assert not {part_of(name) for name in set().union(*(imports_of(m, types=True) for m in modules))} & {
        "api",
        "hooks",
        "connection",
    }
    assert "http" not in {
        name.partition(".")[0] for module in modules for name in imports_of(module, types=True)
    }


def test_a_dag_file_that_names_an_operator_imports_nothing_that_only_a_task_needs() -> None:
    assert outside(within("operators", "sensors", "notifications", "compat"), types=False, late=False) <= {
        "airflow",
        "jinja2",  # which Airflow itself imports with its operators
    }


def test_only_compat_imports_from_airflow_what_has_moved() -> None:
    """The version of Airflow is where it has always been."""
    named = {
        module: {name for name in imports_of(module, types=False) if name.partition(".")[0] == "airflow"}
        for module in PROVIDER
    }
    assert {module: names for module, names in named.items() if names} == {
        f"{PACKAGE}.hooks.periskope": {"airflow"},
        f"{PACKAGE}.notifications.airflow_ui": {"airflow"},
        f"{PACKAGE}.notifications.alert_text": {"airflow"},
    }


def test_the_sandbox_shares_nothing_with_the_provider() -> None:
    for module in SANDBOX:
        assert not imports_of(module, types=True) & (PROVIDER - {PACKAGE}), module
    for module in PROVIDER:
        assert not imports_of(module, types=True) & SANDBOX, module
