"""The console in a headless Chromium: what its tests share."""

import json
import os
import re
import sys
from pathlib import Path

import requests
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 20
DESKTOP, PHONE = (1280, 860), (360, 740)

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cloakroom/console"
AXE = CACHE / "node_modules/axe-core/axe.min.js"

# Remembers the tokens, so that a test can end them where they come from. `token life` makes the page believe that they last so
# many seconds.
TOKENS = """
{
  const fetched = window.fetch;
  window.fetch = async (...given) => {
    const response = await fetched(...given);
    if (!response.url.endsWith('/token') || !response.ok) return response;
    const answer = await response.json();
    window.tokens = [answer.access_token, answer.refresh_token];
    const life = sessionStorage.getItem('token life');
    return Response.json(life ? { ...answer, expires_in: Number(life) } : answer);
  };
}
"""

# When the first list was shown, in milliseconds since the page was asked for.
LISTED = """
new MutationObserver((_, observer) => {
  if (document.querySelector('.files-grid')?.ariaBusy !== 'false') return;
  window.listed = performance.now();
  observer.disconnect();
}).observe(document, { subtree: true, childList: true, attributeFilter: ['aria-busy'] });
"""


def check(what, holds, more=""):
    print(f"{'ok   ' if holds else 'FAIL '} console: {what}{f' ({more})' if more else ''}", flush=True)
    if not holds:
        sys.exit(1)


class Page:
    """A browser of its own, with an empty profile."""

    def __init__(self, gateway, screenshots=None, language="en", sign_in="dev", wire=False):
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
                         f"--lang={language}", f"--accept-lang={language}", "--window-size=1280,1000"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", **({"performance": "ALL"} if wire else {})})
        options.add_experimental_option("prefs", {"intl.accept_languages": language})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
        self.gateway, self.screenshots, self.server = gateway, screenshots, sign_in
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": TOKENS + LISTED})
        self.driver.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
        self.look(DESKTOP)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.shot("failure")
            print(self.driver.current_url, self.text(), *self.errors(), sep="\n", file=sys.stderr)
        self.driver.quit()

    # Waiting and finding.

    def wait(self, condition, what, patience=PATIENCE):
        waiting = WebDriverWait(self.driver, patience, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException])
        return waiting.until(lambda _: condition(), what)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def find(self, selector, text=None, patience=PATIENCE):
        def found():
            return next((e for e in self.all(selector) if e.is_displayed() and (text is None or text in e.text)), None)
        return self.wait(found, f"{selector} {text or ''}", patience)

    def on(self, find, act):
        """Acts on an element, and finds it again if the page put another in its place in between."""
        def acted():
            act(find())
            return True
        self.wait(acted, "an element stays")

    def click(self, selector, text=None):
        self.on(lambda: self.find(selector, text), lambda element: element.click())

    def gone(self, selector):
        self.wait(lambda: not any(e.is_displayed() for e in self.all(selector)), f"{selector} is gone")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    # What a person does.

    def open(self, path="/console/"):
        self.driver.get(f"{self.gateway}{path}")

    def sign_in(self, user, path="/console/"):
        """From the first page to the files."""
        self.open(path)
        self.click("main button.primary")
        self.choose_user(user)

    def choose_user(self, user):
        if self.server == "keycloak":
            self.find("#username").send_keys(user)
            self.find("#password").send_keys(user)
            self.click("#kc-login, [type=submit]")
        elif user in ("alice", "bob"):
            self.click(f"button[name=user][value={user}]")
        else:
            self.find("#other").send_keys(user)
            self.click(".other button")

    def signed_in(self, user):
        self.sign_in(user)
        self.find(".tabs")
        return self

    def again(self, user):
        """Reloads the page, and signs in again."""
        self.driver.refresh()
        self.choose_user(user)

    def end_sign_in(self, issuer, count=2):
        """Ends the page's tokens at the authorization server, or only the access token."""
        for token in self.run("return window.tokens")[:count]:
            requests.post(f"{issuer}/revoke", data={"client_id": "demo", "token": token}, timeout=20).raise_for_status()

    # How it looks.

    def look(self, size, theme="light"):
        """Returns when the page is drawn: a list draws its rows in the frame after the one that has the new size."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.execute_async_script("""
            const [width, done] = arguments;
            let frames = 3;
            const next = () => (innerWidth === width && frames-- === 0 ? done() : requestAnimationFrame(next));
            next();
        """, width)

    def shot(self, name):
        if self.screenshots:
            self.driver.save_screenshot(f"{self.screenshots}/{name}.png")

    def looks_well(self, name):
        """At both widths and in both themes: nothing sticks out, and axe finds nothing."""
        for size, width in ((DESKTOP, "desktop"), (PHONE, "phone")):
            for theme in ("light", "dark"):
                self.look(size, theme)
                self.shot(f"{name} {width} {theme}")
                wide = self.run("return document.documentElement.scrollWidth - innerWidth")
                check(f"{name}, {width}, {theme}: fits the window", wide <= 0, f"{wide} px" if wide > 0 else "")
                found = self.violations()
                check(f"{name}, {width}, {theme}: axe finds nothing", found == [], "; ".join(found))
        self.look(DESKTOP)

    def violations(self):
        """What axe-core finds against WCAG 2.2 A and AA and its best practices."""
        if not self.run("return Boolean(window.axe)"):
            self.run(AXE.read_text())
        found = self.driver.execute_async_script("""
            const done = arguments[0];
            const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
            axe.run(document, { runOnly: tags }).then(({ violations }) => done(violations), (error) => done([{ id: String(error), nodes: [] }]));
        """)
        return [f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:200]}" for rule in found for node in rule["nodes"] or [{"html": "", "failureSummary": ""}]]

    def errors(self):
        """The errors on the browser's console since the last look."""
        return [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]

    def received(self):
        """What came since the last look, in its order: addresses with bytes on the wire, heads of answers included. The page has
        `wire`."""
        addresses, sizes = {}, []
        for line in self.driver.get_log("performance"):
            event = json.loads(line["message"])["message"]
            given = event["params"]
            if event["method"] == "Network.responseReceived":
                addresses[given["requestId"]] = given["response"]["url"]
            elif event["method"] == "Network.loadingFinished" and given["requestId"] in addresses:
                sizes.append((addresses[given["requestId"]], given["encodedDataLength"]))
        return sizes


def no_errors(page, expected=r"status of (4|5)\d\d"):
    errors = [line for line in page.errors() if not re.search(expected, line)]
    check("no errors on the browser's console", errors == [], "; ".join(errors))
