{{/* Brokers: from the values to the operator's form, and to the gateway's environment. */}}

{{/* All transports by name, as JSON. */}}
{{- define "asya.transports" -}}
{{- $all := deepCopy .Values.transports -}}
{{- if .Values.rabbitmq.enabled -}}
{{- if hasKey $all "rabbitmq" -}}
{{- fail "transports.rabbitmq is the name of the chart's own RabbitMQ: set rabbitmq.enabled=false, or give your transport another name" -}}
{{- end -}}
{{- $name := printf "%s-rabbitmq" (include "asya.name" .) -}}
{{- $host := printf "%s.%s.svc" $name .Release.Namespace -}}
{{- $_ := set $all "rabbitmq" (dict
  "type" "rabbitmq" "host" $host "port" 5672 "username" "asya"
  "passwordSecretRef" (dict "name" $name "key" "password")
  "management" (dict "url" (printf "http://%s:15672" $host))) -}}
{{- end -}}
{{- with .Values.config.sqsRegion -}}
{{- if not (hasKey $all "sqs") -}}
{{- $_ := set $all "sqs" (dict "type" "sqs" "region" .) -}}
{{- end -}}
{{- end -}}
{{- if not $all -}}
{{- fail "there is no broker: set rabbitmq.enabled=true for a trial, or name yours in transports" -}}
{{- end -}}
{{- toJson $all -}}
{{- end -}}

{{/* Name of the transport that gateway and crew use. */}}
{{- define "asya.transport" -}}
{{- $all := include "asya.transports" . | fromJson -}}
{{- $names := keys $all | sortAlpha -}}
{{- $chosen := .Values.transport -}}
{{- if and (not $chosen) .Values.config.sqsRegion }}{{ $chosen = "sqs" }}{{ end -}}
{{- if and (not $chosen) (eq (len $names) 1) }}{{ $chosen = first $names }}{{ end -}}
{{- if not $chosen -}}
{{- fail (printf "several transports: set transport to the one that gateway and crew use (%s)" (join ", " $names)) -}}
{{- end -}}
{{- if not (hasKey $all $chosen) -}}
{{- fail (printf "transport: there is no transport %q, only %s" $chosen (join ", " $names)) -}}
{{- end -}}
{{- $chosen -}}
{{- end -}}

{{- define "asya.secretEnv" -}}
{{- $ref := index . 1 -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef: { name: {{ $ref.name | quote }}, key: {{ $ref.key | quote }} }
{{- end -}}

{{- define "asya.plainEnv" -}}
- name: {{ index . 0 }}
  value: {{ index . 1 | toString | quote }}
{{- end -}}

{{/* (list $ $name): environment of a process that sends by that transport. */}}
{{- define "asya.transportEnv" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $t := index (include "asya.transports" $root | fromJson) $name -}}
{{ include "asya.plainEnv" (list "ASYA_TRANSPORT" $t.type) }}
{{- if eq $t.type "rabbitmq" }}
{{- $files := include "asya.tlsFiles" $t | fromJsonArray }}
{{- if and ($t.tls | default dict).enabled (not $files) }}
{{- if not $root.Values.crew.enabled }}
{{- fail (printf "transports.%s.tls: without the crew the gateway needs caSecretRef: the authorities that the broker's certificate may come from" $name) }}
{{- end }}
# TLS by the public authorities: the operator puts the URL into each namespace with actors, as the crew's.
{{ include "asya.secretEnv" (list "ASYA_RABBITMQ_URL" (dict "name" (printf "asya-transport-%s" $name) "key" "url")) }}
{{- else }}
{{ include "asya.plainEnv" (list "ASYA_RABBITMQ_HOST" $t.host) }}
{{- with $t.port }}
{{ include "asya.plainEnv" (list "ASYA_RABBITMQ_PORT" (int .)) }}
{{- end }}
{{- range $key, $variable := dict "username" "ASYA_RABBITMQ_USERNAME" "vhost" "ASYA_RABBITMQ_VHOST" }}
{{- with index $t $key }}
{{ include "asya.plainEnv" (list $variable .) }}
{{- end }}
{{- end }}
{{- with $t.passwordSecretRef }}
{{ include "asya.secretEnv" (list "ASYA_RABBITMQ_PASSWORD" .) }}
{{- end }}
{{- range $files }}
{{ include "asya.plainEnv" (list (printf "ASYA_RABBITMQ_TLS_%s" (upper .)) (printf "/etc/asya/tls/%s" .)) }}
{{- end }}
{{- end }}
{{- with $t.exchange }}
{{ include "asya.plainEnv" (list "ASYA_RABBITMQ_EXCHANGE" .) }}
{{- end }}
{{- else }}
{{ include "asya.plainEnv" (list "ASYA_AWS_REGION" $t.region) }}
{{- with $t.endpoint }}
{{ include "asya.plainEnv" (list "ASYA_SQS_ENDPOINT" .) }}
{{- end }}
{{- with $t.credentials }}
{{ include "asya.secretEnv" (list "AWS_ACCESS_KEY_ID" .accessKeyIdSecretRef) }}
{{ include "asya.secretEnv" (list "AWS_SECRET_ACCESS_KEY" .secretAccessKeySecretRef) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Which of ca, cert, key a transport mounts: a JSON list. */}}
{{- define "asya.tlsFiles" -}}
{{- $files := list -}}
{{- $tls := .tls | default dict -}}
{{- range list "ca" "cert" "key" -}}
{{- if and $tls.enabled (index $tls (printf "%sSecretRef" .)) }}{{ $files = append $files . }}{{ end -}}
{{- end -}}
{{- toJson $files -}}
{{- end -}}
