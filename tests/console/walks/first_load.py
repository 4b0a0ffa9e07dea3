"""How much the first list takes, and how long."""

import statistics

from page import Page, check, no_errors

# Of the first load, up to the first list: bytes on the wire and answers of the gateway.
BYTES, ANSWERS = 90_000, 40


def is_quick_and_small(given):
    """The page of somebody who comes for the first time, up to the first list."""
    times = []
    # A machine that is busy elsewhere is slow once, a page that is slow each time.
    while len(times) < given.runs or (statistics.median(times) >= given.first_list and len(times) < given.runs + 2):
        with Page(given.gateway, given.screenshots, wire=True) as page:
            page.signed_in("alice")
            times.append(page.wait(lambda: page.run("return window.listed"), "the first list"))
            received = page.received()
            no_errors(page)
    listed = next(index for index, (address, _) in enumerate(received) if "list-type=2" in address)
    sizes = [size for address, size in received[:listed] if address.startswith(given.gateway) and size > 0]
    check(f"the first list takes at most {ANSWERS} answers of the gateway", 0 < len(sizes) <= ANSWERS, len(sizes))
    check(f"and under {BYTES} bytes on the wire", sum(sizes) < BYTES, f"{sum(sizes)} bytes")
    asked = [address for address, size in received if address.startswith(f"{given.gateway}/console/v-") and size > 0]
    check("no file of the page is asked for twice", len(asked) == len(set(asked)), f"{len(asked)} files")
    middle = statistics.median(times)
    check(f"the first list is shown within {given.first_list} ms after the sign-in", middle < given.first_list, ", ".join(f"{time:.0f} ms" for time in times))
