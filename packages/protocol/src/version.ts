/** The WebSocket subprotocol of this wire. */
export const SUBPROTOCOL = "plexline.v1";
/** Prefix of a subprotocol entry that carries a token: `bearer.<token>`. The server never echoes it. */
export const BEARER_SUBPROTOCOL_PREFIX = "bearer.";
