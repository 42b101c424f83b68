/** Words that fill the sentences below. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  thing: [
    "lantern",
    "ledger",
    "tide table",
    "anchor",
    "signal flag",
    "barometer",
    "rope",
    "chart",
    "bell buoy",
  ],
  who: ["the harbour master", "the pilot", "the night watch", "a clerk", "the ferry's mate", "the keeper"],
  did: ["checked", "mended", "copied out", "counted", "carried in", "set aside", "polished", "labelled"],
  where: ["on the quay", "below the light", "at the custom house", "in the boat shed", "by the slipway"],
  when: [
    "before the tide turned",
    "at first light",
    "while it rained",
    "after the second bell",
    "all afternoon",
  ],
  how: ["without a word", "twice, to be sure", "from memory", "with cold hands", "as the rules ask"],
  weather: ["fog", "a flat calm", "rain from the west", "a rising wind", "thin frost"],
};

const SENTENCES: readonly string[] = [
  "{Who} {did} the {thing} {when}.",
  "There was {weather}, and {who} {did} the {thing} {how}.",
  "{Where}, the {thing} lay next to the {thing}.",
  "Nobody had {did} the {thing} {where}, so {who} did it {when}.",
  "The {thing} was older than the {thing}, which {who} {did} {how}.",
  "{When}, with {weather} outside, {who} {did} every {thing} {where}.",
];

/**
 * Sentences about a harbour, always the same for the same seed.
 *
 * @param seed A whole number.
 */
export function paragraph(seed: number, sentences: number): string {
  const next = randomOf(seed);
  const pick = (from: readonly string[]) => from[Math.floor(next() * from.length)] ?? "";
  const fill = (template: string) => {
    const used = new Set<string>();
    return template.replace(/\{(\w+)\}/g, (_, slot: string) => {
      const words = pick((WORDS[slot.toLowerCase()] ?? []).filter((each) => !used.has(each)));
      used.add(words);
      return slot === slot.toLowerCase() ? words : words.charAt(0).toUpperCase() + words.slice(1);
    });
  };
  return Array.from({ length: sentences }, () => fill(pick(SENTENCES))).join(" ");
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
