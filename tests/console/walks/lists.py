"""Long lists, and the keyboard in them."""

import time

from selenium.webdriver.common.keys import Keys

from page import check


# How long each frame takes, until `window.__stop`.
FRAMES = """
window.__frames = []; window.__stop = false;
let last = performance.now();
(function frame() { const now = performance.now(); window.__frames.push(now - last); last = now;
  if (!window.__stop) requestAnimationFrame(frame); })();
"""

SCROLL = """const done = arguments[0], grid = document.querySelector('.files-grid'); let step = 0;
  (function next() { grid.scrollTop = grid.scrollHeight * (step / 120); step += 1;
    if (step <= 120) requestAnimationFrame(next); else done(); })();"""

# A machine that is busy elsewhere makes a frame long now and then, a page that stutters does it each time.
TRIES = 3


def ten_thousand(suite, view, storage):
    count = suite.given.many
    if len(storage.keys("many/")) < count:
        storage.fill("many", count)
    view.driver.set_script_timeout(60)
    longest = []
    while len(longest) < TRIES and min(longest, default=suite.given.longest_frame) >= suite.given.longest_frame:
        view.root()
        longest.append(longest_frame(view, count))
    check("no frame is long while they are listed, scrolled and filtered", min(longest) < suite.given.longest_frame,
          ", ".join(f"{frame:.0f} ms" for frame in longest))
    view.run("document.querySelector('.files-space .files-row').focus()")
    view.press(Keys.END)
    view.wait(lambda: f"object-{count - 1:05}.dat" in view.run("return document.activeElement.textContent"), "End goes to the last")
    index = view.run("return document.activeElement.getAttribute('aria-rowindex')")
    check("the keyboard reaches the last of them", index == str(count + 1), index)
    suite.accessible(view, f"{count} objects")
    suite.shot(view, "many")
    view.root()


def longest_frame(view, count):
    """Lists, scrolls and filters them. Returns milliseconds."""
    view.run(FRAMES)
    began = time.monotonic()
    view.open_entry("many")
    view.wait(lambda: view.names()[:1] == ["object-00000.dat"], "the first rows")
    first = time.monotonic() - began
    total = "return Number(document.querySelector('.files-grid').getAttribute('aria-rowcount'))"
    view.wait(lambda: view.run(total) == count + 1, "all of it", 120)
    view.settled()
    whole = time.monotonic() - began
    view.driver.execute_async_script(SCROLL)
    view.has(f"object-{count - 1:05}.dat")
    rows = view.run("return document.querySelectorAll('.files-space .files-row').length")
    check(f"{count} objects are listed with few rows in the page", rows < 80, f"{rows} rows, first after {first:.2f} s, all after {whole:.2f} s")
    last = f"{count - 1:05}"
    view.filter(last)
    view.wait(lambda: view.names() == [f"object-{last}.dat"], "the filter")
    view.filter("")
    view.wait(lambda: len(view.names()) > 5, "without a filter")
    view.run("window.__stop = true")
    return view.run("return Math.max(...window.__frames)")


def sorts(suite, view, storage):
    for name, size in (("ten 10.txt", 1), ("ten 9.txt", 30), ("big.txt", 2_000)):
        storage.put(f"order/{name}", b"x" * size)
    storage.put("order/folder/inside.txt")
    view.root()
    view.enter("order")
    for column, direction, order in (
            (None, "ascending", ["folder", "big.txt", "ten 9.txt", "ten 10.txt"]),
            ("size", "descending", ["folder", "big.txt", "ten 9.txt", "ten 10.txt"]),
            ("size", "ascending", ["folder", "ten 10.txt", "ten 9.txt", "big.txt"]),
            ("name", "ascending", ["folder", "big.txt", "ten 9.txt", "ten 10.txt"]),
            ("name", "descending", ["folder", "ten 10.txt", "ten 9.txt", "big.txt"]),
            ("name", "ascending", ["folder", "big.txt", "ten 9.txt", "ten 10.txt"])):
        if column:
            view.click(f".files-head .files-{column} button")
        said = view.find(f".files-head .files-{column or 'name'}").get_attribute("aria-sort")
        check(f"sorted by {column or 'name'}, {direction}", (view.names(), said) == (order, direction), f"{view.names()} {said}")
    view.root()


def offline(suite, view, storage):
    """A click on a folder without a network: the view stays, and the folder comes with the network."""
    storage.put("tunnel/light.txt")
    view.root()
    view.has("tunnel")
    view.unplug()
    view.open_entry("tunnel")
    view.find(".files-note [role=alert]", "offline")
    here = view.find(".files-crumbs [aria-current]").text
    check("offline, a note stands in the folder, and the frame around it stays", here == "tunnel" and len(view.all(".tabs a")) == 3, here)
    suite.shot(view, "offline in a folder")
    suite.accessible(view, "a folder while offline")
    view.plug()
    view.has("light.txt")
    check("the folder is listed by itself when the network is back", view.all(".files-note [role=alert]") == [])
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
