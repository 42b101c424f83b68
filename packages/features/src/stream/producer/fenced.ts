import { PlexlineError } from "@plexline/protocol";

/** A later generation of this producer has taken over: nothing that this one appends is accepted any more. */
export class ProducerFencedError extends PlexlineError {
  /** The present generation. */
  readonly generation: number;

  constructor(generation: number) {
    super("FORBIDDEN", {
      message: `Generation ${generation} of this producer has taken over.`,
      fix: "Stop this one. To take the stream back, attach anew, which makes a later generation.",
    });
    this.name = "ProducerFencedError";
    this.generation = generation;
  }
}

/** The producer asked to do something else refuses: throw it in a handler of requests. */
export class RequestRefused extends Error {
  /** What the reader is told. */
  readonly data: unknown;

  constructor(data?: unknown) {
    super("The request is refused.");
    this.name = "RequestRefused";
    this.data = data;
  }
}
