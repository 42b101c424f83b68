import { PlexlineError } from "@plexline/protocol";
import type { Clock, Timer } from "../platform/clock.ts";
import { type Logger, silentLogger } from "./log.ts";

/** Proves that something works by doing it; rejects when it does not. */
export type ReadinessCheck = () => Promise<void>;

export type CheckResult =
  | { readonly ok: true; readonly tookMs: number }
  /** What went wrong in a sentence, without anything a stranger should not read. */
  | { readonly ok: false; readonly error: string };

export interface ReadinessReport {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, CheckResult>>;
}

export interface Readiness {
  /** Runs the checks, or tells the last result while it is fresh. Never rejects. */
  check(): Promise<ReadinessReport>;
  /** From now on the node is not ready, at once and for good: load balancers send nobody new. */
  startDraining(): void;
}

export interface ReadinessOptions {
  readonly checks: Readonly<Record<string, ReadinessCheck>>;
  readonly clock: Clock;
  /** Time one check has. Default 2,000. */
  readonly timeoutMs?: number;
  /** How long a result is told again without running the checks. Default 1,000: a probe flood costs one canary a second. */
  readonly cacheMs?: number;
  /** Told when a check starts to fail and when it works again. */
  readonly log?: Logger;
}

/** Runs canaries with a deadline. One that hangs is reported, and not started again before it settles. */
export function createReadiness(options: ReadinessOptions): Readiness {
  const { clock, timeoutMs = 2_000, cacheMs = 1_000, log = silentLogger } = options;
  const probes = Object.entries(options.checks).map(
    ([name, check]) => new Probe(name, check, { clock, timeoutMs, log }),
  );
  let draining = false;
  let running: Promise<Readonly<Record<string, CheckResult>>> | undefined;
  let freshUntilMs = 0;

  const run = (): Promise<Readonly<Record<string, CheckResult>>> => {
    if (running !== undefined && clock.monotonicMs() < freshUntilMs) return running;
    // Checks that are under way count as fresh: whoever asks meanwhile waits for the same result.
    freshUntilMs = Number.POSITIVE_INFINITY;
    running = Promise.all(probes.map(async (probe) => [probe.name, await probe.run()] as const)).then(
      (results) => {
        freshUntilMs = clock.monotonicMs() + cacheMs;
        return Object.fromEntries(results);
      },
    );
    return running;
  };

  return {
    async check() {
      const checks = await run();
      const drain: CheckResult = draining
        ? { ok: false, error: "The node is stopping." }
        : { ok: true, tookMs: 0 };
      const all = { ...checks, draining: drain };
      return { ready: Object.values(all).every((result) => result.ok), checks: all };
    },
    startDraining() {
      draining = true;
    },
  };
}

/** One check with its deadline. */
class Probe {
  readonly name: string;
  readonly #check: ReadinessCheck;
  readonly #options: Required<Pick<ReadinessOptions, "clock" | "timeoutMs" | "log">>;
  #underWay = false;
  #wasOk = true;

  constructor(
    name: string,
    check: ReadinessCheck,
    options: Required<Pick<ReadinessOptions, "clock" | "timeoutMs" | "log">>,
  ) {
    this.name = name;
    this.#check = check;
    this.#options = options;
  }

  async run(): Promise<CheckResult> {
    const result = this.#underWay
      ? { ok: false as const, error: "An earlier check still hangs." }
      : await this.#attempt();
    if (result.ok !== this.#wasOk) {
      this.#wasOk = result.ok;
      if (result.ok) this.#options.log.info({ action: "readiness.recovered", check: this.name });
    }
    return result;
  }

  async #attempt(): Promise<CheckResult> {
    const { clock, timeoutMs } = this.#options;
    const startMs = clock.monotonicMs();
    this.#underWay = true;
    const attempt = invoke(this.#check).finally(() => {
      this.#underWay = false;
    });
    let timer: Timer | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = clock.setTimer(() => reject(new ReadinessTimeout(timeoutMs)), timeoutMs);
    });
    try {
      await Promise.race([attempt, deadline]);
      return { ok: true, tookMs: Math.round(clock.monotonicMs() - startMs) };
    } catch (error) {
      this.#tell(error);
      return { ok: false, error: publicText(error) };
    } finally {
      timer?.cancel();
    }
  }

  #tell(error: unknown): void {
    // Once per outage: probes come every second.
    if (this.#wasOk) this.#options.log.error({ action: "readiness.failed", check: this.name, error });
  }
}

class ReadinessTimeout extends Error {
  constructor(timeoutMs: number) {
    super(`No answer within ${timeoutMs} ms.`);
    this.name = "ReadinessTimeout";
  }
}

/** A check that throws instead of rejecting is one that failed. */
async function invoke(check: ReadinessCheck): Promise<void> {
  await check();
}

/** Foreign errors may name hosts, users and paths: those go to the log only. */
function publicText(error: unknown): string {
  return error instanceof PlexlineError || error instanceof ReadinessTimeout
    ? error.message
    : "The check failed; see the log.";
}
