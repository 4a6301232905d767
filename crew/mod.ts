/** The system actors and where they keep results. @module */
export { CREW, type CrewOptions } from "./actors.ts";
export { ResultFolder, resultName } from "./result_folder.ts";
