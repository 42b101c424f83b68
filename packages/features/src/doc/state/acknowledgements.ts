/** Which of the messages that a member has sent since it subscribed are settled. They are counted from 1. */
export interface Acknowledgements {
  /** Counts a message and returns its number. */
  count(): number;
  /** A message is settled. Messages settle in any order; what is told is the number below which all are. */
  settle(number: number): void;
  /** The member is gone or has subscribed anew: nothing is told any more. */
  close(): void;
}

/** @param acknowledge Told each time the highest number below which all are settled has risen. */
export function createAcknowledgements(acknowledge: (acked: number) => void): Acknowledgements {
  let counted = 0;
  let acked = 0;
  let closed = false;
  /** Settled numbers above one that is not. */
  const ahead = new Set<number>();
  return {
    count() {
      counted += 1;
      return counted;
    },
    settle(number) {
      if (closed || number <= acked) return;
      ahead.add(number);
      if (number !== acked + 1) return;
      while (ahead.delete(acked + 1)) acked += 1;
      acknowledge(acked);
    },
    close() {
      closed = true;
      ahead.clear();
    },
  };
}
