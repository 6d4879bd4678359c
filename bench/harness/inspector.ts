import type { Runtime } from "../../scripts/lib/runtime.mjs";

/** The debugger's protocol, as far as profiles and heap sizes need it. */
export interface Inspector {
  call(method: string, params?: Record<string, unknown>): Promise<unknown>;
  close(): void;
}

/** Our Worker's isolate; its runtime must have been started with a port for it. */
export async function inspect(runtime: Runtime): Promise<Inspector> {
  const url = await runtime.miniflare.getInspectorURL();
  const list = (await (await fetch(new URL("/json", `http://${url.host}`))).json()) as Array<{ id: string }>;
  const ours = list.find(({ id }) => id === `core:user:${runtime.worker}`);
  if (ours === undefined) throw new Error(`the inspector has no Worker ${runtime.worker}`);
  const socket = new WebSocket(`ws://${url.host}/${ours.id}`);
  await new Promise((done, fail) => {
    socket.addEventListener("open", done);
    socket.addEventListener("error", () => fail(new Error("the inspector does not answer")));
  });
  let last = 0;
  const waiting = new Map<number, { done: (value: unknown) => void; fail: (error: Error) => void }>();
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data));
    const call = waiting.get(message.id);
    if (call === undefined) return;
    waiting.delete(message.id);
    if (message.error === undefined) call.done(message.result);
    else call.fail(new Error(message.error.message));
  });
  return {
    call(method, params = {}) {
      const id = ++last;
      return new Promise((done, fail) => {
        waiting.set(id, { done, fail });
        socket.send(JSON.stringify({ id, method, params }));
      });
    },
    close: () => socket.close(),
  };
}
