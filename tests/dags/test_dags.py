"""The operator in DAGs that Airflow runs, against the sandbox."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.pytest_plugin import RunDag
    from airflow_provider_periskope.sandbox.server import Sandbox

DAGS = Path(__file__).parent / "dags"
EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"
AIRFLOW = tuple(int(part) for part in airflow.__version__.split(".")[:2])
ASHA, BHARAT, OTHER_PHONE = "919537851844", "919874532456", "918527184400"


def outputs(run: Any, key: str = "return_value") -> dict[str, Any]:
    """Return what each task of the run pushed, mapped ones with their index."""
    return {
        instance.task_id if instance.map_index < 0 else f"{instance.task_id}[{instance.map_index}]": (
            instance.xcom_pull(
                task_ids=instance.task_id,
                key=key,
                map_indexes=instance.map_index if instance.map_index >= 0 else None,
            )
        )
        for instance in run.get_task_instances()
    }


def ids_by_name(sandbox: Sandbox) -> dict[str, str]:
    return {group.name: group.chat_id for group in sandbox.groups}


def creates(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """Return the bodies that were sent, by the name of the group, without the name."""
    bodies = [dict(request.body) for request in sandbox.requests if request.path == "/chats/create"]
    named = {body.pop("group_name"): body for body in bodies}
    assert len(named) == len(bodies)
    return named


class TestVendorsExample:
    def test_end_to_end(self, run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
        run = run_dag(EXAMPLES / "example_periskope_create_group.py")
        assert run.state == "success"
        (request,) = periskope_sandbox.requests
        assert (request.method, request.target) == ("POST", "/v1/chats/create")
        assert request.body == {"group_name": "Test New 1040", "participants": [ASHA]}
        assert request.headers["authorization"] == f"Bearer {periskope_sandbox.api_key}"
        assert request.headers["x-phone"] == periskope_sandbox.phone
        assert request.headers["content-type"] == "application/json"
        (group,) = periskope_sandbox.groups
        assert outputs(run) == {"create_group": group.chat_id, "welcome": group.chat_id}
        assert outputs(run, "invite_link")["create_group"] == group.invite_link
        assert outputs(run, "outcome")["create_group"] == "created"


class TestOtherExamples:
    def test_weekly_groups(self, run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
        run = run_dag(EXAMPLES / "example_periskope_weekly_groups.py")
        assert run.state == "success"
        week = run.data_interval_end.strftime("%G-W%V")
        assert creates(periskope_sandbox) == {
            f"Sales {week}": {
                "participants": [ASHA, BHARAT],
                "options": {"description": f"Everything about week {week}"},
            },
            f"Support {week}": {
                "participants": [BHARAT],
                "options": {"description": f"Everything about week {week}"},
            },
        }
        labels = [
            task.rendered_map_index for task in run.get_task_instances() if task.task_id == "create_group"
        ]
        assert sorted(labels) == [f"Sales {week}", f"Support {week}"]
        for group in periskope_sandbox.groups:
            assert [message.text for message in group.messages] == [
                f"Welcome to week {week}! Plans and questions go here."
            ]

    def test_one_per_customer(self, run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
        run = run_dag(EXAMPLES / "example_periskope_one_per_customer.py")
        assert run.state == "success"
        assert creates(periskope_sandbox) == {
            "Asha (customer 1040)": {"participants": [ASHA]},
            "Bharat (customer 1041)": {"participants": [BHARAT, ASHA]},
        }
        ids = ids_by_name(periskope_sandbox)
        told = outputs(run)
        assert told["onboard.note_in_crm[0]"] == {"customer": 1040, "chat_id": ids["Asha (customer 1040)"]}
        assert told["onboard.note_in_crm[1]"] == {"customer": 1041, "chat_id": ids["Bharat (customer 1041)"]}


class TestForms:
    def test_literals_jinja_and_xcom_args(self, run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
        periskope_sandbox.add_phone(OTHER_PHONE)
        run = run_dag(DAGS / "every_form.py")
        assert run.state == "success"
        both = {"participants": [ASHA, BHARAT]}
        assert creates(periskope_sandbox) == {
            "literal": both,
            "jinja within Sales": {
                **both,
                "options": {"description": "For Sales of every_form", "messagesAdminsOnly": True},
            },
            "jinja whole": {**both, "options": {"description": "Sales", "infoAdminsOnly": True}},
            "jinja json": both,
            "jinja commas": both,
            "output of a task by jinja": both,
            "output of a task": {**both, "options": {"description": "of a task", "infoAdminsOnly": True}},
            "xcom arg within": both,
        }
        phones = {request.group_name: request.phone for request in periskope_sandbox.requests}
        assert {name for name, phone in phones.items() if phone == OTHER_PHONE} == {
            "jinja within Sales",
            "output of a task",
        }
        made = {group.name: group for group in periskope_sandbox.groups}["output of a task"]
        assert outputs(run)["hand_on"] == [made.chat_id, made.invite_link]

    def test_native_objects(self, run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
        periskope_sandbox.add_phone(OTHER_PHONE)
        assert run_dag(DAGS / "native.py").state == "success"
        assert creates(periskope_sandbox) == {
            "native objects": {"participants": [ASHA, BHARAT], "options": {"messagesAdminsOnly": True}},
            "1040": {"participants": [ASHA, BHARAT]},
            "one person": {"participants": [ASHA]},
        }
        assert periskope_sandbox.groups_named("1040")[0].phone == OTHER_PHONE

    def test_mapping(self, run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
        run = run_dag(DAGS / "mapped.py")
        assert run.state == "success"
        assert creates(periskope_sandbox) == {
            "expanded a": {"participants": [ASHA], "options": {"description": "0"}},
            "expanded b": {"participants": [ASHA], "options": {"description": "1"}},
            "expanded 0": {"participants": [ASHA]},
            "expanded 1": {"participants": [BHARAT, ASHA]},
            "kwargs a": {"participants": [ASHA]},
            "kwargs b": {"participants": [BHARAT], "options": {"description": "b"}},
            "customer a": {"participants": [ASHA]},
            "customer b": {"participants": [ASHA]},
        }
        ids, told = ids_by_name(periskope_sandbox), outputs(run)
        assert told["received"] == [ids["expanded a"], ids["expanded b"]]
        assert [told[f"kwargs[{index}]"] for index in (0, 1)] == [ids["kwargs a"], ids["kwargs b"]]
        assert told["each.next_step[0]"] == ["customer a", ids["customer a"]]
        assert told["each.next_step[1]"] == ["customer b", ids["customer b"]]


class TestInviteLink:
    def test_that_the_api_did_not_tell_is_empty_downstream(
        self, run_dag: RunDag, periskope_sandbox: Sandbox
    ) -> None:
        periskope_sandbox.add_group("linkless", without=("invite_link",))
        run = run_dag(DAGS / "linkless.py")
        assert (run.state, outputs(run)["take"]) == ("success", [""])


class TestAsset:
    def test_the_event_tells_chat_id_and_name_and_no_link(
        self, run_dag: RunDag, periskope_sandbox: Sandbox, meet_assets: Callable[[Any], None]
    ) -> None:
        from airflow.utils.session import create_session

        from airflow_provider_periskope.sandbox.dag_runs import load_dag

        dag = load_dag(DAGS / "asset.py")
        meet_assets(dag)
        run = run_dag(dag)
        assert run.state == "success"
        try:
            from airflow.models.asset import AssetEvent as Event
        except ImportError:  # before 3.0
            from airflow.models.dataset import DatasetEvent as Event
        with create_session() as session:
            extra = session.query(Event.extra).order_by(Event.id.desc()).first()[0]
        (group,) = periskope_sandbox.groups
        told = {name: value for name, value in extra.items() if name != "from_rest_api"}
        assert told == {"chat_id": group.chat_id, "group_name": "Sales"}


class TestWhatTheInterfaceShows:
    def test_rendered_fields(self, run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
        from airflow.models.renderedtifields import RenderedTaskInstanceFields

        periskope_sandbox.add_phone(OTHER_PHONE)
        run = run_dag(DAGS / "every_form.py")
        rendered = RenderedTaskInstanceFields.get_templated_fields(run.get_task_instance("jinja_within"))
        assert rendered["group_name"] == "jinja within Sales"
        assert rendered["options"]["description"] == "For Sales of every_form"
        assert rendered["participants"][0] == ASHA
        assert periskope_sandbox.api_key not in json.dumps(rendered)

    def test_link(self, run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
        from airflow_provider_periskope.operators.group import PeriskopeGroupLink
        from airflow_provider_periskope.sandbox.dag_runs import load_dag

        run = run_dag(EXAMPLES / "example_periskope_create_group.py")
        operator = load_dag(EXAMPLES / "example_periskope_create_group.py").get_task("create_group")
        assert [type(link).__name__ for link in operator.operator_extra_links] == ["PeriskopeGroupLink"]
        assert PeriskopeGroupLink().name == "Join WhatsApp group"
        stored = link_of(run, operator)
        assert stored == periskope_sandbox.groups[0].invite_link


def link_of(run: Any, operator: Any) -> str:
    """Return the link as Airflow shows it: from 3.0 on the task stores it, 2.11 asks the serialized operator."""
    (instance,) = [each for each in run.get_task_instances() if each.task_id == operator.task_id]
    if AIRFLOW < (3, 0):
        from airflow.serialization.serialized_objects import SerializedDAG

        as_served = SerializedDAG.from_dict(SerializedDAG.to_dict(operator.dag)).get_task(operator.task_id)
        return as_served.get_extra_links(instance, "Join WhatsApp group")
    return instance.xcom_pull(task_ids=operator.task_id, key="_link_PeriskopeGroupLink")


class TestRateLimit:
    @pytest.fixture
    def triggers(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Shorten the waits, and return the triggers that tasks are deferred to."""
        from airflow_provider_periskope import waiting
        from airflow_provider_periskope.api import client
        from airflow_provider_periskope.triggers import wait

        made: list[Any] = []
        wait_trigger = wait.PeriskopeWaitTrigger
        # A wait of a second is one that the client would otherwise take in place.
        monkeypatch.setattr(client, "WAIT_IN_PLACE", 0)
        monkeypatch.setattr(waiting, "SHORTEST", 1)
        monkeypatch.setattr(waiting, "JITTER", 0)
        monkeypatch.setattr(
            wait,
            "PeriskopeWaitTrigger",
            lambda until, carried: made.append(wait_trigger(until, carried)) or made[-1],
        )
        return made

    def test_is_waited_for_in_the_way_of_the_release(
        self, run_dag: RunDag, periskope_sandbox: Sandbox, triggers: list[Any]
    ) -> None:
        periskope_sandbox.fault("rate_limit")
        run = run_dag(DAGS / "with_retries.py")
        (instance,) = run.get_task_instances()
        (group,) = periskope_sandbox.groups
        assert (run.state, instance.try_number) == ("success", 1)
        assert outputs(run) == {"create": group.chat_id}
        # The task state store of 3.3 outlives a reschedule; below it only a deferral can carry what is known.
        # Some releases make the trigger once more, as a triggerer does.
        assert len({trigger.until for trigger in triggers}) == (0 if AIRFLOW >= (3, 3) else 1)


class TestWithoutXCom:
    def test_nothing_is_stored(self, run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
        """Neither the link, which lets anybody join, nor anything else."""
        run = run_dag(DAGS / "without_xcom.py")
        (group,) = periskope_sandbox.groups
        assert (run.state, bool(group.invite_link)) == ("success", True)
        for key in ("return_value", "invite_link", "outcome"):
            assert outputs(run, key) == {"create": None}
        assert not outputs(run, "_link_PeriskopeGroupLink")["create"]


class TestFailures:
    """`retries=3` each time: how many are spent is what differs."""

    @pytest.fixture
    def run(self, run_dag: RunDag) -> Callable[..., tuple[str, int]]:
        def run(**conf: Any) -> tuple[str, int]:
            """Run, and return the state of the task and the number of its last try."""
            run = run_dag(DAGS / "with_retries.py", run_conf=conf or None)
            (instance,) = run.get_task_instances()
            return str(instance.state), instance.try_number

        return run

    @pytest.mark.parametrize(
        ("conf", "told"),
        [
            pytest.param({"name": ""}, "group_name is empty", id="empty name"),
            pytest.param({"name": None}, "group_name is None", id="name rendered to None"),
            pytest.param({"name": "None"}, "group_name is ", id="name rendered to the text None"),
            pytest.param({"name": "a" * 101}, "group_name has 101 characters", id="long name"),
            pytest.param({"people": []}, "participants is empty", id="no participants"),
            pytest.param({"people": None}, "participants is None", id="participants rendered to None"),
            pytest.param({"people": ["12", "abc", 1.5]}, "3 problems with the input", id="no numbers"),
        ],
    )
    def test_bad_input_fails_at_once_and_sends_nothing(
        self,
        run: Callable[..., tuple[str, int]],
        periskope_sandbox: Sandbox,
        logged: Callable[[], str],
        conf: dict[str, Any],
        told: str,
    ) -> None:
        assert run(**conf) == ("failed", 1)
        assert told in logged()
        assert periskope_sandbox.requests == []

    @pytest.mark.parametrize(
        ("fault", "told"),
        [
            ("wrong_key", "PeriskopeAuthenticationError: The API key of connection"),
            ("wrong_plan", "PeriskopePlanError: The organisation"),
            ("not_found", "PeriskopeNotFoundError: Not found"),
            ("invalid", "group_name: Not a good name"),
        ],
    )
    def test_a_refusal_fails_at_once(
        self,
        run: Callable[..., tuple[str, int]],
        periskope_sandbox: Sandbox,
        logged: Callable[[], str],
        fault: str,
        told: str,
    ) -> None:
        periskope_sandbox.fault(fault, times=None)
        assert run() == ("failed", 1)
        assert told in logged()
        assert len(periskope_sandbox.requests) == 1

    def test_an_error_that_no_retry_cures_is_told_once(
        self, run: Callable[..., tuple[str, int]], periskope_sandbox: Sandbox, logged: Callable[[], str]
    ) -> None:
        periskope_sandbox.fault("wrong_key", times=None)
        assert run() == ("failed", 1)
        text = logged()
        assert "AirflowFailException: PeriskopeAuthenticationError: The API key of connection" in text
        assert "Copy it again from Settings > API" in text
        # The exception that it was raised from would be shown a second time.
        assert "direct cause of the following exception" not in text
        assert "During handling of the above exception" not in text

    def test_a_connection_of_another_type_fails_at_once(
        self,
        run: Callable[..., tuple[str, int]],
        periskope_sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
        logged: Callable[[], str],
    ) -> None:
        connection = json.loads(periskope_sandbox.connection_json()) | {"conn_type": "http"}
        monkeypatch.setenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", json.dumps(connection))
        assert run() == ("failed", 1)
        assert "its type is 'http', not 'periskope'" in logged()
        assert periskope_sandbox.requests == []

    def test_a_connection_that_is_not_there_uses_the_retries(
        self,
        run: Callable[..., tuple[str, int]],
        periskope_sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
        logged: Callable[[], str],
    ) -> None:
        # Airflow says the same of a secrets backend that is down.
        monkeypatch.delenv("AIRFLOW_CONN_PERISKOPE_DEFAULT")
        assert run() == ("failed", 4)
        assert "Connection 'periskope_default' is not defined" in logged()

    def test_a_phone_that_is_off_uses_the_retries(
        self,
        run: Callable[..., tuple[str, int]],
        periskope_sandbox: Sandbox,
        logged: Callable[[], str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Below 3.3 no try knows that the one before was refused, and each gives its group a minute to show up.
        monkeypatch.setattr("airflow_provider_periskope.once.rule.SETTLING", timedelta(seconds=1))
        periskope_sandbox.fault("phone_off", times=2)
        state, tries = run()
        assert "Restart it in the Periskope console" in logged()
        assert (state, tries) == ("success", 3)

    def test_no_log_of_a_task_tells_the_key_or_a_number(
        self, run: Callable[..., tuple[str, int]], periskope_sandbox: Sandbox, logged: Callable[[], str]
    ) -> None:
        periskope_sandbox.fault("invalid", says={"message": f"{ASHA} is not on WhatsApp"})
        assert run(people=[ASHA, BHARAT, f"+{ASHA}"])[0] == "failed"
        assert run(people=[ASHA, BHARAT, BHARAT + "12345"])[0] == "failed"
        # Airflow 3.0 tells at DEBUG, where `dag.test()` shows it, what it masks and what the author wrote, and
        # draws a box with the arguments of each function below an error.
        theirs = ("conf", "MaskSecret(", "SetRenderedFields(")
        ours = [line for line in logged().splitlines() if not any(word in line for word in theirs)]
        assert [line for line in ours if periskope_sandbox.api_key in line] == []
        for number in (ASHA, BHARAT):
            assert [line for line in ours if number in line and "│" not in line] == []


@pytest.mark.parametrize("mapped", [False, True], ids=["the operator", "partial"])
class TestWhileTheDagIsParsed:
    @pytest.fixture
    def make(self, mapped: bool) -> Callable[..., Any]:
        from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

        task = {"task_id": "x", "group_name": "x {{ ti.map_index }}"}
        if mapped:
            return lambda **arguments: PeriskopeCreateGroupOperator.partial(**task, **arguments)
        return lambda **arguments: PeriskopeCreateGroupOperator(**task, participants=[ASHA], **arguments)

    def test_if_exists_is_checked(self, make: Callable[..., Any]) -> None:
        with pytest.raises(
            ValueError, match="Task 'x': if_exists is 'resue': expected 'create', 'reuse' or 'fail'"
        ):
            make(if_exists="resue")

    @pytest.mark.parametrize("written", [3600, None], ids=repr)
    def test_the_rate_limit_timeout_is_checked(self, make: Callable[..., Any], written: object) -> None:
        with pytest.raises(TypeError, match=f"rate_limit_timeout is {written}: expected a timedelta"):
            make(rate_limit_timeout=written)

    def test_literal_names_of_options_are_checked(self, make: Callable[..., Any]) -> None:
        with pytest.raises(ValueError, match=r"messagesAdminOnly is not a valid option: did you mean"):
            make(options={"messagesAdminOnly": True})

    @pytest.mark.parametrize(
        "options", [None, {}, "{{ params.options }}", {"{{ params.option }}": True}, {"description": "A"}]
    )
    def test_what_only_a_run_can_tell_is_let_through(self, make: Callable[..., Any], options: Any) -> None:
        make(options=options, if_exists="reuse", rate_limit_timeout=timedelta.max)


def test_one_name_for_all_mapped_instances_is_refused_while_the_dag_is_parsed() -> None:
    from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

    with pytest.raises(ValueError, match="Task 'many': group_name is the same for all mapped instances"):
        PeriskopeCreateGroupOperator.partial(task_id="many", group_name="Sales")


def test_what_the_author_wrote_about_the_task_is_shown_in_place_of_our_text() -> None:
    try:
        from airflow.sdk import DAG
    except ImportError:  # Airflow 2.11
        from airflow.models.dag import DAG

    from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

    task = {"group_name": "A", "participants": [ASHA]}
    with DAG("documented", default_args={"doc_md": "Of team X"}, schedule=None):
        assert PeriskopeCreateGroupOperator(task_id="by_default", **task).doc_md == "Of team X"
        assert PeriskopeCreateGroupOperator(task_id="by_hand", doc_md="Mine", **task).doc_md == "Mine"
    assert PeriskopeCreateGroupOperator(task_id="not_at_all", **task).doc_md == (
        PeriskopeCreateGroupOperator.default_doc_md
    )
