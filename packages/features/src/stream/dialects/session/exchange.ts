import type { Clock, Random, RequestContext } from "@plexline/server";
import type { PolicyReaders } from "../../policy/readers.ts";
import type { Renderings } from "../run/rendering.ts";
import type { FormatName } from "./format.ts";
import type { ServedFormat } from "./format-stream.ts";

/** What all requests have in common. */
export interface StreamSettings {
  readonly topic: (sessionId: string) => string;
  readonly clock: Pick<Clock, "setTimer">;
  readonly random: Pick<Random, "next">;
  readonly longPollTimeoutMs: number;
  readonly rotateMs: number;
  readonly renderings: Renderings;
  /** Who may read, by which transport; absent where nothing says so. */
  readonly readers?: PolicyReaders;
  readonly formats: Readonly<Record<FormatName, ServedFormat>>;
}

/** One request about one run. */
export interface StreamExchange {
  readonly request: Request;
  readonly context: RequestContext;
  readonly settings: StreamSettings;
  readonly query: URLSearchParams;
  readonly sessionId: string;
  readonly topic: string;
}
