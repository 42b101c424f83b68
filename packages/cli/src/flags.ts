import type { ArgsDef } from "citty";

/** Flags that `dev` and `start` share. */
export const SERVE_FLAGS = {
  port: {
    type: "string",
    description: "Port to listen on; 0 picks a free one. PORT, default 3000.",
    valueHint: "N",
  },
  host: {
    type: "string",
    description: "Address to listen on. HOST, default 127.0.0.1.",
    valueHint: "ADDRESS",
  },
  data: {
    type: "string",
    description: "Directory of the embedded store. PLEXLINE_DATA, default .plexline.",
    valueHint: "DIR",
  },
  config: {
    type: "string",
    description: "Configuration file. Default: plexline.config.{ts,mjs,js} here.",
    valueHint: "FILE",
  },
  json: { type: "boolean", description: "Print one line of JSON when ready, and log as JSON." },
} as const satisfies ArgsDef;

/** What those flags were set to. */
export interface ServeFlags {
  readonly port?: string | undefined;
  readonly host?: string | undefined;
  readonly data?: string | undefined;
  readonly config?: string | undefined;
  readonly json?: boolean | undefined;
}
