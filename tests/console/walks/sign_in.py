"""Signing in, coming back, and signing out."""

import hashlib
import os
import pathlib
import tempfile

import requests

from page import Page, check, no_errors
from storage import MB, Storage


def welcomes_and_signs_in(page, _):
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


def comes_back_to_the_folder(page, given):
    """The address names the folder: Back, a reload, a bookmark and the way through the sign-in lead there."""
    storage = Storage(given, "alice", given.workspace)
    storage.put("2026/minutes é%/May.txt")
    page.signed_in("alice")
    page.click(".places a", given.workspace)
    for name in ("2026", "minutes é%"):
        page.click(".files-open", name)
        page.find(".files-crumbs [aria-current]", name)
    page.find(".files-open", "May.txt")
    check("the title names the folder", page.driver.title.startswith(f"minutes é% – {given.workspace}"), page.driver.title)
    bookmark = page.driver.current_url
    page.driver.back()
    page.find(".files-crumbs [aria-current]", "2026")
    page.driver.forward()
    page.find(".files-open", "May.txt")
    page.click(".tabs a", "Usage")
    page.find(".usage")
    page.click(".tabs a", "Files")
    page.find(".files-open", "May.txt")
    page.again("alice")
    page.find(".files-open", "May.txt")
    check("after a reload the folder is open again", page.driver.current_url == bookmark, page.driver.current_url)
    page.click(".files-crumbs a", given.workspace)
    page.find(".files-open", "2026")
    page.open(bookmark.removeprefix(given.gateway).replace("research", "other"))
    page.again("alice")
    page.find("[data-state=unknown-place]")
    page.looks_well("state unknown-place")
    with Page(given.gateway, given.screenshots) as other:
        other.sign_in("alice", bookmark.removeprefix(given.gateway))
        other.find(".files-open", "May.txt")
        check("a bookmark opens the folder in another browser", True)
    storage.empty()


def at_keycloak(given):
    """Signs in, is signed in again without a question after a reload, and signs out of Keycloak as well."""
    gateway = given.gateway
    with Page(gateway, given.screenshots, sign_in="keycloak") as page:
        page.signed_in("alice")
        check("Keycloak: the person's name is there", page.find(".account-name").text == "alice")
        page.find(".files")
        page.shot("Keycloak")
        page.run("window.before = true")
        page.driver.refresh()
        page.wait(lambda: page.run("return !window.before") and page.all(".tabs"), "signed in again")
        check("Keycloak: a reload signs in without asking", page.driver.current_url.startswith(f"{gateway}/console/"))
        no_errors(page)
        sign_out(page)
        # Keycloak asks whether to sign out, unless the session ended with its token.
        if page.find("main button.primary, [type=submit]").get_attribute("type") == "submit":
            page.click("[type=submit]")
        page.find("main button.primary", "Sign in")
        check("Keycloak: signing out leads back", page.driver.current_url == f"{gateway}/console/")
        page.click("main button.primary")
        page.find("#username")
        check("Keycloak: and ends its session", True)


def signs_out(page, _):
    page.signed_in("alice")
    sign_out(page)
    page.find("main button.primary", "Sign in")
    check("after signing out the address is the console's own", page.driver.current_url == f"{page.gateway}/console/")
    check("nothing of the files is left in the page", "My files" not in page.text())
    page.driver.back()
    page.wait(lambda: "My files" not in page.text(), "going back shows no files")


def signs_out_while_uploading(page, given):
    """What is on its way would be lost, so a question comes first."""
    page = page.signed_in("alice")
    page.settled()
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "not yet there.bin"
        file.write_bytes(os.urandom(20 * MB))
        page.throttle(MB // 4)
        page.upload("multiple", file)
        page.wait(lambda: page.progress() > 0, "it has begun", 60)
        sign_out(page)
        with page.dialog() as dialog:
            check("signing out during an upload asks first", "Sign out during an upload?" in dialog.text, dialog.text)
            page.looks_well("sign out uploading")
        page.find(".files-upload-running", "not yet there.bin")
        check("Escape goes on with it", page.run("return document.querySelector('.account-name').textContent") == "alice")
        sign_out(page)
        page.click("dialog[open] button.danger")
        page.find("main button.primary", "Sign in")
        page.plug()
    leaves = "return !dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    page.wait(lambda: not page.run(leaves), "nothing is sent any more")
    storage = Storage(given, "alice")
    check("and the answer stops it", "not yet there.bin" not in storage.keys())


def sign_out(page):
    page.click(".account button")
    page.click(".menu button", "Sign out")


def refused_sign_in(page, _):
    page.open("/console/?error=access_denied&state=x")
    page.find("[data-state=sign-in-interrupted]")
    check("an answer that nobody asked for is refused", "?" not in page.driver.current_url)
    page.looks_well("state sign-in-interrupted")
    page.click(".state button.primary", "Sign in")
    page.choose_user("alice")
    page.find(".tabs")
    page.open("/console/#sign-in")
    page.driver.refresh()
    page.choose_user("alice")
    page.find(".tabs")
    check("the home page's link begins the sign-in at once", True)


def signs_in_beside_the_page(page, user):
    """In the window that the page opens. Returns to the page."""
    console = page.driver.current_window_handle
    page.click("[data-state='signed-out'] button", "Sign in")
    page.wait(lambda: len(page.driver.window_handles) == 2, "the window to sign in")
    beside = next(handle for handle in page.driver.window_handles if handle != console)
    page.driver.switch_to.window(beside)
    page.choose_user(user)
    page.driver.switch_to.window(console)
    page.wait(lambda: len(page.driver.window_handles) == 1, "the window closes by itself")


def renews_the_sign_in(page, given):
    """Without a word: before a token ends, and when the gateway takes it no longer."""
    page.open()
    page.run("sessionStorage.setItem('token life', '4')")
    page.signed_in("alice")
    first = page.run("window.before = true; sessionStorage.removeItem('token life'); return window.tokens[0]")
    renewed = page.wait(lambda: page.run("return window.tokens[0] !== arguments[0] && window.tokens[0]", first), "another token")
    check("the token is renewed before it ends", True)
    page.end_sign_in(given.oauth, 1)
    page.click("#nav a", "My sessions")
    page.find(".sessions tbody tr")
    check("a token that is refused is renewed", page.run("return window.before && window.tokens[0] !== arguments[0]", renewed))
    check("nobody was asked to sign in", page.all("#banner [data-state]") == [])


def sign_in_ends(page, given):
    """As when the refresh token is over: the authorization server takes none of the page's tokens any more."""
    page.signed_in("alice")
    page.find(".files")
    page.end_sign_in(given.oauth)
    page.click("#nav a", "My sessions")
    page.find("#banner [data-state='signed-out']", patience=60)
    page.looks_well("state signed-out")
    page.run("window.before = true")
    signs_in_beside_the_page(page, "bob")
    page.find(".toast", "another account")
    check("another person does not go on in the page", page.all("#banner [data-state='signed-out']") != [])
    signs_in_beside_the_page(page, "alice")
    page.gone("[data-state='signed-out']")
    page.find(".panel h1", "My sessions")
    page.find(".sessions tbody tr")
    check("signing in again leaves the page as it is", page.run("return window.before") and page.driver.current_url.endswith("#/sessions"))


def sign_in_ends_while_uploading(page, given):
    """Alice's session and sign-in end in the middle of a file, which goes on after she has signed in again."""
    storage = Storage(given, "alice", given.workspace)
    page = page.signed_in("alice")
    page.open_place(given.workspace)
    content = os.urandom(40 * MB)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "long.bin"
        file.write_bytes(content)
        page.throttle(MB)
        page.upload("multiple", file)
        page.wait(lambda: page.progress() > 0, "it has begun", 60)
        page.end_sign_in(given.oauth)
        requests.post(f"{given.gateway}/v1/credentials/revoke", headers={"Authorization": f"Bearer {given.token}"}, timeout=20).raise_for_status()
        page.wait(lambda: page.lines("signed-out"), "the upload waits", 60)
        page.looks_well("state signed-out uploading")
        check("the browser asks before it leaves", page.run("return !dispatchEvent(new Event('beforeunload', {cancelable: true}))"))
        signs_in_beside_the_page(page, "alice")
        page.plug()
        page.uploaded(120)
    check("an upload goes on after another sign-in", storage.digest("long.bin") == hashlib.sha256(content).hexdigest())
    storage.empty()
