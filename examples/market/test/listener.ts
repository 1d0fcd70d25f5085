import { WebSocket } from "ws";

/** A client at the gateway's WebSocket. */
export interface Listener extends Disposable {
  /** The texts that came, without the gateway's own `authorized` and `error`. */
  readonly told: readonly string[];
  /** Resolves with the next text that was not taken yet. */
  next(): Promise<string>;
  /** Resolves with the code the server closed with. */
  readonly closed: Promise<number>;
}

/** Connects and says `authorize`; resolves when the server has answered that, be it by hanging up. */
export async function listen(url: string, data: unknown): Promise<Listener> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/push`);
  const told: string[] = [];
  const waiting: ((text: string) => void)[] = [];
  let taken = 0;
  const answered = Promise.withResolvers<void>();
  const closed = new Promise<number>((resolve, reject) => {
    socket.once("close", resolve);
    socket.once("error", reject);
  });
  socket.on("message", (bytes) => {
    const text = String(bytes);
    const { event } = JSON.parse(text) as { event: string };
    if (event === "authorized" || event === "error") {
      answered.resolve();
      return;
    }
    told.push(text);
    if (waiting.length > 0) {
      taken++;
      waiting.shift()?.(text);
    }
  });
  socket.once("open", () => socket.send(JSON.stringify({ event: "authorize", data })));
  await Promise.race([answered.promise, closed]);
  return {
    told,
    next: () =>
      taken < told.length ? Promise.resolve(told[taken++]!) : new Promise((resolve) => waiting.push(resolve)),
    closed,
    [Symbol.dispose]: () => socket.terminate(),
  };
}

/** What a seller is told, letter by letter. */
export function soldText(id: number): string {
  return `{"event":"notification","data":{"text":"Item #${id} was sold!"}}`;
}
