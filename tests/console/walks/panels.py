"""What may be opened, credentials, usage, sessions, language and appearance."""

import json
import re
import time

import requests
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from files_view import FilesPage
from page import DESKTOP, PHONE, check, no_errors
from storage import Storage
from walks.changes import GATE


def opens_places(page, given):
    workspace = given.workspace
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


def shows_read_only(page, given):
    page.signed_in("bob")
    check("bob sees that the workspace is read-only", "Read-only" in page.find(".places a", given.workspace).text)
    page.click(".places a", given.workspace)
    page.find("[data-state=read-only]")
    page.looks_well("state read-only")


def renews(page, given):
    """Over two lifetimes, by the page's own timers."""
    page.signed_in("alice")
    page.click(".tabs a", "For programs")
    keys = key_ids(page)
    page.looks_well("credentials")
    seen, end = {keys}, time.monotonic() + 2 * given.seconds + 1
    while time.monotonic() < end:
        seen.add(key_ids(page))
        words = page.find(".life .countdown").text
        check_quietly(re.fullmatch(r"Ends in \d+ (seconds?|minutes?)", words), words)
        time.sleep(0.5)
    check("credentials are renewed at half their life, and never end", len(seen) >= 4, f"{len(seen)} in {2 * given.seconds} s")


def check_quietly(holds, what):
    if not holds:
        check(f"the countdown speaks: {what}", False)


def key_ids(page):
    # Nothing is shown while the credentials are renewed.
    return page.wait(lambda: re.search(r"AWS_ACCESS_KEY_ID='([^']+)'", page.find(".keys pre").text), "credentials")[1]


def pastes_what_the_gateway_writes(page, given):
    """The texts for tools are those of `?format=`, but for the keys and what only they can say."""
    page.signed_in("alice")
    page.click(".tabs a", "For programs")
    check("the way without pasting comes first", page.find(".panel .code").text.startswith("cloakroom login --url"))
    check("secrets are hidden at first", "••••" in page.find(".keys pre").text)
    page.click(".code-actions button", "Show")
    check("secrets are shown on request", "••••" not in page.find(".keys pre").text)
    offered = set(page.run("return [...document.querySelector('#tool').options].map((option) => option.value)"))
    answer = requests.post(f"{page.gateway}/v1/credentials?format=nonsense", headers={"Authorization": f"Bearer {given.token}"}, timeout=20)
    known = set(re.findall(r"[a-z0-9-]+", answer.json()["detail"].split("Use ")[1])) - {"or"}
    check("every tool that the gateway knows is offered", offered == known, f"{offered ^ known or ''}")
    for tool in sorted(known - {"json"}):
        page.run("const list = document.querySelector('#tool'); list.value = arguments[0]; list.dispatchEvent(new Event('change'))", tool)
        shown = page.run("return document.querySelector('.keys code').textContent")
        answer = requests.post(f"{page.gateway}/v1/credentials?format={tool}", headers={"Authorization": f"Bearer {given.token}"}, timeout=20)
        written = json.dumps(answer.json(), indent=2) if tool == "iceberg" else answer.text
        check(f"{tool}: the same lines as the gateway's", lines(shown) == lines(written), f"{lines(shown) ^ lines(written) or ''}")
    # In one step, because the credentials are renewed now and then.
    copies = "const button = [...document.querySelectorAll('.keys button')].find((one) => one.textContent === 'Copy')"
    shown = page.run(copies + "; button.click(); return document.querySelector('.keys code').textContent")
    page.wait(lambda: "Copied" in page.run("return document.querySelector('#announcer').textContent"), "it says so")
    check("the copy button copies", page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])") == shown)


def lines(text):
    """Without values that differ between two sessions, and without notes."""
    kept = [line for line in text.splitlines() if line.strip() and not re.match(r"#|--", line)]
    return {re.sub(r"ASIA\w+|\b(?:[0-9a-f]{40}|[0-9a-f]{96})\b", "…", line) for line in kept if not re.search("EXPIRATION|expires-at", line)}


def counts(page, _):
    page.signed_in("alice")
    page.click(".tabs a", "Usage")
    page.find(".usage", "Counted")
    page.looks_well("usage")
    page.run(GATE)
    page.click(".usage button", "Count again")
    page.find(".usage", "Counting")
    page.click(".usage button", "Stop counting")
    page.run("release()")
    page.find(".usage", "Stopped")
    check("counting can be stopped", True)
    page.click(".usage button", "Count again")
    page.find(".usage", "Counted")


def ends_sessions(page, _):
    page.signed_in("alice")
    page.click("#nav a", "My sessions")
    check("a session says what it opens", "My files" in page.find(".sessions tbody tr").text)
    check("and which one is this page's", "This page" in page.find(".sessions tbody tr").text, page.find(".sessions").text)
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


def speaks_dutch(given):
    Storage(given, "alice").put("foto van de tuin.txt")
    with FilesPage(given.gateway, given.screenshots, language="nl") as page:
        page.open()
        check("Dutch for a browser that speaks it", page.find("main button.primary").text == "Inloggen")
        page.sign_in("alice")
        page.find(".tabs a", "Bestanden")
        page.shot("Dutch")
        page.select("foto van de tuin.txt")
        page.looks_well("Dutch selected")
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


def by_keyboard(page, _):
    """Everything that can be clicked can be reached, and is seen to be."""
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
