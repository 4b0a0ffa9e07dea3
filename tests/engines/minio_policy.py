"""Changes the policy of the gateway's user: `minio_policy.py DIR POLICY-FILE`."""

import sys
from pathlib import Path

from minio import MinioAdmin
from minio.credentials import StaticProvider

folder, policy = Path(sys.argv[1]), sys.argv[2]
address, root, password = (folder / "admin").read_text().split()
admin = MinioAdmin(endpoint=address, credentials=StaticProvider(root, password), secure=False)
admin.policy_add(policy_name="cloakroom-gateway", policy_file=policy)
