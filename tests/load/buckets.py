"""What `buckets` asks of a store, with the gateway's own key: `buckets.py COMMAND …`.

make FIRST LAST FOLDER   makes these buckets as the gateway does, with an object of 1 KiB each, THREADS at a
                         time; prints the rate, and stops when FOLDER's disk has lost 12 GB
look NUMBER              prints what ListBuckets takes, and the median of 100 times AssumeRole and a get with
                         the session in one of that many buckets
wait NUMBER SINCE        prints the seconds from SINCE until the object of that bucket can be got
"""

import base64
import hashlib
import http.client
import json
import os
import random
import re
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from urllib.parse import urlencode, urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

MOST_DISK = 12_000_000_000
setting = lambda name: os.environ.get(f"CLOAKROOM_STORAGE__{name}", "")
endpoint, flavor = setting("ENDPOINT"), setting("FLAVOR")
gateway = Credentials(setting("ACCESS_KEY_ID"), setting("SECRET_ACCESS_KEY"))
local = threading.local()


def name(number):
    """As long as the gateway's."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:63]


def call(method, path, body=b"", headers=None, who=gateway, service="s3"):
    """The answer's status and body."""
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    request = AWSRequest(method, endpoint + path, headers=headers or {}, data=body)
    signer(who, service, "us-east-1").add_auth(request)
    if not hasattr(local, "connection"):
        local.connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=60)
    try:
        local.connection.request(method, path, body=body, headers=dict(request.headers))
        answer = local.connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        local.connection.close()
        del local.connection
        raise


def must(method, path, *arguments, **options):
    status, body = call(method, path, *arguments, **options)
    if status >= 300:
        sys.exit(f"{method} {path}: {status} {body}")
    return body


TAGS = """<Tagging><TagSet><Tag><Key>managed-by</Key><Value>cloakroom</Value></Tag>
<Tag><Key>cloakroom-deployment</Key><Value>load</Value></Tag></TagSet></Tagging>"""
CLOSED = f"""<PublicAccessBlockConfiguration><BlockPublicAcls>{str(flavor != "ceph").lower()}</BlockPublicAcls>
<IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>
<RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"""


def xml(text):
    digest = base64.b64encode(hashlib.md5(text.encode()).digest()).decode()
    return {"body": text.encode(), "headers": {"Content-MD5": digest}}


def make_one(number):
    bucket = name(number)
    must("PUT", f"/{bucket}")
    # MinIO knows no public access block.
    if flavor != "minio":
        must("PUT", f"/{bucket}?publicAccessBlock", **xml(CLOSED))
    must("PUT", f"/{bucket}?tagging", **xml(TAGS))
    must("PUT", f"/{bucket}/object", body=b"x" * 1024)


def make(first, last, folder):
    free = shutil.disk_usage(folder).free
    began = time.monotonic()
    with ThreadPoolExecutor(int(os.environ.get("THREADS", "16"))) as pool:
        for number in pool.map(lambda n: (make_one(n), n)[1], range(int(first), int(last) + 1)):
            if free - shutil.disk_usage(folder).free > MOST_DISK:
                sys.exit(f"stopped at bucket {number}: 12 GB of disk are used")
    count = int(last) - int(first) + 1
    print(f"buckets {first} to {last}: {count / (time.monotonic() - began):.0f} a second")


def session(bucket):
    resource = f"arn:aws:s3:::{bucket}"
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": resource},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": resource + "/*"},
    ]}
    form = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleSessionName": "load",
            "Policy": json.dumps(policy, separators=(",", ":")), "DurationSeconds": 3600}
    if setting("ROLE_ARN"):
        form["RoleArn"] = setting("ROLE_ARN")
    answer = must("POST", "/", urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"},
                  service="sts")
    return Credentials(*(re.search(f"<{tag}>(.*?)</{tag}>", answer)[1]
                         for tag in ("AccessKeyId", "SecretAccessKey", "SessionToken")))


def get(number):
    must("GET", f"/{name(number)}/object", who=session(name(number)))


def timed(action):
    began = time.perf_counter()
    answer = action()
    return (time.perf_counter() - began) * 1000, answer


def look(number):
    pick = random.Random(1)
    took, answer = timed(lambda: must("GET", "/"))
    gets = [timed(lambda: get(pick.randint(1, int(number))))[0] for _ in range(100)]
    print(f"with {number} buckets: ListBuckets {took:.0f} ms ({answer.count('<Name>')} names);",
          f"AssumeRole and get {median(gets):.1f} ms")


def wait(number, since):
    while True:
        try:
            get(int(number))
            break
        except (OSError, http.client.HTTPException, SystemExit):
            time.sleep(0.1)
    print(f"restart: the last bucket's object after {time.time() - float(since):.1f} s")


{"make": make, "look": look, "wait": wait}[sys.argv[1]](*sys.argv[2:])
