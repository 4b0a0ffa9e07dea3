"""Each state that people meet instead of a view. They happen, at a gateway beside `dev`."""

import contextlib
import hashlib
import re
import socket
import sqlite3
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

from files_view import FilesPage
from gateway import Gateway, free_port
from page import Page, check, no_errors

CREDENTIALS = "/v1/credentials"

@contextlib.contextmanager
def beside(given):
    """A gateway of its own, and a page of it."""
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(given.binary, given.config, folder)
        try:
            with FilesPage(gateway.url, given.screenshots) as page:
                yield gateway, page
                # Nobody listens, or the store lets nobody in.
                no_errors(page, r"status of (4|5)\d\d|ERR_CONNECTION_REFUSED|CORS policy|ERR_FAILED")
        finally:
            gateway.stop()


@contextlib.contextmanager
def programs_that_ask(url, token, count=4):
    """Somebody's programs ask for credentials again and again."""
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            requests.post(f"{url}{CREDENTIALS}", headers={"Authorization": f"Bearer {token}"}, timeout=20)

    with ThreadPoolExecutor(count) as pool:
        asked = [pool.submit(ask) for _ in range(count)]
        try:
            yield
        finally:
            stop.set()
    for each in asked:
        each.result()


@contextlib.contextmanager
def silent_server():
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield "http://{}:{}".format(*listener.getsockname())


@contextlib.contextmanager
def locked(database):
    """Nobody else writes to it meanwhile."""
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
    finally:
        connection.close()


def meets(page, slug, by=lambda page: page.click(".state button.primary")):
    """A state, after `by`: by default after another try."""
    by(page)
    state = page.find(f"[data-state='{slug}']", patience=60)
    page.looks_well(f"state {slug}")
    return state


def states_of_a_gateway(given):
    """What becomes of one page while the gateway is limited, stopped, and started with other settings."""
    nobody = f"http://127.0.0.1:{free_port()}"
    with beside(given) as (gateway, page):
        gateway.start(limits__per_owner="1/s burst 1")
        page.signed_in("dave")
        page.settled()
        with programs_that_ask(gateway.url, given.token_of("dave")):
            said = "return document.querySelector(\"[data-state='rate-limited']\")?.textContent ?? ''"
            # Now and then the page itself gets the call that is free each second.
            page.wait(lambda: page.again("dave") or page.wait(lambda: page.run(said) or page.all(".files-grid"), "an answer")
                      and re.search(r"Trying again in \d second", page.run(said)), "it is limited, and counts down", 60)
            page.looks_well("state rate-limited")
        page.settled()
        check("rate limited: goes on by itself", True)
        gateway.start()
        page.click(".tabs a", "For programs")
        page.find(".keys")
        gateway.stop()
        meets(page, "unreachable", lambda page: page.click("#nav a", "My sessions"))
        gateway.start(oauth__required_scope="com.example.other")
        state = meets(page, "insufficient-scope")
        check("no scope: says which", "com.example.other" in state.text, state.text)
        gateway.start(oauth__introspection_endpoint=f"{nobody}/introspect")
        meets(page, "identification-unavailable")
        gateway.start(storage__sts_endpoint=nobody)
        page.again("dave")
        meets(page, "storage-unavailable", lambda page: page.click("#nav a", "My files"))
        gateway.start()
        # The page tries by itself as well, after 20 s.
        page.run("document.querySelector('.state button.primary')?.click()")
        page.settled()
        with locked(gateway.database):
            state = meets(page, "other", lambda page: page.again("dave"))
            check("other: says the status", "(500)" in state.text, state.text)
        page.click(".state button.primary", "Try again")
        page.settled()
        with silent_server() as silent:
            # One call waits for the authorization server, which is all that may.
            gateway.start(oauth__introspection_endpoint=f"{silent}/introspect", http__max_in_flight="2", oauth__max_in_flight="1")
            with programs_that_ask(gateway.url, given.token_of("erin"), 1):
                meets(page, "overloaded", lambda page: page.click("#nav a", "My sessions"))
        gateway.start()
        page.click("#nav a", "My files")
        page.settled()
        gateway.administer("block", "--owner", "demo/dave", "--reason", "a test")
        meets(page, "nothing-to-open", lambda page: page.again("dave"))
        gateway.administer("block", "--caller", "demo/dave", "--reason", "a test")
        meets(page, "storage-not-entitled")


def states_of_a_store(given):
    """The store is out of the browser's reach, keeps its pages out, or has somebody else's bucket."""
    with beside(given) as (gateway, page):
        gateway.start(storage__public_endpoint=f"http://127.0.0.1:{free_port()}")
        meets(page, "store-unreachable", lambda page: page.sign_in("erin"))
        gateway.start()
        page.again("erin")
        page.settled()
        operator, bucket = gateway.operator(), bucket_of("erin")
        rule = operator.get_bucket_cors(Bucket=bucket)["CORSRules"]
        operator.delete_bucket_cors(Bucket=bucket)
        state = meets(page, "cors", lambda page: page.again("erin"))
        check("CORS: says the setting", "cors_origins" in state.text and gateway.url in state.text, state.text)
        operator.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rule})
        page.click(".state button.primary", "Try again")
        page.settled()
        operator.create_bucket(Bucket=bucket_of("frank"))
        meets(page, "bucket-conflict", lambda page: page.again("frank"))


def bucket_of(user):
    """By the formula for `dev`'s client."""
    return hashlib.sha256(f"\0demo\0{user}".encode()).hexdigest()[:63]


def kept_out_by_minio(given):
    """MinIO has one setting for all buckets, which names another origin."""
    with Page(given.gateway, given.screenshots, sign_in=given.sign_in) as page:
        state = meets(page, "cors", lambda page: page.sign_in("alice"))
        check("CORS on MinIO: says the setting", f"MINIO_API_CORS_ALLOW_ORIGIN={given.gateway}" in state.text, state.text)
