"""The gateway's pages for people in a headless Chromium: the home page, the problem pages and dev's
sign-in page, at desktop and phone width, light and dark.

Each has no accessibility violation that axe-core finds, does not scroll sideways, runs without
JavaScript and loads nothing. Needs `chromium`, `chromedriver`, the package selenium and axe-core's
`axe.min.js`.
"""

import argparse
import pathlib
import sys

from selenium import webdriver
from selenium.webdriver.common.by import By

WIDTHS = {"desktop": 1200, "phone": 360}
THEMES = ("light", "dark")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = """const done = arguments[arguments.length - 1];
axe.run({runOnly: arguments[0]}).then(
  (found) => done(found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(" ")}`)),
  (error) => done([String(error)]))"""
# RFC 7636, appendix B.
SIGN_IN = ("authorize?response_type=code&client_id=demo&redirect_uri=http://127.0.0.1:9/&scope=com.cleverbase.storage"
           "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256")


def check(what, holds, more=""):
    print(f"{'ok   ' if holds else 'FAIL '} pages: {what}{f' ({more})' if more else ''}", flush=True)
    if not holds:
        sys.exit(1)


def browser():
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--hide-scrollbars", "--no-proxy-server"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))


class Pages:
    def __init__(self, driver, axe, screenshots):
        self.driver, self.axe, self.screenshots = driver, axe, screenshots

    def look(self, name, url):
        for device, width in WIDTHS.items():
            for theme in THEMES:
                self.show(url, width, theme)
                self.inspect(f"{name}, {device}, {theme}", width)
                self.shot(f"{name}-{device}-{theme}", width)

    def show(self, url, width, theme):
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.resize(width, 900)
        # As it is without JavaScript; what the tests run themselves goes past this.
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        self.driver.get(url)
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    def inspect(self, name, width):
        resources = self.driver.execute_script(
            "return performance.getEntriesByType('resource').map((one) => one.name).filter((n) => !n.startsWith('data:'))")
        check(f"{name}: loads nothing", resources == [], " ".join(resources))
        wide = self.driver.execute_script("return document.documentElement.scrollWidth")
        check(f"{name}: does not scroll sideways", wide <= width, wide)
        self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": self.axe})
        violations = self.driver.execute_async_script(AXE, RULES)
        check(f"{name}: axe-core finds nothing", violations == [], "; ".join(violations))
        # The browser says here that its policy kept something away.
        refused = [line["message"] for line in self.driver.get_log("browser") if "Content Security Policy" in line["message"]]
        check(f"{name}: its own policy keeps nothing of it away", refused == [], " ".join(refused))

    def shot(self, name, width):
        if not self.screenshots:
            return
        height = self.driver.execute_script("return document.documentElement.scrollHeight")
        self.resize(width, min(height, 3_000))
        self.driver.save_screenshot(str(self.screenshots / f"{name}.png"))

    def resize(self, width, height):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def links(self, selector):
        return [link.get_attribute("href") for link in self.driver.find_elements(By.CSS_SELECTOR, selector)]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--gateway", required=True)
    arguments.add_argument("--dev-issuer", help="the address of dev's authorization server")
    arguments.add_argument("--axe", required=True, type=pathlib.Path, help="axe.min.js")
    arguments.add_argument("--screenshots", type=pathlib.Path, help="a folder for pictures")
    given = arguments.parse_args()
    driver = browser()
    try:
        pages = Pages(driver, given.axe.read_text(), given.screenshots)
        pages.look("home", f"{given.gateway}/")
        doors = pages.links(".cards a")
        check("home: the first card opens the storage", doors[0] == f"{given.gateway}/console/#sign-in", doors[0])
        pages.look("problems", f"{given.gateway}/problems")
        problems = pages.links(".entries a")
        check("problems: each has a page", len(problems) > 15, len(problems))
        for problem in ("bucket-conflict", "rate-limited"):
            pages.look(problem, f"{given.gateway}/problems/{problem}")
        if given.dev_issuer:
            pages.look("sign-in", f"{given.dev_issuer}/{SIGN_IN}")
            pages.look("device", f"{given.dev_issuer}/device")
            pages.look("sign-in that cannot work", f"{given.dev_issuer}/authorize")
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
