"""The files view of the console in a headless Chromium, against any store that the gateway has.

Signs in as alice and as bob. Needs `chromium`, `chromedriver` and the packages boto3, requests and
selenium.
"""

import argparse
import base64
import contextlib
import hashlib
import io
import os
import pathlib
import shlex
import subprocess
import tempfile
import time
import urllib.parse
import zipfile
from concurrent.futures import ThreadPoolExecutor

import boto3
import requests
from botocore.config import Config
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

import evil
from files_view import FilesPage
from page import check

MB = 1_000_000
PART = 8 * 1024 ** 2


class Storage:
    """The same storage through boto3, to put things there and to see what arrived."""

    def __init__(self, given, user, workspace=None):
        self.given, self.user, self.workspace = given, user, workspace
        self.fresh_until, self.client = 0, None
        _ = self.s3

    @property
    def s3(self):
        """A client with a session that has at least half its life before it."""
        if time.monotonic() > self.fresh_until:
            self.fresh_until = time.monotonic() + self.given.seconds / 2
            self.renew()
        return self.client

    def renew(self):
        command = [word.replace("%s", self.user) for word in shlex.split(self.given.token_command)]
        token = subprocess.check_output(command, text=True).strip()
        headers = {"Authorization": f"Bearer {token}"}
        if self.workspace:
            organisation, name = self.workspace.split("/")
            path = f"/api/v1/org/{organisation}/ws/{name}/storage/credentials"
            got = requests.get(self.given.gateway + path, headers=headers, timeout=30).json()
            keys = got["access_key_id"], got["secret_access_key"], got["session_token"]
        else:
            got = requests.post(f"{self.given.gateway}/v1/credentials", headers=headers, timeout=30).json()
            keys = [got["credentials"][name] for name in ("accessKeyId", "secretAccessKey", "sessionToken")]
        self.bucket, self.prefix = got["bucket"], got.get("prefix", "")
        config = Config(signature_version="s3v4", max_pool_connections=32, s3={"addressing_style": "path"},
                        request_checksum_calculation="when_required", response_checksum_validation="when_required")
        self.client = boto3.client("s3", endpoint_url=got["endpoint"], region_name=got["region"], aws_access_key_id=keys[0],
                                   aws_secret_access_key=keys[1], aws_session_token=keys[2], config=config)

    def put(self, key, body=b"x", kind="application/octet-stream"):
        self.s3.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=body, ContentType=kind)

    def get(self, key):
        return self.s3.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"].read()

    def digest(self, key):
        found = hashlib.sha256()
        for chunk in self.s3.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"].iter_chunks(1 << 20):
            found.update(chunk)
        return found.hexdigest()

    def keys(self, folder=""):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + folder)
        return [item["Key"][len(self.prefix):] for page in pages for item in page.get("Contents", [])]

    def empty(self):
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: self.s3.delete_object(Bucket=self.bucket, Key=self.prefix + key), self.keys()))

    def fill(self, folder, count):
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda number: self.put(f"{folder}/object-{number:05}.dat"), range(count)))


class Suite:
    def __init__(self, given, folder):
        self.given, self.folder = given, folder
        self.canary = evil.Canary()
        self.errors = []

    def storage(self, user, workspace=None):
        return Storage(self.given, user, workspace)

    @contextlib.contextmanager
    def console(self, user, workspace=None):
        """The files of a place, seen by a user who has just signed in."""
        with FilesPage(self.given.gateway, self.given.screenshots, sign_in=self.given.sign_in) as view:
            view.signed_in(user)
            view.open_place(workspace)
            view.downloads = self.folder / f"downloads of {user}"
            view.downloads.mkdir(exist_ok=True)
            view.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(view.downloads)})
            yield view

    def shot(self, view, name):
        view.shot(f"files {name}")

    def accessible(self, view, what):
        """axe-core finds nothing on what is shown."""
        found = view.violations()
        check(f"axe finds nothing on {what}", found == [], "; ".join(found))


def upload_a_folder(suite, view, storage):
    source = suite.folder / "holiday"
    contents = {f"day {number % 7}/picture {number:03}.txt": f"picture {number}\n".encode() * 50 for number in range(200)}
    for name, content in contents.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    began = time.monotonic()
    view.upload("webkitdirectory", source)
    view.uploaded(120)
    took = time.monotonic() - began
    view.has("holiday")
    stored = {key for key in storage.keys("holiday/")}
    check("a folder of 200 files is uploaded", stored == {f"holiday/{name}" for name in contents}, f"{took:.1f} s")
    check("they have their bytes", storage.get("holiday/day 3/picture 003.txt") == contents["day 3/picture 003.txt"])
    suite.shot(view, "uploaded")
    suite.accessible(view, "the list and the uploads")


def go_on_after_a_lost_network(suite, view, storage):
    big = suite.folder / "big.bin"
    found = hashlib.sha256()
    with big.open("wb") as out:
        for _ in range(300):
            chunk = os.urandom(MB)
            found.update(chunk)
            out.write(chunk)
    view.run("performance.setResourceTimingBufferSize(10000); performance.clearResourceTimings()")
    view.throttle(30 * MB)
    view.upload("multiple", big)
    view.wait(lambda: view.lines("running") and 0.3 < view.progress() < 0.9, "a third is sent", 120)
    view.unplug()
    view.wait(lambda: view.lines("lost"), "the upload says that the connection is lost", 60)
    check("what has arrived still counts while the network is lost", 0.2 < view.progress() < 0.9, f"{view.progress():.0%}")
    suite.shot(view, "connection lost")
    view.plug()
    words = view.uploaded(300)
    check("300 MB arrive although the network was lost in the middle", storage.digest("big.bin") == found.hexdigest(), words)
    script = """return performance.getEntriesByType('resource').filter((e) => e.responseStatus === 200)
        .map((e) => new URL(e.name).searchParams.get('partNumber')).filter(Boolean)"""
    parts = view.run(script)
    check("no part was sent again that had arrived", len(parts) == len(set(parts)) == -(-300 * MB // PART), f"{len(parts)} parts")
    view.click(".files-panel header button:not([hidden])")


def cancel_an_upload(suite, view, storage):
    view.throttle(10 * MB)
    view.upload("multiple", suite.folder / "cancelled.bin")
    view.wait(lambda: view.lines("running") and 0.02 < view.progress() < 0.9, "it has begun", 60)
    view.click(".files-upload-running button:not([hidden])")
    view.wait(lambda: view.lines("cancelled"), "it is cancelled")
    view.plug()
    check("a cancelled upload leaves no object", "cancelled.bin" not in storage.keys())
    view.click(".files-upload-cancelled button:not([hidden])")
    view.wait(lambda: not view.lines("cancelled"), "it begins again")
    view.uploaded(120)
    check("it can be tried again", len(storage.get("cancelled.bin")) == 40 * MB)
    view.click(".files-panel header button:not([hidden])")


def ask_before_replacing(suite, view, storage):
    file = suite.folder / "replaced.txt"
    file.write_text("new")
    storage.put("replaced.txt", b"old")
    view.upload("multiple", file)
    with view.dialog() as dialog:
        check("a question comes before an upload replaces a file", "replaced.txt" in dialog.text)
        suite.shot(view, "replace")
        suite.accessible(view, "the question before replacing")
    check("Escape leaves it as it is", storage.get("replaced.txt") == b"old")
    view.upload("multiple", file)
    view.click("dialog[open] button.danger")
    view.uploaded(30)
    check("and the answer replaces it", storage.get("replaced.txt") == b"new")


def new_folder(suite, view, storage):
    view.click(".files-new-folder")
    view.type_into_dialog("a/b")
    view.submit()
    view.wait(lambda: "dialog[open]" and view.find("dialog[open] [role=alert]").text, "why not")
    suite.accessible(view, "the dialog for a new folder")
    view.type_into_dialog("papers")
    view.submit()
    view.has("papers")
    check("a new folder is an empty object as in other tools", storage.keys("papers/") == ["papers/"])


def rename_and_move(suite, view, storage):
    storage.put("draft é + 1.txt", b"draft")
    view.root()
    view.select("draft é + 1.txt")
    view.do("rename")
    suite.accessible(view, "the dialog to rename")
    view.type_into_dialog("final (1).txt")
    view.submit()
    view.has("final (1).txt")
    view.lacks("draft é + 1.txt")
    check("a file is renamed", storage.get("final (1).txt") == b"draft")
    view.select("final (1).txt", "holiday")
    view.do("move")
    view.wait(lambda: "papers" in view.find("dialog[open]").text, "the folders")
    suite.accessible(view, "the dialog to move")
    suite.shot(view, "move")
    view.run("[...document.querySelectorAll('.files-folders button')].find((b) => b.textContent === 'papers').click()")
    view.wait(lambda: "papers" in view.find(".files-picked").text, "it is chosen")
    view.submit()
    view.lacks("holiday", 120)
    view.no_dialog()
    keys = storage.keys("papers/")
    check("a file and a folder of 200 are moved", len(keys) == 202 and "papers/holiday/day 3/picture 003.txt" in keys)
    check("nothing is left where they were", storage.keys("holiday/") == [] and "final (1).txt" not in storage.keys())


# Holds every request that begins from now on until `release()`.
GATE = """{ const fetched = window.fetch, held = []; window.held = held;
  window.fetch = (...given) => new Promise((resolve) => held.push(resolve)).then(() => fetched(...given));
  window.release = () => { window.fetch = fetched; for (const go of held) go(); }; }"""


def move_while_checking(suite, view, storage):
    storage.put("paper.txt", b"paper")
    storage.put("one/two/paper.txt", b"kept")
    view.root()
    view.select("paper.txt")
    view.do("move")
    view.click(".files-folders button", "one")
    view.find(".files-folders button", "two")
    view.run(GATE)
    view.submit()
    view.wait(lambda: view.run("return held.length"), "the folder is checked")
    # A real click: what is inert gets none.
    ActionChains(view.driver).move_to_element(view.find(".files-folders button", "two")).click().perform()
    view.run("release()")
    view.no_dialog(60)
    view.lacks("paper.txt")
    check("a move goes where it was checked", storage.get("one/paper.txt") == b"paper")
    check("and not where somebody clicked meanwhile", storage.get("one/two/paper.txt") == b"kept")


# Holds what is asked after the first copy until `release()`.
AFTER_A_COPY = """{ const fetched = window.fetch, held = []; window.held = held; let isCopied = false;
  window.fetch = async (url, init) => { if (isCopied) await new Promise((resolve) => held.push(resolve));
    const answer = await fetched(url, init); isCopied ||= Boolean(init?.headers?.has?.('x-amz-copy-source')); return answer; };
  window.release = () => { window.fetch = fetched; for (const go of held) go(); }; }"""


def move_what_changes(suite, view, storage):
    storage.put("minutes.txt", b"first")
    view.root()
    view.select("minutes.txt")
    view.do("rename")
    view.type_into_dialog("minutes of May.txt")
    view.wait(lambda: view.find("dialog[open] button[type=submit]").is_enabled(), "it can be renamed")
    view.run(AFTER_A_COPY)
    view.submit()
    view.wait(lambda: view.run("return held.length"), "it is copied")
    storage.put("minutes.txt", b"second")
    view.run("release()")
    view.find(".toast", "1 object was changed meanwhile")
    check("an original that changed after its copy stays", storage.get("minutes.txt") == b"second")
    check("its copy is as it was", storage.get("minutes of May.txt") == b"first")
    view.no_dialog()


# Drops a folder that is read as slowly as the test wants, with a file that cannot be read, and two files of one name.
SLOW_DROP = """
const file = (name, text) => ({ isFile: true, name, file: (resolve) => resolve(new File([text], name)) });
const entries = [
  { isFile: false, name: 'slow', createReader: () => ({ readEntries: (resolve) => { window.read ??= () => resolve([
    file('late.txt', 'late'), { isFile: true, name: 'locked', file: (_, reject) => reject(new DOMException('locked')) }]);
    if (window.isRead) resolve([]); window.isRead = true; } }) },
  file('twin.txt', 'first'), file('twin.txt', 'second')];
const data = new DataTransfer(); for (const { name } of entries) data.items.add(new File(['x'], name));
const real = DataTransferItem.prototype.webkitGetAsEntry;
DataTransferItem.prototype.webkitGetAsEntry = () => entries.shift();
document.querySelector('.files').dispatchEvent(new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: data}));
DataTransferItem.prototype.webkitGetAsEntry = real;
"""


def drop_and_walk_on(suite, view, storage):
    storage.put("elsewhere/here.txt")
    view.root()
    view.hide_uploads()
    view.run(SLOW_DROP)
    view.enter("elsewhere")
    view.run("window.read()")
    view.find(".toast", "1 file or folder could not be read")
    view.uploaded(60)
    check("dropped files go where they were dropped", storage.get("slow/late.txt") == b"late" and len(storage.keys("elsewhere/")) == 1)
    check("two of one name are both kept", {storage.get("twin.txt"), storage.get("twin (2).txt")} == {b"first", b"second"})
    view.click(".files-panel header button:not([hidden])")
    view.root()


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
    storage.put("for a colleague.txt", b"hello colleague", "text/html")
    view.root()
    view.select("for a colleague.txt")
    view.do("share")
    with view.dialog() as dialog:
        field = "return document.querySelector('.files-copyable input').value"
        url = view.wait(lambda: view.run(field), "the link")
        suite.shot(view, "link")
        suite.accessible(view, "the link")
        answer = requests.get(url, timeout=30)
        check("a link opens without signing in", answer.content == b"hello colleague", answer.status_code)
        check("it downloads, so that no page opens in the store's name",
              answer.headers["content-disposition"].startswith("attachment"))
        seconds = int(urllib.parse.parse_qs(urllib.parse.urlparse(url).query)["X-Amz-Expires"][0])
        check("its end is the session's and is said", 0 < seconds <= suite.given.seconds and "until" in dialog.text, f"{seconds} s")
        view.click("dialog[open] summary")
        address = view.run("return document.querySelectorAll('.files-copyable input')[1].value")
        check("its s3:// address can be copied", address == f"s3://{storage.bucket}/{storage.prefix}for a colleague.txt")


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


FRAMES = """
window.__frames = []; window.__stop = false;
let last = performance.now();
(function frame() { const now = performance.now(); window.__frames.push(now - last); last = now;
  if (!window.__stop) requestAnimationFrame(frame); })();
new PerformanceObserver((list) => (window.__tasks ??= []).push(...list.getEntries().map((e) => e.duration))).observe({type: 'longtask'});
window.__tasks = [];
"""


def ten_thousand(suite, view, storage):
    count = suite.given.many
    if len(storage.keys("many/")) < count:
        storage.fill("many", count)
    view.root()
    view.run(FRAMES)
    began = time.monotonic()
    view.open_entry("many")
    view.wait(lambda: view.names()[:1] == ["object-00000.dat"], "the first rows")
    first = time.monotonic() - began
    total = "return Number(document.querySelector('.files-grid').getAttribute('aria-rowcount'))"
    view.wait(lambda: view.run(total) == count + 1, "all of it", 120)
    view.settled()
    whole = time.monotonic() - began
    view.driver.set_script_timeout(60)
    scroll = """const done = arguments[0], grid = document.querySelector('.files-grid'); let step = 0;
        (function next() { grid.scrollTop = grid.scrollHeight * (step / 120); step += 1;
          if (step <= 120) requestAnimationFrame(next); else done(); })();"""
    view.driver.execute_async_script(scroll)
    view.has(f"object-{count - 1:05}.dat")
    rows = view.run("return document.querySelectorAll('.files-space .files-row').length")
    check(f"{count} objects are listed with few rows in the page", rows < 80, f"{rows} rows, first after {first:.2f} s, all after {whole:.2f} s")
    view.filter("09999")
    view.wait(lambda: view.names() == ["object-09999.dat"] or count < 10_000, "the filter")
    view.filter("")
    view.wait(lambda: len(view.names()) > 5, "without a filter")
    view.run("window.__stop = true")
    frames, tasks = view.run("return [window.__frames, window.__tasks]")
    longest = max(frames)
    check("no frame is long while they are listed, scrolled and filtered", longest < suite.given.longest_frame,
          f"longest {longest:.0f} ms of {len(frames)} frames, longest task {max(tasks, default=0):.0f} ms")
    view.run("document.querySelector('.files-space .files-row').focus()")
    view.press(Keys.END)
    view.wait(lambda: f"object-{count - 1:05}.dat" in view.run("return document.activeElement.textContent"), "End goes to the last")
    index = view.run("return document.activeElement.getAttribute('aria-rowindex')")
    check("the keyboard reaches the last of them", index == str(count + 1), index)
    suite.accessible(view, f"{count} objects")
    suite.shot(view, "many")
    view.root()


def delete_everything_inside(suite, view, storage):
    view.select("papers")
    view.do("remove")
    view.wait(lambda: "202" in view.find("dialog[open]").text, "the count")
    suite.shot(view, "delete")
    suite.accessible(view, "the question before deleting")
    check("nothing is deleted before the answer", len(storage.keys("papers/")) == 202)
    view.submit()
    view.lacks("papers", 120)
    check("a folder is deleted with everything inside", storage.keys("papers/") == [])


# Puts a name into the listings of a folder that the embedded store refuses, and other stores have.
ODD_NAME = """{ const fetched = window.fetch, odd = `<Contents><Key>odd/../up.txt</Key><LastModified>2026-11-26T19:41:00.000Z</LastModified>
  <ETag>"9"</ETag><Size>1</Size></Contents></ListBucketResult>`;
  window.fetch = async (url, init) => { const answer = await fetched(url, init);
    if (new URL(url, document.baseURI).searchParams.get('prefix') !== 'odd/') return answer;
    return new Response((await answer.text()).replace('</ListBucketResult>', odd), answer); };
  window.release = () => { window.fetch = fetched; }; }"""


def delete_past_a_name(suite, view, storage):
    for number in range(10):
        storage.put(f"odd/{number}.txt")
    view.root()
    view.run(ODD_NAME)
    view.select("odd")
    view.do("remove")
    view.wait(lambda: "11" in view.find("dialog[open]").text, "the count")
    view.submit()
    with view.dialog():
        view.wait(lambda: "10 of 11 deleted" in view.find("dialog[open]").text, "what was deleted")
        check("it says what to use for a name that browsers cannot ask for", "AWS command line" in view.find("dialog[open]").text)
        suite.accessible(view, "what could not be deleted")
    view.run("release()")
    check("one such name does not keep the others", storage.keys("odd/") == [], storage.keys("odd/"))
    view.root()


def keyboard_only(suite, view, storage):
    storage.put("key.txt", b"keyboard")
    view.root()
    view.run("document.querySelector('.files-upload').focus()")
    check("the button to upload can be reached", view.run("return document.activeElement.textContent.trim() !== ''"))
    view.run("document.querySelector('.files-filter').focus()")
    view.press("key")
    view.wait(lambda: view.names() == ["key.txt"], "the filter")
    view.press(Keys.ARROW_DOWN)
    view.press(Keys.ENTER)
    with view.dialog() as dialog:
        view.wait(lambda: "keyboard" in dialog.text, "Enter opens the file")
    view.press(Keys.F2)
    with view.dialog():
        view.type_into_dialog("key2.txt")
        view.press(Keys.ENTER)
        view.has("key2.txt")
        view.no_dialog()
    check("F2 renames", storage.get("key2.txt") == b"keyboard")
    check("the focus comes back to the line", view.wait(lambda: view.run(
        "return document.activeElement.classList.contains('files-row')"), "the focus"))
    view.press(Keys.DELETE)
    with view.dialog():
        view.press(Keys.ESCAPE)
    check("Escape closes, and nothing is deleted", storage.get("key2.txt") == b"keyboard")
    view.press(Keys.DELETE)
    view.wait(lambda: view.find("dialog[open] button.danger").is_enabled(), "counted")
    check("the focus stays on Cancel", view.run("return document.activeElement.textContent") == "Cancel")
    view.press(Keys.TAB)
    view.press(Keys.ENTER)
    view.lacks("key2.txt")
    check("Delete deletes", "key2.txt" not in storage.keys())
    view.filter("")


def drop(view, name="dropped.txt"):
    view.run("""const data = new DataTransfer(); data.items.add(new File(['dropped'], arguments[0]));
        for (const type of ['dragenter', 'dragover', 'drop'])
          document.querySelector('.files-grid, .files').dispatchEvent(new DragEvent(type, {bubbles: true, cancelable: true, dataTransfer: data}))""", name)


def read_only(suite):
    storage = suite.storage("alice", suite.given.workspace)
    storage.put("shared.txt", b"shared")
    with suite.console("bob", suite.given.workspace) as view:
        view.has("shared.txt")
        check("bob sees what is shared with him", True)
        writing = ".files-upload, .files-upload-folder, .files-new-folder, .files-do-rename, .files-do-move, .files-do-remove, input[type=file]"
        view.select("shared.txt")
        check("a read-only member is offered nothing that writes", view.all(writing) == [])
        drop(view, "written by bob.txt")
        said = "return document.body.textContent.includes('written by bob')"
        view.press(Keys.F2)
        view.press(Keys.DELETE)
        check("neither a drop nor a key writes", not view.run(said) and view.all("dialog[open]") == [])
        suite.shot(view, "read-only")
        suite.accessible(view, "a read-only place")
    check("and nothing was written", storage.keys() == ["shared.txt"], storage.keys())
    storage.empty()


def bob_sees_nothing(suite):
    with suite.console("bob") as view:
        check("bob sees nothing of alice's files", view.names() == [])
        suite.shot(view, "empty")
        suite.accessible(view, "an empty place")
        drop(view)
        view.uploaded(30)
        view.has("dropped.txt")
    storage = suite.storage("bob")
    check("a dropped file is uploaded", storage.get("dropped.txt") == b"dropped")
    storage.empty()


WALK = [upload_a_folder, go_on_after_a_lost_network, cancel_an_upload, ask_before_replacing, new_folder, rename_and_move,
        move_while_checking, move_what_changes, drop_and_walk_on, previews, links, zips, ten_thousand, delete_everything_inside,
        delete_past_a_name, keyboard_only]


def run(suite):
    storage = suite.storage("alice")
    storage.empty()
    (suite.folder / "cancelled.bin").write_bytes(os.urandom(40 * MB))
    with suite.console("alice") as view:
        for step in WALK:
            if not suite.given.only or step.__name__ in suite.given.only:
                step(suite, view, suite.storage("alice"))
        # The network was cut, sessions may usually not abort an upload, and page.py's script is not for sandboxed frames.
        expected = ("ERR_INTERNET_DISCONNECTED", "uploadId=", "sandboxed and lacks")
        errors = [line for line in suite.errors + view.errors() if not any(part in line for part in expected)]
        check("no errors on the browser's console", errors == [], errors)
    if not suite.given.only:
        bob_sees_nothing(suite)
        if suite.given.workspace:
            read_only(suite)
        suite.storage("alice").empty()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--gateway", required=True, help="its address")
    arguments.add_argument("--token-command", required=True, help="a command that prints a token for %%s through the console's client")
    arguments.add_argument("--sign-in", choices=["dev", "keycloak"], default="dev")
    arguments.add_argument("--workspace", help="organisation/workspace, of which alice is a member and bob a read-only one")
    arguments.add_argument("--seconds", type=int, default=3600, help="the life of a session")
    arguments.add_argument("--many", type=int, default=10_000, help="how many objects a long list has")
    arguments.add_argument("--longest-frame", type=float, default=500, help="in milliseconds")
    arguments.add_argument("--screenshots", help="a folder for pictures")
    arguments.add_argument("--only", nargs="*", help="names of steps")
    with tempfile.TemporaryDirectory() as folder:
        run(Suite(arguments.parse_args(), pathlib.Path(folder)))


if __name__ == "__main__":
    main()
