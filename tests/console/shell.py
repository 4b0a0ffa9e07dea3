"""The console but for its files: sign-in, what may be opened, credentials, sessions, and each state that people meet."""

import argparse
import re
import shlex
import statistics
import subprocess
import time

import requests

from page import DESKTOP, PHONE, Page, check, problem

# Of the first load, up to the first list: bytes on the wire and answers of the gateway.
BYTES, ANSWERS = 80_000, 42

CREDENTIALS = "/v1/credentials"

# Slug, which call fails with it, and how.
STATES = [
    ("insufficient-scope", "/v1/storage", problem("insufficient-scope", 403, www_authenticate='Bearer error="insufficient_scope"')),
    ("storage-not-entitled", CREDENTIALS, problem("storage-not-entitled", 403)),
    ("nothing-to-open", "/v1/storage", {"status": 200, "body": {"items": [], "next": None}}),
    ("rate-limited", CREDENTIALS, problem("rate-limited", 429, retry_after="42")),
    ("overloaded", "/v1/storage", problem("overloaded", 503, retry_after="5")),
    ("storage-unavailable", CREDENTIALS, problem("storage-unavailable", 502)),
    ("identification-unavailable", "/v1/storage", problem("identification-unavailable", 502)),
    ("bucket-conflict", CREDENTIALS, problem("bucket-conflict", 409)),
    ("unreachable", "/v1/storage", None),
    ("other", CREDENTIALS, problem("internal-error", 500)),
]


def welcomes_and_signs_in(page):
    page.open()
    page.find("main button.primary")
    page.looks_well("welcome")
    page.click("main button.primary")
    page.choose_user("alice")
    page.find(".tabs")
    address = page.driver.current_url
    check("sign-in leaves no code in the address", "?" not in address and "code" not in address, address)
    check("the person's name is there", page.find(".account-name").text == "alice")
    kept = page.run("return [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie]")
    check("nothing of the sign-in is kept in the browser but that there was one", kept == ["{}", '{"cloakroom.signed-in":"yes"}', ""], str(kept))


def signs_in_again_after_a_reload(page, workspace):
    page.signed_in("alice")
    page.click(".places a", workspace)
    page.find(".place h1", workspace)
    page.driver.refresh()
    page.choose_user("alice")
    page.find(".place h1", workspace)


def at_keycloak(gateway, screenshots):
    """Signs in, is signed in again without a question after a reload, and signs out of Keycloak as well."""
    with Page(gateway, screenshots, sign_in="keycloak") as page:
        page.signed_in("alice")
        check("Keycloak: the person's name is there", page.find(".account-name").text == "alice")
        page.find(".files")
        page.shot("Keycloak")
        page.run("window.before = true")
        page.driver.refresh()
        page.wait(lambda: page.run("return !window.before") and page.all(".tabs"), "signed in again")
        check("Keycloak: a reload signs in without asking", page.driver.current_url.startswith(f"{gateway}/console/"))
        no_errors(page)
        page.click(".account button")
        page.click(".menu button", "Sign out")
        # Keycloak asks whether to sign out, unless the session ended with its token.
        if page.find("main button.primary, [type=submit]").get_attribute("type") == "submit":
            page.click("[type=submit]")
        page.find("main button.primary", "Sign in")
        check("Keycloak: signing out leads back", page.driver.current_url == f"{gateway}/console/")
        page.click("main button.primary")
        page.find("#username")
        check("Keycloak: and ends its session", True)


def is_quick_and_small(gateway, screenshots, limit, runs):
    """The page of somebody who comes for the first time, up to the first list."""
    times = []
    for _ in range(runs):
        with Page(gateway, screenshots, wire=True) as page:
            page.signed_in("alice")
            times.append(page.wait(lambda: page.run("return window.listed"), "the first list"))
            received = page.received()
            no_errors(page)
    listed = next(index for index, (address, _) in enumerate(received) if "list-type=2" in address)
    sizes = [size for address, size in received[:listed] if address.startswith(gateway) and size > 0]
    check(f"the first list takes at most {ANSWERS} answers of the gateway", 0 < len(sizes) <= ANSWERS, len(sizes))
    check(f"and under {BYTES} bytes on the wire", sum(sizes) < BYTES, f"{sum(sizes)} bytes")
    asked = [address for address, size in received if address.startswith(f"{gateway}/console/v-") and size > 0]
    check("no file of the page is asked for twice", len(asked) == len(set(asked)), f"{len(asked)} files")
    middle = statistics.median(times)
    check(f"the first list is shown {limit} ms after the sign-in", middle < limit, ", ".join(f"{time:.0f} ms" for time in times))


def opens_places(page, workspace):
    page.signed_in("alice")
    names = [link.text for link in page.all(".places .name")]
    check("alice may open her own files and a workspace", names[:2] == ["My files", workspace], str(names))
    page.click(".places a", workspace)
    page.find(".place h1", workspace)
    check("the workspace's name is in the title", page.driver.title.startswith(workspace))
    page.looks_well("files")
    page.driver.back()
    page.find(".place h1", "My files")
    page.look(PHONE)
    page.click(".nav-toggle")
    page.shot("places phone light")
    page.click("#nav a", workspace)
    page.find(".nav-toggle", workspace)
    page.look(DESKTOP)


def shows_read_only(gateway, screenshots, workspace):
    with Page(gateway, screenshots) as page:
        page.signed_in("bob")
        check("bob sees that the workspace is read-only", "Read-only" in page.find(".places a", workspace).text)
        page.click(".places a", workspace)
        page.find("[data-state=read-only]")
        page.looks_well("state read-only")
        no_errors(page)


def renews(page, seconds):
    """Over two lifetimes, by the page's own timers."""
    page.signed_in("alice")
    page.click(".tabs a", "For programs")
    keys = key_ids(page)
    page.looks_well("credentials")
    seen, end = {keys}, time.monotonic() + 2 * seconds + 1
    while time.monotonic() < end:
        seen.add(key_ids(page))
        words = page.find(".life .countdown").text
        check_quietly(re.fullmatch(r"Ends in \d+ (seconds?|minutes?)", words), words)
        time.sleep(0.5)
    check("credentials are renewed at half their life, and never end", len(seen) >= 4, f"{len(seen)} in {2 * seconds} s")


def check_quietly(holds, what):
    if not holds:
        check(f"the countdown speaks: {what}", False)


def key_ids(page):
    return re.search(r"AWS_ACCESS_KEY_ID='([^']+)'", page.find(".keys pre").text)[1]


def pastes_what_the_gateway_writes(page, token):
    """The texts for tools are those of `?format=`, but for the keys and what only they can say."""
    page.signed_in("alice")
    page.click(".tabs a", "For programs")
    check("secrets are hidden at first", "••••" in page.find(".keys pre").text)
    page.click(".code-actions button", "Show")
    check("secrets are shown on request", "••••" not in page.find(".keys pre").text)
    for tool in ("env", "aws-profile", "rclone", "s3cmd", "duckdb"):
        page.run("const list = document.querySelector('#tool'); list.value = arguments[0]; list.dispatchEvent(new Event('change'))", tool)
        shown = page.run("return document.querySelector('.keys code').textContent")
        answer = requests.post(f"{page.gateway}{CREDENTIALS}?format={tool}", headers={"Authorization": f"Bearer {token}"}, timeout=20)
        check(f"{tool}: the same lines as the gateway's", lines(shown) == lines(answer.text), f"{lines(shown) ^ lines(answer.text) or ''}")
    page.click(".keys button", "Copy")
    page.find(".keys button", "Copied")
    check("the copy button copies", page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])") == shown)


def lines(text):
    """Without values that differ between two sessions, and without notes."""
    kept = [line for line in text.splitlines() if line.strip() and not re.match(r"#|--", line)]
    return {re.sub(r"ASIA\w+|\b(?:[0-9a-f]{40}|[0-9a-f]{96})\b", "…", line) for line in kept if "EXPIRATION" not in line}


def counts(page):
    page.signed_in("alice")
    page.click(".tabs a", "Usage")
    page.find(".usage", "Counted")
    page.looks_well("usage")


def ends_sessions(page):
    page.signed_in("alice")
    page.click("#nav a", "My sessions")
    check("a session says what it opens", "My files" in page.find(".sessions tbody tr").text)
    page.looks_well("sessions")
    page.click(".panel > button.danger")
    page.find("dialog[open]")
    page.looks_well("sessions dialog")
    page.click("dialog button.danger")
    words = page.find(".sessions .notice").text
    check("it says when the sessions end", "ended" in words or "end by" in words, words)
    page.find(".sessions .badge", "Ended early")
    page.click("#nav a", "My files")
    page.find(".files")
    page.gone(".state")


def speaks_dutch(gateway, screenshots):
    with Page(gateway, screenshots, language="nl") as page:
        page.open()
        check("Dutch for a browser that speaks it", page.find("main button.primary").text == "Inloggen")
        page.sign_in("alice")
        page.find(".tabs a", "Bestanden")
        page.shot("Dutch")
        page.click(".account button")
        page.run("const list = document.querySelector('#language'); list.value = 'en'; list.dispatchEvent(new Event('change'))")
        page.find(".tabs a", "Files")
        kept = page.run("return JSON.stringify(localStorage)")
        check("only the language is kept", kept == '{"cloakroom.language":"en"}', kept)
        page.click(".account button")
        page.run("const list = document.querySelector('#theme'); list.value = 'dark'; list.dispatchEvent(new Event('change'))")
        check("the theme is chosen", page.run("return document.documentElement.dataset.theme") == "dark")
        page.looks_well("account")
        no_errors(page)


def signs_out(page, oauth):
    page.signed_in("alice")
    page.click(".account button")
    page.click(".menu button", "Sign out")
    page.find("main button.primary", "Sign in")
    check("after signing out the address is the console's own", page.driver.current_url == f"{page.gateway}/console/")
    check("nothing of the files is left in the page", "My files" not in page.text())
    page.driver.back()
    page.wait(lambda: "My files" not in page.text(), "going back shows no files")


def each_state(page):
    page.signed_in("alice")
    for slug, path, answer in STATES:
        page.fail({path: answer}, at_start=True)
        page.again("alice")
        state = page.find(f"[data-state='{slug}']")
        if slug == "rate-limited":
            check("rate limited: counts down", re.search(r"Trying again in \d+ seconds", state.text), state.text)
        if slug == "insufficient-scope":
            check("no scope: says which", "com.cleverbase.storage" in state.text)
        page.looks_well(f"state {slug}")
        page.fail({}, at_start=True)
        page.fail({})
        page.click(".state button.primary", "Try again")
        page.find(".tabs")
        page.gone(".state")


def store_keeps_page_out(page, store):
    """What a list without CORS looks like to a page."""
    page.signed_in("alice")
    page.fail({store: None}, at_start=True)
    page.again("alice")
    state = page.find("[data-state=cors]", patience=40)
    check("CORS: says the setting", "cors_origins" in state.text and page.gateway in state.text, state.text)
    page.looks_well("state cors")
    page.fail({}, at_start=True)
    page.fail({})
    page.click(".state button.primary", "Try again")
    page.find(".files")
    page.gone(".state")


def refused_sign_in(page):
    page.open("/console/?error=access_denied&state=x")
    page.find("[data-state=sign-in-interrupted]")
    check("an answer that nobody asked for is refused", "?" not in page.driver.current_url)
    page.looks_well("state sign-in-interrupted")
    page.click(".state button.primary", "Sign in")
    page.choose_user("alice")
    page.find(".tabs")


def sign_in_ends(page, oauth):
    """The authorization server refuses the refresh token, and the gateway the access token."""
    page.signed_in("alice")
    page.fail({"/v1/storage": problem("invalid-token", 401), f"{oauth}/token": {"status": 400, "body": {"error": "invalid_grant"}}})
    page.click("#nav a", "My sessions")
    page.find("[data-state='signed-out']")
    page.looks_well("state signed-out")
    page.fail({})
    page.click("[data-state='signed-out'] button", "Sign in")
    page.choose_user("alice")
    page.find(".panel h1", "My sessions")
    check("signing in again leads back to where it was", page.driver.current_url.endswith("#/sessions"))


def by_keyboard(page):
    """Everything that can be clicked can be reached, and is seen to be."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys
    page.signed_in("alice")
    page.find(".files")
    ActionChains(page.driver).send_keys(Keys.TAB).perform()
    check("the first stop leads to the content", page.run("return document.activeElement.className") == "skip")
    reached = set()
    for _ in range(40):
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
        reached.add(page.run("return document.activeElement.textContent.trim()"))
    missing = [words for words in ("My files", "My sessions", "Files", "Usage", "For programs", "alice") if words not in reached]
    check("links, tabs and the account are reached by Tab", missing == [], str(missing))


def no_errors(page):
    errors = [line for line in page.errors() if not re.search(r"status of (4|5)\d\d", line)]
    check("no errors on the browser's console", errors == [], "; ".join(errors))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--gateway", required=True)
    arguments.add_argument("--token-command", help="prints a token for %%s")
    arguments.add_argument("--sign-in", choices=["dev", "keycloak"], default="dev")
    arguments.add_argument("--workspace", default="acme/research")
    arguments.add_argument("--seconds", type=int, default=3600, help="the life of a session")
    arguments.add_argument("--first-list", type=int, default=1_000, help="in how many milliseconds it is shown")
    arguments.add_argument("--runs", type=int, default=1, help="of which the median counts")
    arguments.add_argument("--screenshots", help="a folder for pictures")
    arguments.add_argument("--only", nargs="*", help="names of tests")
    given = arguments.parse_args()
    if given.sign_in == "keycloak":
        return at_keycloak(given.gateway, given.screenshots)
    settings = requests.get(f"{given.gateway}/console/settings.json", timeout=20).json()
    store, oauth = settings["store"]["endpoint"], settings["issuer"]
    token = subprocess.check_output([word.replace("%s", "alice") for word in shlex.split(given.token_command)], text=True).strip()
    walks = {
        "welcomes_and_signs_in": lambda page: welcomes_and_signs_in(page),
        "signs_in_again": lambda page: signs_in_again_after_a_reload(page, given.workspace),
        "opens_places": lambda page: opens_places(page, given.workspace),
        "pastes": lambda page: pastes_what_the_gateway_writes(page, token),
        "counts": counts,
        "by_keyboard": by_keyboard,
        "renews": lambda page: renews(page, given.seconds),
        "ends_sessions": ends_sessions,
        "signs_out": lambda page: signs_out(page, oauth),
        "each_state": each_state,
        "store_keeps_page_out": lambda page: store_keeps_page_out(page, store),
        "refused_sign_in": refused_sign_in,
        "sign_in_ends": lambda page: sign_in_ends(page, oauth),
    }
    for name, walk in walks.items():
        if given.only and name not in given.only:
            continue
        with Page(given.gateway, given.screenshots) as page:
            walk(page)
            no_errors(page)
    if not given.only or "is_quick_and_small" in given.only:
        is_quick_and_small(given.gateway, given.screenshots, given.first_list, given.runs)
    if not given.only or "read_only" in given.only:
        shows_read_only(given.gateway, given.screenshots, given.workspace)
    if not given.only or "dutch" in given.only:
        speaks_dutch(given.gateway, given.screenshots)


if __name__ == "__main__":
    main()
