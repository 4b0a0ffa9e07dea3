"""Files on their way to the store."""

import hashlib
import os
import re
import time

import requests

from files_view import drop
from page import check
from storage import MB

PART = 8 * 1024 ** 2


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
    view.wait(lambda: view.lines("running") and 0.35 < view.progress() < 0.9, "a third is sent", 120)
    view.throttle(3 * MB)  # so that it does not end while we look
    facts = view.find(".files-facts", "left").text
    check("it says how much, how fast and how long", re.fullmatch(r"[\d.]+ MB of [\d.]+ MB · [\d.]+ MB a second · \d+ \w+ left", facts), facts)
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
    view.throttle(MB)
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
