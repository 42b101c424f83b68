import { countTokens, deleteTokens, insertTokens, readTokens, tokenOf } from "./tokens.mjs";

/** From so many tokens on a document is deleted from as often as it is written to. */
const TOKENS_FULL = 300;

/**
 * Somebody who edits a Y.Text at random. Each edit is told before it is made, so that a kill takes none back; `saved` tells
 * those edits that have become durable, oldest first.
 *
 * With `replaces` it puts a token of its own where it has deleted, so that no two users' updates are the same bytes.
 */
export function createTypist({ ydoc, user, address, random, tell, replaces = false }) {
  const text = ydoc.getText("content");
  let written = 0;
  let open = [];
  const below = (count) => Math.floor(random() * count);

  function draft() {
    const there = countTokens(text);
    const index = below(there + 1);
    if (there > 0 && index < there && random() < (there > TOKENS_FULL ? 0.55 : 0.3)) {
      const count = Math.min(1 + below(3), there - index);
      const deleted = readTokens(text.toString()).tokens.slice(index, index + count);
      const inserted = replaces ? [tokenOf(user, ++written)] : [];
      const make = () =>
        ydoc.transact(() => {
          deleteTokens(text, index, count);
          if (replaces) insertTokens(text, index, inserted);
        });
      return { inserted, deleted, make };
    }
    const inserted = Array.from({ length: 1 + below(2) }, () => tokenOf(user, ++written));
    return { inserted, deleted: [], make: () => insertTokens(text, index, inserted) };
  }

  return {
    text,
    user,
    address,
    /** Makes one edit in a transaction of its own. */
    edit() {
      const { inserted, deleted, make } = draft();
      tell("edit", user, address, inserted, deleted);
      open.push({ inserted, deleted });
      make();
    },
    get unsaved() {
      return open.length;
    },
    /** Tells that the edits for which `isSaved` holds are durable. */
    saved(isSaved = () => true) {
      const done = open.filter(isSaved);
      if (done.length === 0) return;
      open = open.filter((edit) => !done.includes(edit));
      const all = (name) => done.flatMap((edit) => edit[name]);
      tell("saved", user, address, all("inserted"), all("deleted"));
    },
    /** Those edits that are open now. */
    open: () => [...open],
  };
}
