"""A refusal is the same exception, whichever dialect it is told in."""

from __future__ import annotations

import json
import logging

import pytest
from support import Dev, Network

import cloakroom
from cloakroom import Client, errors
from cloakroom._gateway import Gateway, Narrowing
from cloakroom._retry import pause, retry_after
from cloakroom._sources import OwnBucket
from cloakroom.errors import Reply, refusal, store_refusal


def test_a_bad_api_key_is_told_in_the_gateways_words(dev: Dev) -> None:
    with Client(dev.url, api_key="ck_" + "0" * 72) as mc:
        with pytest.raises(cloakroom.InvalidCredentialError) as refused:
            mc.storage.upload(b"1", "a")
    error = refused.value
    assert (error.status, error.slug) == (401, "invalid-api-key")
    assert error.request_id
    assert error.request_id in str(error)
    assert "API key" in str(error)


@pytest.mark.parametrize(
    ("options", "kind", "slug"),
    [
        (["--scope", "other"], cloakroom.InsufficientScopeError, "insufficient-scope"),
        (["--without-claim", "sub"], cloakroom.MissingClaimsError, "missing-claims"),
        (["--expires-in", "0s"], cloakroom.InvalidCredentialError, "invalid-token"),
    ],
)
def test_a_bad_token_is_told_by_its_cause(
    dev: Dev, options: list[str], kind: type[errors.CloakroomError], slug: str
) -> None:
    with Client(dev.url, token=dev.token("alice", *options)) as mc, pytest.raises(kind) as refused:
        mc.storage.exists("a")
    assert refused.value.slug == slug


@pytest.mark.parametrize(
    ("options", "kind", "status"),
    [
        (["--scope", "other"], cloakroom.InsufficientScopeError, 403),
        (["--expires-in", "0s"], cloakroom.InvalidCredentialError, 401),
        ([], cloakroom.NotMemberError, 404),
    ],
)
def test_the_workspaces_envelope_is_read_alike(
    dev: Dev, options: list[str], kind: type[errors.CloakroomError], status: int
) -> None:
    token = dev.token("alice", *options)
    workspace = "acme/nothing" if not options else "acme/research"
    with Client(dev.url, token=token, workspace=workspace) as mc, pytest.raises(kind) as refused:
        mc.storage.exists("a")
    assert refused.value.status == status


def test_a_key_without_storage_is_not_entitled(dev: Dev) -> None:
    made = dev.administer("api-key", "create", "--org", "acme", "--label", "no", "--no-storage")
    with Client(dev.url, api_key=made) as mc, pytest.raises(cloakroom.NotEntitledError):
        mc.storage.exists("a")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"type": "https://x/problems/invalid-request"}, errors.InvalidRequestError),
        (401, {"type": "https://x/problems/missing-token"}, errors.MissingCredentialError),
        (403, {"type": "permission_denied", "code": 403}, errors.NotEntitledError),
        (404, {"type": "not_found", "code": 404}, errors.NotMemberError),
        (404, {"type": "https://x/problems/not-found"}, errors.InvalidRequestError),
        (409, {"type": "https://x/problems/bucket-conflict"}, errors.BucketConflictError),
        (409, {"type": "conflict", "code": 409}, errors.BucketConflictError),
        (422, {"type": "validation_error", "code": 422}, errors.InvalidRequestError),
        (426, {"type": "upgrade_required", "code": 426}, errors.ClientTooOldError),
        (429, {"type": "rate_limited", "code": 429}, errors.RateLimitedError),
        (500, {"type": "https://x/problems/provisioning-failed"}, errors.StorageUnavailableError),
        (500, {"type": "https://x/problems/internal-error"}, errors.InternalError),
        (
            502,
            {"type": "https://x/problems/identification-unavailable"},
            errors.IdentificationUnavailableError,
        ),
        (502, {"type": "bad_gateway", "code": 502}, errors.StorageUnavailableError),
        (503, {"type": "service_unavailable", "code": 503}, errors.OverloadedError),
        (504, {"type": "gateway_timeout", "code": 504}, errors.StorageUnavailableError),
        (418, "a proxy's page", errors.InternalError),
        (502, None, errors.StorageUnavailableError),
    ],
)
def test_every_cause_has_its_class(
    status: int, body: object, kind: type[errors.CloakroomError]
) -> None:
    error = refusal(Reply(status, {}, body))
    assert type(error) is kind
    assert str(error)


def test_what_is_wrong_with_each_part_is_told() -> None:
    body = {"type": "validation_error", "detail": "Bad.", "errors": [{"message": "Too long."}]}
    assert "Bad. Too long." in str(refusal(Reply(422, {}, body)))


def test_the_stores_codes_have_classes_too() -> None:
    answer = {
        "Error": {"Code": "EntityTooLarge", "Message": "Too large."},
        "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "R1"},
    }
    error = store_refusal(answer, "a.csv")
    assert type(error) is errors.StoreError
    assert str(error) == "a.csv: EntityTooLarge: Too large. (request R1)"


def problem(status: int, slug: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    body = {"type": f"https://x/problems/{slug}", "title": slug, "status": status}
    return (
        status,
        {"content-type": "application/problem+json", **headers},
        json.dumps(body).encode(),
    )


def gateway_with(network: Network, token: str, waits: list[float]) -> Gateway:
    return Gateway(network.url, OwnBucket(lambda: token), Narrowing(), sleep=waits.append)


def test_a_failure_that_passes_is_not_noticed(network: Network, dev: Dev) -> None:
    waits: list[float] = []
    network.faults.drop = 1
    network.faults.answers = [problem(503, "overloaded"), problem(502, "storage-unavailable")]
    vended = gateway_with(network, dev.new_user(), waits).vend(attempts=5)
    assert vended.place.bucket
    assert network.faults.seen == 4
    assert [0.1 <= wait <= 0.9 for wait in waits] == [True] * 3


def test_retry_after_is_honoured(network: Network, dev: Dev) -> None:
    waits: list[float] = []
    network.faults.answers = [problem(429, "rate-limited", **{"retry-after": "7"})]
    gateway_with(network, dev.new_user(), waits).vend(attempts=5)
    assert 7 <= waits[0] < 8


def test_a_wait_of_an_hour_is_told_rather_than_waited_for(network: Network, dev: Dev) -> None:
    network.faults.answers = [problem(429, "rate-limited", **{"retry-after": "3600"})]
    with pytest.raises(cloakroom.RateLimitedError) as refused:
        gateway_with(network, dev.new_user(), []).vend(attempts=5)
    assert refused.value.retry_after == 3600


def test_a_refusal_is_not_repeated(network: Network) -> None:
    with pytest.raises(cloakroom.InvalidCredentialError):
        gateway_with(network, "not-a-token", []).vend(attempts=5)
    assert network.faults.seen == 1


def test_a_gateway_that_stays_away_is_told_after_some_tries(network: Network) -> None:
    network.faults.drop = 100
    waits: list[float] = []
    with pytest.raises(cloakroom.UnreachableError):
        gateway_with(network, "t", waits).vend(attempts=5)
    assert len(waits) == 4


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"credentials":{}}',
        b'{"bucket":7,"region":"r","endpoint":"e","credentials":{"accessKeyId":"a",'
        b'"secretAccessKey":"CANARY","sessionToken":"t","expiration":"2026-01-01T00:00:00Z"}}',
        b'{"bucket":"b","region":"r","endpoint":"e","credentials":{"accessKeyId":"a",'
        b'"secretAccessKey":"CANARY","sessionToken":"t","expiration":"2026-01-01T00:00:00"}}',
        b" " * 70_000 + b"{}",
    ],
)
def test_an_answer_without_credentials_is_an_error_that_shows_none_of_it(
    body: bytes, network: Network
) -> None:
    network.faults.answers = [(200, {}, body)]
    with pytest.raises(cloakroom.InternalError) as error:
        gateway_with(network, "t", []).vend(attempts=1)
    assert "CANARY" not in repr(error.value) + str(error.value.__cause__)


def test_a_redirect_is_not_followed_with_the_token(network: Network) -> None:
    network.faults.answers = [(307, {"location": "http://127.0.0.1:1/"}, b"")]
    with pytest.raises(cloakroom.InternalError):
        gateway_with(network, "t", []).vend(attempts=1)


@pytest.mark.parametrize(
    "listing", [b'{"items":[]}', b'{"items":[{"bucket":"other","endpoint":"e"}]}', b"[]"]
)
def test_an_api_key_whose_store_is_not_named_is_an_error(
    listing: bytes, network: Network, dev: Dev
) -> None:
    with Client(network.url, api_key=dev.acme_key) as mc:
        answered = mc._sessions._vending
        assert isinstance(answered, Gateway)
        boto = {
            "credentials": {
                "aws_key_id": "a",
                "aws_secret_access_key": "b",
                "aws_session_token": "c",
                "aws_region": "us-east-1",
                "aws_session_expiration": "2026-06-29T16:30:00+00:00",
            },
            "bucket_info": {"name": "b", "prefix": "acme/"},
        }
        network.faults.answers = [(200, {}, json.dumps(boto).encode()), (200, {}, listing)]
        with pytest.raises((cloakroom.NotEntitledError, cloakroom.InternalError)):
            mc.storage.exists("a")


def test_retry_after_can_be_a_date() -> None:
    headers = {
        "date": "Thu, 26 Nov 2026 19:40:21 GMT",
        "retry-after": "Thu, 26 Nov 2026 19:40:31 GMT",
    }
    assert retry_after(headers) == 10
    assert retry_after({"retry-after": "Thu, 26 Nov 2020 19:40:31 -0000"}) == 0
    assert retry_after({"retry-after": "soon"}) is None


def test_the_waits_grow_up_to_a_limit() -> None:
    waits = [pause(attempt, jitter=lambda: 1.0) for attempt in range(1, 8)]
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_no_secret_is_in_a_repr_a_log_or_an_error(
    dev: Dev, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "cloakroom")
    caplog.set_level(logging.DEBUG, "httpx")
    token = dev.new_user()
    with Client(dev.url, token=token, workspace=None) as mc:
        mc.storage.upload(b"1", "a")
        session = mc._sessions.current()
        link = mc.storage.presign("a")
        asked = mc._sessions._vending
        assert isinstance(asked, Gateway)
        shown = [mc, session, mc._sessions._held, link, asked._source, asked._source.ask()]
        text = "".join(map(repr, shown)) + caplog.text
        with pytest.raises(cloakroom.NotFoundError) as missing:
            mc.storage.stat("nothing")
        text += str(missing.value) + repr(missing.value)
    for secret in (token, session.secret_access_key, session.session_token):
        assert secret not in text
