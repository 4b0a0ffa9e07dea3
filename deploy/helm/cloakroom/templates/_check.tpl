{{/* Refuses values that contradict each other. values.schema.json checks their form. */}}
{{- define "cloakroom.check" -}}
{{- $values := .Values }}
{{- $config := .Values.config }}
{{- if not $values.image.repository }}
{{- fail "image.repository: is required: build the Dockerfile, push the image to your registry and name it here" }}
{{- end }}
{{- range $key := list "http.public_url" "oauth.issuer" }}
{{- if not (include "cloakroom.get" (dict "config" $config "key" $key)) }}
{{- fail (printf "config.%s: is required (docs/configuration.md)" $key) }}
{{- end }}
{{- end }}
{{- /* tests/helm/run compares this list to the reference. */}}
{{- $secrets := list "access_keys.admin_access_key_id" "access_keys.admin_secret_access_key" "access_keys.capability_key" "database.url" "naming.secret" "oauth.client_private_key" "oauth.client_secret" "storage.access_key_id" "storage.secret_access_key" }}
{{- range $name, $_ := $config.issuers | default dict }}
{{- $secrets = append $secrets (printf "issuers.%s.bearer_token" $name) }}
{{- end }}
{{- range $key := $secrets }}
{{- if include "cloakroom.get" (dict "config" $config "key" $key) }}
{{- if and (eq $key "database.url") (eq $values.database.type "sqlite") }}
{{- fail "config.database.url: the chart sets it for SQLite; for PostgreSQL set database.type=postgresql and secretFiles.\"database.url\"" }}
{{- end }}
{{- fail (printf "config.%s: is a secret: put it into a Secret and name it in secretFiles.\"%s\"" $key $key) }}
{{- end }}
{{- end }}
{{- range $key, $instead := dict "http.address" "bindAddress and ports.http" "http.drain_delay" "drainDelaySeconds" "metrics.address" "metrics.enabled and ports.metrics" }}
{{- if include "cloakroom.get" (dict "config" $config "key" $key) }}
{{- fail (printf "config.%s: set %s instead: other values follow from it" $key $instead) }}
{{- end }}
{{- end }}
{{- range $key, $from := $values.secretFiles }}
{{- if not (or $from.secret $values.existingSecret) }}
{{- fail (printf "secretFiles.\"%s\": needs existingSecret, or a secret of its own" $key) }}
{{- end }}
{{- end }}
{{- range $of, $from := $values.certificateAuthorities }}
{{- if and (ne $of "database") (include "cloakroom.get" (dict "config" $config "key" (printf "%s.ca_file" $of))) }}
{{- fail (printf "config.%s.ca_file: is set by certificateAuthorities.%s, too: remove one of them" $of $of) }}
{{- end }}
{{- end }}
{{- if eq $values.database.type "sqlite" }}
{{- if hasKey $values.secretFiles "database.url" }}
{{- fail "secretFiles.\"database.url\": is for PostgreSQL: set database.type=postgresql, too" }}
{{- end }}
{{- if $values.autoscaling.enabled }}
{{- fail "autoscaling.enabled: SQLite is for one replica: set database.type=postgresql" }}
{{- end }}
{{- if gt (int $values.replicaCount) 1 }}
{{- fail (printf "replicaCount: is %d, and SQLite is for one replica: set database.type=postgresql" (int $values.replicaCount)) }}
{{- end }}
{{- else if not (hasKey $values.secretFiles "database.url") }}
{{- fail "secretFiles.\"database.url\": is required for PostgreSQL: name the Secret with its URL" }}
{{- end }}
{{- if lt (int $values.autoscaling.maxReplicas) (int $values.autoscaling.minReplicas) }}
{{- fail "autoscaling.maxReplicas: is below autoscaling.minReplicas" }}
{{- end }}
{{- if and (not $values.metrics.enabled) (or $values.metrics.serviceMonitor.enabled $values.metrics.prometheusRule.enabled) }}
{{- fail "metrics.enabled: must be true for metrics.serviceMonitor and metrics.prometheusRule" }}
{{- end }}
{{- range $values.extraEnv }}
{{- if and (hasPrefix "CLOAKROOM_" .name) (contains "__" .name) }}
{{- fail (printf "extraEnv: %s belongs into config, or into secretFiles if it is a secret" .name) }}
{{- end }}
{{- end }}
{{- end }}

{{/* What .config has at .key, whose parts are joined by dots; empty if there is nothing. */}}
{{- define "cloakroom.get" -}}
{{- $table := .config }}
{{- $parts := splitList "." .key }}
{{- range initial $parts }}
{{- $table = get $table . | default dict }}
{{- end }}
{{- $value := get $table (last $parts) }}
{{- if not (kindIs "invalid" $value) }}{{ $value }}{{ end }}
{{- end }}
