import { PlexlineError } from "@plexline/protocol";
import type { Endpoint, RequestContext } from "@plexline/server";
import { failureResponse, HttpRefusal } from "../../http/failure.ts";
import type { DocRenderer, DocWorker } from "../worker/jobs.ts";
import { sharedDocWorker } from "../worker/worker-host.ts";
import { listDocuments, readDescription } from "./listing.ts";
import { describeRoutes } from "./openapi.ts";
import { exportDocument, readDocument } from "./reading.ts";
import type { Route, Settings } from "./route.ts";
import { appendUpdate, deleteDocument, relayAgentChange, seedDocument } from "./writing.ts";

export interface DocumentsApiOptions {
  /** Where it is served. Default `/api/documents`. */
  readonly prefix?: `/${string}`;
  /** What is before the id in the topic of a document. Default `doc:`. */
  readonly topicPrefix?: string;
  /** An update in a body, in bytes. Default 1 MiB; what a document takes is for its own `updateBytesMax` to say. */
  readonly updateBytesMax?: number;
  /** The update of a seed, in bytes. Default 1 MiB. */
  readonly seedBytesMax?: number;
  /** Writes documents as JSON and text. Default: a worker thread of the process, started when it is needed. */
  readonly worker?: Pick<DocWorker, "scan"> & DocRenderer;
}

/** The table that requests go by, and that the description is made of. */
export const ROUTES: readonly Route[] = [
  listDocuments,
  readDescription,
  readDocument,
  exportDocument,
  appendUpdate,
  seedDocument,
  relayAgentChange,
  deleteDocument,
];

const UPDATE_BYTES_MAX = 1024 * 1024;

/**
 * Documents over plain HTTP: list, read, export, append, seed, and tell who is there what an agent does. Rights, limits and
 * durability are those of any other client. HTTP.md has the rules; `<prefix>/openapi.json` describes the routes.
 *
 * @throws TypeError if the prefix ends in a slash.
 * @example
 * const app = createServer({ topics: { page: doc("doc:{id}") }, endpoints: [...documentsApi()], auth });
 * // GET /api/documents/plan?format=json
 */
export function documentsApi(options: DocumentsApiOptions = {}): readonly Endpoint[] {
  const { prefix = "/api/documents", topicPrefix = "doc:", worker } = options;
  const { updateBytesMax = UPDATE_BYTES_MAX, seedBytesMax = UPDATE_BYTES_MAX } = options;
  if (prefix.endsWith("/")) throw new TypeError(`The prefix ${JSON.stringify(prefix)} must not end in "/".`);
  const settings: Settings = {
    topicPrefix,
    updateBytesMax,
    seedBytesMax,
    worker: () => worker ?? sharedDocWorker(),
    description: JSON.stringify(describeRoutes(ROUTES, prefix)),
  };
  const paths = new Set(ROUTES.map(({ path }) => path));
  return [
    ...[...paths].map((path) => ({
      path: prefix + path,
      onRequest: (request: Request, context: RequestContext) =>
        answer(
          ROUTES.filter((route) => route.path === path),
          request,
          context,
          settings,
        ),
    })),
    { path: `${prefix}/*`, onRequest: () => failureResponse(noSuchPath(prefix)) },
  ];
}

async function answer(
  routes: readonly Route[],
  request: Request,
  context: RequestContext,
  settings: Settings,
): Promise<Response> {
  const method = request.method === "HEAD" ? "GET" : request.method;
  try {
    const route = routes.find((candidate) => candidate.method === method);
    if (!route) throw noSuchMethod(routes);
    const query = new URL(request.url).searchParams;
    const response = await route.answer({ request, context, query, settings });
    return request.method === "HEAD" ? new Response(null, response) : response;
  } catch (error) {
    // What is no PlexlineError here is a fault of this code: the server logs it, and answers 500.
    if (!(error instanceof PlexlineError)) throw error;
    return failureResponse(error);
  }
}

function noSuchPath(prefix: string): PlexlineError {
  return new PlexlineError("PATH_UNKNOWN", {
    message: "The documents have nothing at this path.",
    fix: `See ${prefix}/openapi.json; slashes in an id are written %2F.`,
  });
}

function noSuchMethod(routes: readonly Route[]): HttpRefusal {
  const allowed = routes.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ");
  return new HttpRefusal(405, "OPERATION_UNSUPPORTED", {
    message: "This method is not served at this path.",
    fix: `Use ${allowed}.`,
    headers: { Allow: allowed },
  });
}
