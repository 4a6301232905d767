export * from "./envelope.ts";
export * from "./failure.ts";
export * from "./duration.ts";
