/** Those of `all` with one of the names; all of them if there are no names. Throws for a name that is not there. */
export function pick(all, names, what) {
  const unknown = names.filter((name) => !all.some((one) => one.name === name));
  if (unknown.length > 0) {
    throw new Error(
      `No such ${what}: ${unknown.join(", ")}. There are: ${all.map(({ name }) => name).join(", ")}.`,
    );
  }
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}
