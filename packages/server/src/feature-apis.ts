import type { TemplateParams } from "@plexline/protocol";
import type { Feature } from "./feature/feature.ts";
import type { OwnTopic } from "./feature/own-topic.ts";

type Params = Readonly<Record<string, string>>;

/** A definition whose feature gives the server's own code something to do with its topics. */
interface WithApi {
  readonly feature: string;
  readonly template: string;
  readonly api: (topic: OwnTopic) => object;
}

/** Names of those features; none where the names of the definitions are not known. */
type ApiNames<Topics> = {
  [Name in keyof Topics]: Topics[Name] extends WithApi
    ? string extends Topics[Name]["feature"]
      ? never
      : Topics[Name]["feature"]
    : never;
}[keyof Topics];

/** Names of the topics of one of them. */
type TopicsOf<Topics, FeatureName> = {
  [Name in keyof Topics & string]: Topics[Name] extends WithApi & { readonly feature: FeatureName }
    ? Name
    : never;
}[keyof Topics & string];

type ApiOf<Definition> = Definition extends WithApi ? ReturnType<Definition["api"]> : never;

type ParamsOf<Definition> = Definition extends { readonly template: infer Template extends string }
  ? string extends Template
    ? Params
    : TemplateParams<Template>
  : never;

/** The methods that features add to the app, each for the topics of that feature alone. */
export type FeatureApis<Topics> = {
  readonly [FeatureName in ApiNames<Topics>]: <Name extends TopicsOf<Topics, FeatureName>>(
    name: Name,
    params: ParamsOf<Topics[Name]>,
  ) => ApiOf<Topics[Name]>;
};

/** Makes these methods. */
export function createApis(
  topics: Readonly<Record<string, Feature>>,
  open: (name: string, params: Params) => OwnTopic,
): Readonly<Record<string, (name: string, params: Params) => object>> {
  const withApi = Object.values(topics).filter(({ api }) => api !== undefined);
  return Object.fromEntries(
    withApi.map(({ feature }) => [
      feature,
      (name: string, params: Params) => {
        const definition = Object.hasOwn(topics, name) ? topics[name] : undefined;
        if (definition?.feature !== feature || definition.api === undefined) {
          throw new TypeError(`The server has no topic "${name}" of the feature "${feature}".`);
        }
        return definition.api(open(name, params));
      },
    ]),
  );
}
