"""New folders, renaming, moving and deleting."""

from selenium.webdriver import ActionChains

from page import check


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
    view.find(".toast", "1 file was changed meanwhile")
    check("an original that changed after its copy stays", storage.get("minutes.txt") == b"second")
    check("its copy is as it was", storage.get("minutes of May.txt") == b"first")
    view.no_dialog()


def delete_everything_inside(suite, view, storage):
    view.select("papers")
    view.do("remove")
    view.wait(lambda: "201 files" in view.find("dialog[open]").text, "the count")
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
