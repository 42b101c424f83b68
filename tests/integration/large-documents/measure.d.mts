interface Generator {
  readonly ids: readonly number[];
}

export function createGenerator(options: {
  readonly structs: number;
  readonly clients: number;
  readonly seed?: number;
}): Generator;

export function generateUpdates(options?: {
  readonly structs?: number;
  readonly clients?: number;
  readonly perUpdate?: number;
  readonly seed?: number;
}): Iterable<Uint8Array>;

export function generateLog(options?: {
  readonly updates?: number;
  readonly writers?: number;
  readonly seed?: number;
  readonly after?: Generator;
}): Iterable<Uint8Array>;

export function appendUpdates(
  directory: string,
  name: string,
  updates: Iterable<Uint8Array>,
): Promise<{ readonly count: number; readonly bytes: number }>;

export interface LargeServer {
  readonly url: string;
  ask(request: "begin" | "look" | "memory"): Promise<unknown>;
  stop(): Promise<void>;
}

export function startLargeServer(directory: string): Promise<LargeServer>;

export interface Visitor {
  readonly seen: {
    readonly syncedMs: number;
    readonly text?: number;
    readonly heard: { readonly bytes: number; readonly frames: number };
  };
  /** Types for so long; resolves with how long each edit took until it was saved, in milliseconds. */
  type(forMs: number): Promise<readonly number[]>;
  leave(): Promise<void>;
}

export function visit(
  url: string,
  kind: "wire" | "native" | "stock",
  name: string,
  how?: "typing",
): Promise<Visitor>;

export function whenFolded(server: LargeServer, offset: number): Promise<unknown>;

export function withDirectory<Result>(work: (directory: string) => Promise<Result>): Promise<Result>;
