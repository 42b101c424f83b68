import { PlexlineError } from "@plexline/protocol";
import type { EndpointHost } from "@plexline/server";
import { createOwnTransport } from "../api/own-transport.ts";
import { createStreamHandle } from "../client/handle.ts";
import type { FoldDefinition } from "../options.ts";
import { type AppendOutput, STREAM_COMMAND } from "../protocol.ts";
import type { StreamTransport } from "../transport.ts";
import { parseTransportPolicy, type TransportPolicy } from "./transport-policy.ts";

/** The newest policy of a topic's chunks. */
export const newestPolicy: FoldDefinition<{ readonly policy?: unknown }> = {
  initial: () => ({}),
  apply: (state, { event, payload }) => (event === "chunk" ? { policy: payload } : state),
};

/** How long readers wait for a policy that is being read; without it the initial one is used. */
const LOAD_TIMEOUT_MS = 2_000;
const RETRY_MS = 1_000;
const VERSION_DIGITS = 16;

/** The policy as one node knows it: the newest chunk of a stream, so that it is durable, and all nodes are told. */
export class PolicyKeeper {
  #current: TransportPolicy;
  readonly #topic: string;
  readonly #listeners = new Set<(policy: TransportPolicy) => void>();
  #host: EndpointHost | null = null;
  #stream: StreamTransport | null = null;
  #loaded: Promise<void> = Promise.resolve();

  constructor(topic: string, initial: TransportPolicy) {
    this.#topic = topic;
    this.#current = initial;
  }

  get current(): TransportPolicy {
    return this.#current;
  }

  /** A server begins to serve by it. Another server of this process takes it over. */
  start(host: EndpointHost): void {
    if (this.#host === host) return;
    this.#host = host;
    const stream = createOwnTransport(host.topic(this.#topic));
    this.#stream = stream;
    this.#loaded = new Promise((resolve) => {
      host.clock.setTimer(resolve, LOAD_TIMEOUT_MS);
      this.#follow(host, stream, resolve);
    });
  }

  /** Resolves when the policy has been read, or could not be in time. */
  get loaded(): Promise<void> {
    return this.#loaded;
  }

  onChange(listener: (policy: TransportPolicy) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Sets a policy in the place of the version that it names; resolves with it, in its own version, once it is durable. Rejects
   * with RESYNC if that version is not the present one, on whatever node it was replaced.
   */
  async replace(given: TransportPolicy): Promise<TransportPolicy> {
    await this.#loaded;
    if (given.version !== this.#current.version) throw replaced(this.#current);
    const policy = { ...given, version: given.version + 1 };
    // Two who replace the same version have the same order, and only one of them is above the other's.
    const order = String(policy.version).padStart(VERSION_DIGITS, "0");
    const output = (await this.#stream?.call(STREAM_COMMAND.append, { values: [policy], order })) as
      | AppendOutput
      | undefined;
    if (!output?.accepted) throw replaced(this.#current);
    this.#take(policy);
    return policy;
  }

  #follow(host: EndpointHost, stream: StreamTransport, onLoaded: () => void): void {
    const handle = createStreamHandle(stream, { fold: newestPolicy });
    handle.on("fold", ({ policy }) => {
      // Another server that has taken over has a handle of its own.
      if (this.#host !== host) return;
      if (policy !== undefined) this.#take(policy);
      onLoaded();
    });
    handle.on("error", (error) => {
      onLoaded();
      // The server has stopped.
      if (error.code === "CLIENT_CLOSED" || error.code === "SHUTTING_DOWN" || this.#host !== host) return;
      host.log.error({ action: "transport.policy", error });
      if (error.retry === "later")
        host.clock.setTimer(() => this.#host === host && this.#follow(host, stream, onLoaded), RETRY_MS);
    });
  }

  #take(value: unknown): void {
    const policy = parseTransportPolicy(value);
    if (policy.version <= this.#current.version) return;
    this.#current = policy;
    for (const listener of [...this.#listeners]) listener(policy);
  }
}

function replaced({ version }: TransportPolicy): PlexlineError {
  return new PlexlineError("RESYNC", {
    message: `The policy has been replaced: its version is ${version} now, or higher.`,
    fix: "Read it again, and send the change with the version that it has then.",
  });
}
