import type { StreamApi } from "@plexline/features/stream/server";
import { PlexlineError } from "@plexline/protocol";

const PRODUCER = "playground";

interface Line {
  readonly run: string;
  readonly state: "begun" | "ended";
}

/** Which runs have begun and not ended: a stream of its own, so that the next process knows what to take up. */
export class RunRegister {
  readonly #api: StreamApi;
  readonly #open = new Set<string>();
  #producer: ReturnType<StreamApi["producer"]> | null = null;

  constructor(api: StreamApi) {
    this.#api = api;
  }

  /** Runs that have not ended. */
  async load(): Promise<readonly string[]> {
    const handle = this.#api.read({ since: "start" });
    try {
      const { position } = await handle.info();
      await new Promise<void>((resolve, reject) => {
        const heard = ({ offset }: { readonly offset: number }) => offset >= position.offset && resolve();
        handle.on("chunk", (chunk, meta) => {
          const line = chunk as Line;
          if (line.state === "begun") this.#open.add(line.run);
          else this.#open.delete(line.run);
          heard(meta);
        });
        // The last entry may be that a producer came or went.
        handle.on("producer", (_change, meta) => heard(meta));
        handle.on("error", reject);
      });
    } catch (reason) {
      if (PlexlineError.from(reason).code !== "STREAM_ABSENT") throw reason;
    } finally {
      handle.leave();
    }
    return [...this.#open];
  }

  get size(): number {
    return this.#open.size;
  }

  has(run: string): boolean {
    return this.#open.has(run);
  }

  async add(run: string): Promise<void> {
    this.#open.add(run);
    await this.#append({ run, state: "begun" });
  }

  async remove(run: string): Promise<void> {
    this.#open.delete(run);
    await this.#append({ run, state: "ended" });
  }

  close(): void {
    this.#producer?.detach().catch(() => {});
  }

  #append(line: Line): Promise<unknown> {
    this.#producer ??= this.#api.producer({ id: PRODUCER });
    return this.#producer.append(line);
  }
}
