import assert from "node:assert/strict";
import { crdCommands, renderCommand, shellLine, upgradeCommand, type Wish } from "./plan.ts";
import { targetOf } from "./target.ts";

const WISH: Wish = { profile: "minimal", values: [], set: [], timeout: "5m" };

Deno.test("upgradeCommand() waits, takes back what fails, and gives the user's values the last word", () => {
  const command = upgradeCommand(targetOf("n", "prod"), {
    ...WISH,
    tag: "1.0",
    registry: "r.io/a",
    values: ["my.yaml"],
    set: ["images.operator.tag=x"],
  });
  const line = command.join(" ");
  assert.match(
    line,
    /^helm --kube-context prod -n n upgrade asya \S+chart --install .*--atomic --wait/,
  );
  assert.match(line, /profiles\/minimal\.yaml --values my\.yaml /);
  assert.match(
    line,
    /--set-json images\.registry="r\.io\/a" --set-json images\.sidecar\.tag="1\.0" /,
  );
  assert.match(line, / --set images\.operator\.tag=x$/);
});

Deno.test("renderCommand() renders for the cluster's version", () => {
  const command = renderCommand(targetOf("n", undefined), WISH, "v1.34.4");
  assert.match(command.join(" "), /^helm -n n template asya \S+ --kube-version v1\.34\.4 /);
});

Deno.test("crdCommands() apply the CRD on the server's side and wait until it serves", () => {
  const [apply, wait] = crdCommands(targetOf("n", undefined)).map((command) => command.join(" "));
  assert.match(apply!, /^kubectl -n n apply --server-side --force-conflicts -f .*asyncactors/);
  assert.match(wait!, /--for=condition=Established/);
});

Deno.test("shellLine() quotes what a shell would take apart", () => {
  assert.equal(shellLine(["helm", "--set", "a={b,c}", "it's"]), `helm --set 'a={b,c}' 'it'\\''s'`);
});
