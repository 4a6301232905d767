import assert from "node:assert/strict";
import { secured } from "./security.ts";

const pod = {
  containers: [{ name: "asya-runtime" }, {
    name: "helper",
    securityContext: { capabilities: { add: ["NET_BIND_SERVICE"] }, runAsUser: 7 },
  }],
  initContainers: [{ name: "fetch" }],
};

Deno.test("secured() at baseline leaves containers as they are", () => {
  assert.deepEqual(secured(pod, "baseline"), {
    ...pod,
    securityContext: { seccompProfile: { type: "RuntimeDefault" } },
  });
});

Deno.test("secured() at restricted fills what is unset, in init containers too", () => {
  const { securityContext, containers, initContainers } = secured(pod, "restricted");
  assert.deepEqual(securityContext, {
    seccompProfile: { type: "RuntimeDefault" },
    runAsNonRoot: true,
    runAsUser: 65532,
  });
  const filled = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
  assert.deepEqual(containers[0]!["securityContext"], filled);
  assert.deepEqual(initContainers, [{ name: "fetch", securityContext: filled }]);
  assert.deepEqual(containers[1]!["securityContext"], {
    allowPrivilegeEscalation: false,
    capabilities: { add: ["NET_BIND_SERVICE"] },
    runAsUser: 7,
  });
});

Deno.test("secured() keeps what the pod says itself", () => {
  const own = { runAsUser: 1000, seccompProfile: { type: "Unconfined" } };
  const { securityContext } = secured({ ...pod, securityContext: own }, "restricted");
  assert.deepEqual(securityContext, { runAsNonRoot: true, ...own });
});
