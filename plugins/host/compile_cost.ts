/**
 * What compiling a function may take, counted before it is compiled. For every place where paths of
 * a function part or meet, V8's compilers keep or go through all its locals and all that lies on its
 * stack: a few kilobytes, made for it, cost gigabytes. Nothing interrupts a compiler, so what would
 * take long is not given to it. Functions that are never called are not compiled.
 * Instructions: https://webassembly.github.io/spec/core/binary/instructions.html
 */

import { damaged, type Reader } from "./binary.ts";

/**
 * Values kept or gone through in one function, at all its places together; about 16 bytes each. What
 * compilers of C, Go and Rust make of interpreters and parsers stays below a fifth of it.
 */
export const MAX_COST = 10_000_000;
/** Bytes of one function, of which the optimising compiler takes more than a hundred times as much. */
export const MAX_BODY_BYTES = 512 * 1024;
/** As V8 has it. */
const MAX_LOCALS = 50_000;

/** How many values a function takes and returns. */
export interface Signature {
  readonly parameters: number;
  readonly results: number;
}

/** What the instructions of a module refer to. */
export interface Signatures {
  /** Of types, by index. */
  readonly types: readonly Signature[];
  /** Index of a function's type, by that of the function; imported ones come first. */
  readonly functions: readonly number[];
  /** Of any type. */
  readonly mostResults: number;
}

const NOTHING: Signature = { parameters: 0, results: 0 };
const ONE_RESULT: Signature = { parameters: 0, results: 1 };

/** What instructions from 0x45 on add to the stack: comparisons, arithmetic, conversions. */
function numeric(opcode: number): number {
  const unary = opcode === 0x45 || opcode === 0x50 || (opcode >= 0x67 && opcode <= 0x69) ||
    (opcode >= 0x79 && opcode <= 0x7b) || (opcode >= 0x8b && opcode <= 0x91) ||
    (opcode >= 0x99 && opcode <= 0x9f) || opcode >= 0xa7;
  return unary ? 0 : -1;
}

/** Goes through the instructions of one function. */
class Walk {
  /** Values on the stack, at most: where an instruction may take some away, it is not always counted. */
  #height = 0;
  #cost = 0;
  readonly #ends: number[] = [];

  constructor(
    private readonly body: Reader,
    private readonly locals: number,
    private readonly signatures: Signatures,
  ) {}

  /** What it costs; no more than a little over {@linkcode MAX_COST} is counted. */
  cost(): number {
    const { body } = this;
    while (body.position < body.end && this.#cost <= MAX_COST) this.#instruction(body.byte());
    return this.#cost;
  }

  #push(values: number): void {
    this.#height = Math.max(0, this.#height + values);
  }

  /** A place where paths part or meet. */
  #place(count = 1): void {
    this.#cost += count * (this.locals + this.#height);
  }

  #instruction(opcode: number): void {
    const { body } = this;
    if (opcode >= 0x45 && opcode <= 0xc4) return this.#push(numeric(opcode));
    if (opcode >= 0x28 && opcode <= 0x3e) {
      this.#memoryArgument();
      return this.#push(opcode >= 0x36 ? -2 : 0);
    }
    switch (opcode) {
      case 0x20: // local.get
      case 0x23: // global.get
      case 0xd2: // ref.func
        body.u32();
        return this.#push(1);
      case 0x21: // local.set
      case 0x24: // global.set
        body.u32();
        return this.#push(-1);
      case 0x22: // local.tee
      case 0x25: // table.get
      case 0x07: // catch
      case 0x08: // throw
      case 0x09: // rethrow
        return void body.u32();
      case 0x26: // table.set
        body.u32();
        return this.#push(-2);
      case 0x3f: // memory.size
        body.u32();
        return this.#push(1);
      case 0x40: // memory.grow
        return void body.u32();
      case 0x41: // i32.const
      case 0x42: // i64.const
        body.skipNumber();
        return this.#push(1);
      case 0x43: // f32.const
        body.take(4);
        return this.#push(1);
      case 0x44: // f64.const
        body.take(8);
        return this.#push(1);
      case 0xd0: // ref.null
        body.skipNumber();
        return this.#push(1);
      case 0x02: // block
      case 0x03: // loop
      case 0x06: // try
        return this.#open();
      case 0x04: // if
        this.#push(-1);
        return this.#open();
      case 0x1f: // try_table
        this.#open();
        for (let left = body.u32(); left > 0; left--) {
          if (body.byte() < 2) body.u32();
          body.u32();
          this.#place();
        }
        return;
      case 0x05: // else
      case 0x19: // catch_all
        return this.#place();
      case 0x18: // delegate
        body.u32();
        return this.#close();
      case 0x0b: // end
        return this.#close();
      case 0x0c: // br
        body.u32();
        return this.#place();
      case 0x0d: // br_if
        body.u32();
        this.#push(-1);
        return this.#place();
      case 0xd5: // br_on_null
      case 0xd6: // br_on_non_null
        body.u32();
        return this.#place();
      case 0x0e: { // br_table
        this.#push(-1);
        const targets = body.u32() + 1;
        this.#place(targets);
        for (let left = targets; left > 0 && this.#cost <= MAX_COST; left--) body.u32();
        return;
      }
      case 0x10: // call
      case 0x12: // return_call
        return this.#call(this.signatures.functions[body.u32()] ?? -1);
      case 0x11: // call_indirect
      case 0x13: { // return_call_indirect
        const type = body.u32();
        body.u32();
        return this.#call(type);
      }
      case 0x14: // call_ref
      case 0x15: // return_call_ref
        return this.#call(body.u32());
      case 0x1c: // select with types
        for (let left = body.u32(); left > 0; left--) body.valueType();
        return this.#push(-2);
      case 0x1b: // select
        return this.#push(-2);
      case 0x1a: // drop
        return this.#push(-1);
      case 0xfc:
        return this.#bulk(body.u32());
      case 0xfd:
        return this.#vector(body.u32());
      case 0xfe:
        return body.u32() === 3 ? void body.byte() : this.#memoryArgument(); // 3: atomic.fence
      case 0x00: // unreachable
      case 0x01: // nop
      case 0x0a: // throw_ref
      case 0x0f: // return
      case 0xd1: // ref.is_null
      case 0xd3: // ref.eq
      case 0xd4: // ref.as_non_null
        return;
      default:
        damaged(
          `the module uses instruction 0x${opcode.toString(16)}, which this host does not know`,
        );
    }
  }

  /** A block's type is none, a value type, or the index of a type. */
  #open(): void {
    const { body } = this;
    const first = body.bytes[body.position]!;
    let type = ONE_RESULT;
    if (first === 0x40) {
      body.byte();
      type = NOTHING;
    } else if (first === 0x63 || first === 0x64) body.valueType();
    else if ((first & 0xc0) === 0x40) body.byte();
    else type = this.signatures.types[body.u32()] ?? NOTHING;
    this.#push(-type.parameters);
    this.#ends.push(this.#height + type.results);
    this.#push(type.parameters);
    this.#place();
  }

  #close(): void {
    this.#place();
    this.#height = this.#ends.pop() ?? 0;
  }

  #call(type: number): void {
    const { parameters, results } = this.signatures.types[type] ?? NOTHING;
    this.#push(-parameters);
    this.#push(results);
  }

  #memoryArgument(): void {
    const align = this.body.u32();
    if (align >= 64) this.body.u32();
    this.body.skipNumber();
  }

  #bulk(opcode: number): void {
    const operands = opcode < 8 ? 0 : [8, 10, 12, 14].includes(opcode) ? 2 : 1;
    if (opcode > 17) damaged("the module uses an instruction that this host does not know");
    for (let left = operands; left > 0; left--) this.body.u32();
    if (opcode === 16) this.#push(1); // table.size
    else if (operands > 0 && opcode !== 9 && opcode !== 13) this.#push(-3);
  }

  /** What these take from the stack is not counted. */
  #vector(opcode: number): void {
    const { body } = this;
    if (opcode <= 11 || opcode === 92 || opcode === 93) this.#memoryArgument();
    else if (opcode === 12 || opcode === 13) { // a constant, a shuffle
      body.take(16);
      this.#push(opcode === 12 ? 1 : 0);
    } else if (opcode >= 21 && opcode <= 34) body.byte(); // a lane
    else if (opcode >= 84 && opcode <= 91) {
      this.#memoryArgument();
      body.byte();
    }
    if (opcode === 11) this.#push(-2);
  }
}

/**
 * Why a function is not to be compiled; undefined: it may be.
 *
 * @param body of the function, without its length
 * @param parameters of the function, which are locals too
 * @throws PluginError `invalid_module`: damaged
 */
export function bodyProblem(
  body: Reader,
  parameters: number,
  signatures: Signatures,
): string | undefined {
  const bytes = body.end - body.position;
  if (bytes > MAX_BODY_BYTES) {
    return `it has a function of ${bytes} bytes; at most ${MAX_BODY_BYTES} may be`;
  }
  let locals = parameters;
  for (let groups = body.u32(); groups > 0; groups--) {
    locals += body.u32();
    body.valueType();
    if (locals > MAX_LOCALS) return `it has a function with more than ${MAX_LOCALS} variables`;
  }
  // What puts values on the stack has two bytes at least, a place one: half of the bytes each is the
  // worst. Of ordinary modules this leaves the few largest functions to look into.
  const most = Math.max(1, signatures.mostResults);
  if (locals * bytes + most * bytes ** 2 / 8 <= MAX_COST) return undefined;
  if (new Walk(body, locals, signatures).cost() <= MAX_COST) return undefined;
  return "it has a function that would take too much time and memory to compile: too many " +
    "branches beside too many variables";
}
