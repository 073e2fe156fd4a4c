{{/* All objects have the name of the release. */}}
{{- define "rsgi.labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
{{- end }}
