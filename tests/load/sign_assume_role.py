"""Prints a wrk script that replays one signed AssumeRole: ENDPOINT ACCESS_KEY SECRET_KEY [ROLE_ARN].

Stores take it as long as its date is at most 15 minutes old.
"""

import json
import sys
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

endpoint, access_key, secret_key, *role_arn = sys.argv[1:]
bucket = "arn:aws:s3:::" + "0" * 63
policy = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": bucket},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "Resource": bucket + "/*"},
    ],
}
body = urlencode({
    "Action": "AssumeRole",
    "Version": "2011-06-15",
    **({"RoleArn": role_arn[0]} if role_arn else {}),
    "RoleSessionName": "0" * 64,
    "Policy": json.dumps(policy, separators=(",", ":")),
    "DurationSeconds": 3600,
})
headers = {"Content-Type": "application/x-www-form-urlencoded"}
request = AWSRequest("POST", endpoint + "/", headers=headers, data=body)
SigV4Auth(Credentials(access_key, secret_key), "sts", "us-east-1").add_auth(request)
print('dofile(os.getenv("LUA_REPORT"))')
print('wrk.method, wrk.path = "POST", "/"')
print(f"wrk.body = {json.dumps(body)}")
for name, value in request.headers.items():
    print(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}")
