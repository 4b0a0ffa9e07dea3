"""The files of a place in a browser: the verbs of their tests."""

import contextlib
import time

from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from page import PATIENCE, Page


class FilesPage(Page):
    """A browser that shows the files of a place."""

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    # What is shown.

    def names(self):
        """The names of the rows that are drawn."""
        return self.run("return [...document.querySelectorAll('.files-space .files-open')].map((e) => e.textContent)")

    def settled(self):
        """Waits until the folder is loaded, and files can be dropped."""
        ready = "return document.querySelector('.files:has(.files-drop) .files-grid')?.getAttribute('aria-busy') === 'false'"
        self.wait(lambda: self.run(ready), "the folder is loaded")

    def row(self, name):
        script = """return [...document.querySelectorAll('.files-space .files-row')]
            .find((row) => row.querySelector('.files-open').textContent === arguments[0])"""
        return self.wait(lambda: self.run(script, name), f"the row of {name}")

    def click_in_row(self, name, selector):
        self.on(lambda: self.row(name).find_element(By.CSS_SELECTOR, selector), lambda element: element.click())

    def has(self, name):
        self.row(name)

    def lacks(self, name, patience=PATIENCE):
        self.wait(lambda: name not in self.names(), f"{name} is gone", patience)

    # What a person does.

    def open_place(self, workspace):
        """One's own storage with None."""
        self.run("location.hash = arguments[0]", f"#/workspace/{workspace}/files" if workspace else "#/own/files")
        self.find("main h1", workspace)
        self.settled()

    def open_entry(self, name):
        self.click_in_row(name, ".files-open")

    def enter(self, *names):
        for name in names:
            self.open_entry(name)
            crumb = "return document.querySelector('.files-crumbs [aria-current]')?.textContent"
            self.wait(lambda name=name: self.run(crumb) == name, f"{name} is shown")
            self.settled()

    def root(self):
        crumbs = [link for link in self.all(".files-crumbs a") if link.is_displayed()]
        if crumbs:
            crumbs[0].click()
            self.settled()
        else:
            self.clear()
            self.click(".files-refresh")

    def select(self, *names):
        self.clear()
        for name in names:
            self.click_in_row(name, "input")

    def clear(self):
        # In one step: a folder that loads again may clear the selection in between.
        self.run("for (const button of document.querySelectorAll('.files-clear')) if (button.checkVisibility()) button.click()")

    def do(self, action):
        self.click(f".files-do-{action}")

    def upload(self, kind, *paths):
        """`kind` is `multiple` or `webkitdirectory`."""
        self.driver.find_element(By.CSS_SELECTOR, f"input[type=file][{kind}]").send_keys("\n".join(map(str, paths)))

    def filter(self, text):
        field = self.find(".files-filter")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text or Keys.DELETE)

    @contextlib.contextmanager
    def dialog(self):
        """The dialog that is open; it is closed after by Escape."""
        yield self.find("dialog[open]")
        if self.all("dialog[open]"):
            self.press(Keys.ESCAPE)
        self.no_dialog()

    def no_dialog(self, patience=PATIENCE):
        self.wait(lambda: not self.all("dialog[open]"), "no dialog is open", patience)

    def type_into_dialog(self, text):
        field = self.find("dialog[open] input[type=text]")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)

    def submit(self):
        self.click("dialog[open] button[type=submit]")

    # Uploads.

    def progress(self):
        """What share of the uploads was sent."""
        return self.run("return document.querySelector('.files-panel:not([hidden]) > progress')?.value ?? 0")

    def lines(self, state):
        return self.all(f".files-upload-{state}")

    def hide_uploads(self):
        """Hides what is over, so that the next uploads are not taken for done before they begin."""
        for button in self.all(".files-panel header button:not([hidden])"):
            if button.is_displayed():
                button.click()
        self.gone(".files-panel")

    def uploaded(self, patience):
        """Waits for the end of all the uploads. Returns the words above them."""
        script = """const panel = document.querySelector('.files-panel:not([hidden])');
            return panel && panel.querySelector('.files-facts').hidden && panel.querySelector('h2').textContent"""
        return self.wait(lambda: self.run(script), "the uploads end", patience)

    # The network.

    def throttle(self, bytes_a_second):
        self._network(False, bytes_a_second)

    def unplug(self):
        self._network(True, -1)

    def plug(self):
        self._network(False, -1)

    def _network(self, offline, upload):
        self.driver.execute_cdp_cmd("Network.enable", {})
        conditions = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload}
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    def downloaded(self, path, patience=60):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if path.exists() and not list(path.parent.glob("*.crdownload")):
                return path
            time.sleep(0.05)
        raise AssertionError(f"{path.name} was not downloaded: {[p.name for p in path.parent.iterdir()]}")


def drop(view, name="dropped.txt"):
    view.run("""const data = new DataTransfer(); data.items.add(new File(['dropped'], arguments[0]));
        for (const type of ['dragenter', 'dragover', 'drop'])
          document.querySelector('.files-grid, .files').dispatchEvent(new DragEvent(type, {bubbles: true, cancelable: true, dataTransfer: data}))""", name)
