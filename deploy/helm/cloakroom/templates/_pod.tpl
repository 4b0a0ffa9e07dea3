{{/* What all pods have in common. */}}
{{- define "cloakroom.podDefaults" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What all containers have in common, mounts included. */}}
{{- define "cloakroom.containerDefaults" -}}
image: {{ include "cloakroom.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
env:
  - { name: CLOAKROOM_CONFIG, value: /etc/cloakroom/cloakroom.toml }
  # The image sets it, too, and the environment wins over the file.
  - { name: CLOAKROOM_HTTP__ADDRESS, value: {{ printf "%s:%d" .Values.bindAddress (int .Values.ports.http) | quote }} }
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - { name: config, mountPath: /etc/cloakroom, readOnly: true }
  {{- if eq .Values.database.type "sqlite" }}
  - { name: registry, mountPath: /var/lib/cloakroom }
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* The volumes, with the configuration from the ConfigMap .configMap. */}}
{{- define "cloakroom.volumes" -}}
{{- $values := .root.Values }}
- name: config
  projected:
    # The fsGroup may read them: 0440.
    defaultMode: 0400
    sources:
      - configMap: { name: {{ .configMap }}, items: [{ key: cloakroom.toml, path: cloakroom.toml }] }
      {{- range $key, $from := $values.secretFiles }}
      - secret:
          name: {{ $from.secret | default $values.existingSecret }}
          items: [{ key: {{ $from.key | default $key | quote }}, path: {{ printf "secrets/%s" $key | quote }} }]
      {{- end }}
      {{- range $of, $from := $values.certificateAuthorities }}
      - {{ if $from.secret }}secret{{ else }}configMap{{ end }}:
          name: {{ $from.secret | default $from.configMap }}
          items: [{ key: {{ quote $from.key }}, path: {{ printf "ca/%s.pem" $of | quote }}, mode: 0444 }]
      {{- end }}
{{- if eq $values.database.type "sqlite" }}
- name: registry
  persistentVolumeClaim:
    claimName: {{ $values.database.persistence.existingClaim | default (include "cloakroom.fullname" .root) }}
{{- end }}
{{- with $values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
