export type TestLogin = {
  user?: string;
  password?: string;
  clientId?: string;
  keepAliveS?: number;
  version?: number;
  isClean?: boolean;
};

/** Bytes of packets, for clients that do what libraries would not. MQTT 3.1.1, sections 3.1 and 3.3. */
export function connectBytes(login: TestLogin = {}): Uint8Array {
  const { user = "ana", keepAliveS = 60, version = 4, isClean = true } = login;
  const { password = `right ${user}`, clientId = `${user} phone` } = login;
  const head = Buffer.concat([
    textBytes("MQTT"),
    Buffer.of(version, isClean ? 0xc2 : 0xc0, keepAliveS >> 8, keepAliveS & 0xff),
  ]);
  return packetBytes(0x10, Buffer.concat([head, textBytes(clientId), textBytes(user), textBytes(password)]));
}

export function publishBytes(
  options: { topic?: string; payload?: Uint8Array | string; messageId?: number; qos?: number; retain?: boolean } = {},
): Uint8Array {
  const { topic = "owntracks/ana/phone", payload = "{}", messageId = 1, qos = 1, retain = false } = options;
  const id = qos > 0 ? Buffer.of(messageId >> 8, messageId & 0xff) : Buffer.alloc(0);
  const flags = (qos << 1) | (retain ? 1 : 0);
  return packetBytes(0x30 | flags, Buffer.concat([textBytes(topic), id, Buffer.from(payload)]));
}

export function subscribeBytes(topic: string, qos = 1): Uint8Array {
  return packetBytes(0x82, Buffer.concat([Buffer.of(0, 9), textBytes(topic), Buffer.of(qos)]));
}

export function packetBytes(firstByte: number, rest: Uint8Array, claimedLength = rest.length): Uint8Array {
  const length: number[] = [];
  let left = claimedLength;
  do {
    length.push((left % 128) | (left >= 128 ? 0x80 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return Buffer.concat([Buffer.of(firstByte, ...length), rest]);
}

function textBytes(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}
