/** Stops a subscription to a subject. Calling it twice does nothing. */
export type Unsubscribe = () => void;

/**
 * Carries envelopes between nodes. At most once, unordered, and never back to the node that published: the log is
 * the truth and a broker only a hint, so a broker that loses something delays and never loses.
 * Implementations add nothing else: no history, no retries, no local delivery.
 */
export interface Broker {
  /** Hands an envelope to the other nodes that subscribe to `subject`. Never throws; a failure is the broker's to log. */
  publish(subject: string, envelope: Uint8Array): void;
  /**
   * Whether any other node may hear what is published. False spares the caller the encoding; leave it out, or answer
   * true, when in doubt.
   */
  hasPeers?(): boolean;
  /** Receives what other nodes publish on `subject`; resolves when the subscription is in force. */
  subscribe(subject: string, receive: (envelope: Uint8Array) => void): Promise<Unsubscribe>;
  close(): Promise<void>;
}
