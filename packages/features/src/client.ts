import {
  type Client,
  type ClientOptions,
  createClient as createCoreClient,
  type TopicName,
} from "@plexline/client";
import type { TemplateParams } from "@plexline/protocol";
import { type ChannelHandle, createChannelHandle } from "./channel/client.ts";
import type { ChannelTypes } from "./channel/protocol.ts";
import { createDocs, type DocHandle, type DocOptions } from "./doc/client.ts";
import {
  createStreams,
  type StreamHandle,
  type StreamHandleOptions,
  type StreamProducer,
  type StreamProducerOptions,
} from "./stream/client.ts";

export type { Client, ClientOptions, ConnectionStatus, Topic, TopicStatus } from "@plexline/client";
export { PlexlineError } from "@plexline/client";
export type {
  ChannelHandle,
  ChannelLastState,
  ChannelMember,
  ChannelMeta,
  ChannelPresence,
} from "./channel/client.ts";
export type { DocEvents, DocHandle, DocOptions, DocReset, DocStatus, SaveState } from "./doc/client.ts";
export type {
  AskAnswer,
  AskOptions,
  ProducerRequest,
  SentRequest,
  StreamEntry,
  StreamGap,
  StreamHandle,
  StreamHandleOptions,
  StreamMeta,
  StreamProducer,
  StreamProducerOptions,
  StreamStatus,
} from "./stream/client.ts";
export { ProducerFencedError, RequestRefused, StreamGapError } from "./stream/client.ts";
export { type RunState, runFold } from "./stream/run/fold.ts";

/** What the client's types are taken from: `typeof app` of the server. */
export interface AppLike {
  readonly topics: object;
}

/** Names of the app's topics that are channels: their definitions carry `types`. */
export type ChannelNames<App extends AppLike> = {
  [Name in keyof App["topics"] & string]: "types" extends keyof App["topics"][Name] ? Name : never;
}[keyof App["topics"] & string];

/** The types of one channel of the app. */
export type ChannelTypesOf<
  App extends AppLike,
  Name extends ChannelNames<App>,
> = App["topics"][Name] extends {
  readonly types?: infer Types;
}
  ? Extract<Types, ChannelTypes>
  : never;

/** The parameters of one channel of the app. */
export type ChannelParamsOf<App extends AppLike, Name extends ChannelNames<App>> = ParamsOf<
  App["topics"][Name]
>;

/** Names of the app's topics of one feature. */
type NamesOf<App extends AppLike, FeatureName extends string> = {
  [Name in keyof App["topics"] & string]: App["topics"][Name] extends { readonly feature: FeatureName }
    ? Name
    : never;
}[keyof App["topics"] & string];

/** Names of the app's topics that are documents. */
export type DocNames<App extends AppLike> = NamesOf<App, "doc">;

/** Names of the app's topics that are streams. */
export type StreamNames<App extends AppLike> = NamesOf<App, "stream">;

/** The parameters of one stream of the app. */
export type StreamParamsOf<App extends AppLike, Name extends StreamNames<App>> = ParamsOf<
  App["topics"][Name]
>;

/** The parameters of one document of the app. */
export type DocParamsOf<App extends AppLike, Name extends DocNames<App>> = ParamsOf<App["topics"][Name]>;

/** The parameters in a definition's template; any, where it is not a literal. */
type ParamsOf<Definition> = Definition extends { readonly template: infer Template }
  ? string extends Template
    ? Readonly<Record<string, string>>
    : TemplateParams<Template & string>
  : never;

/** How a handle of a channel begins. */
export interface ChannelHandleOptions {
  /** Begin with the events that the channel remembers. Default false: with what comes next. */
  readonly history?: boolean;
}

/** The client with every feature of this package, typed by the server's app. */
export interface PlexClient<App extends AppLike> extends Client {
  /** A handle of a channel by its name in the app. */
  channel<Name extends ChannelNames<App>>(
    name: Name,
    params: ChannelParamsOf<App, Name>,
    options?: ChannelHandleOptions,
  ): ChannelHandle<ChannelTypesOf<App, Name>>;
  /** A handle of a channel by its address, without types. */
  channel(address: string, options?: ChannelHandleOptions): ChannelHandle;
  /** A document by its name in the app, connected at once and shaped like a Yjs provider. */
  doc<Name extends DocNames<App>>(
    name: Name,
    params: DocParamsOf<App, Name>,
    options?: DocOptions,
  ): DocHandle;
  /** A document by its address. */
  doc(address: string, options?: DocOptions): DocHandle;
  /** A stream by its name in the app, to be read. */
  stream<Name extends StreamNames<App>, State = never>(
    name: Name,
    params: StreamParamsOf<App, Name>,
    options?: StreamHandleOptions<State>,
  ): StreamHandle<unknown, State>;
  /** A stream by its address. */
  stream<State = never>(address: string, options?: StreamHandleOptions<State>): StreamHandle<unknown, State>;
  /** Attaches as a producer of a stream. */
  producer<Name extends StreamNames<App>>(
    name: Name,
    params: StreamParamsOf<App, Name>,
    options: StreamProducerOptions,
  ): StreamProducer;
  /** The same by the stream's address. */
  producer(address: string, options: StreamProducerOptions): StreamProducer;
}

/**
 * Creates a client for an app.
 *
 * @example
 * import type { App } from "./server.ts";
 * const plex = createClient<App>({ url: "/ws", token: ({ reason }) => fetchToken(reason) });
 * plex.channel("board", { id: "7" }).on("moved", draw);
 */
export function createClient<App extends AppLike = { readonly topics: Record<never, never> }>(
  options: ClientOptions,
): PlexClient<App> {
  const client = createCoreClient(options);
  const handle = (name: TopicName, { history = false }: ChannelHandleOptions = {}): ChannelHandle =>
    createChannelHandle(
      client.topic(name, history ? { since: "start" } : {}),
      () => client.welcome?.sessionId,
    );
  const channel = (
    name: string,
    second?: Readonly<Record<string, string>> | ChannelHandleOptions,
    options?: ChannelHandleOptions,
  ): ChannelHandle =>
    // Params are strings, so a boolean tells that the second argument is the options of an address.
    second === undefined || typeof second.history === "boolean"
      ? handle(name, second as ChannelHandleOptions | undefined)
      : handle({ name, params: second as Readonly<Record<string, string>> }, options);
  const { clock, random } = options;
  const openDoc = createDocs({ client, url: String(options.url), ...(clock && { clock }) });
  const doc = (
    name: string,
    second?: Readonly<Record<string, string>> | DocOptions,
    options?: DocOptions,
  ): DocHandle =>
    // Params are strings, and no option is one.
    second === undefined || Object.values(second).some((value) => typeof value !== "string")
      ? openDoc(name, second as DocOptions | undefined)
      : openDoc({ name, params: second as Readonly<Record<string, string>> }, options);
  const streams = createStreams({ client, ...(clock && { clock }), ...(random && { random }) });
  const stream = (
    name: string,
    second?: Readonly<Record<string, string>> | StreamHandleOptions,
    third?: StreamHandleOptions,
  ): StreamHandle =>
    // `since` is a string like params are; whoever has a parameter of that name gives options too.
    second === undefined || (third === undefined && isHandleOptions(second))
      ? streams.open(name, second as StreamHandleOptions | undefined)
      : streams.open({ name, params: second as Readonly<Record<string, string>> }, third);
  const producer = (
    name: string,
    second: Readonly<Record<string, string>> | StreamProducerOptions,
    third?: StreamProducerOptions,
  ): StreamProducer =>
    third === undefined
      ? streams.produce(name, second as StreamProducerOptions)
      : streams.produce({ name, params: second as Readonly<Record<string, string>> }, third);
  return Object.assign(client, { channel, doc, stream, producer }) as unknown as PlexClient<App>;
}

function isHandleOptions(value: object): boolean {
  const options = ["since", "fold", "buffer", "onGap"];
  return Object.keys(value).every((key) => options.includes(key));
}
