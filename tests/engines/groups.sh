# Sourced by `run`: membership of a workspace by Keycloak's groups (docs/keycloak.md). A user leaves a
# group while their token is valid.

# group_id PATH…: creates the missing groups along the path, and prints the last one's id.
group_id() {
    local parent="" name path="groups"
    for name in "$@"; do
        keycloak_admin "$path" -X POST -H "Content-Type: application/json" -d "{\"name\":\"$name\"}" \
            >/dev/null 2>&1 || true
        parent="$(keycloak_admin "$path?max=100" | python3 -c '
import json, sys
print(next(group["id"] for group in json.load(sys.stdin) if group["name"] == sys.argv[1]))' "$name")"
        path="groups/$parent/children"
    done
    echo "$parent"
}

# The mapper of docs/keycloak.md, in the client scope that all tokens here have.
map_groups() {
    local scope
    scope="$(keycloak_admin client-scopes | python3 -c '
import json, sys
print(next(scope["id"] for scope in json.load(sys.stdin) if scope["name"] == "com.cleverbase.storage"))')"
    keycloak_admin "client-scopes/$scope/protocol-mappers/models" -X POST \
        -H "Content-Type: application/json" -d '{"name":"groups","protocol":"openid-connect",
        "protocolMapper":"oidc-group-membership-mapper","config":{"claim.name":"groups",
        "full.path":"true","access.token.claim":"true","introspection.token.claim":"true"}}'
}

# expect_member WHAT STATUS TOKEN
expect_member() {
    local seen
    seen="$(curl -so "$work/answer" -w '%{http_code}' -H "Authorization: Bearer $3" \
        "http://127.0.0.1:$port/api/v1/org/groups/ws/lab/storage/credentials")"
    if [ "$seen" != "$2" ]; then
        echo "FAIL  $1: $seen instead of $2"
        cat "$work/answer"
        return 1
    fi
    echo "ok    $1: $2"
}

membership_by_groups() {
    local mode token user lab readers
    local plain=(CLOAKROOM_OAUTH__AUDIENCE=cloakroom CLOAKROOM_OAUTH__ACCEPT_PLAIN_JWT=true
        CLOAKROOM_OAUTH__INTROSPECTION_CACHE=0s CLOAKROOM_WORKSPACES__MEMBERSHIP_CLAIM=groups)
    map_groups
    lab="$(group_id groups lab)" readers="$(group_id groups lab:read)"
    user="$(keycloak_admin "users?username=alice&exact=true" | json '[0]["id"]')"
    with CLOAKROOM_OAUTH__VALIDATION=introspection "${plain[@]}"
    CLOAKROOM_OPERATOR=tests "$bin" org create groups >/dev/null 2>&1
    CLOAKROOM_OPERATOR=tests "$bin" workspace create groups/lab >/dev/null 2>&1
    for mode in introspection jwt-then-introspection; do
        with CLOAKROOM_OAUTH__VALIDATION="$mode" "${plain[@]}"
        keycloak_admin "users/$user/groups/$lab" -X PUT
        token="$(keycloak_token alice)"
        expect_member "Keycloak's group /groups/lab, oauth.validation $mode" 200 "$token"
        keycloak_admin "users/$user/groups/$lab" -X DELETE
        expect_member "the same token when she has left her last group, $mode" 404 "$token"
    done
    keycloak_admin "users/$user/groups/$readers" -X PUT
    token="$(keycloak_token alice)"
    expect_member "Keycloak's group /groups/lab:read" 200 "$token"
    "$venv/bin/python" - "$work/answer" <<'PYTHON'
import json, sys
import boto3
from botocore.exceptions import ClientError
given = json.load(open(sys.argv[1]))
s3 = boto3.client("s3", endpoint_url=given["endpoint"], region_name=given["region"],
                  aws_access_key_id=given["access_key_id"],
                  aws_secret_access_key=given["secret_access_key"],
                  aws_session_token=given["session_token"])
s3.list_objects_v2(Bucket=given["bucket"], Prefix=given["prefix"])
try:
    s3.put_object(Bucket=given["bucket"], Key=given["prefix"] + "x", Body=b"x")
except ClientError as error:
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
    print("ok    who is in /groups/lab:read lists and does not put")
else:
    sys.exit("FAIL  who is in /groups/lab:read puts")
PYTHON
    keycloak_admin "users/$user/groups/$readers" -X DELETE
}
