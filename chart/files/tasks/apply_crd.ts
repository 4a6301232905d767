/**
 * Brings the AsyncActor CRD to the version of the file: `apply_crd.ts FILE`. Helm installs a CRD once
 * and never changes it, so each start of the operator does.
 */

import { Kube } from "./kube.ts";

const NAME = "asyncactors.asya.sh";
const PATH = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${NAME}`;

const [file] = Deno.args;
if (file === undefined) throw new Error("usage: apply_crd.ts FILE");
using kube = new Kube();
if (await kube.request("GET", PATH) === undefined) {
  console.error(
    `there is no CRD ${NAME}: it was left out of the installation; ` +
      "kubectl apply --server-side -f crds/ of the chart installs it",
  );
  Deno.exit(1);
}
await kube.request("PATCH", `${PATH}?fieldManager=asya-chart&force=true`, {
  type: "application/apply-patch+yaml",
  text: Deno.readTextFileSync(file),
});
console.log(`${NAME} is as in ${file}`);
