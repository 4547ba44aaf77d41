"""`make pictures`: the pictures of README and docs, from a running Airflow and a running sandbox."""

from __future__ import annotations

import sys

from scripts.airflow_ui import ROOT
from tests.browser.conftest import SHOTS, Site, site

PICTURES = ROOT / "docs" / "pictures"
DIALOG = "//*[@role='dialog']"
ALERTS = "120363392071406466@g.us"
CREATE = "example_periskope_create_group"


def main() -> int:
    """Make them; return the exit status."""
    for running in site(SHOTS / "pictures"):
        standup = running.scheduled_run("example_periskope_daily_standup")
        running.scheduled_run("example_periskope_weekly_groups")
        take_connection(running)
        take_task(running, running.run(CREATE))
        take_graph(running, standup)
        take_sandbox(running)
        fail_with_alert(running)
        take_alert(running)
    for picture in sorted(PICTURES.glob("*.png")):
        print(f"{picture.relative_to(ROOT)}  {picture.stat().st_size / 1000:.0f} kB")
    return 0


def take_connection(running: Site) -> None:
    """The form of a new connection, filled in but for the phone."""
    browser = running.browser
    browser.driver.set_window_size(1000, 1080)
    running.open("/connections")
    browser.click("//button[contains(., 'Add Connection')]")
    browser.click(f"{DIALOG}//*[contains(text(), 'Select Connection Type')]/ancestor::div[2]")
    browser.click("//*[@role='option'][normalize-space()='Periskope']")
    browser.see("API key")
    browser.write(f"{DIALOG}//input[@name='connection_id']", "periskope_default")
    browser.write(f"{DIALOG}//input[@name='password']", "a-key-of-the-console")
    save(running, "connection", DIALOG)


def take_task(running: Site, run_id: str) -> None:
    """A task that has made its group, with the link."""
    running.browser.driver.set_window_size(1280, 720)
    running.open(f"/dags/{CREATE}/runs/{run_id}/tasks/create_group/details")
    running.browser.find("//a[normalize-space()='Join WhatsApp group']")
    save(running, "task")


def take_graph(running: Site, run_id: str) -> None:
    """The tasks of a run as a graph, and beside it the link of the one that made the group."""
    browser = running.browser
    browser.driver.set_window_size(1500, 680)
    running.open(f"/dags/example_periskope_daily_standup/runs/{run_id}/tasks/create_group/details")
    browser.find("//a[normalize-space()='Join WhatsApp group']")
    browser.click("//button[@aria-label='Show Graph' or @value='graph' or contains(@aria-label, 'Graph')]")
    browser.find("//*[contains(@class, 'react-flow__node')]//*[text()='invite']")
    browser.find("//a[normalize-space()='Join WhatsApp group']")
    browser.pause(2)  # the graph moves into its place
    save(running, "graph")


def take_sandbox(running: Site) -> None:
    """The page of the sandbox."""
    running.browser.driver.set_window_size(1000, 620)
    running.browser.open(running.sandbox.url.removesuffix("v1"))
    running.browser.see("Test New 1040")
    save(running, "sandbox")


def fail_with_alert(running: Site) -> None:
    """Let the run of an example fail, of which it tells its group."""
    running.sandbox.add_group("Data team", chat_id=ALERTS)
    running.unpause("example_periskope_alerts")
    run = {"logical_date": None, "conf": {"fail": True}}
    running.airflow.api("POST", "/dags/example_periskope_alerts/dagRuns", run)


def take_alert(running: Site) -> None:
    """The alert in the group, on the page of the sandbox."""
    running.browser.driver.set_window_size(1000, 680)
    running.browser.open(running.sandbox.url.removesuffix("v1"))
    running.browser.wait(lambda: running.sandbox.messages_in(ALERTS) or None, "the alert", seconds=120)
    running.browser.click("//*[contains(text(), 'Data team')]")
    running.browser.see("DAG failed")
    save(running, "alert")


def save(running: Site, name: str, element: str | None = None) -> None:
    """Save a picture."""
    running.browser.pause(1)  # what fades in
    running.browser.picture(PICTURES / f"{name}.png", element)


if __name__ == "__main__":
    sys.exit(main())
