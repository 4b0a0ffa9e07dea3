"""Makes the gateway's user on a MinIO and gives it the policy of deploy/minio, and the user that makes
access keys: what docs/engines.md does with `mc`."""

import sys
from pathlib import Path

from minio import MinioAdmin
from minio.credentials import StaticProvider

endpoint, root, root_secret, user, secret, policy, keys, keys_secret = sys.argv[1:]
admin = MinioAdmin(endpoint=endpoint, credentials=StaticProvider(root, root_secret), secure=False)
admin.user_add(access_key=user, secret_key=secret)
admin.policy_add(policy_name="cloakroom-gateway", policy_file=policy)
admin.attach_policy(policies=["cloakroom-gateway"], user=user)
admin.user_add(access_key=keys, secret_key=keys_secret)
admin.policy_add(policy_name="cloakroom-keys", policy_file=str(Path(policy).with_name("access-keys-policy.json")))
admin.attach_policy(policies=["cloakroom-keys"], user=keys)
