import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** One request as the other side saw it. */
export interface Seen {
  method: string;
  path: string;
  /** With its query, as it was sent. */
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}

type Answer = (request: Seen, response: ServerResponse, socket: Socket) => void | Promise<void>;

/**
 * A server of someone else: it answers as a test tells it to, and remembers who called. It can delay, drop, reset,
 * trickle and lie, since an answer is free to do what it likes with its socket.
 */
export class ThirdParty {
  readonly seen: Seen[] = [];
  /** Answers by path. */
  readonly answers = new Map<string, Answer>();
  /** Requests under way now, and the most at once. */
  underWay = 0;
  mostUnderWay = 0;
  /** Connections that the caller closed before the answer was complete. */
  hungUp = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on(
      "request",
      (request: IncomingMessage, response: ServerResponse) => void this.#handle(request, response),
    );
  }

  static async start(): Promise<ThirdParty> {
    const server = createServer();
    const party = new ThirdParty(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return party;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  on(path: string, answer: Answer): this {
    this.answers.set(path, answer);
    return this;
  }

  to(path: string): Seen[] {
    return this.seen.filter((each) => each.path === path);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    response.on("close", () => {
      this.underWay -= 1;
      if (!response.writableFinished) this.hungUp += 1;
    });
    request.on("error", () => undefined);
    try {
      for await (const part of request) parts.push(part as Buffer);
    } catch {
      return;
    }
    const url = request.url ?? "/";
    const seen: Seen = {
      method: request.method ?? "",
      path: url.split("?", 1)[0] as string,
      url,
      headers: request.headers,
      body: Buffer.concat(parts).toString(),
    };
    this.seen.push(seen);
    const answer = this.answers.get(seen.path);
    if (answer === undefined) json(response, 404, { message: "nothing here" });
    else await answer(seen, response, request.socket);
  }
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
