export interface ChurnLook {
  readonly held: {
    readonly connections: number;
    readonly sessions: number;
    readonly users: number;
    readonly rooms: number;
    readonly subscriptions: number;
    readonly messageQueueSize: number;
    readonly sockets: number;
  };
  readonly memory: {
    readonly heapUsedBytes: number;
    readonly externalBytes: number;
    readonly rssBytes: number;
  };
}

export interface ChurnReport {
  readonly connections: number;
  /** What was held after the warm-up. */
  readonly base: ChurnLook;
  readonly end: ChurnLook;
  /** Rooms that were open while they came and went. */
  readonly peakRooms: number;
}

export function runChurn(options: {
  readonly connections: number;
  readonly warmUp?: number;
  readonly tell?: (line: string) => void;
  readonly visit?: (url: string, number: number, round: 0 | 1) => Promise<void>;
}): Promise<ChurnReport>;
