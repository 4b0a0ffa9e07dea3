"""Takes the Deny on admin:* from the policy of the gateway's user: `minio_hole.py DIR`."""

import json
import sys
import tempfile
from pathlib import Path

from minio import MinioAdmin
from minio.credentials import StaticProvider

folder = Path(sys.argv[1])
address, root, password = (folder / "admin").read_text().split()
admin = MinioAdmin(endpoint=address, credentials=StaticProvider(root, password), secure=False)
policy = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}],
}
with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    json.dump(policy, file)
    file.flush()
    admin.policy_add(policy_name="cloakroom-gateway", policy_file=file.name)
