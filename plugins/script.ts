/**
 * JavaScript as a module: valid WebAssembly without code, with the script in a custom section. So a
 * handler is one `.wasm` file whatever language it is written in, for every source and registry.
 */

import { PluginError } from "./plugin.ts";
import { damaged, isModule, MAX_SECTIONS, MODULE_HEADER, Reader } from "./host/binary.ts";

const CUSTOM_SECTION = 0;
const SECTION_NAME = "asya:script";

/** First byte of the section; the rest is the source, in UTF-8. */
const VERSION = 1;

/**
 * Makes a module of an ES module, which stands alone: nothing is there that it could import.
 *
 * @returns the bytes of a `.wasm` file
 */
export function wrapScript(source: string): Uint8Array<ArrayBuffer> {
  const script = new TextEncoder().encode(source);
  const name = new TextEncoder().encode(SECTION_NAME);
  const head = Uint8Array.from([name.length, ...name, VERSION]);
  const size = unsigned(head.length + script.length);
  const module = new Uint8Array(
    MODULE_HEADER.length + 1 + size.length + head.length + script.length,
  );
  let at = 0;
  for (const part of [MODULE_HEADER, [CUSTOM_SECTION], size, head, script]) {
    module.set(part, at);
    at += part.length;
  }
  return module;
}

/** LEB128, without a section around it: a script is too long to be collected byte by byte. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; bytes.length === 0 || rest > 0; rest = Math.floor(rest / 128)) {
    bytes.push(rest % 128 + (rest >= 128 ? 128 : 0));
  }
  return bytes;
}

/**
 * The script in a module; undefined: it is a module of another kind, or none at all.
 *
 * @throws PluginError `invalid_module` when the module is cut off, or its script is damaged
 */
export function scriptOf(module: Uint8Array): string | undefined {
  if (!isModule(module)) return undefined;
  const reader = new Reader(module, MODULE_HEADER.length, module.length);
  for (let sections = 1; reader.position < reader.end; sections++) {
    if (sections > MAX_SECTIONS) damaged(`the module has more than ${MAX_SECTIONS} sections`);
    const id = reader.byte();
    const body = reader.take(reader.u32());
    if (id !== CUSTOM_SECTION) continue;
    const section = new Reader(body, 0, body.length);
    if (section.text() === SECTION_NAME) return sourceOf(section);
  }
  return undefined;
}

function sourceOf(section: Reader): string {
  const version = section.byte();
  if (version !== VERSION) {
    throw new PluginError(
      "invalid_module",
      `the module's script has version ${version}; this host reads version ${VERSION}`,
    );
  }
  const script = section.take(section.end - section.position);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(script);
  } catch (cause) {
    throw new PluginError("invalid_module", "the module's script is not UTF-8", { cause });
  }
}
