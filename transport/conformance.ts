/**
 * One suite for all transports: they must agree on behaviour, not only on types. It registers
 * tests, so it belongs in a `_test.ts` file beside the transport.
 */

import { processes } from "./conformance/processes.ts";
import { receiving } from "./conformance/receiving.ts";
import { sending } from "./conformance/sending.ts";
import { settling } from "./conformance/settling.ts";
import type { OpenSubject } from "./conformance/subject.ts";

/** Registers every case for one transport; each opens a subject of its own. */
export function conformance(name: string, open: OpenSubject): void {
  sending(name, open);
  settling(name, open);
  receiving(name, open);
  processes(name, open);
}
