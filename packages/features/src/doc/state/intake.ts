import { PlexlineError } from "@plexline/protocol";
import type { Sender, TopicContext } from "@plexline/server";
import { assertMessageBytes, type ResolvedOptions } from "../options.ts";
import { scanUpdate } from "../update/scan.ts";
import type { UpdateScan } from "../update/update-scan.ts";
import { createLane, type Lane } from "./lane.ts";
import type { Arrival, Ledger } from "./ledger.ts";
import type { Repair } from "./repair.ts";
import { type Seat, tellError } from "./seat.ts";

/** What an intake works with. */
export interface IntakeParts {
  readonly topic: TopicContext;
  readonly options: ResolvedOptions;
  readonly ledger: Ledger;
  readonly repair: Repair<Seat>;
  /** Client ids that a sync-response may have structs of. */
  readonly clientsMax: () => number;
  /** Resolves when the state can be used; null when it can. */
  readonly loading: () => Promise<void> | null;
}

/** The way of updates, sync-responses and seeds into a document: measured, counted, scanned, and then judged in their order. */
export interface Intake {
  /**
   * Takes a message. Throws what refuses it. A member is told by `committed` and `error` what became of it; whoever is not
   * subscribed, as the server's own code, is told by the promise.
   */
  receive(
    sender: Sender,
    seat: Seat | undefined,
    isResponse: boolean,
    update: Uint8Array,
  ): Promise<void> | undefined;
  /**
   * Takes the first content of the document, within the limits of a sync-response [DC21]. Resolves when it is durable; with
   * false if there is some already, when that is. Rejects with what refuses it, or when it could not be stored.
   */
  seed(sender: Sender, update: Uint8Array): Promise<boolean>;
}

export function createIntake({ topic, options, ledger, repair, clientsMax, loading }: IntakeParts): Intake {
  const { limits, worker } = options;
  const commonLane = createLane();

  /** Scans a message and has it judged: at once if it is small and nothing of its sender is before it. */
  const accept = (
    arrival: Arrival,
    lane: Lane,
    judge: (arrival: Arrival, scan: UpdateScan) => void = ledger.judge,
  ): Promise<void> | undefined => {
    const { isResponse, update } = arrival;
    measure(arrival);
    const scanLimits = isResponse ? { ...options.syncScan, clientsMax: clientsMax() } : options.updateScan;
    const isLong = update.length > limits.scanBytesMax;
    if (!isLong && lane.isFree && !loading()) {
      judge(arrival, scanUpdate(update, scanLimits));
      return undefined;
    }
    return lane.run(update.length, async () => {
      const scan = await (isLong ? worker.scan(update, scanLimits) : scanUpdate(update, scanLimits));
      await loading();
      if (topic.signal.aborted) throw new PlexlineError("SHUTTING_DOWN");
      judge(arrival, scan);
    });
  };
  /** Only what has been asked for may be long. */
  const measure = ({ seat, isResponse, update, lossesWhenAsked }: Arrival): void => {
    const mayBeLong = isResponse && (seat === undefined || lossesWhenAsked !== undefined);
    if (isResponse && seat?.questions.length === 0)
      topic.setMessageBytesMax(seat.member, limits.updateBytesMax);
    if (mayBeLong) assertMessageBytes(update.length, limits.syncBytesMax, "syncBytesMax");
    else assertMessageBytes(update.length, limits.updateBytesMax, "updateBytesMax");
  };
  const receiveFrom = (seat: Seat, sender: Sender, isResponse: boolean, update: Uint8Array) => {
    const number = seat.acknowledgements.count();
    const settle = (error?: PlexlineError): void => {
      if (error) tellError(topic, seat, error);
      seat.acknowledgements.settle(number);
    };
    const refuse = (error: unknown): never => {
      // The error is the answer to the message, which settles it.
      seat.acknowledgements.settle(number);
      const code = error instanceof PlexlineError ? error.code : "INTERNAL";
      topic.log.warn({ action: "yjs.refused", topic: topic.topic, userId: sender.principal.id, code });
      if (isResponse && code !== "OVERLOADED") repair.onAnswer(seat, false, false);
      if (code === "OVERLOADED") repair.ask(seat);
      throw error;
    };
    const lossesWhenAsked = isResponse ? seat.questions.shift() : undefined;
    try {
      const arrival = { sender, seat, isResponse, update, settle, lossesWhenAsked };
      return accept(arrival, seat.lane)?.catch(refuse);
    } catch (error) {
      return refuse(error);
    }
  };
  const receiveOwn = (sender: Sender, isResponse: boolean, update: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle = (error?: PlexlineError): void => (error ? reject(error) : resolve());
      const arrival = { sender, seat: undefined, isResponse, update, settle, lossesWhenAsked: undefined };
      accept(arrival, commonLane)?.catch(reject);
    });
  const seed = (sender: Sender, update: Uint8Array): Promise<boolean> =>
    new Promise((resolve, reject) => {
      let isSeeded = false;
      const settle = (error?: PlexlineError): void => (error ? reject(error) : resolve(isSeeded));
      // Nobody's seat: it is handed on to its sender's session too, which has no copy of it to begin with.
      const nobodys = { seat: undefined, lossesWhenAsked: undefined };
      accept({ ...nobodys, sender, isResponse: true, update, settle }, commonLane, (arrival, scan) => {
        isSeeded = ledger.seed(arrival, scan);
      })?.catch(reject);
    });

  return {
    receive(sender, seat, isResponse, update) {
      if (seat) return receiveFrom(seat, sender, isResponse, update);
      return receiveOwn(sender, isResponse, update);
    },
    seed,
  };
}
