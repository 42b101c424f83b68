import type { Operation } from "./operation.ts";
import type { Principal } from "./principal.ts";

/** What an application's own `authorize` is asked. */
export interface AuthorizeRequest {
  readonly principal: Principal;
  readonly topic: string;
  /** The parts in braces of the feature's template. */
  readonly params: Readonly<Record<string, string>>;
}

/** Its answer: a role, `false` for no, or `undefined` to leave it to the policy. */
export type Decision = string | false | undefined;

/** What a feature says about access to its topics. */
export interface AccessRules {
  /** What each role may do. */
  readonly roles: Readonly<Record<string, readonly Operation[]>>;
  /** The role of a member of the record's tenant whose token names none. */
  readonly defaultRole: string;
  /** The application's own decision. Asked on every subscribe and publish; cached briefly. */
  readonly authorize?: (request: AuthorizeRequest) => Decision | Promise<Decision>;
}
