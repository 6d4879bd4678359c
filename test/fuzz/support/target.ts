import { env } from "cloudflare:workers";
import { eventToken } from "../../support/event-token";
import { type Keyed, newUser } from "../../support/identities";
import { accessToken, issueApiKey, keyHeaders } from "../../support/v1";
import { admin } from "../../support/worker";
import type { Random } from "./random";
import type { Operation } from "./requests";
import { BUNDLE, PROJECT } from "./samples";

/** The deployment that is fuzzed, and credentials that are right. Requests may take them away, so they are renewed. */
export class Target {
  #renewals = 0;
  #user: Keyed | undefined;
  #event = "";
  #eventCalls = 0;
  #client = { clientId: "", clientSecret: "" };
  #access = "";
  #keys = { data: "", organization: "" };

  /**
   * Makes everything again that requests may have removed or changed.
   * @returns whether the project and its interface are as they were; another project may have taken a name
   */
  async renew(): Promise<boolean> {
    // One after another: each may be refused, when a request before has taken its name or its place.
    await admin("PATCH", "/environments/1", { default: true, host: null });
    // Upgrades and transfers take their time; here they are done at once.
    await env.DB.prepare("UPDATE environment_details SET status = 'ready', pending = NULL").run();
    await admin("PUT", "/secrets/hook", { value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" });
    const applied = await admin("PUT", `/projects/${PROJECT}`, BUNDLE);
    for (const { flow } of BUNDLE.flows as { flow: string }[]) {
      await admin("PUT", `/projects/${PROJECT}/flows/${flow}/status`, { status: "running" });
    }
    await admin("PUT", `/projects/${PROJECT}/files/index.html`, "<p>home</p>", {
      "content-type": "text/html",
    });
    const issued = await admin("POST", "/interfaces/client/credentials", {});
    if (issued.ok) {
      const made = await issued.json<{ client_id: string; client_secret: string }>();
      this.#client = { clientId: made.client_id, clientSecret: made.client_secret };
      this.#access = (await accessToken(this.#client)).access;
    }
    this.#keys = { data: await issueApiKey(), organization: await issueApiKey("organization") };
    await this.#renewUser();
    return applied.ok && issued.ok;
  }

  /** A caller of its own for each time, since groups and roles go, too; "ada" is the user whom requests name. */
  async #renewUser(): Promise<void> {
    this.#renewals += 1;
    this.#user = await newUser(`caller-${this.#renewals}`);
    await admin("POST", "/roles", { name: "ada role", privileges: ["Use API Key"] });
    await admin("POST", "/groups", { name: "adas", roles: ["ada role"] });
    await admin("POST", "/users", { name: "ada", groups: ["adas"] });
  }

  /** Headers that an operation takes as credentials; now and then none, junk or two kinds at once. */
  async credentials(random: Random): Promise<(operation: Operation) => Record<string, string>> {
    // An event token may call twice a second.
    if (this.#eventCalls % 2 === 0) this.#event = await eventToken("account").catch(() => this.#event);
    this.#eventCalls += 1;
    return (operation) => {
      if (random.percent(3)) return {};
      if (random.percent(3))
        return { authorization: random.pick(["Bearer", "Bearer a.b.c", "Basic %%%", "junk"]) };
      const found = this.#forms(operation, random);
      return random.percent(3) ? { ...found, "x-apikey": this.#keys.data, authorization: "Bearer x" } : found;
    };
  }

  #forms({ path, security }: Operation, random: Random): Record<string, string> {
    if (path.includes("/action/")) return { ...this.#user?.headers };
    const forms = security.filter((form) => form.length > 0);
    if (forms.length === 0) return {};
    const form = random.pick(forms);
    if (form.includes("adminToken")) return { authorization: `Bearer ${env.ADMIN_TOKEN}` };
    if (form.includes("eventToken")) return { "x-api-token": this.#event };
    if (form.includes("v1Token")) return { authorization: `Bearer ${this.#access}` };
    if (form.includes("oauthClient")) {
      return { authorization: `Basic ${btoa(`${this.#client.clientId}:${this.#client.clientSecret}`)}` };
    }
    if (form.includes("v1ClientId")) {
      return { client_id: this.#client.clientId, client_secret: this.#client.clientSecret };
    }
    if (path.startsWith("/v1/environment")) return { "x-apikey": this.#keys.organization };
    return form.includes("v1App")
      ? keyHeaders({ apiKey: this.#keys.data, name: "client" })
      : { "x-apikey": this.#keys.data };
  }
}
