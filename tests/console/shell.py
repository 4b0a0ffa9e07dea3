"""The console but for its files: sign-in, what may be opened, credentials, sessions, and each state that people meet."""

import argparse
import shlex
import subprocess

import requests

from files_view import FilesPage
from page import no_errors
from walks import first_load, panels, sign_in, states

# Each in a browser of its own.
WALKS = [sign_in.welcomes_and_signs_in, sign_in.comes_back_to_the_folder, sign_in.refused_sign_in, sign_in.renews_the_sign_in,
         sign_in.sign_in_ends, sign_in.sign_in_ends_while_uploading, sign_in.signs_out_while_uploading, sign_in.signs_out,
         panels.opens_places, panels.pastes_what_the_gateway_writes, panels.counts, panels.by_keyboard, panels.renews,
         panels.ends_sessions, panels.shows_read_only]
# With pages of their own.
OTHERS = [panels.speaks_dutch, first_load.is_quick_and_small, states.states_of_a_gateway, states.states_of_a_store]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--gateway", required=True)
    arguments.add_argument("--token-command", help="prints a token for %%s")
    arguments.add_argument("--sign-in", choices=["dev", "keycloak"], default="dev")
    arguments.add_argument("--binary", help="starts gateways beside the first one")
    arguments.add_argument("--config", help="the first one's configuration")
    arguments.add_argument("--workspace", default="acme/research")
    arguments.add_argument("--seconds", type=int, default=3600, help="the life of a session")
    arguments.add_argument("--first-list", type=int, default=1_000, help="in how many milliseconds it is shown")
    arguments.add_argument("--runs", type=int, default=1, help="of which the median counts")
    arguments.add_argument("--screenshots", help="a folder for pictures")
    arguments.add_argument("--only", nargs="*", help="names of tests")
    given = arguments.parse_args()
    if given.sign_in == "keycloak":
        walk = states.kept_out_by_minio if given.only else sign_in.at_keycloak
        return walk(given)
    settings = requests.get(f"{given.gateway}/console/settings.json", timeout=20).json()
    given.store, given.oauth = settings["store"]["endpoint"], settings["issuer"]
    given.token_of = lambda user: subprocess.check_output(
        [word.replace("%s", user) for word in shlex.split(given.token_command)], text=True).strip()
    given.token = given.token_of("alice")
    for walk in WALKS:
        if not given.only or walk.__name__ in given.only:
            with FilesPage(given.gateway, given.screenshots) as page:
                walk(page, given)
                no_errors(page)
    for walk in OTHERS:
        if not given.only or walk.__name__ in given.only:
            walk(given)


if __name__ == "__main__":
    main()
