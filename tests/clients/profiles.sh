# Sourced by `run`: tools that use ~/.aws/config, and the formats that no client's page uses.

# `cloakroom credentials`, or curl, for tools that only know `credential_process`.
credential-process() {
    page credential-process
    python3 "$here/../docs/blocks.py" "$pages/aws-cli.md" "$folder"
    local profile='unset AWS_CONTAINER_CREDENTIALS_FULL_URI; . ./profile.sh'
    mkdir -p "$work/bin"
    ln -sf "$bin" "$work/bin/cloakroom"
    PATH="$work/bin:$venv/bin:$PATH" store "credential_process with curl, AWS CLI (PyPI)" "$parts" \
        sh -e -c "$profile; . ./profile-curl.sh; . ./store.sh"
    if have /usr/bin/aws "credential_process with AWS CLI (Debian)"; then
        PATH="$work/bin:/usr/bin:$PATH" store "credential_process, AWS CLI (Debian)" "$parts" \
            sh -e -c "$profile; . ./store-old.sh"
    fi
    if have /usr/bin/rclone "credential_process with rclone (Debian)"; then
        python3 "$here/../docs/blocks.py" "$pages/rclone.md" "$folder/rclone"
        lists "credential_process, rclone (Debian)" \
            sh -e -c "PATH='$work/bin:$venv/bin:/usr/bin:$PATH'; $profile; . rclone/refreshing.sh"
    fi
}

# The clients' pages run ?format=rclone and ?format=duckdb.
formats() {
    page aws-cli
    local nothing='unset AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_ENDPOINT_URL_S3 AWS_REGION BUCKET'
    ask env >"$folder/env"
    PATH="$venv/bin:$PATH" works "?format=env, AWS CLI (PyPI)" "$parts" \
        sh -e -c "$nothing; . ./env; . ./store.sh"
    ask aws-profile >"$folder/config"
    PATH="$venv/bin:$PATH" AWS_CONFIG_FILE="$folder/config" AWS_PROFILE=cloakroom \
        works "?format=aws-profile, AWS CLI (PyPI)" "$parts" \
        sh -e -c "bucket=\$BUCKET; $nothing; BUCKET=\$bucket; . ./store.sh"
    if have s3cmd "?format=s3cmd"; then
        ask s3cmd >"$folder/s3cfg"
        lists "?format=s3cmd, s3cmd (Debian)" sh -e -c 's3cmd -c s3cfg ls "s3://$BUCKET"'
    fi
}

ask() {
    curl -fsSX POST "$CLOAKROOM_URL/v1/credentials?format=$1" \
        -H "Authorization: Bearer $(cat "$TOKEN_FILE")"
}
