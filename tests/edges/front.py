"""A way to the gateway: directly, or through a proxy. Sends a shape and decides, with the logs of both, whether
they agree about where each request ended."""

import collections
import concurrent.futures
import json
import time

import wire

CONTRACT = {200, 400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 417, 421, 422, 431, 501, 505}
# Longer than the gateway's limits on heads, bodies and what it reads of a refused one (docs/limits.md).
PATIENCE = 12.0
# A proxy closes or answers sooner; what is silent for so long waits for more of the request.
SILENCE = 2.0
# How long lines of a log may be under way.
LINES = 10.0
VICTIM = (
    b"POST /v1/credentials HTTP/1.1\r\nHost: edges\r\nConnection: close\r\nAuthorization: Bearer %b\r\n"
    b"Content-Length: 0\r\n\r\n"
)


class Wrong(Exception):
    """An invariant does not hold."""


def need(holds, why):
    if not holds:
        raise Wrong(why)


class Front:
    """`proxy` is None where the client talks to the gateway itself."""

    def __init__(self, name, gateway, port, proxy, attacker, victim):
        self.name, self.gateway, self.port, self.proxy = name, gateway, port, proxy
        self.victim, self.given_up = victim, []
        self.own = {who: bucket_of(self.call(token)) for who, token in (("attacker", attacker), ("victim", victim))}
        self.settle(2)

    def call(self, token):
        outcome = wire.exchange(self.port, [VICTIM % token], 10)
        need(outcome.statuses == "200", f"the victim got {outcome.statuses}")
        return outcome.answers[0]

    def victim_is_served(self):
        """Returns the answer that the victim gets."""
        answer = self.call(self.victim)
        need(bucket_of(answer) == self.own["victim"], "the victim got another's answer")
        return answer

    def attempt(self, *shapes):
        """Sends shapes as the attacker, all at once, then a call of the victim. Returns what the attacker
        saw."""
        with concurrent.futures.ThreadPoolExecutor(len(shapes)) as pool:
            outcomes = list(pool.map(self.send, shapes))
        for answer in (answer for outcome in outcomes for answer in outcome.answers):
            self.judge(answer)
        self.agree(self.victim_is_served(), outcomes)
        return outcomes

    def send(self, shape):
        options = {"pause": shape.pause, "half_close": shape.half_close, "heads": shape.heads}
        # The gateway ends these by itself.
        ends = shape.waits or shape.proxied == "serve" or (self.proxy is None and shape.direct)
        options["silence"] = PATIENCE if ends else SILENCE
        if self.proxy is None:
            options["awake"] = self.gateway.is_live
        outcome = wire.exchange(self.port, shape.pieces, PATIENCE, **options)
        is_over = outcome.end != "open" or outcome.answers
        need(is_over or not shape.waits, f"neither an answer nor the end after {PATIENCE} s")
        return outcome

    def judge(self, answer):
        # Without a head: a proxy's answer to HTTP/0.9, or to what it takes for that or for HTTP/2.
        is_bare = self.proxy is not None and answer.status == wire.BARE
        need(is_bare or answer.status in CONTRACT, f"status {answer.status}")
        if b'"bucket"' in answer.body:
            need(
                bucket_of(answer) == self.own["attacker"], "the attacker got another's bucket"
            )
        if self.proxy is None and answer.status >= 400:
            # In the words of STS where `POST /` was asked (docs/api/sts.md).
            is_worded = answer.is_problem or answer.body.startswith(b"<ErrorResponse ")
            need(is_worded, f"{answer.status} is no problem document but {answer.body[:80]}")

    def settle(self, expected, got=()):
        """Returns the new lines of both logs, once the gateway's has as many as expected, among them these,
        and the proxy's has the same. Lines come a little later than answers."""
        seen, passed, began = [], [], time.monotonic()
        while True:
            seen += self.gateway.requests()
            passed += self.proxy.log.new() if self.proxy else []
            ids = {line["request_id"] for line in seen}
            answered = {line["id"] for line in passed} - {"-", ""} if self.proxy else ids
            is_missing = len(ids) < expected or not (answered <= ids and set(got) <= ids & answered)
            # The proxy's line of a client that left has no id.
            waited = time.monotonic() - began
            if waited > LINES if is_missing else answered == ids or waited > 1:
                return seen, passed
            time.sleep(0.01)

    def start_again(self):
        """Forgets what a failed attempt has left in the logs."""
        time.sleep(1)
        self.settle(0)

    def agree(self, victims, outcomes=()):
        """Each request that the gateway saw is one that was sent to it as one, and its answer went back to
        who sent it: the victim, and whoever has these outcomes."""
        answers = [victims, *(answer for outcome in outcomes for answer in outcome.answers)]
        got = [answer.id for answer in answers if answer.id]
        seen, passed = self.settle(len(got), got)
        seen = collections.Counter(line["request_id"] for line in seen)
        need(not seen or max(seen.values()) == 1, "an id stands twice in the gateway's log")
        need(set(got) <= set(seen), "an answer that the gateway did not log")
        if self.proxy is None:
            need(len(seen) == len(got), f"{len(seen)} requests seen, {len(got)} answered")
            return
        forwarded = [line for line in passed if line["upstream"] not in ("", "-", "<NOSRV>")]
        answered = [line["id"] for line in forwarded if line["id"] not in ("", "-")]
        need(len(set(answered)) == len(answered), "an answer was used twice")
        need(set(answered) <= set(seen), "the proxy has an answer that the gateway did not log")
        # The proxy gave up on these, because the client left; the gateway may log them a little later.
        now = time.monotonic()
        self.given_up = [when for when in self.given_up if now - when < 5]
        self.given_up += [now] * (len(forwarded) - len(answered))
        unknown = set(seen) - set(answered)
        need(
            len(unknown) <= len(self.given_up),
            f"the gateway saw {len(unknown)} requests that the proxy did not send",
        )
        self.given_up = self.given_up[len(unknown) :]
        need(set(got) <= set(answered), "an answer that the proxy did not pass on")


def bucket_of(answer):
    return json.loads(answer.body)["bucket"]
