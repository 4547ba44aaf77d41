"""A headless Chromium, and the few things that a person does with it."""

from __future__ import annotations

import os
import tempfile
import time
from typing import TYPE_CHECKING, Self, TypeVar

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selenium.webdriver.remote.webelement import WebElement

Found = TypeVar("Found")
PATIENCE = 30.0
NOT_YET = (
    NoSuchElementException,
    StaleElementReferenceException,
    ElementClickInterceptedException,
    ElementNotInteractableException,
)


class Chromium:
    """
    A browser with a new, empty profile.

    :param width: width of the window.
    :param height: height of the window.
    :param sharpness: pixels of a picture for each pixel of the page.
    """

    def __init__(self, width: int = 1280, height: int = 1000, *, sharpness: float = 1) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in (
            "--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
            f"--window-size={width},{height}", f"--user-data-dir={self._profile.name}",
            f"--force-device-scale-factor={sharpness}", "--lang=en", "--hide-scrollbars",
            # What is not on this machine does not exist: nothing is asked of any other.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            *(["--no-sandbox"] if os.getuid() == 0 else []),
        ):  # fmt: skip
            options.add_argument(argument)
        self.driver = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.quit()
        self._profile.cleanup()

    def open(self, url: str) -> None:
        """Go to a page."""
        self.driver.get(url)

    def find(self, xpath: str, *, seconds: float = PATIENCE) -> WebElement:
        """Return the first element that can be seen, once there is one."""

        def visible() -> WebElement | None:
            return next((e for e in self.driver.find_elements(By.XPATH, xpath) if e.is_displayed()), None)

        return self.wait(visible, f"the element {xpath}", seconds=seconds)

    def see(self, text: str, *, seconds: float = PATIENCE) -> str:
        """Wait until the page shows a text, and return all that it shows."""
        return self.wait(
            lambda: self.text if text in self.text else None, f"the text {text!r}", seconds=seconds
        )

    @property
    def text(self) -> str:
        """What the page shows."""
        return str(self.driver.find_element(By.TAG_NAME, "body").text)

    def click(self, xpath: str) -> None:
        """Click on the first element that can be seen."""

        def clicked() -> bool:
            self.find(xpath, seconds=1).click()
            return True

        self.wait(clicked, f"a click on {xpath}")

    def write(self, xpath: str, text: str) -> None:
        """Replace what stands in a field."""
        field = self.find(xpath)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(Keys.DELETE)
        field.send_keys(text)

    def wait(self, probe: Callable[[], Found | None], what: str, *, seconds: float = PATIENCE) -> Found:
        """Wait until a probe returns something."""
        until = time.monotonic() + seconds
        while True:
            try:
                if found := probe():
                    return found
            except (*NOT_YET, TimeoutError):
                pass
            if time.monotonic() > until:
                raise TimeoutError(
                    f"{what} is not on {self.driver.current_url}, which shows:\n{self.text[:2000]}"
                )
            time.sleep(0.2)

    def pause(self, seconds: float) -> None:
        """Let what moves come to rest."""
        time.sleep(seconds)

    def picture(self, path: Path, element: str | None = None) -> None:
        """Save what the window shows, or one element."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if element:
            self.find(element).screenshot(str(path))
        else:
            self.driver.save_screenshot(str(path))
