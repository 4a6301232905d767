{{/* Names and labels. */}}

{{- define "asya.name" -}}
{{- if contains "asya" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-asya" (.Release.Name | trunc 35 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{/* Of one component: (list $ "gateway"). */}}
{{- define "asya.selector" -}}
app.kubernetes.io/name: asya
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "asya.labels" -}}
{{- $root := index . 0 -}}
{{ include "asya.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* (list $ "gateway"): reference of one of our images. */}}
{{- define "asya.image" -}}
{{- $root := index . 0 -}}
{{- $image := index $root.Values.images (index . 1) -}}
{{- with $root.Values.images.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ $image.repository }}:{{ $image.tag | default $root.Chart.AppVersion }}
{{- end -}}

{{- define "asya.gatewayUrl" -}}
{{- $port := int .Values.gateway.service.port -}}
http://{{ include "asya.name" . }}-gateway.{{ .Release.Namespace }}.svc
{{- if ne $port 80 }}:{{ $port }}{{ end -}}
{{- end -}}

{{/* Whether the gateway has a database: "true" or nothing. */}}
{{- define "asya.hasDatabase" -}}
{{- if or .Values.postgresql.enabled .Values.gateway.database.urlSecretRef -}}true{{- end -}}
{{- end -}}

{{/* Namespaces with actors, where they are named: a JSON list. */}}
{{- define "asya.namespaces" -}}
{{- $names := .Values.watchNamespaces -}}
{{- if $names }}{{ $names = append $names .Release.Namespace | uniq | sortAlpha }}{{ end -}}
{{- $names | toJson -}}
{{- end -}}

{{/* ASYA_GATEWAY_AUTH. Left to itself a gateway that others than this machine reach does not start without a key. */}}
{{- define "asya.gatewayAuth" -}}
{{- $g := .Values.gateway -}}
{{- $reached := or $g.ingress.enabled (ne $g.service.type "ClusterIP") -}}
{{- range $g.env }}{{ if eq .name "ASYA_GATEWAY_OAUTH_ISSUER" }}{{ $reached = true }}{{ end }}{{ end -}}
{{- $auth := $g.auth | default (ternary "required" "none" $reached) -}}
{{- eq $auth "required" | ternary "on" "off" -}}
{{- end -}}
