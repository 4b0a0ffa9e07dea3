"""Previews, links and zips."""

import base64
import io
import urllib.parse
import zipfile

import requests
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

import evil
from files_view import FilesPage
from page import check


def previews(suite, view, storage):
    for name, (content, kind) in evil.files(suite.canary.url).items():
        storage.put(f"evil/{name}", content, kind)
    view.root()
    view.enter("evil")
    view.driver.back()
    view.has("evil")
    check("the browser's Back leads to the folder before", view.run("return document.querySelectorAll('.files-crumbs li').length") == 1)
    view.enter("evil")
    names = view.names()
    check("names are text", sorted(names) == sorted(evil.files(suite.canary.url)), names[0][:30])
    for name in names:
        view.open_entry(name)
        with view.dialog() as dialog:
            view.wait(lambda: view.find(".files-preview-content").get_attribute("aria-busy") == "false", name)
            shown = view.run("return document.querySelector('.files-preview-content').lastElementChild.tagName")
            if name.endswith((".html", ".txt")):
                check(f"{name[:12]} is shown as text", shown == "PRE" and "<script>" in dialog.text)
            if name == "drawing.svg":
                width = "return document.querySelector('.files-preview-content img').naturalWidth"
                check("a drawing is shown", view.wait(lambda: view.run(width), "the drawing is loaded") == 200)
            if name in ("page.pdf", "both.pdf"):
                check(f"a page that is named like a PDF is not shown ({name})", shown == "P")
            if shown == "IFRAME":
                view.wait(lambda: len(view.driver.execute_cdp_cmd("Target.getTargets", {})["targetInfos"]) > 1, "the frame is there")
                origin = view.run("return new URL(document.querySelector('.files-preview-content iframe').src).origin")
                check(f"{name} is in a frame of another origin", origin != view.run("return location.origin"))
                leaves = "return !dispatchEvent(new Event('beforeunload', {cancelable: true}))"
                check("a link in it cannot take the console away unasked", view.run(leaves))
            suite.shot(view, f"preview of {name.split('.')[-1]} {shown.lower()}")
            suite.accessible(view, f"the preview of {name[:12]}")
    view.select("page.html")
    view.do("download")
    path = view.downloaded(view.downloads / "page.html")
    check("a page is downloaded and not opened", path.read_bytes() == evil.files(suite.canary.url)["page.html"][0])
    # Whatever was to run has had the time of eight previews; one more round trip to the canary itself.
    requests.get(f"{suite.canary.url}/asked-by-the-test", timeout=10)
    check("nothing in them ran", suite.canary.heard == ["GET /asked-by-the-test"], suite.canary.heard)
    check("nothing in them reached the page", view.run("return window.__canary === undefined"))
    console_tab = view.driver.current_window_handle
    suite.errors += view.errors()
    for name, told in (("page.html", "GET /html?"), ("drawing.svg", "GET /svg?")):
        url = storage.s3.generate_presigned_url("get_object", {"Bucket": storage.bucket, "Key": f"{storage.prefix}evil/{name}"})
        view.driver.switch_to.new_window("tab")
        view.driver.get(url)
        view.wait(lambda told=told: any(line.startswith(told) for line in suite.canary.heard), f"{name} is heard")
        view.driver.close()
        view.driver.switch_to.window(console_tab)
    # What went wrong in those tabs is not the console's.
    view.errors()
    check("the same files run where they are opened as pages, so the canary hears", True)
    view.root()


def links(suite, view, storage):
    # Open before the link is made, which ends soon.
    with FilesPage(suite.given.gateway, suite.given.screenshots) as page:
        link_of_a_file(suite, view, storage, page)
        page.looks_well("state link")
        link_that_ends(suite, suite.storage("alice"), page)
    storage.put("for a colleague.txt", b"hello colleague", "text/html")


def link_of_a_file(suite, view, storage, page):
    storage.put("for a colleague.txt", b"hello colleague", "text/html")
    view.root()
    view.select("for a colleague.txt")
    # It ends with the session, which may be too soon for a busy machine.
    check("a link can be used before it ends", any(shared(suite, view, storage, page) for _ in range(3)))


def shared(suite, view, storage, page):
    """Whether the link was used before its end."""
    view.do("share")
    with view.dialog() as dialog:
        address = "return document.querySelectorAll('.files-copyable input')[arguments[0]].value"
        link = view.wait(lambda: view.run(address, 0), "the link")
        direct = view.run(address, 1)
        answer = requests.get(direct, timeout=30)
        path = downloaded_without_signing_in(suite, page, link, direct)
        if not path:
            return False
        check("a link leads to a page of the console", link.startswith(f"{view.gateway}/console/#/link/"), link)
        check("the direct link opens without signing in", answer.content == b"hello colleague", answer.status_code)
        check("it downloads, so that no page opens in the store's name",
              answer.headers["content-disposition"].startswith("attachment"))
        check("a colleague downloads without signing in", path.read_bytes() == b"hello colleague")
        seconds = int(urllib.parse.parse_qs(urllib.parse.urlparse(direct).query)["X-Amz-Expires"][0])
        check("its end is the session's and is said", 0 < seconds <= suite.given.seconds and "until" in dialog.text, f"{seconds} s")
        suite.shot(view, "link")
        suite.accessible(view, "the link")
        view.click("dialog[open] summary")
        s3 = view.run(address, 2)
        check("its s3:// address can be copied", s3 == f"s3://{storage.bucket}/{storage.prefix}for a colleague.txt", s3)
    return True


def downloaded_without_signing_in(suite, page, link, direct):
    """The file, or None if the link ended first."""
    folder = suite.folder / "downloads of a colleague"
    folder.mkdir(exist_ok=True)
    page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    if page.all("[data-state=link-ended]"):
        page.driver.get("about:blank")
    page.open(link.removeprefix(suite.given.gateway))
    path = folder / "for a colleague.txt"
    page.wait(lambda: page.all("[data-state=link] button, [data-state=link-ended]"), "the page of the link")
    if page.all("[data-state=link] button"):
        page.find("[data-state=link] h1", "for a colleague.txt")
        page.click("[data-state=link] button", "Download")
        page.wait(lambda: path.exists() or page.all("[data-state=link-ended]"), "the file")
    if page.all("[data-state=link-ended]"):
        check("a link ends when it is to, and not before", not requests.get(direct, timeout=30).ok)
        return None
    return page.downloaded(path)


def link_that_ends(suite, storage, page):
    """Whoever comes too late reads no XML."""
    given = {"Bucket": storage.bucket, "Key": f"{storage.prefix}for a colleague.txt"}
    named = {"ResponseContentDisposition": "attachment; filename*=UTF-8''for%20a%20colleague.txt"}
    ended = storage.s3.generate_presigned_url("get_object", given | named, ExpiresIn=1)
    page.wait(lambda: not requests.get(ended, timeout=30).ok, "a link ends")
    page.open(f"/console/#/link/{ended}")
    page.find("[data-state=link-ended]", "This link has ended")
    page.looks_well("state link-ended")
    storage = suite.storage("alice")
    works = storage.s3.generate_presigned_url("get_object", given | named)
    page.open(f"/console/#/link/{works}")
    page.find("[data-state=link]")
    storage.s3.delete_object(**given)
    page.click("[data-state=link] button", "Download")
    page.find("[data-state=link-gone]", "not there any more")
    page.open(f"/console/#/link/{works.replace('//', '//evil.example/', 1)}")
    page.find("[data-state=link-wrong]")
    check("an address that leads elsewhere opens nothing", page.all(".state button, .state a, iframe") == [])


def through_a_folder(suite, view, storage):
    """From file to file, and what can be done with the one that is shown."""
    for name in "abc":
        storage.put(f"album/{name}.txt", f"this is {name}".encode())
    view.root()
    view.enter("album")
    view.open_entry("a.txt")
    shown = "return document.querySelector('.files-preview-content pre')?.textContent"
    view.wait(lambda: view.run(shown) == "this is a", "the first")
    check("there is none before the first", not view.find(".files-before").is_enabled())
    view.press(Keys.ARROW_RIGHT)
    view.wait(lambda: view.run(shown) == "this is b", "an arrow key shows the next")
    view.click(".files-after")
    view.wait(lambda: view.run(shown) == "this is c", "a button shows the next")
    suite.accessible(view, "a file among others")
    view.click("dialog[open] button", "Rename")
    view.type_into_dialog("d.txt")
    view.submit()
    view.has("d.txt")
    check("what is shown can be renamed from there", storage.get("album/d.txt") == b"this is c")
    view.no_dialog()
    view.select("a.txt", "b.txt")
    view.looks_well("files selected")
    view.clear()
    row_menu(suite, view, storage)
    view.root()


def row_menu(suite, view, storage):
    view.click_in_row("a.txt", ".files-more button")
    menu = view.find("[role=menu]")
    check("a row's menu has what the bar has", menu.text.split() == ["Download", "Link", "Rename", "Move", "Delete"], menu.text)
    suite.shot(view, "menu")
    suite.accessible(view, "a row's menu")
    view.press(Keys.ARROW_DOWN, Keys.ESCAPE)
    view.gone("[role=menu]")
    check("Escape leads back to the row", "a.txt" in view.run("return document.activeElement.textContent"))
    view.on(lambda: view.row("b.txt"), lambda row: ActionChains(view.driver).context_click(row).perform())
    view.click("[role=menu] button", "Delete")
    view.wait(lambda: view.find("dialog[open] button.danger").is_enabled(), "counted")
    view.submit()
    view.lacks("b.txt")
    check("the right button opens it too", storage.keys("album/") == ["album/a.txt", "album/d.txt"], storage.keys("album/"))


def zips(suite, view, storage):
    view.run("window.showSaveFilePicker = undefined")
    view.select("papers", "for a colleague.txt")
    view.do("download")
    path = view.downloaded(view.downloads / "files.zip")
    view.no_dialog(60)
    with zipfile.ZipFile(path) as found:
        check("a zip of many files is whole", found.testzip() is None and len(found.namelist()) == 203, len(found.namelist()))
        check("its files have their bytes", found.read("papers/final (1).txt") == b"draft")
    # A file of the browser's own file system stands in for the one that a person would choose.
    view.run("""window.showSaveFilePicker = async ({suggestedName}) =>
        (await navigator.storage.getDirectory()).getFileHandle(suggestedName, {create: true})""")
    view.do("download")
    view.wait(lambda: view.all("dialog[open]"), "it says how far it is")
    view.no_dialog(60)
    script = """const [name, done] = arguments; navigator.storage.getDirectory().then((root) => root.getFileHandle(name))
        .then((handle) => handle.getFile()).then((file) => file.arrayBuffer()).then((buffer) => {
          let text = ''; for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte); done(btoa(text)); })"""
    written = base64.b64decode(view.driver.execute_async_script(script, "files.zip"))
    with zipfile.ZipFile(io.BytesIO(written)) as found:
        check("it is written to disk as it comes where the browser can", found.testzip() is None and len(found.namelist()) == 203)
