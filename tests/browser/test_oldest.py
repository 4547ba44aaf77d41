"""What a person sees of the provider in Airflow 2.11."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.support.ui import Select

if TYPE_CHECKING:
    from tests.browser.conftest import Site

# The page keeps its new parts in a shadow tree, which XPath does not reach.
LINK = """
    const hosts = [...document.querySelectorAll('*')].filter(host => host.shadowRoot);
    return [document, ...hosts.map(host => host.shadowRoot)]
        .flatMap(root => [...root.querySelectorAll('a[href]')])
        .filter(link => link.textContent.includes('Join WhatsApp group')).map(link => link.href)[0]"""
CREATE = "example_periskope_create_group"


@pytest.fixture
def form(oldest: Site) -> Site:
    """Open the form of a new connection of type Periskope, chosen from the list."""
    oldest.open("/connection/add")
    oldest.browser.wait(
        lambda: oldest.browser.driver.find_elements(
            "xpath", "//select[@id='conn_type']/option[.='Periskope']"
        ),
        "the type",
    )
    # The list that a person sees is drawn over this one, which can't be clicked.
    oldest.browser.driver.execute_script("""
        const list = $('#conn_type');
        list.val('periskope').trigger('change');""")
    oldest.browser.see("API key")
    return oldest


def test_the_form_asks_for_what_is_needed_and_for_nothing_else(form: Site) -> None:
    types = Select(form.browser.driver.find_element("id", "conn_type"))
    assert "Periskope" in [option.get_attribute("textContent").strip() for option in types.options]
    fields = form.browser.driver.execute_script("""
        return [...document.querySelectorAll('#model_form input, #model_form textarea')]
            .filter(field => field.offsetParent !== null)
            .map(field => [field.id, field.type, field.placeholder])""")
    shown = {name: (kind, placeholder) for name, kind, placeholder in fields if name not in ("", "conn_id")}
    assert shown == {
        "description": ("textarea", ""),
        "host": ("text", "https://api.periskope.app/v1 if left empty"),
        "login": ("text", "919876543210: digits only; or Periskope's phone-… id"),
        "password": ("password", "from Settings > API in the Periskope console"),
        "port": ("text", "443 if left empty; the test button of Airflow 3.3.1 and 3.3.2 needs it"),
        "extra__periskope__timeout": ("text", ""),
    }
    text = form.browser.text
    for words in ("API base URL", "Phone, with country code", "API key", "Read timeout", "60 if left empty"):
        assert words in text


def test_a_connection_is_tested_saved_and_edited(form: Site) -> None:
    browser, sandbox = form.browser, form.sandbox

    def test_says(text: str) -> str:
        browser.click("//*[@id='test-connection']")
        return browser.see(text)

    browser.write("//input[@id='conn_id']", "my_phone")
    browser.write("//input[@id='host']", f"http://127.0.0.1:{sandbox.port}/v1")
    browser.write("//input[@id='login']", "+91 98765 43210")
    browser.write("//input[@id='password']", "not-the-key")
    browser.write("//input[@id='extra__periskope__timeout']", "90")
    assert "not-the-key" not in test_says("The API key of this connection is wrong")
    browser.write("//input[@id='password']", sandbox.api_key)
    sandbox.phones[sandbox.phone].is_off = True
    try:
        test_says("The API key is right, but phone 'Sandbox'")
    finally:
        sandbox.phones[sandbox.phone].is_off = False
    assert "9198•••••210" in test_says("answered; its state is CONNECTED")
    browser.click("//button[@type='submit'][contains(., 'Save')]")
    browser.see("Added Row")
    form.open("/connection/list/")
    browser.click("//tr[contains(., 'my_phone')]//a[contains(@href, '/edit/')]")
    browser.wait(
        lambda: browser.find("//input[@id='login']").get_attribute("value") == "+91 98765 43210", "the phone"
    )
    assert browser.find("//input[@id='extra__periskope__timeout']").get_attribute("value") == "90"
    assert browser.find("//input[@id='password']").get_attribute("value") == ""


def test_the_link_of_the_task_opens_the_group(oldest: Site) -> None:
    run_id = oldest.run(CREATE)
    oldest.open(f"/dags/{CREATE}/grid?dag_run_id={run_id.replace('+', '%2B')}&task_id=create_group")
    oldest.browser.see("Extra Links")
    link = oldest.browser.wait(lambda: oldest.browser.driver.execute_script(LINK), "the link")
    assert link in [group.invite_link for group in oldest.sandbox.groups_named("Test New 1040")]


def test_a_dag_that_is_scheduled_on_the_asset_receives_the_chat_id(oldest: Site) -> None:
    dag_id = "example_periskope_event_driven_welcome"
    oldest.unpause(dag_id)
    oldest.scheduled_run("example_periskope_event_driven")
    received = oldest.xcom(dag_id, oldest.scheduled_run(dag_id), "welcome")
    [group] = [group for group in oldest.sandbox.groups if group.name.startswith("Launch")]
    assert group.chat_id in str(received)
