import type { TokenBucketOptions } from "../platform/token-bucket.ts";

/** What the transport accepts of a connection before anything of ours reads a message. */
export interface TransportLimits {
  /** Largest message, in bytes, until the session says otherwise. Close 4413. Default 64 KiB. */
  readonly messageBytesMax: number;
  /** Largest message, in bytes, that a session may ever allow; raised to what endpoints ask for. Default 64 MiB. */
  readonly messageBytesCeiling: number;
  /** Most fragments of one message; larger messages may have one per 16 KiB. Close 1008. Default 1,024. */
  readonly fragmentsMax: number;
  /** Most network chunks of one unfinished frame; larger frames may have one per 512 bytes. Close 1008. Default 4,096. */
  readonly chunksMax: number;
  /** Ping and pong frames of one connection. Close 4529. Default 10 per second, burst 20. */
  readonly controlFrames: TokenBucketOptions;
  /** Most pongs that wait for a peer that pings and does not read; beyond it the connection is cut, without a code. More
   * than the burst of `controlFrames`, which would otherwise never be told. Default 32. */
  readonly pendingPongsMax: number;
  /** How long a peer may take to answer a close before it is cut. Default 5,000 ms. */
  readonly closeTimeoutMs: number;
  /** Connects of one address (IPv6: of one /64). 503. Default 30 per second, burst 60. */
  readonly connectsPerAddress: TokenBucketOptions;
  /** Connects of everybody. 503. Default 500 per second, burst 1,000. */
  readonly connects: TokenBucketOptions;
  /** Most addresses whose rate is remembered. Default 10,000. */
  readonly addressesMax: number;
}

export const TRANSPORT_LIMITS: TransportLimits = {
  messageBytesMax: 64 * 1024,
  messageBytesCeiling: 64 * 1024 * 1024,
  fragmentsMax: 1024,
  chunksMax: 4096,
  controlFrames: { ratePerSecond: 10, burst: 20 },
  pendingPongsMax: 32,
  closeTimeoutMs: 5000,
  connectsPerAddress: { ratePerSecond: 30, burst: 60 },
  connects: { ratePerSecond: 500, burst: 1000 },
  addressesMax: 10_000,
};
