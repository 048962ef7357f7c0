{{/* One release for a cluster: its names are fixed, so that a second one is refused instead of working against the first. */}}
{{- define "kube-bpf.operator.name" -}}kube-bpf-operator{{- end }}
{{- define "kube-bpf.agent.name" -}}kube-bpf-agent{{- end }}
{{- define "kube-bpf.uninstall.name" -}}kube-bpf-uninstall{{- end }}

{{/* What a selector matches; never changes. Called with the component. */}}
{{- define "kube-bpf.selectorLabels" -}}
app.kubernetes.io/name: kube-bpf
app.kubernetes.io/component: {{ . }}
{{- end }}

{{/* Called with a dict of root and component. */}}
{{- define "kube-bpf.labels" -}}
{{ include "kube-bpf.selectorLabels" .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* Called with a dict of root and image (repository, tag, digest). */}}
{{- define "kube-bpf.image" -}}
{{- $name := printf "%s%s" .root.Values.image.registry .image.repository -}}
{{- if .image.digest -}}
{{ $name }}@{{ .image.digest }}
{{- else -}}
{{ $name }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "kube-bpf.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* A process that needs nothing of its node. */}}
{{- define "kube-bpf.restrictedContainer" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
{{- define "kube-bpf.restrictedPod" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Of everything that the uninstall hook brings along. Called with the order in which it is made. */}}
{{- define "kube-bpf.uninstall.annotations" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
