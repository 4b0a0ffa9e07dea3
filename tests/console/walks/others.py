"""What another person sees."""

from selenium.webdriver.common.keys import Keys

from files_view import drop
from page import check


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
