"""The files view of the console in a headless Chromium, against any store that the gateway has.

Signs in as alice and as bob. Needs `chromium`, `chromedriver` and the packages boto3, requests and
selenium.
"""

import argparse
import contextlib
import os
import pathlib
import tempfile

import evil
from files_view import FilesPage
from page import check
from storage import MB, Storage
from walks import changes, lists, others, reading, uploads


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


WALK = [uploads.upload_a_folder, uploads.go_on_after_a_lost_network, uploads.cancel_an_upload, uploads.ask_before_replacing,
        changes.new_folder, changes.rename_and_move, changes.move_while_checking, changes.move_what_changes,
        uploads.drop_and_walk_on, reading.previews, reading.through_a_folder, reading.links, reading.zips, lists.sorts,
        lists.offline, lists.ten_thousand, changes.delete_everything_inside, changes.delete_past_a_name, lists.keyboard_only]


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
        others.bob_sees_nothing(suite)
        if suite.given.workspace:
            others.read_only(suite)
        suite.storage("alice").empty()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--gateway", required=True, help="its address")
    arguments.add_argument("--token-command", required=True, help="a command that prints a token for %%s through the console's client")
    arguments.add_argument("--sign-in", choices=["dev", "keycloak"], default="dev")
    arguments.add_argument("--workspace", help="organisation/workspace, of which alice is a member and bob a read-only one")
    arguments.add_argument("--seconds", type=int, default=3600, help="the life of a session")
    arguments.add_argument("--many", type=int, default=10_000, help="how many objects a long list has")
    arguments.add_argument("--longest-frame", type=float, default=200, help="in milliseconds")
    arguments.add_argument("--screenshots", help="a folder for pictures")
    arguments.add_argument("--only", nargs="*", help="names of steps")
    with tempfile.TemporaryDirectory() as folder:
        run(Suite(arguments.parse_args(), pathlib.Path(folder)))


if __name__ == "__main__":
    main()
