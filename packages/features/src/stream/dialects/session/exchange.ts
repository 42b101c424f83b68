import type { Clock, Random, RequestContext } from "@plexline/server";
import type { Renderings } from "../run/rendering.ts";
import type { FormatName, StreamFormat } from "./format.ts";

/** What all requests have in common. */
export interface StreamSettings {
  readonly topic: (sessionId: string) => string;
  readonly clock: Pick<Clock, "setTimer">;
  readonly random: Pick<Random, "next">;
  readonly longPollTimeoutMs: number;
  readonly rotateMs: number;
  readonly renderings: Renderings;
  readonly formats: Readonly<Record<FormatName, { readonly format: StreamFormat; readonly renderings: Renderings }>>;
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
