{{/* A value of TOML in one line. Numbers of a values file are floating-point to Helm. */}}
{{- define "cloakroom.toml.value" -}}
{{- if kindIs "map" . }}
{{- $pairs := list }}
{{- range $key := keys . | sortAlpha }}
{{- $value := get $ $key }}
{{- if not (kindIs "invalid" $value) }}
{{- $pairs = append $pairs (printf "%s = %s" (toRawJson $key) (include "cloakroom.toml.value" $value)) }}
{{- end }}
{{- end }}
{{- printf "{ %s }" (join ", " $pairs) }}
{{- else if kindIs "slice" . }}
{{- $items := list }}
{{- range . }}
{{- $items = append $items (include "cloakroom.toml.value" .) }}
{{- end }}
{{- printf "[%s]" (join ", " $items) }}
{{- else if kindIs "float64" . }}
{{- if eq . (floor .) }}{{ printf "%d" (int64 .) }}{{ else }}{{ . }}{{ end }}
{{- else if kindIs "string" . }}
{{- toRawJson . }}
{{- else }}
{{- . }}
{{- end }}
{{- end }}

{{/* Sets .value at .key, whose parts are joined by dots, in .config. */}}
{{- define "cloakroom.toml.put" -}}
{{- $parts := splitList "." .key }}
{{- $table := .config }}
{{- range initial $parts }}
{{- if not (hasKey $table .) }}{{ $_ := set $table . dict }}{{ end }}
{{- $table = get $table . }}
{{- end }}
{{- $_ := set $table (last $parts) .value }}
{{- end }}

{{/* The gateway's configuration file: config, and what follows from other values. */}}
{{- define "cloakroom.toml" -}}
{{- include "cloakroom.check" . }}
{{- $config := deepCopy .Values.config }}
{{- $own := dict }}
{{- $_ := set $own "http.address" (printf "%s:%d" .Values.bindAddress (int .Values.ports.http)) }}
{{- $_ := set $own "http.drain_delay" (printf "%ds" (int .Values.drainDelaySeconds)) }}
{{- if .Values.metrics.enabled }}
{{- $_ := set $own "metrics.address" (printf "%s:%d" .Values.bindAddress (int .Values.ports.metrics)) }}
{{- end }}
{{- if eq .Values.database.type "sqlite" }}
{{- $_ := set $own "database.url" "sqlite:///var/lib/cloakroom/cloakroom.db?mode=rwc" }}
{{- end }}
{{- range $key, $_ := .Values.secretFiles }}
{{- $_ := set $own (printf "%s_file" $key) (printf "/etc/cloakroom/secrets/%s" $key) }}
{{- end }}
{{- range $of, $_ := omit .Values.certificateAuthorities "database" }}
{{- $_ := set $own (printf "%s.ca_file" $of) (printf "/etc/cloakroom/ca/%s.pem" $of) }}
{{- end }}
{{- range $key, $value := $own }}
{{- include "cloakroom.toml.put" (dict "config" $config "key" $key "value" $value) }}
{{- end }}
{{- range $section := keys $config | sortAlpha }}
[{{ $section }}]
{{- $table := get $config $section }}
{{- range $key := keys $table | sortAlpha }}
{{- $value := get $table $key }}
{{- if not (kindIs "invalid" $value) }}
{{ $key }} = {{ include "cloakroom.toml.value" $value }}
{{- end }}
{{- end }}
{{ end }}
{{- end }}
