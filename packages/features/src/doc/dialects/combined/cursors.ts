import type { ShownCursor } from "./cursor.ts";

/** Cursors of one room that a connection is told of; more than that are not shown to it. */
const CURSORS_MAX = 1_000;

/**
 * The cursors of others that one connection has been told of in one room. Awareness says the same again every few seconds,
 * and when it takes a state away it does not say whose it was.
 */
export class RoomCursors {
  readonly #shown = new Map<number, { readonly userId: string; readonly cursor: string }>();
  /** The connection's own client id, of which it is told nothing. */
  readonly #own: number;

  constructor(own: number) {
    this.#own = own;
  }

  /** What of this is news, in the order in which it has to be told. */
  take(cursors: readonly ShownCursor[]): ShownCursor[] {
    const news: ShownCursor[] = [];
    for (const cursor of cursors) if (cursor.client !== this.#own) this.#takeOne(cursor, news);
    return news;
  }

  #takeOne({ client, userId, cursor }: ShownCursor, news: ShownCursor[]): void {
    const before = this.#shown.get(client);
    if (before && (cursor === null || before.userId !== userId)) this.#hide(client, before.userId, news);
    if (cursor === null || (before?.cursor === cursor && before.userId === userId)) return;
    if (!before && this.#shown.size >= CURSORS_MAX) return;
    this.#shown.set(client, { userId, cursor });
    news.push({ client, userId, cursor });
  }

  /** Clients that know users and no client ids are told of another cursor of the user, if there is one, after that. */
  #hide(client: number, userId: string, news: ShownCursor[]): void {
    this.#shown.delete(client);
    news.push({ client, userId, cursor: null });
    for (const [other, shown] of this.#shown) {
      if (shown.userId !== userId) continue;
      news.push({ client: other, ...shown });
      return;
    }
  }
}
