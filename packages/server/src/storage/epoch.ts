/**
 * The epoch of a log: the store's incarnation, followed by how often this log has been reset. A log that has never
 * been written has one too, without a write, and a changed incarnation changes every epoch at once.
 */
export function epochOf(incarnation: string, generation: number): string {
  return generation === 0 ? incarnation : `${incarnation}.${generation}`;
}
