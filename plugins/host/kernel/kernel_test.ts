import assert from "node:assert/strict";
import { compileKernel, Kernel } from "./kernel.ts";

const LIMIT = 1_000_000;
const module = compileKernel();

function fail(error: Error): never {
  throw error;
}

/** The functions as a guest sees them. */
function functions(kernel: Kernel) {
  return kernel.functions as unknown as {
    readonly alloc: (bytes: bigint) => bigint;
    readonly length: (address: bigint) => bigint;
    readonly load_u8: (address: bigint) => number;
    readonly load_u64: (address: bigint) => bigint;
    readonly store_u8: (address: bigint, value: number) => void;
    readonly store_u64: (address: bigint, value: bigint) => void;
    readonly input_load_u8: (offset: bigint) => number;
    readonly input_load_u64: (offset: bigint) => bigint;
    readonly input_length: () => bigint;
  };
}

function begun(input = new Uint8Array()) {
  const kernel = new Kernel(module, LIMIT, fail);
  kernel.begin(input);
  return { kernel, guest: functions(kernel) };
}

Deno.test("Kernel keeps blocks apart, whatever their sizes", () => {
  const { kernel, guest } = begun();
  const blocks = Array.from({ length: 100 }, (_, n) => {
    const bytes = new Uint8Array(1 + n * 37 % 200).fill(n);
    return { bytes, address: kernel.put(bytes) };
  });
  for (const { bytes, address } of blocks) {
    assert.deepEqual(kernel.block(address), bytes);
    assert.equal(guest.length(address), BigInt(bytes.length));
    assert.equal(address % 8n, 0n);
  }
});

Deno.test("Kernel bounds what one call may have, and forgets it at the next", () => {
  const { kernel, guest } = begun();
  const denied = { code: "memory_limit", message: /more than 1000000 bytes of host memory/ };
  for (let n = 0; n < 3; n++) {
    guest.alloc(999_000n);
    assert.throws(() => guest.alloc(1_000n), denied);
    guest.alloc(900n);
    kernel.begin(new Uint8Array());
  }
  for (const bytes of [1_000_001n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n, -1n, -(2n ** 40n)]) {
    assert.throws(() => guest.alloc(bytes), denied, `${bytes} bytes`);
  }
  assert.throws(() => kernel.begin(new Uint8Array(LIMIT + 1)), denied);
});

Deno.test("Kernel takes many small blocks and then no more", () => {
  const { guest } = begun();
  let count = 0;
  assert.throws(() => {
    for (;; count++) guest.alloc(1n);
  }, { code: "memory_limit" });
  assert(count > 50_000 && count <= LIMIT / 16, `${count} blocks`);
});

Deno.test("Kernel knows no block where none was handed out", () => {
  const { kernel, guest } = begun();
  const address = kernel.put(new Uint8Array(16));
  for (const wrong of [8n, 16n, address + 1n, address + 8n, address + 4096n, 2n ** 40n, -1n]) {
    assert.equal(guest.length(wrong), 0n, `${wrong}`);
    assert.throws(() => kernel.block(wrong), { code: "trap", message: /is no block/ });
  }
  assert.deepEqual(kernel.block(0n), new Uint8Array());
  assert.equal(kernel.put(new Uint8Array()), 0n);
});

Deno.test("Kernel.block() stays inside the memory when a guest forges a length", () => {
  const { kernel, guest } = begun();
  const address = kernel.put(new Uint8Array(8));
  guest.store_u64(address - 8n, 0x61797361_ffffffffn);
  assert.throws(() => kernel.block(address), { code: "trap" });
});

Deno.test("Kernel refuses to load and store beyond what was handed out", () => {
  const { kernel, guest } = begun(new Uint8Array(5));
  const last = kernel.put(new Uint8Array(8));
  guest.store_u64(last, 7n);
  assert.equal(guest.load_u64(last), 7n);
  const beyond = { code: "trap", message: /is no block/ };
  for (const address of [last + 8n, 2n ** 31n, 2n ** 32n, 2n ** 63n, -1n]) {
    assert.throws(() => guest.load_u8(address), beyond);
    assert.throws(() => guest.store_u8(address, 1), beyond);
  }
  assert.throws(() => guest.load_u64(last + 1n), beyond);
  assert.throws(() => guest.store_u64(last + 1n, 1n), beyond);
  assert.equal(guest.input_load_u8(4n), 0);
  for (const offset of [5n, 2n ** 32n, -1n]) {
    assert.throws(() => guest.input_load_u8(offset), beyond);
    assert.throws(() => guest.input_load_u64(offset), beyond);
  }
  assert.throws(() => guest.input_load_u64(0n), beyond, "the input has 5 bytes");
});

Deno.test("Kernel reads the input in eights and ones", () => {
  const { guest } = begun(Uint8Array.from({ length: 20 }, (_, n) => n));
  assert.equal(guest.input_length(), 20n);
  assert.equal(guest.input_load_u64(12n), 0x1312_1110_0f0e_0d0cn);
  assert.equal(guest.input_load_u8(19n), 19);
});
