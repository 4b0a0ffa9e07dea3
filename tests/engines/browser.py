"""Swagger UI in a headless Chromium, from the click on Authorize to credentials.

Signs in as alice and as bob, gets two different buckets, signs out. Needs `chromium` and
`chromedriver` (Debian: chromium, chromium-driver) and the package selenium.
"""

import argparse
import json
import sys

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 20


def check(what, holds):
    print(f"{'ok   ' if holds else 'FAIL '} {what}")
    if not holds:
        sys.exit(1)


class Page:
    def __init__(self, gateway, sign_in, screenshots):
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                         "--window-size=1200,1400", "--no-proxy-server"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService("/usr/bin/chromedriver")
        self.driver = webdriver.Chrome(options=options, service=service)
        self.gateway, self.sign_in, self.screenshots = gateway, sign_in, screenshots
        self.window = self.driver.current_window_handle

    def wait(self, condition, what):
        return WebDriverWait(self.driver, PATIENCE, poll_frequency=0.05).until(condition, what)

    def find(self, selector):
        return self.wait(lambda d: next((e for e in d.find_elements(By.CSS_SELECTOR, selector)
                                         if e.is_displayed()), None), selector)

    def click(self, selector):
        self.find(selector).click()

    def click_text(self, selector, text):
        def found(driver):
            return next((e for e in driver.find_elements(By.CSS_SELECTOR, selector)
                         if e.is_displayed() and e.text.strip() == text), None)
        self.wait(found, f"{selector} with '{text}'").click()

    def shot(self, name):
        if self.screenshots:
            self.driver.save_screenshot(f"{self.screenshots}/{name}.png")

    def open(self):
        self.driver.get(f"{self.gateway}/swagger-ui/index.html")
        self.click("#operations-credentials-getCredentials .opblock-summary-control")

    def authorize(self, user):
        self.click(".btn.authorize")
        self.shot("authorize")
        # Signing in is one way of three; the others are pasting a token or an API key.
        self.click(".auth-container:has(.scopes) .btn.authorize")
        self.wait(lambda d: len(d.window_handles) == 2, "the window to sign in in")
        popup = next(w for w in self.driver.window_handles if w != self.window)
        self.driver.switch_to.window(popup)
        self.sign_in(self, user)
        self.wait(lambda d: len(d.window_handles) == 1, "that window closes")
        self.driver.switch_to.window(self.window)
        self.find(".auth-container")
        self.wait(lambda d: "Logout" in d.find_element(By.CSS_SELECTOR, ".modal-ux").text, "signed in")
        self.click_text(".modal-ux .btn-done", "Close")

    def sign_out(self):
        self.click(".btn.authorize")
        self.click_text(".auth-container .btn", "Logout")
        self.click_text(".modal-ux .btn-done", "Close")

    def execute(self):
        """Status and body of the answer."""
        for clear in self.driver.find_elements(By.CSS_SELECTOR, ".btn-clear"):
            clear.click()
        self.click(".btn.execute")
        row = self.find(".live-responses-table .response")
        status = row.find_element(By.CSS_SELECTOR, ".response-col_status").text.split()[0]
        body = row.find_element(By.CSS_SELECTOR, ".highlight-code").get_attribute("textContent")
        return int(status), json.loads(body[body.index("{"):body.rindex("}") + 1])

    def quiet(self):
        """Nothing was refused by the Content-Security-Policy."""
        lines = [line["message"] for line in self.driver.get_log("browser")]
        return [line for line in lines if "Content Security Policy" in line]


def sign_in_at_dev(page, user):
    page.find("button[name=user]")
    page.shot("sign-in")
    if user in ("alice", "bob"):
        page.click(f"button[name=user][value={user}]")
    else:
        page.find("#other").send_keys(user)
        page.click(".other button")


def sign_in_at_keycloak(page, user):
    page.find("#username").send_keys(user)
    page.find("#password").send_keys(user)
    page.click("#kc-login, [type=submit]")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--gateway", required=True)
    arguments.add_argument("--sign-in", choices=["dev", "keycloak"], default="dev")
    arguments.add_argument("--screenshots", help="a folder for pictures")
    given = arguments.parse_args()
    sign_in = sign_in_at_dev if given.sign_in == "dev" else sign_in_at_keycloak
    page = Page(given.gateway, sign_in, given.screenshots)
    try:
        page.open()
        status, body = page.execute()
        check("browser: without a token, 401", status == 401 and body["title"] == "Missing token")
        buckets = {}
        users = ["alice", "bob"] + (["carol o'neil"] if given.sign_in == "dev" else [])
        for user in users:
            page.authorize(user)
            status, body = page.execute()
            page.shot(f"credentials of {user.split()[0]}")
            check(f"browser: {user} signs in and gets credentials", status == 200 and "sessionToken" in body["credentials"])
            buckets[user] = body["bucket"]
            page.sign_out()
            # Keycloak's own session would sign the next one in without asking.
            page.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
            status, body = page.execute()
            check(f"browser: {user} is signed out", status == 401)
        check("browser: each has a bucket of their own", len(set(buckets.values())) == len(users))
        check("browser: the page kept to its Content-Security-Policy", page.quiet() == [])
    except Exception:
        page.shot("failure")
        raise
    finally:
        page.driver.quit()


main()
