/** An event of an event stream. */
export interface SseEvent {
  /** `message` unless the stream says otherwise. */
  readonly event: string;
  readonly data: string;
  /** The last id that the stream has told. */
  readonly id: string;
}

const LINE_END = /\r\n?|\n/g;
const EVENT_LENGTH_MAX = 8 * 1024 * 1024;

/**
 * Takes the text of an event stream in pieces, wherever they are cut, and gives its events. What has not ended with an empty
 * line is none. Throws a RangeError for an event of more than 8 Mi characters.
 */
export class SseParser {
  readonly #onEvent: (event: SseEvent) => void;
  /** The line that has not ended yet. */
  #rest = "";
  #data: string[] = [];
  #size = 0;
  #event = "";
  #id = "";
  /** The last piece ended in CR: an LF at the beginning of the next one belongs to it. */
  #skipsLf = false;
  #isFirst = true;

  constructor(onEvent: (event: SseEvent) => void) {
    this.#onEvent = onEvent;
  }

  feed(piece: string): void {
    if (piece === "") return;
    let from = this.#skipsLf && piece.startsWith("\n") ? 1 : 0;
    if (this.#isFirst && piece.startsWith("\uFEFF")) from = 1;
    this.#isFirst = false;
    this.#skipsLf = piece.endsWith("\r");
    LINE_END.lastIndex = from;
    for (let end = LINE_END.exec(piece); end !== null; end = LINE_END.exec(piece)) {
      const line = this.#rest + piece.slice(from, end.index);
      this.#rest = "";
      from = LINE_END.lastIndex;
      this.#line(line);
      // Whoever was told of an event may have fed another parser.
      LINE_END.lastIndex = from;
    }
    this.#rest += piece.slice(from);
    if (this.#rest.length + this.#size > EVENT_LENGTH_MAX)
      throw new RangeError(`An event of the stream has more than ${EVENT_LENGTH_MAX} characters.`);
  }

  #line(line: string): void {
    if (line === "") {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(":");
    // What begins with a colon is a comment.
    if (colon === 0) return;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") {
      this.#data.push(value);
      this.#size += value.length;
    } else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
  }

  #dispatch(): void {
    const [data, event] = [this.#data, this.#event];
    this.#data = [];
    this.#size = 0;
    this.#event = "";
    if (data.length > 0) this.#onEvent({ event: event || "message", data: data.join("\n"), id: this.#id });
  }
}
