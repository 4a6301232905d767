/** The services' JSON log lines as lines for a person. */

import { createLogger, LOG_LEVELS, type Logger, type LogLevel } from "@asya/telemetry";
import type { Screen } from "./screen.ts";
import type { Style } from "./table.ts";

const STYLE: Readonly<Partial<Record<LogLevel, Style>>> = { warn: "yellow", error: "red" };

function fieldText([name, value]: [string, unknown]): string {
  if (typeof value === "object" && value !== null && "message" in value) {
    return `${name}: ${value.message}`;
  }
  return `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`;
}

/** One line of a person's view. */
export interface Shown {
  readonly text: string;
  readonly style?: Style;
}

/**
 * A line that a handler's process wrote. The runtime's own lines are JSON without a `logger`: of
 * those only warnings and errors are shown. Anything else is the user's.
 */
export function handlerLines(line: string): Shown[] {
  if (!line.startsWith('{"time":')) return [{ text: line }];
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return [{ text: line }];
    throw error;
  }
  const { time: _, level, message, logger, traceback, ...fields } = entry;
  const style = STYLE[level as LogLevel];
  if (style === undefined && logger === undefined) return [];
  const text = [message, ...Object.entries(fields).map(fieldText)].join("  ");
  const first = style ? { text, style } : { text };
  const more = typeof traceback === "string" ? traceback.trimEnd().split("\n") : [];
  return [first, ...more.map((text) => ({ text }))];
}

/** A logger that writes to the screen what is at least a warning, or at least `ASYA_LOG_LEVEL`. */
export function screenLogger(screen: Screen, env: Readonly<Record<string, string>>): Logger {
  const level = LOG_LEVELS.find((name) => name === env["ASYA_LOG_LEVEL"]) ?? "warn";
  return createLogger({
    level,
    write(line) {
      const { time: _, level, message, actor, ...fields } = JSON.parse(line);
      const text = [message, ...Object.entries(fields).map(fieldText)].join("  ");
      const style = STYLE[level as LogLevel];
      screen.line(text, { ...actor ? { actor } : {}, ...style ? { style } : {} });
    },
  });
}
