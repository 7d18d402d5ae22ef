// A shift at The Lounge: a client writes, operators of a masked group and of a group without files work with it over every
// transport, and a super-admin looks on. Prints what it has seen to hold; exits with 1 and the logs where something does not.

import assert from "node:assert/strict";
import { join, resolve } from "node:path";

import { Client } from "./client.mjs";
import { Operator } from "./operator.mjs";
import { Stage } from "./stage.mjs";

const IEVA = { name: "ieva", nick: "ieva", password: "correct horse" };
const ANNA = { name: "anna", nick: "anna", password: "battery staple" };
const OWNER = { name: "owner", nick: "owner", password: "open sesame" };

const IVAN = {
  nick: "ivan_79001234567",
  later: "petrov_79001234567",
  user: "ipetrov1978",
  address: "198.51.100.7",
  realName: "Иван Петров ivan@primer.example",
  channel: "#support",
};

/** What must not reach a masked operator, in no spelling. */
const SECRETS = [
  IVAN.nick, IVAN.later, IVAN.user, IVAN.address, "79001234567", "9001234567", "900 123-45-67", "(900) 123-45-67",
  "Иван", "Петров", "ivan@primer.example", "primer.example",
];

const TRANSPORTS = { polling: ["polling"], websocket: ["websocket"], "polling, then websocket": ["polling", "websocket"] };

let checks = 0;

/** Runs a part of the shift and says that it held. */
async function part(what, run) {
  const start = Date.now();
  await run();
  checks += 1;
  console.log(`  ${what} (${Date.now() - start} ms)`);
}

function assertClean(what, text) {
  const folded = text.toLowerCase();
  for (const secret of SECRETS) {
    const at = folded.indexOf(secret.toLowerCase());
    assert.equal(at, -1, `${what} holds ${secret}: …${text.slice(Math.max(0, at - 160), at + 80)}…`);
  }
}

/** Everything that a client does which shows in The Lounge, ending with `mark`. */
async function clientWorks(client, operator, mark) {
  client.say(`PRIVMSG ${IVAN.channel} :Call me: +7 900 123-45-67 or ivan@primer.example`);
  client.say(`PRIVMSG ${IVAN.channel} :${operator.nick}: I am waiting`);
  client.say(`PRIVMSG ${IVAN.channel} :\x01ACTION waves\x01`);
  client.say(`NOTICE ${IVAN.channel} :My order is 4711-20`);
  client.say(`TOPIC ${IVAN.channel} :Ask 79001234567`);
  client.say("AWAY :back soon, or call 79001234567");
  client.say(`NICK ${IVAN.later}`);
  client.say(`NICK ${IVAN.nick}`);
  client.say(`INVITE ${operator.nick} ${IVAN.channel}-${mark}`);
  client.say(`MODE ${IVAN.channel} +v ${IVAN.nick}`);
  client.say(`PRIVMSG ${operator.nick} :in private: 8 (900) 123-45-67`);
  client.say(`PART ${IVAN.channel} :bye, 79001234567`);
  client.say(`JOIN ${IVAN.channel}`);
  client.say(`PRIVMSG ${IVAN.channel} :${mark}`);
}

/** Asks The Lounge for all it knows of the client. */
async function asksAround(operator, network, channel) {
  const { length } = operator.events;
  operator.emit("names", { target: channel.id });
  operator.emit("input", { target: channel.id, text: `/whois ${IVAN.nick}` });
  operator.emit("input", { target: channel.id, text: "/list" });
  operator.emit("more", { target: channel.id, lastId: -1, condensed: false });
  operator.emit("mentions:get");
  operator.emit("network:get", network.uuid);
  const [, { users }] = await operator.event("names", () => true, length);
  const [, { messages }] = await operator.event("more", () => true, length);
  const [, { msg: { whois } }] = await operator.event("msg", ({ msg }) => msg.type === "whois", length);
  const [, mentions] = await operator.event("mentions:list", () => true, length);
  await operator.event("msg:special", ({ data }) => Array.isArray(data), length);
  return { users, messages, whois, mentions };
}

async function shift(stage, client, account, [transport, transports]) {
  const operator = await Operator.open(stage.ports.gateway, transports);
  try {
    const init = await operator.signIn(account);
    const [network] = init.networks;
    const channel = network.channels.find(({ name }) => name === IVAN.channel);
    assert.equal(network.nick, account.nick, "an operator's own nick");
    const mark = `${account.name}-${transport.replaceAll(/\W+/g, "-")}`;
    await clientWorks(client, account, mark);
    await operator.event("msg", ({ msg }) => msg.text === mark);
    const answers = await asksAround(operator, network, channel);
    assert.equal(operator.transport, transports.at(-1));

    operator.emit("input", { target: channel.id, text: `Good morning from ${mark}` });
    await client.heard(new RegExp(`PRIVMSG ${IVAN.channel} :Good morning from ${mark}$`));
    return { operator, init, answers };
  } catch (error) {
    await operator.close();
    throw error;
  }
}

async function maskedShift(stage, client, account, transport) {
  const { operator, init, answers } = await shift(stage, client, account, transport);
  try {
    assertClean(`what ${account.name} received over ${transport[0]}`, operator.received);
    const alias = /^c_[0-9a-z]{10,}$/;
    const written = answers.messages.filter(({ type, self }) => type === "message" && !self);
    assert.ok(written.length > 0);
    for (const { from } of written) assert.match(from.nick, alias, "the nick of a message");
    assert.ok(answers.users.some(({ nick }) => nick === written.at(-1).from.nick), "one client has one alias");
    assert.equal(answers.whois.nick, written.at(-1).from.nick);
    assert.match(answers.whois.real_name, /^Client [0-9A-Z]{5}-[0-9A-Z]{5}$/);
    const texts = answers.messages.map(({ text }) => text);
    assert.ok(texts.includes("My order is 4711-20"), "an order number stays");
    assert.ok(texts.some((text) => /^Call me: (\+999\d{12}|c_[0-9a-z]+) or c-[0-9a-z]+@client\.invalid$/.test(text)), `${texts}`);
    assert.ok(answers.mentions.every(({ from }) => alias.test(from.nick)));
    return { operator, init };
  } finally {
    await operator.close();
  }
}

/** A token for an upload, which The Lounge hands out to whoever is signed in. */
async function ticket(operator) {
  const { length } = operator.events;
  operator.emit("upload:auth");
  const [, token] = await operator.event("upload:auth", () => true, length);
  return token;
}

async function upload(port, token) {
  const form = new FormData();
  form.append("file", new Blob([`price list for ${IVAN.realName}`], { type: "text/plain" }), "prices.txt");
  return fetch(`http://127.0.0.1:${port}/uploads/new/${token}`, { method: "POST", body: form });
}

function reason(answer) {
  return answer.headers.get("x-chatwarden-reason");
}

async function run(stage) {
  const client = await Client.join(stage.ports.network, IVAN);
  try {
    for (const { nick } of [IEVA, ANNA, OWNER]) await client.heard(new RegExp(`^:${nick}!.* JOIN `));
    const page = `http://127.0.0.1:${stage.ports.gateway}`;
    await part("the page and its scripts come as they are", async () => {
      const html = await (await fetch(page)).text();
      assert.match(html, /<title>The Lounge<\/title>/);
      const script = html.match(/src="\.\/(assets\/index-[^"]+\.js)"/)[1];
      for (const file of [script, "thelounge.webmanifest", "favicon.ico"]) {
        const ours = Buffer.from(await (await fetch(`${page}/${file}`)).arrayBuffer());
        const theirs = Buffer.from(await (await fetch(`http://127.0.0.1:${stage.ports.lounge}/${file}`)).arrayBuffer());
        assert.ok(ours.equals(theirs) && ours.length > 0, file);
      }
    });

    for (const transport of Object.entries(TRANSPORTS)) {
      await part(`a masked operator works over ${transport[0]} and sees no contact`, async () => {
        await maskedShift(stage, client, IEVA, transport);
      });
    }

    for (const transport of Object.entries(TRANSPORTS)) {
      await part(`a super-admin sees all over ${transport[0]}`, async () => {
        const { operator, answers } = await shift(stage, client, OWNER, transport);
        try {
          for (const secret of SECRETS) assert.ok(operator.received.includes(secret), `${secret} is missing`);
          assert.equal(answers.whois.real_name, IVAN.realName);
          assert.ok(answers.users.some(({ nick }) => nick === IVAN.nick));
        } finally {
          await operator.close();
        }
      });
    }

    for (const [transport, transports] of Object.entries(TRANSPORTS)) {
      await part(`a wrong password opens nothing over ${transport}`, async () => {
        const stranger = await Operator.open(stage.ports.gateway, transports);
        try {
          await stranger.event("auth:start");
          stranger.emit("auth:perform", { user: OWNER.name, password: "guessed" });
          await stranger.event("auth:failed");
          stranger.emit("auth:perform", { user: IEVA.name, password: IEVA.password });
          await stranger.event("init");
          assertClean("what came after a failed sign-in as the super-admin", stranger.received);
        } finally {
          await stranger.close();
        }
      });

      await part(`no token for uploads comes over ${transport} where files are blocked`, async () => {
        const anna = await Operator.open(stage.ports.gateway, transports);
        try {
          await anna.signIn(ANNA);
          anna.emit("upload:auth");
          await anna.ended();
          assert.ok(!anna.events.some(([name]) => name === "upload:auth"), "there is a token");
        } finally {
          await anna.close();
        }
      });
    }

    await part("a file goes up by a super-admin's token, and not without one", async () => {
      const owner = await Operator.open(stage.ports.gateway, ["websocket"]);
      try {
        await owner.signIn(OWNER);
        const token = await ticket(owner);
        const refused = await upload(stage.ports.gateway, "00000000-0000-4000-8000-000000000000");
        assert.deepEqual([refused.status, reason(refused)], [403, "file-send-blocked"]);
        const taken = await upload(stage.ports.gateway, token);
        assert.equal(taken.status, 200, reason(taken));
        const { url } = await taken.json();
        const unknown = await fetch(`${page}/${url}`);
        assert.deepEqual([unknown.status, reason(unknown)], [403, "file-receive-blocked"]);
      } finally {
        await owner.close();
      }
    });

    await part("nobody's contacts stand in the gateway's log", async () => {
      assertClean("the gateway's log", stage.lines("chatwarden").join("\n"));
    });
  } finally {
    client.leave();
  }
}

const stage = await Stage.start({
  modules: join(import.meta.dirname, "node_modules"),
  chatwarden: resolve(process.argv[2]),
  accounts: [IEVA, ANNA, OWNER],
});

/** Ends the stage whatever has happened, once. */
async function end(code) {
  for (const event of ENDS) process.on(event, () => {});
  await stage.stop();
  process.exit(code);
}

const ENDS = ["SIGINT", "SIGTERM", "uncaughtException", "unhandledRejection"];
for (const event of ENDS) {
  process.once(event, (cause) => {
    process.stderr.write(`${event}: ${cause?.stack ?? cause}\n`);
    end(1);
  });
}
try {
  await run(stage);
  console.log(`${checks} parts of the shift held`);
  await end(0);
} catch (error) {
  console.error(error);
  stage.printLogs();
  await end(1);
}
