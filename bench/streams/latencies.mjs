// Times of very many deliveries in little memory: counts of buckets, each 2 % wider than the one before.
const LEAST_MS = 0.01;
const GROWTH = Math.log(1.02);
const BUCKETS = 1_200;

export class Latencies {
  #counts = new Float64Array(BUCKETS);
  #total = 0;

  add(ms) {
    const bucket = ms <= LEAST_MS ? 0 : Math.ceil(Math.log(ms / LEAST_MS) / GROWTH);
    this.#counts[Math.min(bucket, BUCKETS - 1)] += 1;
    this.#total += 1;
  }

  /** The upper edge of the bucket that the quantile lies in; NaN if there is nothing. */
  quantile(share) {
    let left = share * this.#total;
    for (let bucket = 0; bucket < BUCKETS && this.#total > 0; bucket += 1) {
      left -= this.#counts[bucket];
      if (left <= 0) return LEAST_MS * Math.exp(bucket * GROWTH);
    }
    return Number.NaN;
  }
}
