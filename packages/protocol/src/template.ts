import { PlexlineError } from "./error.ts";
import { isAddress } from "./topic.ts";

/** The named parts of a topic. */
export type TopicParams = Readonly<Record<string, string>>;

/** A template of topics, made by `compileTemplate`. */
export interface TopicTemplate {
  /** As it was written: `board:{id}`. */
  readonly template: string;
  /** Names of its parameters, in order. */
  readonly names: readonly string[];
  /** What stands around the parameters: one more than there are names; the first and last may be empty. */
  readonly literals: readonly string[];
  /** The parameters of a topic, or null when the template does not own it. */
  match(topic: string): TopicParams | null;
  /** The topic of parameters. Throws TOPIC_INVALID when `match` would not give the same parameters back. */
  address(params: TopicParams): string;
}

/**
 * Compiles a template of topics. A parameter is never empty; one in the middle reaches to the next occurrence of
 * the text that follows it, a final one takes all the rest.
 *
 * @example
 * const board = compileTemplate("board:{id}");
 * board.match("board:7"); // { id: "7" }
 * board.address({ id: "7" }); // "board:7"
 */
export function compileTemplate(template: string): TopicTemplate {
  const { names, literals } = splitTemplate(template);
  const match = (topic: string): TopicParams | null => matchParts(names, literals, topic);
  const address = (params: TopicParams): string => fillParts(template, names, literals, params);
  return { template, names, literals, match, address };
}

/**
 * Whether some topic could belong to both templates. May say yes where none does (it looks at beginnings and ends
 * only), never no where one does, so a registry that refuses overlaps keeps every topic with one owner.
 */
export function templatesOverlap(a: TopicTemplate, b: TopicTemplate): boolean {
  if (a.names.length === 0)
    return b.names.length === 0 ? a.template === b.template : b.match(a.template) !== null;
  if (b.names.length === 0) return a.match(b.template) !== null;
  const [beginA, beginB] = [a.literals[0]!, b.literals[0]!];
  const [endA, endB] = [a.literals.at(-1)!, b.literals.at(-1)!];
  const beginsMeet = beginA.startsWith(beginB) || beginB.startsWith(beginA);
  return beginsMeet && (endA.endsWith(endB) || endB.endsWith(endA));
}

function splitTemplate(template: string): { names: string[]; literals: string[] } {
  const parts = template.split(/\{([^{}]*)\}/);
  const literals = parts.filter((_, index) => index % 2 === 0);
  const names = parts.filter((_, index) => index % 2 === 1);
  // A topic that the template could make, with parameters of one byte: it must be a valid topic.
  if (!isAddress(literals.join("x"), false)) refuse(template, "its text must be fit for a topic");
  if (literals.slice(1, -1).includes("")) refuse(template, "two parameters need text between them");
  if (names.some((name) => !/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name))) {
    refuse(template, "a parameter is a letter followed by letters, digits and underscores");
  }
  if (new Set(names).size < names.length) refuse(template, "a parameter may occur once");
  return { names, literals };
}

function matchParts(
  names: readonly string[],
  literals: readonly string[],
  topic: string,
): TopicParams | null {
  if (!topic.startsWith(literals[0]!)) return null;
  const params: Record<string, string> = {};
  let at = literals[0]!.length;
  for (let index = 0; index < names.length; index++) {
    const next = literals[index + 1]!;
    const end = next === "" ? topic.length : topic.indexOf(next, at);
    if (end <= at) return null;
    params[names[index]!] = topic.slice(at, end);
    at = end + next.length;
  }
  return at === topic.length ? params : null;
}

function fillParts(
  template: string,
  names: readonly string[],
  literals: readonly string[],
  params: TopicParams,
): string {
  let topic = literals[0]!;
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!;
    const value: unknown = Object.hasOwn(params, name) ? params[name] : undefined;
    if (typeof value !== "string" || value === "")
      refuse(template, `params.${name} must be a string that is not empty`);
    topic += value + literals[index + 1]!;
  }
  if (!isAddress(topic, false)) refuse(template, "these params do not make a valid topic");
  const back = matchParts(names, literals, topic);
  const same = Object.keys(params).every(
    (name) => back !== null && Object.hasOwn(back, name) && back[name] === params[name],
  );
  if (!same) refuse(template, "these params would not be read back from the topic");
  return topic;
}

function refuse(template: string, why: string): never {
  throw new PlexlineError("TOPIC_INVALID", {
    message: `${template}: ${why}.`,
    fix: "Write templates like board:{id}, and give a value for each parameter.",
  });
}

/** Names of the parts in braces of a template: `"id"` for `board:{id}`. */
export type TemplateParamName<Template extends string> =
  Template extends `${string}{${infer Name}}${infer Rest}` ? Name | TemplateParamName<Rest> : never;

/** The parts in braces of a template: `{ id: string }` for `board:{id}`. */
export type TemplateParams<Template extends string> = {
  readonly [Name in TemplateParamName<Template>]: string;
};
