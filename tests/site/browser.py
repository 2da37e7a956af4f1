"""Headless Chromium, and the faults that it finds in a page."""

import base64
import json
import shutil

import pytest

from tests.site.scripts import COVERED, WIDER

MISSING = "the site's tests need {}: on Debian, `apt-get install chromium chromium-driver`"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip
SIZES = {
    "desktop": (1400, 1000),
    "phone": (360, 740),
}  # in CSS pixels
OWN = ("data:", "blob:", "about:", "chrome:")


def program(name):
    """The path of a program; the test fails if it is not installed."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(MISSING.format(name))
    return path


class Browser:
    """One Chromium with a profile of its own.

    Parameters
    ----------
    profile : Path
        A new folder for the profile.
    """

    def __init__(self, profile):
        chromium, chromedriver = program("chromium"), program("chromedriver")
        try:
            from selenium import webdriver
        except ModuleNotFoundError:
            pytest.fail('the site\'s tests need selenium: `pip install -e ".[docs]"`')
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(executable_path=chromedriver)
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(60)

    def close(self):
        self.driver.quit()

    def look(self, size="desktop", scheme="light", motion="no-preference", medium="screen"):
        """Set the size of the window, the colour scheme, whether things may move, and the medium.

        The medium is "screen" or "print".
        """
        width, height = SIZES[size]
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone",
        })  # fmt: skip
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion},
        ]})  # fmt: skip

    def faults(self, address, root):
        """Open a page at the current size; list its errors, outside requests and bad layout.

        Parameters
        ----------
        address : str
            The page's address.
        root : str
            The beginning of every address of the site.

        Returns
        -------
        list of str
        """
        self.driver.get_log("browser"), self.driver.get_log("performance")
        self.driver.get(address)
        wider = self.ask(WIDER)
        wide = [f"wider than the window: {', '.join(wider)}"] if wider else []
        covered = [f"covers a part of its formula: {number}" for number in self.ask(COVERED)]
        errors = [
            f"console: {entry['message']}" for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
        ]  # fmt: skip
        left = [f"asks for {url}" for url in self.requests() if not url.startswith((root, *OWN))]
        return errors + left + covered + wide

    def ask(self, script):
        """The list that a script from `scripts` returns for the open page."""
        return self.driver.execute_script(script)

    def press(self, *keys):
        """Press keys; return the element that then has the focus."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()
        return self.driver.switch_to.active_element

    def requests(self):
        """Addresses that were requested since the log was last read."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                yield message["params"]["request"]["url"]

    def picture(self, file):
        """Save a screenshot of the window."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        file.write_bytes(base64.b64decode(shot["data"]))
