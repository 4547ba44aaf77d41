"""The page of the sandbox in a real browser, with screenshots to look at.

Not collected with the other tests, since it needs Chromium and its driver (Debian's packages `chromium` and
`chromium-driver`) and `selenium`: `pytest tests/sandbox/browser/check_page.py`. Screenshots go to the folder
that SCREENSHOTS names, else to pytest's own.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from airflow_provider_periskope.sandbox.server import Sandbox

    Call = Callable[..., requests.Response]

ASHA = "919537851844"
RAVI = "918527184400"
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    for argument in (*ARGUMENTS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.binary_location = shutil.which("chromium") or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: webdriver.Chrome, sandbox: Sandbox) -> Iterator[webdriver.Chrome]:
    show(browser, 1280)
    browser.get(sandbox.url.removesuffix("v1"))
    yield browser
    assert browser.get_log("browser") == []
    browser.get("about:blank")


def show(browser: webdriver.Chrome, width: int, scheme: str = "light") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def seen(browser: webdriver.Chrome, place: str, text: str) -> str:
    """Wait until the place shows the text, and give all that it shows."""
    shown = WebDriverWait(browser, 5)
    shown.until(lambda driver: text in driver.find_element(By.CSS_SELECTOR, place).text)
    return str(browser.find_element(By.CSS_SELECTOR, place).text)


def test_it_begins_empty(page: webdriver.Chrome) -> None:
    seen(page, "#groups", "No groups yet")
    seen(page, "#calls", "Nothing has come in yet")


def test_it_shows_what_happens_by_itself(
    page: webdriver.Chrome, sandbox: Sandbox, call: Call, create: Call, tmp_path: Path
) -> None:
    sandbox.not_in_contacts.add(RAVI)
    sandbox.contact_names[ASHA] = "Asha"
    group = create("Stand-up 2026-11-23", (ASHA, RAVI), description="Daily", messagesAdminsOnly=True).json()
    call("POST", "/message/send", {"chat_id": group["chat_id"], "message": "Good *morning*"})
    sandbox.fault("drop_after")
    with pytest.raises(OSError):
        create("Order 4711")
    sandbox.fault("html_502", times=None, group_name="Never")
    create("Never")
    groups = seen(page, "#groups", "Stand-up 2026-11-23")
    assert "2 members, 1 only invited" in groups
    calls = seen(page, "#calls", "502")
    assert "POST /v1/chats/create" in calls
    assert "dropped" in calls
    assert "drop_after" in calls
    assert f"phone {sandbox.phone}" in calls
    seen(page, "#faults", "html_502 waits for Never (always)")
    page.find_element(By.XPATH, "//summary[contains(., 'Stand-up')]").click()
    inside = seen(page, "details[open]", "Good *morning*")
    for text in ("Asha", "+91 85271 84400 · invited", "Daily", "only admins write", group["invite_link"]):
        assert text in inside
    create("Another one")
    seen(page, "#groups", "Another one")
    assert "Good *morning*" in page.find_element(By.CSS_SELECTOR, "details[open]").text
    sandbox.add_message(group["chat_id"], "Good morning!", sender=ASHA)
    seen(page, "details[open]", "Good morning!")
    page.find_element(By.XPATH, "//section[2]//summary[contains(., 'Stand-up')]").click()
    bodies = seen(page, "#calls details[open]", "group_description")
    assert '"messagesAdminsOnly": true' in bodies
    assert sandbox.api_key not in page.page_source
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    for width, scheme in ((1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")):
        show(page, width, scheme)
        page.save_screenshot(str(folder / f"sandbox-{width}-{scheme}.png"))
        assert page.execute_script("return document.documentElement.scrollWidth") == width


def test_its_buttons_let_calls_fail(
    page: webdriver.Chrome, sandbox: Sandbox, call: Call, create: Call
) -> None:
    def press(text: str) -> None:
        seen(page, "#buttons", text)
        page.execute_script(  # in one step: the page may replace its buttons at any time
            "[...document.querySelectorAll('button')].find(b => b.textContent === arguments[0]).click()", text
        )

    press("Lose the next response")
    seen(page, "#faults", "drop_after waits for POST *")
    with pytest.raises(OSError):
        create("Lost")
    assert len(sandbox.groups_named("Lost")) == 1
    press("429 for 30 s")
    seen(page, "#faults", "rate_limit")
    assert call("GET", "/phones").status_code == 429
    press("Clear faults")
    press("Switch the phone off")
    seen(page, "#facts", "(off)")
    assert create("Off").status_code == 401
    press("Switch the phone on")
    press("Disconnect from WhatsApp")
    seen(page, "#facts", "(not connected)")
    assert sandbox.phones[sandbox.phone].is_connected is False
    press("Connect to WhatsApp")
    seen(page, "#buttons", "Disconnect from WhatsApp")
    assert create("On").status_code == 200


def test_a_group_without_a_picture_shows_initials_of_its_words(
    page: webdriver.Chrome, sandbox: Sandbox
) -> None:
    names = {"Cohort 2025-01-27 Élan": "CÉ", "2025": "#", "stand-up": "SU"}
    for name in names:
        sandbox.add_group(name)
    seen(page, "#groups", "stand-up")
    shown = [element.text for element in page.find_elements(By.CSS_SELECTOR, ".picture")]
    assert sorted(shown) == sorted(names.values())


def test_it_escapes_what_it_shows(page: webdriver.Chrome, sandbox: Sandbox, call: Call, create: Call) -> None:
    attack = "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"
    sandbox.contact_names[ASHA] = attack
    chat_id = create(attack, description=attack, image=attack).json()["chat_id"]
    call("POST", "/message/send", {"chat_id": chat_id, "message": attack})
    call("GET", "/chats/%ff%3Cb%3E", headers={"x-phone": "<b>"})
    page.execute_script("document.body.dataset.waiting = 1")
    seen(page, "#groups", attack)
    seen(page, "#calls", "<b>")
    page.find_element(By.CSS_SELECTOR, "summary").click()
    assert seen(page, "details[open]", "picture:").count(attack) >= 4
    assert page.title == "Periskope sandbox"
    assert page.find_elements(By.CSS_SELECTOR, "main script, main img, main b") == []


def test_it_loads_nothing_from_another_host(page: webdriver.Chrome, sandbox: Sandbox, create: Call) -> None:
    create("Stand-up", image="https://example.com/picture.png")
    seen(page, "#groups", "Stand-up")
    addresses: list[Any] = page.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name)"
    )
    assert addresses
    assert all(address.startswith(f"http://127.0.0.1:{sandbox.port}/sandbox/") for address in addresses)


def test_it_says_when_the_sandbox_is_gone(page: webdriver.Chrome, sandbox: Sandbox) -> None:
    seen(page, "#facts", "rate limit")
    sandbox.stop()
    seen(page, "#facts", "does not respond")
    page.get_log("browser")
