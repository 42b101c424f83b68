// What the generator says to each kind of server. A function gets where the connections meet and returns arguments:
// `room` is the template of a room's name, `apart` whether publishers only publish, `connectOnly` whether nobody joins.
import { serviceToken, writeUserTokens } from "./tokens.mjs";

/** With the marker of 18 characters, a payload of 128. */
const PADDING = 110;
const PAYLOAD = "%T%P";
const padded = ["--pad", String(PADDING)];

/** The peers on bare `ws`: the path says everything. */
export function speakRaw({ room, apart }) {
  return ["-u", `/r/${room}`, ...(apart ? ["--sender-path", `/p/${room}`] : []), "-m", PAYLOAD, ...padded];
}

export function speakJson(meeting) {
  const message = { type: "publish", topic: meeting.room, event: "m", payload: PAYLOAD };
  return [...speakRaw(meeting), "-m", JSON.stringify(message)];
}

export function speakSocketIo({ room, apart }) {
  const path = `/socket.io/?EIO=4&transport=websocket&room=${room}`;
  const common = ["-u", path, "-i", "40", "--ready-match", "40{", "--auto", "2=>3"];
  return [
    ...common,
    ...(apart ? ["--sender-path", `${path}&publish`] : []),
    "-m",
    `42["m","${PAYLOAD}"]`,
    ...padded,
  ];
}

export function speakNats({ room, apart, connectOnly }) {
  const connect = String.raw`CONNECT {"verbose":false,"pedantic":false}\r\n`;
  const ping = String.raw`PING\r\n`;
  const joined = connectOnly ? "" : String.raw`SUB ${room} 1\r\n`;
  const publish = String.raw`PUB ${room} 128\r\n${PAYLOAD}\r\n`;
  return [
    ...["-u", "/", "--init-bin", connect + joined + ping, "--ready-match", "PONG"],
    ...(apart ? ["--sender-init", connect + ping] : []),
    ...["--auto", String.raw`PING\r\n=>PONG\r\n`, "-b", "-m", publish, ...padded],
  ];
}

const sendable = (message) => JSON.stringify(message);

/** Plexline with one kind of channel. Users subscribe; publishers that are apart are services. */
export function speakPlexline(kind) {
  return ({ room, apart, connectOnly }) => {
    const topic = `${kind}:${room}`;
    const hello = sendable({ type: "hello", token: "%L" });
    const common = [
      "-u",
      "/ws",
      "--subprotocol",
      "plexline.v1",
      "--lines",
      userTokens(),
      "--init-each",
      "-i",
      hello,
    ];
    if (connectOnly) return [...common, "--ready-match", '"type":"welcome"'];
    return [
      ...[...common, "-i", sendable({ type: "subscribe", ref: 1, topic })],
      // A publisher needs no subscription; a request that is answered shows that it has been let in.
      ...(apart ? ["--sender-init", sendable({ type: "hello", token: serviceToken })] : []),
      ...(apart ? ["--sender-init", sendable({ type: "unsubscribe", ref: 1, topic })] : []),
      ...["--ready-match", '"type":"reply"', "--auto", '{"type":"ping"}=>{"type":"pong"}'],
      ...["-m", sendable({ type: "publish", topic, event: "m", payload: PAYLOAD }), ...padded],
    ];
  };
}

let written;
function userTokens() {
  written ??= writeUserTokens();
  return written;
}
