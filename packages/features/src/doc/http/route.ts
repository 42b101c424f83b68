import type { RequestContext } from "@plexline/server";
import type { DocRenderer, DocWorker } from "../worker/jobs.ts";

/** What all requests of one API have in common. */
export interface Settings {
  /** Before the id in the topic of a document. */
  readonly topicPrefix: string;
  /** Bytes of an update in a body. */
  readonly updateBytesMax: number;
  /** Bytes of the update of a seed. */
  readonly seedBytesMax: number;
  readonly worker: () => Pick<DocWorker, "scan"> & DocRenderer;
  /** The OpenAPI description, as JSON. */
  readonly description: string;
}

/** One request on its way to an answer. */
export interface Exchange {
  readonly request: Request;
  readonly context: RequestContext;
  readonly query: URLSearchParams;
  readonly settings: Settings;
}

/** A JSON Schema. */
export type Schema = Readonly<Record<string, unknown>>;

/** An answer as the description tells it: what it means and of which media types it is. */
export interface Answer {
  readonly description: string;
  readonly content?: Readonly<Record<string, Schema>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A path and method with what they do: the requests go by it, and the OpenAPI description says what it says. */
export interface Route {
  /** Name of the operation in the description. */
  readonly id: string;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** After the prefix, with `:name` parts. */
  readonly path: string;
  readonly summary: string;
  /** Whether it is for everybody, without a token. Default false. */
  readonly isOpen?: boolean;
  /** Query parameters: name, what for, schema. */
  readonly query?: readonly {
    readonly name: string;
    readonly description: string;
    readonly schema: Schema;
  }[];
  /** Media types of the body. */
  readonly body?: Readonly<Record<string, Schema>>;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Statuses of the errors that it may answer beside those that every route may. */
  readonly failures: readonly number[];
  answer(exchange: Exchange): Promise<Response>;
}
