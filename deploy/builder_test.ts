import assert from "node:assert/strict";
import {
  buildCommand,
  BuilderError,
  namedBuilder,
  pushCommand,
  sizeText,
  workingBuilder,
} from "./builder.ts";

const IMAGE = { name: "r/asya-sidecar:1", context: "/src", dockerfile: "/src/D", version: "1" };

Deno.test("workingBuilder() takes the first that works", () => {
  assert.equal(workingBuilder({ docker: undefined, podman: undefined }).kind, "docker");
  assert.equal(workingBuilder({ docker: "no daemon", podman: undefined }).kind, "podman");
});

Deno.test("workingBuilder() says what each lacks where none works, and what to do", () => {
  assert.throws(
    () =>
      workingBuilder({ docker: "Cannot connect to the Docker daemon", podman: "is not installed" }),
    (error: unknown) =>
      error instanceof BuilderError && /docker: Cannot connect/.test(error.message) &&
      /apt-get install podman/.test(error.message) && /ASYA_IMAGE_BUILDER/.test(error.message),
  );
});

Deno.test("namedBuilder() knows the three by name, and takes anything else for a command", () => {
  assert.equal(namedBuilder(undefined), undefined);
  assert.equal(namedBuilder(" "), undefined);
  assert.deepEqual(namedBuilder("podman"), { kind: "podman", command: ["podman"] });
  assert.deepEqual(namedBuilder("/opt/b --fast"), {
    kind: "command",
    command: ["/opt/b", "--fast"],
  });
});

Deno.test("buildCommand() calls a command of the user's with folder, file and name", () => {
  assert.deepEqual(buildCommand({ kind: "command", command: ["b"] }, IMAGE), [
    ...["b", "/src", "-f", "/src/D", "-t", "r/asya-sidecar:1", "--build-arg", "VERSION=1"],
  ]);
  assert.deepEqual(buildCommand({ kind: "buildah", command: ["buildah"] }, IMAGE), [
    ...["buildah", "build", "-f", "/src/D", "-t", "r/asya-sidecar:1"],
    ...["--build-arg", "VERSION=1", "/src"],
  ]);
});

Deno.test("buildCommand() labels an image with the address of its source, where there is one", () => {
  const source = "https://example.com/asya";
  const command = buildCommand({ kind: "podman", command: ["podman"] }, { ...IMAGE, source });
  const at = command.indexOf("--label");
  assert.equal(command[at + 1], `org.opencontainers.image.source=${source}`);
});

Deno.test("pushCommand() leaves pushing to a command of the user's", () => {
  assert.equal(pushCommand({ kind: "command", command: ["b"] }, "x"), undefined);
  assert.deepEqual(pushCommand({ kind: "docker", command: ["docker"] }, "x"), [
    "docker",
    "push",
    "x",
  ]);
});

Deno.test("sizeText() writes bytes as megabytes and leaves what is written already", () => {
  assert.equal(sizeText("181234567\n"), "181 MB");
  assert.equal(sizeText("181 MB\n"), "181 MB");
});
