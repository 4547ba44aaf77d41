"""
What a person sees of the provider in the newest Airflow.

The runs are triggered, as with the button: now and then, the scheduler of a new home leaves a first scheduled run out.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.conftest import Site

DIALOG = "//*[@role='dialog']"
CREATE = "example_periskope_create_group"
WEEKLY = "example_periskope_weekly_groups"


@pytest.fixture
def form(newest: Site) -> Site:
    """Open the form of a new connection of type Periskope, chosen from the list."""
    browser = newest.browser
    newest.open("/connections")
    browser.click("//button[contains(., 'Add Connection')]")
    browser.click(f"{DIALOG}//*[contains(text(), 'Select Connection Type')]/ancestor::div[2]")
    browser.click("//*[@role='option'][normalize-space()='Periskope']")
    browser.see("API key")
    return newest


@pytest.fixture(scope="session")
def created(newest: Site) -> Iterator[str]:
    """Run the first example; return the path of the page of its task."""
    return f"/dags/{CREATE}/runs/{newest.run(CREATE)}/tasks/create_group"


@pytest.fixture(scope="session")
def weekly(newest: Site) -> str:
    """Return the path of the page of the first mapped instance of the second example."""
    return f"/dags/{WEEKLY}/runs/{newest.run(WEEKLY)}/tasks/create_group/mapped/0"


def test_the_form_asks_for_what_is_needed_and_for_nothing_else(form: Site) -> None:
    fields = form.browser.driver.execute_script("""
        return [...document.querySelectorAll('[role=dialog] input[name], [role=dialog] textarea[name]')]
            .map(field => [field.name, field.type, field.placeholder])""")
    shown = {
        name: (kind, placeholder)
        for name, kind, placeholder in fields
        if name not in ("connection_id", "element_timeout")
    }
    assert shown == {
        "description": ("textarea", ""),
        "host": ("text", "https://api.periskope.app/v1 if left empty"),
        "login": ("text", "919876543210: digits only; or Periskope's phone-… id"),
        "password": ("password", "from Settings > API in the Periskope console"),
        "port": ("number", "443 if left empty; the test button of Airflow 3.3.1 and 3.3.2 needs it"),
    }
    text = form.browser.text
    for label in ("API base URL", "Phone, with country code", "API key", "Port"):
        assert label in text
    form.browser.click(f"{DIALOG}//button[normalize-space()='Extra Fields']")
    text = form.browser.see("Read timeout")
    assert "Seconds to wait for a response; 60 if left empty." in text


def test_a_connection_is_saved_edited_and_tested(form: Site) -> None:
    browser, sandbox = form.browser, form.sandbox
    row = "//tr[contains(., 'my_phone')]"

    def save() -> None:
        browser.click(f"{DIALOG}//button[contains(., 'Save')]")
        browser.wait(lambda: not browser.driver.find_elements("xpath", DIALOG), "the form to close")

    def test_says(text: str) -> str:
        browser.click(f"{row}//button[@aria-label='Test Connection']")
        return browser.see(text)

    browser.write(f"{DIALOG}//input[@name='connection_id']", "my_phone")
    browser.write(f"{DIALOG}//input[@name='host']", "http://127.0.0.1")
    browser.write(f"{DIALOG}//input[@name='port']", str(sandbox.port))
    browser.write(f"{DIALOG}//input[@name='login']", "+91 98765 43210")
    browser.write(f"{DIALOG}//input[@name='password']", "not-the-key")
    save()
    told = test_says("The API key of this connection is wrong")
    assert "Test Connection Failed" in told
    assert "not-the-key" not in told

    browser.click(f"{row}//button[contains(@aria-label, 'Edit')]")
    assert browser.find(f"{DIALOG}//input[@name='login']").get_attribute("value") == "+91 98765 43210"
    assert browser.find(f"{DIALOG}//input[@name='password']").get_attribute("value") in ("", "***")
    browser.write(f"{DIALOG}//input[@name='password']", sandbox.api_key)
    save()
    sandbox.phones[sandbox.phone].is_off = True
    try:
        told = test_says("The API key is right, but phone 'Sandbox'")
    finally:
        sandbox.phones[sandbox.phone].is_off = False
    assert "connect it in the Periskope console" in told
    told = test_says("answered; its state is CONNECTED")
    assert "9198•••••210" in told


def test_the_link_of_the_task_opens_the_group(newest: Site, created: str) -> None:
    newest.open(f"{created}/details")
    link = newest.browser.find("//a[normalize-space()='Join WhatsApp group']")
    assert link.get_attribute("href") in [
        group.invite_link for group in newest.sandbox.groups_named("Test New 1040")
    ]


def test_each_mapped_task_links_to_its_own_group_by_name(newest: Site, weekly: str) -> None:
    links = []
    for index in (0, 1):
        newest.open(f"{weekly[:-1]}{index}/details")
        link = newest.browser.find("//a[normalize-space()='Join WhatsApp group']").get_attribute("href")
        [group] = [group for group in newest.sandbox.groups if group.invite_link == link]
        assert newest.browser.find(f"//*[contains(text(), 'create_group [{group.name}]')]")
        links.append(link)
    assert len(set(links)) == 2


def test_the_rendered_fields_can_be_read(newest: Site, weekly: str) -> None:
    newest.open(f"{weekly}/rendered_templates")
    # Each token stands in an element of its own.
    text = "".join(newest.browser.see("periskope_default").split())
    for line in ("Sales20", '"+919537851844"', '"description":"Everythingaboutweek20'):
        assert line in text


def test_the_chat_id_shows_among_the_xcoms(newest: Site, created: str) -> None:
    newest.open(f"{created}/xcom")
    chat_ids = [group.chat_id for group in newest.sandbox.groups_named("Test New 1040")]
    text = newest.browser.see("return_value")
    assert any(chat_id in text for chat_id in chat_ids)
    assert "invite_link" in text
    assert "outcome" in text


def test_the_task_tells_what_it_does(newest: Site) -> None:
    newest.open(f"/dags/{CREATE}/tasks/create_group")
    newest.browser.click("//button[@aria-label='Documentation' or normalize-space()='Documentation']")
    newest.browser.see("Creates a WhatsApp group with the company's own phone")


def test_a_good_run_logs_little_and_says_which_group(newest: Site, created: str) -> None:
    [log] = newest.airflow.home.glob(f"logs/dag_id={CREATE}/*/task_id=create_group/attempt=1.log")
    events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    ours = [
        e["event"]
        for e in events
        if str(e.get("logger", "")).startswith(("airflow_provider", "airflow.task.op"))
    ]
    assert 1 <= len(ours) <= 6
    assert "Test New 1040" in ours[-1]
    assert "@g.us" in ours[-1]


def test_a_dag_that_is_scheduled_on_the_asset_receives_the_chat_id(newest: Site) -> None:
    producer, consumer = "example_periskope_event_driven", "example_periskope_event_driven_welcome"
    # Not the run of the schedule: it may have come before Airflow knew who waits for the asset.
    chat_id = newest.xcom(producer, newest.run(producer), "create_group")
    assert chat_id in [group.chat_id for group in newest.sandbox.groups if group.name.startswith("Launch")]

    def received() -> str | None:
        runs = newest.airflow.api("GET", f"/dags/{consumer}/dagRuns")["dag_runs"]
        ended = [run["dag_run_id"] for run in runs if run["state"] == "success"]
        return next((run for run in ended if chat_id in newest.xcom(consumer, run, "welcome")), None)

    assert newest.wait(received, f"a run of {consumer} that is told {chat_id}")


def test_a_pool_with_one_slot_lets_one_task_at_a_time_make_groups(newest: Site) -> None:
    dag_id = "example_periskope_one_slot_pool"
    run_id = newest.run(dag_id)
    tries = newest.airflow.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
    spans = sorted((one["start_date"], one["end_date"]) for one in tries)
    assert len(spans) == 3
    for (_, ended), (started, _) in itertools.pairwise(spans):
        assert ended <= started
