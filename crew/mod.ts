/** The system actors and where they keep results. @module */
export { CREW, CREW_CONCURRENCY, type CrewOptions } from "./actors.ts";
export { openResults, type ResultSettings } from "./open_results.ts";
export { ResultFolder, resultName } from "./result_folder.ts";
export type { ResultStore } from "./result_store.ts";
