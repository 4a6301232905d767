/** What a request may use of a gateway: the tools and envelopes of its caller, in its trace. */

import type { CallContext } from "../calls.ts";
import { traceOf } from "../observe/trace.ts";
import type { ToolSet } from "../tools/tool.ts";
import { callerOf } from "./caller.ts";
import { scopedStore } from "./envelopes.ts";
import { allows, type Scope } from "./scope.ts";

/** The tools that are in a scope. */
export function toolsIn(tools: ToolSet, scope: Scope): ToolSet {
  return scope === "*" ? tools : new Map([...tools].filter(([name]) => allows(scope, name)));
}

/** The same context for whoever makes the request. */
export function forRequest<C extends CallContext>(context: C, request: Request): C {
  const caller = callerOf(request);
  return {
    ...context,
    caller,
    trace: traceOf(request.headers),
    tools: () => toolsIn(context.tools(), caller.tools),
    store: scopedStore(context.store, caller.tools),
  };
}
