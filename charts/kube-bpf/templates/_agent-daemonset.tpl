{{/* The agents' DaemonSet. It is the operator that applies it, and that mends it when somebody changed it. */}}
{{- define "kube-bpf.agent.daemonset" -}}
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: {{ include "kube-bpf.agent.name" . }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "kube-bpf.labels" (dict "root" . "component" "agent") | nindent 4 }}
spec:
  selector:
    matchLabels: {{- include "kube-bpf.selectorLabels" "agent" | nindent 6 }}
  updateStrategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: {{ .Values.agent.maxUnavailable }}
  template:
    metadata:
      labels: {{- include "kube-bpf.labels" (dict "root" . "component" "agent") | nindent 8 }}
      {{- with .Values.agent.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "kube-bpf.agent.name" . }}
      {{- include "kube-bpf.pullSecrets" . | nindent 6 }}
      priorityClassName: {{ .Values.agent.priorityClassName }}
      hostNetwork: {{ .Values.agent.hostNetwork }}
      hostPID: {{ .Values.agent.privileges.uprobes }}
      terminationGracePeriodSeconds: 45 # the agent is out within 30
      containers:
        - name: agent
          image: {{ include "kube-bpf.image" (dict "root" . "image" .Values.agent.image) }}
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          args:
            - --listen=0.0.0.0:{{ .Values.agent.port }}
            - --state-dir=/var/lib/kube-bpf
            - --bpffs=/sys/fs/bpf/kube-bpf
            - --log-level={{ .Values.agent.logLevel }}
            {{- if .Values.agent.programStats }}
            - --program-stats
            {{- end }}
          env:
            - name: NODE_NAME
              valueFrom:
                fieldRef:
                  fieldPath: spec.nodeName
          ports:
            - name: metrics
              containerPort: {{ .Values.agent.port }}
          livenessProbe:
            httpGet: {path: /healthz, port: metrics}
            periodSeconds: 20
            timeoutSeconds: 5
          readinessProbe:
            httpGet: {path: /readyz, port: metrics}
            periodSeconds: 5
            timeoutSeconds: 5
          resources: {{- toYaml .Values.agent.resources | nindent 12 }}
          securityContext:
            privileged: false
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            runAsUser: 0 # capabilities of a container go to root only
            capabilities:
              drop: [ALL]
              add:
                - BPF
                - PERFMON
                - NET_ADMIN
                - NET_RAW
                {{- with .Values.agent.privileges }}
                {{- if .uprobes }}
                - SYS_PTRACE
                {{- end }}
                {{- if .kernelSymbols }}
                - SYSLOG
                {{- end }}
                {{- if .memlock }}
                - SYS_RESOURCE
                {{- end }}
                {{- if or .sysAdmin $.Values.agent.programStats }}
                - SYS_ADMIN
                {{- end }}
                {{- end }}
            {{- with .Values.agent.seccompProfile }}
            seccompProfile: {{- toYaml . | nindent 14 }}
            {{- end }}
            {{- with .Values.agent.appArmorProfile }}
            appArmorProfile: {{- toYaml . | nindent 14 }}
            {{- end }}
            {{- with .Values.agent.seLinuxOptions }}
            seLinuxOptions: {{- toYaml . | nindent 14 }}
            {{- end }}
          volumeMounts:
            - {name: state, mountPath: /var/lib/kube-bpf}
            - {name: bpffs, mountPath: /sys/fs/bpf}
            - {name: tracefs, mountPath: /sys/kernel/tracing, readOnly: true}
            - {name: cgroupfs, mountPath: /sys/fs/cgroup, readOnly: true}
            {{- if .Values.agent.netns }}
            # Namespaces are mounts, and come and go while the agent runs.
            - {name: netns, mountPath: /run/netns, readOnly: true, mountPropagation: HostToContainer}
            {{- end }}
      volumes:
        - name: state
          hostPath: {path: {{ .Values.agent.stateDir }}, type: DirectoryOrCreate}
        - name: bpffs
          hostPath: {path: {{ .Values.agent.bpffs }}, type: Directory}
        - name: tracefs
          hostPath: {path: {{ .Values.agent.tracefs }}, type: Directory}
        - name: cgroupfs
          hostPath: {path: {{ .Values.agent.cgroupfs }}, type: Directory}
        {{- with .Values.agent.netns }}
        - name: netns
          hostPath: {path: {{ . }}, type: DirectoryOrCreate} # it comes with the first namespace that gets a name
        {{- end }}
      {{- with .Values.agent.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.agent.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.agent.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
