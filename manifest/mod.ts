/** The AsyncActor: its schema, its manifests in YAML, and the environments that follow from it. @module */
export {
  API_VERSION,
  type AsyncActor,
  type AsyncActorSpec,
  type Metadata,
  type PolicySpec,
  type ResiliencySpec,
  type ScalingSpec,
  type WorkloadSpec,
} from "./actor.ts";
export { type ActorJsonSchema, actorJsonSchema } from "./json_schema.ts";
export { closest } from "./closest.ts";
export { END_ACTORS } from "./end_actors.ts";
export {
  type GivenVariables,
  runtimeContainer,
  runtimeEnvironment,
  sidecarEnvironment,
} from "./environment.ts";
export type { HandlerSpec, ModuleSource, PythonHandler, WasmHandler } from "./handler.ts";
export { handlerFile, type Interpreter, interpreterOf } from "./interpreter.ts";
export type { KeyedFiles } from "./keyed.ts";
export {
  type Located,
  type ManifestFile,
  type Manifests,
  type OtherDocument,
  parseManifests,
} from "./parse.ts";
export type {
  Container,
  EnvFrom,
  EnvVar,
  EnvVarSource,
  KeyRef,
  KeyToPath,
  PodTemplate,
  Volume,
  VolumeMount,
} from "./pod.ts";
export { readActor } from "./read.ts";
export { ManifestError, type Problem, problemLine } from "./problem.ts";
export { type References, type ResolvedEnvironment, resolveEnvironment } from "./resolve.ts";
