{{/* What pods have in common. All of the chart's own satisfy the restricted profile of Pod Security. */}}

{{/*
(list $ $component-values): where a pod runs and what it is pulled with. Without service links: those of a
Service called asya-gateway would be ASYA_GATEWAY_PORT=tcp://..., which our programs take for a setting.
*/}}
{{- define "asya.placement" -}}
{{- $root := index . 0 -}}
{{- $values := index . 1 -}}
enableServiceLinks: false
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with index $values $key }}
{{ $key }}: {{ toJson . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "asya.pullPolicy" -}}
{{- with .Values.images.pullPolicy }}imagePullPolicy: {{ . }}{{ end -}}
{{- end -}}

{{/* A pod's security context for a user's number. */}}
{{- define "asya.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "asya.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/*
(dict "root" $ "image" ... "volume" ... "user" ...): gives a volume to the pod's user, for storage
that ignores fsGroup. Nothing under podSecurity: restricted.
*/}}
{{- define "asya.volumeOwner" -}}
{{- if eq .root.Values.podSecurity "baseline" -}}
- name: volume-owner
  image: {{ .image }}
  {{- with include "asya.pullPolicy" .root }}
  {{ . }}
  {{- end }}
  command: [chown, "{{ .user }}:{{ .user }}", /volume]
  resources:
    requests: { cpu: 10m, memory: 16Mi }
    limits: { memory: 64Mi }
  securityContext:
    runAsNonRoot: false
    runAsUser: 0
    runAsGroup: 0
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: { drop: [ALL], add: [CHOWN] }
    seccompProfile: { type: RuntimeDefault }
  volumeMounts:
    - { name: {{ .volume }}, mountPath: /volume }
{{- end -}}
{{- end -}}

{{/* (list $ "secret-suffix" "key"): the value of a key that is kept, else a new random one; base64. */}}
{{- define "asya.keptSecret" -}}
{{- $root := index . 0 -}}
{{- $name := printf "%s-%s" (include "asya.name" $root) (index . 1) -}}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace $name -}}
{{- if and $found (hasKey ($found.data | default dict) (index . 2)) -}}
{{- index $found.data (index . 2) -}}
{{- else -}}
{{- randAlphaNum 40 | b64enc -}}
{{- end -}}
{{- end -}}

{{/* A claim's spec from {size, storageClass}, and an access mode: (list $persistence "ReadWriteOnce"). */}}
{{- define "asya.claimSpec" -}}
{{- $persistence := index . 0 -}}
accessModes: [{{ index . 1 }}]
{{- with $persistence.storageClass }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ $persistence.size }}
{{- end -}}
