{{/* Short programs of the chart, run by the operator's image: files/tasks. */}}

{{/* (dict "root" $ "run" (list "script.ts" arguments...) "env" (list) "mounts" (list)): a container's fields. */}}
{{- define "asya.task" -}}
image: {{ include "asya.image" (list .root "operator") }}
{{- with include "asya.pullPolicy" .root }}
{{ . }}
{{- end }}
command:
  - deno
  - run
  - --no-prompt
  - --no-config
  - --no-lock
  - --no-remote
  - --no-npm
  - --allow-net
  - --allow-env=ASYA_TEST_API_KEY
  - --allow-read=/var/run/secrets,/tasks,/crd
  - /tasks/{{ first .run }}
  {{- range rest .run }}
  - {{ . | quote }}
  {{- end }}
env:
  - { name: DENO_DIR, value: /tmp/deno }
  {{- range .env }}
  - {{ toJson . }}
  {{- end }}
resources:
  requests: { cpu: 10m, memory: 64Mi }
  limits: { memory: 256Mi }
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  {{- include "asya.containerSecurityContext" .root | nindent 2 }}
volumeMounts:
  - { name: tasks, mountPath: /tasks, readOnly: true }
  - { name: tmp, mountPath: /tmp }
  {{- range .mounts }}
  - {{ toJson . }}
  {{- end }}
{{- end -}}

{{- define "asya.taskVolumes" -}}
- name: tasks
  configMap: { name: {{ include "asya.name" . }}-tasks }
- name: tmp
  emptyDir: { sizeLimit: 64Mi }
{{- end -}}
