"""Swagger UI in a headless Chromium, from the click on Authorize to credentials.

At each address of the gateway, signs in as alice and as bob, gets two different buckets, and signs
out. Needs `chromium` and `chromedriver` (Debian: chromium, chromium-driver) and the
package selenium.
"""

import argparse
import json
import shlex
import subprocess
import sys

import requests

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
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
        return WebDriverWait(
            self.driver, PATIENCE, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException]
        ).until(condition, what)

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
            host = self.gateway.split("/")[2].replace(":", "-")
            self.driver.save_screenshot(f"{self.screenshots}/{host} {name}.png")

    def open(self):
        """Unfolds the first operation. Returns its method and path."""
        self.driver.get(f"{self.gateway}/swagger-ui/")
        path = self.find(".opblock-summary-path")
        self.shot("page")
        self.click(".opblock-summary-control")
        method = self.find(".opblock-summary-method").text
        return method, path.get_attribute("data-path")

    def authorize(self, user):
        self.click(".btn.authorize")
        first = self.find(".auth-container")
        self.shot("authorize")
        check("browser: signing in comes first in the dialog", "authorizationCode with PKCE" in first.text)
        check("browser: the dialog opens at its top", self.scrolled(".modal-ux-content") == 0)
        scopes = first.find_elements(By.CSS_SELECTOR, ".scopes input[type=checkbox]")
        check("browser: its scope is selected", [scope.is_selected() for scope in scopes] == [True])
        first.find_element(By.CSS_SELECTOR, ".btn.authorize").click()
        self.wait(lambda d: len(d.window_handles) == 2, "the window to sign in in")
        popup = next(w for w in self.driver.window_handles if w != self.window)
        self.driver.switch_to.window(popup)
        self.sign_in(self, user)
        self.wait(lambda d: len(d.window_handles) == 1, "that window closes")
        self.driver.switch_to.window(self.window)
        self.find(".auth-container")
        self.wait(lambda d: "Logout" in d.find_element(By.CSS_SELECTOR, ".modal-ux").text, "signed in")
        self.click_text(".modal-ux .btn-done", "Close")

    def scrolled(self, selector):
        return self.driver.execute_script("return arguments[0].scrollTop", self.find(selector))

    def sign_out(self):
        self.click(".btn.authorize")
        self.click_text(".auth-container .btn", "Logout")
        self.click_text(".modal-ux .btn-done", "Close")

    def execute(self):
        """Returns the status and the body of the answer."""
        for clear in self.driver.find_elements(By.CSS_SELECTOR, ".btn-clear"):
            clear.click()
        self.click(".btn.execute")
        status, body = self.wait(self.answer, "an answer")
        return int(status), json.loads(body[body.index("{"):body.rindex("}") + 1])

    def answer(self, driver):
        """The status and the body that are shown, or None."""
        rows = driver.find_elements(By.CSS_SELECTOR, ".live-responses-table .response")
        row = next((row for row in rows if row.is_displayed()), None)
        if row is None:
            return None
        status = row.find_element(By.CSS_SELECTOR, ".response-col_status").text.split()[0]
        return status, row.find_element(By.CSS_SELECTOR, ".highlight-code").get_attribute("textContent")

    def errors(self):
        """The errors on the console, except those about calls without a token, which are expected."""
        lines = [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
        return [line for line in lines if "401 (Unauthorized)" not in line]


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


def bucket_of(gateway, token_command, user):
    """The bucket of the user whose token the command prints."""
    token = subprocess.check_output(shlex.split(token_command.replace("%s", user)), text=True).strip()
    answer = requests.post(f"{gateway}/v1/credentials", headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE)
    return answer.json()["bucket"]


def walk(page, users):
    """Uses the page as each of these users. Returns their buckets."""
    first = page.open()
    check("browser: the first operation is POST /v1/credentials", first == ("POST", "/v1/credentials"))
    address = page.driver.current_url
    check(f"browser: {address} is where it was asked for", address.startswith(f"{page.gateway}/swagger-ui/"))
    status, body = page.execute()
    check("browser: without a token, 401", status == 401 and body["title"] == "Missing token")
    buckets = {}
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
    errors = page.errors()
    check(f"browser: no errors on the console {errors or ''}", errors == [])
    return buckets


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--gateway", required=True, nargs="+", help="its address, and its other names")
    arguments.add_argument("--sign-in", choices=["dev", "keycloak"], default="dev")
    arguments.add_argument("--same-as", help="a command that prints a token for %%s through the same client")
    arguments.add_argument("--screenshots", help="a folder for pictures")
    given = arguments.parse_args()
    sign_in = sign_in_at_dev if given.sign_in == "dev" else sign_in_at_keycloak
    users = ["alice", "bob"] + (["carol o'neil"] if given.sign_in == "dev" else [])
    found = []
    for gateway in given.gateway:
        page = Page(gateway, sign_in, given.screenshots)
        try:
            found.append(walk(page, users))
        except BaseException:
            page.shot("failure")
            raise
        finally:
            page.driver.quit()
    check("browser: the same buckets at every address", all(buckets == found[0] for buckets in found))
    if given.same_as:
        bucket = bucket_of(given.gateway[0], given.same_as, "alice")
        check("browser: alice's bucket is that of her token on the command line", found[0]["alice"] == bucket)


if __name__ == "__main__":
    main()
