/** What `kubectl get asya` shows; `-o wide` shows the columns of priority 1 too. */

/** One column, as Kubernetes' CustomResourceColumnDefinition. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "date";
  readonly jsonPath: string;
  readonly priority?: 1;
  readonly description?: string;
}

/** In their order. */
export const PRINTER_COLUMNS: readonly PrinterColumn[] = [
  { name: "Status", type: "string", jsonPath: ".status.status" },
  { name: "Running", type: "integer", jsonPath: ".status.readyReplicas" },
  { name: "Failing", type: "integer", jsonPath: ".status.failingPods" },
  { name: "Total", type: "integer", jsonPath: ".status.totalReplicas" },
  { name: "Desired", type: "integer", jsonPath: ".status.desiredReplicas" },
  { name: "Min", type: "integer", jsonPath: ".spec.scaling.minReplicas" },
  { name: "Max", type: "integer", jsonPath: ".spec.scaling.maxReplicas" },
  { name: "Last-Scale", type: "string", jsonPath: ".status.lastScaleFormatted" },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  { name: "Workload", type: "string", jsonPath: ".status.workloadRef.kind", priority: 1 },
  { name: "Transport", type: "string", jsonPath: ".spec.transport", priority: 1 },
  { name: "Scaling", type: "string", jsonPath: ".status.scalingMode", priority: 1 },
  { name: "Queued", type: "integer", jsonPath: ".status.queuedMessages", priority: 1 },
  { name: "Processing", type: "integer", jsonPath: ".status.processingMessages", priority: 1 },
];
