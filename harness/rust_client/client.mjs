// Devices with Element's own encryption (matrix-js-sdk on the Rust crypto), driven by lines of JSON; `who` names each.
//
// In:  {"id": 1, "who": "a", "do": <one of the commands below>, ...}
// Out: {"id": 1, "answer": ...} or {"id": 1, "error": {...}} for each, and {"who": "a", "event": {...}} for each event
// that came. One that cannot be read yet comes with "failure", and again once it can.
import { createInterface } from "node:readline";
import attachments from "matrix-encrypt-attachment";
import * as sdk from "matrix-js-sdk";
import { logger } from "matrix-js-sdk/lib/logger.js";
import { OnlySignedDevicesIsolationMode } from "matrix-js-sdk/lib/crypto-api/index.js";

logger.setLevel("silent");
for (const level of ["log", "info", "debug", "warn", "error", "trace"]) console[level] = () => {};

const clients = new Map();
const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
const bytes = (data) => Uint8Array.from(Buffer.from(data, "base64")).buffer;
const pause = (ms) => new Promise((go) => setTimeout(go, ms));

async function tell(who, client, event) {
  await client.decryptEventIfNeeded(event).catch(() => {});
  const failed = event.isDecryptionFailure();
  const relation = event.getWireContent()["m.relates_to"];
  const content = failed ? {} : { ...event.getOriginalContent() };
  if (relation) content["m.relates_to"] = relation;
  const told = {
    type: failed ? event.getWireType() : event.getType(),
    event_id: event.getId(),
    room_id: event.getRoomId(),
    sender: event.getSender(),
    origin_server_ts: event.getTs(),
    content,
    wire: { type: event.getWireType(), content: event.getWireContent() },
    encrypted: event.isEncrypted(),
  };
  if (event.getStateKey() !== undefined) told.state_key = event.getStateKey();
  if (event.event.redacts) told.redacts = event.event.redacts;
  if (failed) told.failure = String(event.decryptionFailureReason);
  if (event.isEncrypted() && !failed) {
    // A device of which the client has just heard is known, with its signature, some moments later; a person's own
    // second device may never be signed.
    const tries = event.getSender() === client.getUserId() ? 1 : 120;
    for (let made = 0; made < tries && told.shield !== 0; made++) {
      if (made) await pause(25);
      const info = await client.getCrypto().getEncryptionInfoForEvent(event);
      told.shield = info ? info.shieldColour : null;
    }
  }
  say({ who, event: told });
}

// A room just made, joined or invited into is known with a later sync: a person's eyes would wait for it too.
async function until(holds) {
  for (let tries = 0; tries < 1200; tries++) {
    if (await holds()) return;
    await pause(25);
  }
  throw new Error("the client never came to know it");
}

const commands = {
  async start(_, { baseUrl, userId, accessToken, deviceId, strict, password }, who) {
    const client = sdk.createClient({ baseUrl, userId, accessToken, deviceId });
    clients.set(who, client);
    await client.initRustCrypto({ useIndexedDB: false });
    const crypto = client.getCrypto();
    if (strict) crypto.setDeviceIsolationMode(new OnlySignedDevicesIsolationMode());
    // A further device of someone cannot do it: its identity stands already. With the password it takes a new one.
    const identifier = { type: "m.id.user", user: userId };
    const auth = password ? { type: "m.login.password", identifier, password } : null;
    const made = crypto.bootstrapCrossSigning({
      authUploadDeviceSigningKeys: (upload) => upload(auth),
      setupNewCrossSigning: Boolean(password),
    });
    await (password ? made : made.catch(() => {}));
    // One after the other, or what decrypts sooner would seem to have come sooner.
    let told = Promise.resolve();
    const queue = (event) => (told = told.then(() => tell(who, client, event)).catch(() => {}));
    client.on("Room.timeline", (event, _room, toStart) => void (toStart || queue(event)));
    client.on("Event.decrypted", (event) => void queue(event));
    client.on("RoomMember.membership", (event, member) => {
      if (member.userId === userId && member.membership === "invite")
        say({ who, invite: { room_id: member.roomId, sender: event.getSender() } });
    });
    const synced = new Promise((done) => {
      client.on("sync", (state) => (state === "PREPARED" || state === "SYNCING") && done());
    });
    await client.startClient({ initialSyncLimit: 30, lazyLoadMembers: false, pendingEventOrdering: "detached" });
    await synced;
    // Others may write to this device only once its keys are out.
    await until(async () => (await crypto.getUserDeviceInfo([userId], true)).get(userId)?.has(deviceId));
  },
  async knows(client, { room, members, encrypted }) {
    await until(() => {
      const known = client.getRoom(room);
      const there = (user) => ["invite", "join"].includes(known.getMember(user)?.membership);
      return known && (!encrypted || known.hasEncryptionStateEvent()) && members.every(there);
    });
  },
  async send(client, { room, type, content, txn }) {
    await until(() => client.getRoom(room));
    return (await client.sendEvent(room, type, content, txn)).event_id;
  },
  // As Element invites: who is invited is sent the keys of what was said before, where newcomers may see that.
  async invite(client, { room, user }) {
    await client.invite(room, user);
  },
  async rotate(client, { room }) {
    await client.getCrypto().forceDiscardSession(room);
  },
  async trust(client, { onlyVerified }) {
    client.getCrypto().globalBlacklistUnverifiedDevices = onlyVerified;
  },
  async seal(_, { data }) {
    const sealed = await attachments.encryptAttachment(bytes(data));
    return { data: Buffer.from(sealed.data).toString("base64"), info: sealed.info };
  },
  async open(_, { data, info }) {
    return Buffer.from(await attachments.decryptAttachment(bytes(data), info)).toString("base64");
  },
  // For whoever sends it themselves, at another time.
  async encrypt(client, { room, type, content }) {
    const event = new sdk.MatrixEvent({ type, content, room_id: room, sender: client.getUserId() });
    await client.getCrypto().encryptEvent(event, client.getRoom(room));
    return event.getWireContent();
  },
  // Of events as the server has them, those that can be read now; the others have "failure".
  async decrypt(client, { events }) {
    return await Promise.all(
      events.map(async (raw) => {
        const event = new sdk.MatrixEvent({ ...raw });
        await client.decryptEventIfNeeded(event).catch(() => {});
        const told = { event_id: raw.event_id };
        if (event.isDecryptionFailure()) return { ...told, failure: String(event.decryptionFailureReason) };
        const relation = raw.content["m.relates_to"];
        const content = { ...event.getOriginalContent(), ...(relation && { "m.relates_to": relation }) };
        return { ...told, type: event.getType(), content };
      }),
    );
  },
  async verify(client, { room, user }) {
    const request = await client.getCrypto().requestVerificationDM(user, room);
    const over = new Promise((done) => {
      const look = () => request.phase === 5 && done({ phase: request.phase, code: request.cancellationCode });
      request.on("change", look);
      look();
    });
    return await over;
  },
  async devices(client, { user }) {
    const crypto = client.getCrypto();
    const status = await crypto.getUserVerificationStatus(user);
    const devices = (await crypto.getUserDeviceInfo([user], true)).get(user) ?? new Map();
    const told = {};
    for (const [id, found] of devices) {
      const trust = await crypto.getDeviceVerificationStatus(user, id);
      told[id] = { ed25519: found.getFingerprint(), signed: trust?.signedByOwner ?? false };
    }
    return { identity: status.known ?? null, devices: told };
  },
  async stop(client, _, who) {
    clients.delete(who);
    try {
      client?.stopClient();
    } catch (error) {
      // Freed while it still works on what came last, the Rust code traps. The client is gone either way.
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    }
  },
};

const lines = createInterface({ input: process.stdin });
lines.on("line", async (line) => {
  const { id, who, do: what, ...rest } = JSON.parse(line);
  try {
    say({ id, answer: (await commands[what](clients.get(who), rest, who)) ?? null });
  } catch (error) {
    const told = { name: String(error?.name), message: String(error?.message) };
    say({ id, error: { ...told, status: error?.httpStatus ?? 0, errcode: error?.errcode ?? "" } });
  }
});
lines.on("close", () => process.exit(0));
