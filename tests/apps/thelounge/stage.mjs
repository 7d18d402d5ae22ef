// The processes of a shift: the chat network, The Lounge in front of it and the gateway in front of that, each on a port
// that was free, with its files in one temporary directory. `stop` leaves nothing behind, whatever has happened.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import bcrypt from "bcryptjs";

import { within } from "./wait.mjs";

const HERE = import.meta.dirname;

export class Stage {
  /** The network's and the gateway's port, and The Lounge's. */
  ports = {};
  #processes = [];

  static async start({ modules, chatwarden, accounts }) {
    const stage = new Stage();
    stage.directory = await mkdtemp(join(tmpdir(), "chatwarden-thelounge-"));
    try {
      await stage.#startNetwork();
      await stage.#startLounge(modules, accounts);
      await stage.#startGateway(chatwarden);
    } catch (error) {
      stage.printLogs();
      await stage.stop();
      throw error;
    }
    return stage;
  }

  async #startNetwork() {
    const port = await freePort();
    const file = join(this.directory, "ngircd.conf");
    const config = `
      [Global]
      Name = irc.example
      Info = The chat network
      Listen = 127.0.0.1
      Ports = ${port}
      MotdPhrase = "Welcome"
      [Limits]
      MaxNickLength = 31
      MaxPenaltyTime = 0
      MaxConnectionsIP = 0
      [Options]
      DNS = no
      Ident = no
      PAM = no
      WebircPassword = webirc
    `;
    await writeFile(file, config.replaceAll(/^ +/gm, ""));
    await this.#spawn("ngircd", "ngircd", ["--nodaemon", "--config", file], /Now listening on/);
    this.ports.network = port;
  }

  async #startLounge(modules, accounts) {
    const home = join(this.directory, "thelounge");
    await mkdir(join(home, "users"), { recursive: true });
    const config = {
      host: "127.0.0.1",
      port: 0,
      public: false,
      reverseProxy: true,
      fileUpload: { enable: true },
      messageStorage: [],
    };
    await writeFile(join(home, "config.js"), `module.exports = ${JSON.stringify(config)};\n`);
    for (const account of accounts) {
      const network = {
        name: "Chat",
        host: "127.0.0.1",
        port: this.ports.network,
        tls: false,
        nick: account.nick,
        username: account.nick,
        realname: account.nick,
        channels: [{ name: "#support" }],
      };
      const user = { password: await bcrypt.hash(account.password, 4), log: false, networks: [network] };
      await writeFile(join(home, "users", `${account.name}.json`), JSON.stringify(user));
    }
    const script = join(modules, "thelounge", "index.js");
    const env = { ...process.env, THELOUNGE_HOME: home, NO_COLOR: "1" };
    const match = await this.#spawn("thelounge", process.execPath, [script, "start"], /Available at http:\/\/127\.0\.0\.1:(\d+)/, env);
    this.ports.lounge = Number(match[1]);
  }

  async #startGateway(chatwarden) {
    const home = join(this.directory, "gateway");
    await cp(join(HERE, "gateway"), home, { recursive: true });
    const env = { ...process.env, LOUNGE: `127.0.0.1:${this.ports.lounge}` };
    const config = join(home, "config.yaml");
    const match = await this.#spawn("chatwarden", chatwarden, ["run", "--config", config], /Listening.*127\.0\.0\.1:(\d+)/, env);
    this.ports.gateway = Number(match[1]);
  }

  /** Starts a process and waits for the line that says it is ready. */
  async #spawn(name, command, args, ready, env = process.env) {
    const child = spawn(command, args, { env, cwd: this.directory, stdio: ["ignore", "pipe", "pipe"] });
    const entry = { name, child, lines: [] };
    this.#processes.push(entry);
    const match = new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          entry.lines.push(line);
          const found = plain(line).match(ready);
          if (found) resolve(found);
        });
      }
      child.on("error", reject);
      child.on("exit", (code, signal) => reject(new Error(`${name} has ended: ${code ?? signal}`)));
    });
    match.catch(() => {});
    return within(match, `${name} to be ready`, 20_000);
  }

  /** What a process has said so far. */
  lines(name) {
    return this.#processes.find((entry) => entry.name === name).lines;
  }

  printLogs() {
    for (const { name, lines } of this.#processes) {
      console.error(`--- ${name}, its last lines`);
      for (const line of lines.slice(-60)) console.error(line);
    }
  }

  async stop() {
    for (const { child } of this.#processes.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) continue;
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await within(gone, "an end", 5_000).catch(() => child.kill("SIGKILL"));
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A line without the colours that it may have. */
function plain(line) {
  return line.replaceAll(/\x1b\[[0-9;]*m/g, "");
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
