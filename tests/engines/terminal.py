"""`cloakroom login` at a real authorization server, with a headless Chromium in front of it: by authorization
code and by device code, then credentials, whoami, a refresh and logout.

Needs what browser.py needs. The gateway has to name its client (http.login_client_id).
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import requests
from botocore.client import Config
from selenium.webdriver.common.by import By

from browser import PATIENCE, Page, check, sign_in_at_keycloak


class Terminal:
    """A user of a machine: a home folder, and the program."""

    def __init__(self, binary, gateway, home):
        self.binary, self.home = binary, Path(home)
        # A browser that opens nothing: Chromium gets the link from the terminal.
        self.environment = {
            "HOME": home, "PATH": os.environ["PATH"], "BROWSER": "/bin/true", "CLOAKROOM_URL": gateway,
        }

    def start(self, *arguments):
        return subprocess.Popen(
            [self.binary, *arguments], env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    def run(self, *arguments):
        with self.start(*arguments) as process:
            printed, errors = process.communicate(timeout=PATIENCE)
        return process.returncode, printed, errors

    def file(self):
        return next((self.home / ".local/state/cloakroom").glob("*.json"), None)

    def kept(self):
        return json.loads(self.file().read_text())

    def expire(self):
        kept = self.kept()
        kept["granted"]["expires"] = "2026-01-01T00:00:00Z"
        self.file().write_text(json.dumps(kept))


def link_of(process):
    """The link that `login` prints."""
    for line in process.stderr:
        if found := re.fullmatch(r" +(https?://\S+)\n", line):
            return found[1]
    raise AssertionError(f"no link; exit {process.wait()}")


def ends_well(what, process):
    errors = process.communicate(timeout=PATIENCE)[1]
    check(f"{what} {'' if process.returncode == 0 else errors.strip()}", process.returncode == 0)
    return errors


def by_browser(terminal, page):
    process = terminal.start("login", "--yes", "--browser")
    page.driver.get(link_of(process))
    sign_in_at_keycloak(page, "alice")
    page.wait(lambda d: "close this page" in d.page_source, "the page of the terminal")
    page.shot("signed in")
    errors = ends_well("login: by authorization code", process)
    check(f"login: says who it is: {errors.strip()}", "Signed in as alice at " in errors)


def answer_for_device(page, process, button):
    """Answers Keycloak's question whether the device may have access."""
    page.driver.get(link_of(process))
    # With a session of the browser there is no form to fill in.
    if not page.driver.find_elements(By.CSS_SELECTOR, "[name=accept]"):
        sign_in_at_keycloak(page, "alice")
    page.shot("device")
    page.click(f"[name={button}]")


def by_device(terminal, page):
    process = terminal.start("login", "--yes", "--device")
    answer_for_device(page, process, "accept")
    page.wait(lambda d: "Device Login Successful" in d.page_source, "Keycloak's last page")
    ends_well("login: by device code", process)


def denied(terminal, page):
    before = terminal.file().read_bytes()
    process = terminal.start("login", "--yes", "--device")
    answer_for_device(page, process, "cancel")
    errors = process.communicate(timeout=PATIENCE)[1]
    check("login: a device that is denied is refused", "refused: access_denied" in errors)
    check("login: then the sign-in before stays", terminal.file().read_bytes() == before)


def credentials(terminal):
    code, printed, errors = terminal.run("credentials")
    check(f"login: credentials {errors}", code == 0)
    return json.loads(printed)


def puts_and_gets(keys, own):
    """With what `credentials` prints, as a tool with the profile."""
    s3 = boto3.client(
        "s3", endpoint_url=own["endpoint"], region_name=own["region"],
        aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required",
                      response_checksum_validation="when_required"),
    )
    s3.put_object(Bucket=own["bucket"], Key="terminal.txt", Body=b"hello")
    got = s3.get_object(Bucket=own["bucket"], Key="terminal.txt")["Body"].read()
    s3.delete_object(Bucket=own["bucket"], Key="terminal.txt")
    return got == b"hello"


def who(terminal):
    code, printed, errors = terminal.run("whoami", "--json")
    check(f"login: whoami {errors}", code == 0)
    return json.loads(printed)


def refreshes(terminal):
    before = terminal.kept()["granted"]
    terminal.expire()
    with ThreadPoolExecutor(4) as pool:
        codes = [ran[0] for ran in pool.map(lambda _: terminal.run("credentials"), range(4))]
    check(f"login: four processes at once with an expired token {codes}", codes == [0] * 4)
    after = terminal.kept()["granted"]
    check("login: the access token is a new one", after["access_token"] != before["access_token"])
    check("login: it lives for a while", after["expires"] > time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


def leaves(terminal):
    kept = terminal.kept()
    code, _, errors = terminal.run("logout")
    check(f"login: logout {errors.strip()}", code == 0 and terminal.file() is None)
    form = {"grant_type": "refresh_token", "client_id": kept["client_id"],
            "refresh_token": kept["granted"]["refresh_token"]}
    answer = requests.post(kept["token_endpoint"], data=form, timeout=PATIENCE)
    check(f"login: after logout the refresh token is refused {answer.text}", answer.status_code == 400)
    check("login: then credentials exits with 77", terminal.run("credentials")[0] == 77)


def walk(terminal, page):
    by_browser(terminal, page)
    keys = credentials(terminal)
    shown = who(terminal)
    check(f"login: whoami says alice ({shown['username']})", shown["username"] == "alice")
    own = shown["storage"][0]
    check("login: puts and gets in the bucket that whoami shows", puts_and_gets(keys, own))
    refreshes(terminal)
    leaves(terminal)
    by_device(terminal, page)
    credentials(terminal)
    check("login: the same bucket by device code", who(terminal)["storage"][0]["bucket"] == own["bucket"])
    denied(terminal, page)
    # Keycloak would end the new sign-in with the old one, if that were revoked.
    by_device(terminal, page)
    refreshes(terminal)
    leaves(terminal)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--gateway", required=True)
    arguments.add_argument("--cloakroom", required=True, help="the program")
    arguments.add_argument("--screenshots", help="a folder for pictures")
    given = arguments.parse_args()
    page = Page(given.gateway, sign_in_at_keycloak, given.screenshots)
    try:
        with tempfile.TemporaryDirectory() as home:
            walk(Terminal(given.cloakroom, given.gateway, home), page)
    except BaseException:
        page.shot("failure")
        print(page.driver.current_url, page.driver.find_element(By.TAG_NAME, "body").text, file=sys.stderr)
        raise
    finally:
        page.driver.quit()


main()
