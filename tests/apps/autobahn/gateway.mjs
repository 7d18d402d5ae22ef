// The gateway in front of the app, on a port that was free, with its files in a directory that goes with it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { within } from "./wait.mjs";

export class Gateway {
  lines = [];
  #child;
  #directory;

  static async start(chatwarden, appPort) {
    const gateway = new Gateway();
    gateway.#directory = await mkdtemp(join(tmpdir(), "chatwarden-autobahn-"));
    try {
      await cp(fileURLToPath(new URL("gateway", import.meta.url)), gateway.#directory, { recursive: true });
      gateway.port = await gateway.#listen(chatwarden, { ...process.env, APP: `127.0.0.1:${appPort}` });
      return gateway;
    } catch (error) {
      console.error(gateway.lines.join("\n"));
      await gateway.stop();
      throw error;
    }
  }

  #listen(chatwarden, env) {
    const config = join(this.#directory, "config.yaml");
    this.#child = spawn(chatwarden, ["run", "--config", config], { env, stdio: ["ignore", "pipe", "pipe"] });
    const ready = new Promise((resolve, reject) => {
      for (const stream of [this.#child.stdout, this.#child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          this.lines.push(line);
          const found = line.replaceAll(/\x1b\[[0-9;]*m/g, "").match(/Listening.*127\.0\.0\.1:(\d+)/);
          if (found) resolve(Number(found[1]));
        });
      }
      this.#child.on("error", reject);
      this.#child.on("exit", (code, signal) => reject(new Error(`the gateway has ended: ${code ?? signal}`)));
    });
    ready.catch(() => {});
    return within(ready, "the gateway to be ready", 20_000);
  }

  async stop() {
    const { exitCode, signalCode, pid } = this.#child ?? {};
    if (pid !== undefined && exitCode === null && signalCode === null) {
      const gone = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      await within(gone, "the gateway's end", 15_000).catch(() => this.#child.kill("SIGKILL"));
    }
    await rm(this.#directory, { recursive: true, force: true });
  }
}
