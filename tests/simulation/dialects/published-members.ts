import { createProviderMember } from "../documents/member.ts";
import { createNativeMember } from "../documents/native-member.ts";
import type { DialectMember, DialectMemberOptions } from "./member.ts";
import { presenceOf } from "./presence.ts";
import { createWire } from "./wire.ts";

/** Somebody with Plexline's own client, at the same path as drafts. */
export function createNativeDialectMember(options: DialectMemberOptions): DialectMember {
  const { world, document, name } = options;
  const WebSocket = createWire(world, () => "deliver");
  const member = createNativeMember({ ...world, network: { ...world.network, WebSocket } }, options);
  return withPresence(member, document, name);
}

/** Somebody with the published y-websocket provider. */
export function createYWebsocketDialectMember(options: DialectMemberOptions): DialectMember {
  const { world, document, name, fate } = options;
  const member = createProviderMember(world, options, fate);
  return Object.assign(withPresence(member, document, name), { unsaved: null });
}

function withPresence(
  member: ReturnType<typeof createNativeMember>,
  document: string,
  name: string,
): DialectMember {
  const presence = presenceOf(member.awareness, name);
  return Object.defineProperties(
    { document, presence },
    Object.getOwnPropertyDescriptors(member),
  ) as DialectMember;
}
