/** Checks the arguments of a call against the tool's parameters, and fills in the defaults. */

import { isRawNumber } from "../json.ts";
import type { Parameter, Parameters, ParameterType } from "./tool.ts";

/** Problems reported of one call; a body can hold a million of them. */
const MAX_PROBLEMS = 10;

type Values = Readonly<Record<string, unknown>>;

function isNumber(value: unknown): boolean {
  return typeof value === "number" || isRawNumber(value);
}

/** As JSON Schema has it: 1.0 is an integer, and so is one with 400 digits. */
function isInteger(value: unknown): boolean {
  if (typeof value === "number") return Number.isInteger(value);
  return isRawNumber(value) &&
    (/^-?[0-9]+$/.test(value.rawJSON) || Number.isInteger(Number(value.rawJSON)));
}

function isObject(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !isRawNumber(value);
}

const TYPE_CHECKS: Readonly<Record<ParameterType, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  number: isNumber,
  integer: isInteger,
  boolean: (value) => typeof value === "boolean",
  array: Array.isArray,
  object: isObject,
};

/** Whether two JSON values are the same; numbers by value where a double can tell them apart. */
function same(a: unknown, b: unknown): boolean {
  const [textA, textB] = [JSON.stringify(a), JSON.stringify(b)];
  if (textA === textB) return true;
  if (!isNumber(a) || !isNumber(b)) return false;
  return Number(textA) === Number(textB) && Number.isSafeInteger(Math.trunc(Number(textA)));
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return isNumber(value) ? "number" : typeof value;
}

function article(type: string): string {
  return /^[aio]/.test(type) ? `an ${type}` : `a ${type}`;
}

class Check {
  readonly problems: string[] = [];

  report(problem: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(problem);
  }

  value(parameter: Parameter, value: unknown, path: string): unknown {
    if (!TYPE_CHECKS[parameter.type](value)) {
      const expected = article(parameter.type);
      this.report(`parameter ${path} must be ${expected}, not ${typeOf(value)}`);
      return value;
    }
    if (parameter.options && !parameter.options.some((option) => same(option, value))) {
      const options = parameter.options.map((option) => JSON.stringify(option)).join(", ");
      this.report(`parameter ${path} must be one of ${options}`);
      return value;
    }
    const { items, properties } = parameter;
    if (items && Array.isArray(value)) {
      return value.map((element, index) => this.value(items, element, `${path}[${index}]`));
    }
    if (properties && isObject(value)) return this.members(properties, value, `${path}.`);
    return value;
  }

  members(parameters: Parameters, values: Values, prefix: string): Values {
    const checked: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(values)) {
      const parameter = parameters.get(name);
      if (parameter) {
        checked[name] = this.value(parameter, value, prefix + name);
      } else {
        const known = [...parameters.keys()].join(", ") || "none";
        this.report(`unknown parameter: ${(prefix + name).slice(0, 100)} (known: ${known})`);
      }
    }
    for (const [name, parameter] of parameters) {
      if (Object.hasOwn(values, name)) continue;
      if (parameter.default !== undefined) checked[name] = parameter.default;
      else if (parameter.required) this.report(`missing required parameter: ${prefix}${name}`);
    }
    return checked;
  }
}

/** The arguments with defaults, or what is wrong with them; at most ten problems are named. */
export function checkArguments(
  parameters: Parameters,
  values: Values,
): { readonly value: Values; readonly problems: readonly string[] } {
  const check = new Check();
  const value = check.members(parameters, values, "");
  return { value, problems: check.problems };
}

/** What is wrong with one value of a parameter, e.g. with its default. */
export function checkValue(parameter: Parameter, value: unknown, name: string): readonly string[] {
  const check = new Check();
  check.value(parameter, value, name);
  return check.problems;
}
