import pino from "pino";
import type { LogFields, Logger } from "./log.ts";
import { prettyLine } from "./pretty.ts";
import { redactFields, redactMessage } from "./redaction.ts";

/** From most to least talkative; `silent` writes nothing. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** Lines below this level are not written. Default `info`. At `debug`, errors carry their stack. */
  readonly level?: LogLevel;
  /** Coloured lines for a person instead of JSON for a machine. Default false. */
  readonly pretty?: boolean;
  /** Receives one whole line at a time, its newline included. Default: standard output. */
  readonly destination?: { write(line: string): void };
}

/** The action of a line whose writer gave none. */
const ACTION_UNNAMED = "log";
/** Keys that belong to the line itself: a field of that name gets an underscore, so that it cannot pose as one. */
const OWN_KEYS = ["timestamp", "level", "message"] as const;

/**
 * A logger that writes JSON lines with an ISO `timestamp`, `level` as a word and an `action`. Secrets are hidden by key
 * and in text, strings are cut, and no value can break a line (see `redaction.ts`). Logging never throws.
 *
 * @example
 * const log = createLogger({ level: "info" });
 * log.info({ action: "ws.connect", userId: "ada", token: "eyJ…" });
 * // {"level":"info","timestamp":"2026-11-21T12:00:00.000Z","action":"ws.connect","userId":"ada","token":"[redacted]"}
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const target = options.destination ?? pino.destination({ fd: 1, sync: true });
  const destination = options.pretty
    ? { write: (line: string) => void target.write(prettyLine(line)) }
    : target;
  const writer = pino(
    {
      level: options.level ?? "info",
      base: null,
      messageKey: "message",
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return createLines(writer, {}, options.level === "debug");
}

function createLines(writer: pino.Logger, bound: LogFields, stack: boolean): Logger {
  const plain = (fields: LogFields): LogFields => renameOwnKeys(redactFields(fields, { stack }));
  const write = (level: "debug" | "info" | "warn" | "error", fields: LogFields, message?: string): void => {
    if (!writer.isLevelEnabled(level)) return;
    try {
      const line = { action: ACTION_UNNAMED, ...bound, ...plain(fields) };
      if (message === undefined) writer[level](line);
      else writer[level](line, redactMessage(message));
    } catch {
      // A destination that fails (a closed pipe, a full disk) must not take the caller with it.
    }
  };
  return {
    debug: (fields, message) => write("debug", fields, message),
    info: (fields, message) => write("info", fields, message),
    warn: (fields, message) => write("warn", fields, message),
    error: (fields, message) => write("error", fields, message),
    child: (fields) => createLines(writer, { ...bound, ...plain(fields) }, stack),
  };
}

function renameOwnKeys(fields: Record<string, unknown>): Record<string, unknown> {
  for (const key of OWN_KEYS) {
    if (!(key in fields)) continue;
    fields[`${key}_`] = fields[key];
    delete fields[key];
  }
  return fields;
}
