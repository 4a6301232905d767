/** The way of one envelope as `asya trace` shows it, for programs. @module */
export { traceLines } from "./history.ts";
