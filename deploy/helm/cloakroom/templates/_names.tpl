{{- define "cloakroom.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 54 characters at most, so that `-migrate` and `-metrics` still fit. */}}
{{- define "cloakroom.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 54 | trimSuffix "-" }}
{{- else if contains (include "cloakroom.name" .) .Release.Name }}
{{- .Release.Name | trunc 54 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "cloakroom.name" .) | trunc 54 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* All pods of the release: the gateway's, the migration's, the doctor's. */}}
{{- define "cloakroom.releaseLabels" -}}
app.kubernetes.io/name: {{ include "cloakroom.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The gateway's pods. */}}
{{- define "cloakroom.selectorLabels" -}}
{{ include "cloakroom.releaseLabels" . }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "cloakroom.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "cloakroom.releaseLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "cloakroom.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "cloakroom.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "cloakroom.image" -}}
{{- $image := .Values.image }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{/* "true" with more than one replica. */}}
{{- define "cloakroom.hasReplicas" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) }}true{{ end }}
{{- end }}
