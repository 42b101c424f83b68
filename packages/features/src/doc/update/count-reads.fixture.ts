/** How many bytes `use` reads of an update: a measure of its work that does not depend on the machine. */
export function countReads(bytes: Uint8Array, use: (bytes: Uint8Array) => unknown): number {
  let reads = 0;
  const counting = new Proxy(bytes, {
    get(target, property) {
      if (typeof property === "string" && /^\d+$/.test(property)) reads += 1;
      const value: unknown = Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  use(counting);
  return reads;
}
