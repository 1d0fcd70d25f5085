import type { WebSocket } from "@fastify/websocket";
import type { FastifyRequest } from "fastify";
import { Fault, json } from "../../index.ts";
import type { Caller, Edge } from "../edge.ts";
import { edgeFault } from "../edge-fault.ts";
import type { Ending, Hub, Line } from "./hub.ts";

/** Longest message a client may send, in bytes: a token is all there is to say. */
const maxMessageBytes = 16 * 1024;
/** A client that is wrong so often will not get better. */
const maxMistakes = 20;
/** How long a client that is told to go may take to do so, in milliseconds. */
const partingMs = 1_000;

/** Close codes: RFC 6455's, and 4401 for one whose token is missing, not good, or over. */
const closeCodes = { going: 1001, policy: 1008, slow: 1013, unauthorized: 4401 } as const;
const endings: { readonly [E in Ending]: readonly [number, string] } = {
  expired: [closeCodes.unauthorized, "the token has expired"],
  slow: [closeCodes.slow, "you read too slowly"],
  closing: [closeCodes.going, "the server is going down"],
  dead: [closeCodes.going, "no answer"],
};

export interface SocketOptions {
  readonly maxBufferedBytes: number;
  readonly authorizeWithinMs: number;
}

/**
 * Serves one WebSocket: `authorized` once it is known who is there, then events. Says `error` with a problem document to
 * whatever else it hears. Whoever has not sent a good token in time is sent away.
 */
export function serveSocket(
  socket: WebSocket,
  request: FastifyRequest,
  caller: Caller | undefined,
  edge: Edge,
  hub: Hub,
  options: SocketOptions,
): void {
  const { clock } = edge.app;
  if (hub.full) {
    socket.close(closeCodes.slow, "too many connections");
    return;
  }
  const line = lineTo(socket, edge, options.maxBufferedBytes);
  hub.add(line);
  const patience = clock.after(options.authorizeWithinMs, () =>
    socket.close(closeCodes.unauthorized, "no token was sent in time"),
  );
  const say = (name: string, data: unknown): boolean => line.tell({ name, json: JSON.stringify(data) });
  const welcome = (known: Caller): void => {
    patience.cancel();
    hub.identify(line, known);
    say("authorized", { subject: known.principal.subject });
  };
  let mistakes = 0;
  const complain = (error: unknown): void => {
    say("error", edge.problem(error, request));
    if (++mistakes >= maxMistakes) socket.close(closeCodes.policy, "too many mistakes");
  };
  let checking = false;
  const authorize = async (data: unknown): Promise<void> => {
    checking = true;
    try {
      welcome(await callerOf(data, edge));
    } catch (error) {
      complain(error);
      socket.close(closeCodes.unauthorized, "the token is not good");
    } finally {
      checking = false;
    }
  };
  socket.on("message", (bytes, isBinary) => {
    try {
      const { event, data } = read(bytes as Buffer, isBinary);
      if (event !== "authorize")
        throw edgeFault("BAD_REQUEST", 'The only message that is understood is "authorize".');
      if (checking) throw edgeFault("BAD_REQUEST", "A token is being checked already.");
      void authorize(data);
    } catch (error) {
      complain(error);
    }
  });
  socket.on("close", () => {
    patience.cancel();
    hub.remove(line);
  });
  if (caller !== undefined) welcome(caller);
}

/** @throws Fault UNAUTHENTICATED; whoever the client claims to be is not looked at */
async function callerOf(data: unknown, { verify }: Edge): Promise<Caller> {
  const token =
    typeof data === "object" && data !== null && Object.hasOwn(data, "token")
      ? (data as { token: unknown }).token
      : undefined;
  if (verify === undefined || typeof token !== "string")
    throw new Fault("UNAUTHENTICATED", undefined, {
      message: 'Send {"event":"authorize","data":{"token":"…"}}.',
    });
  return verify(token);
}

/** @throws Fault BAD_REQUEST, TOO_LARGE */
function read(bytes: Buffer, isBinary: boolean): { readonly event: unknown; readonly data: unknown } {
  if (bytes.length > maxMessageBytes)
    throw new Fault(
      "TOO_LARGE",
      { bytes: bytes.length, limit: maxMessageBytes },
      { message: `A message may have ${maxMessageBytes} bytes.` },
    );
  const message = isBinary ? undefined : parsed(bytes);
  if (typeof message !== "object" || message === null || !Object.hasOwn(message, "event"))
    throw edgeFault(
      "BAD_REQUEST",
      'A message is JSON text such as {"event":"authorize","data":{"token":"…"}}.',
    );
  const { event, data } = message as { event: unknown; data?: unknown };
  return { event, data };
}

function parsed(bytes: Buffer): unknown {
  try {
    return json.decode(bytes);
  } catch {
    // What is wrong with it is no secret of ours, but quoting it back helps nobody.
    throw edgeFault("BAD_REQUEST", "The message is not valid JSON.");
  }
}

function lineTo(socket: WebSocket, { app: { clock } }: Edge, maxBufferedBytes: number): Line {
  let answered = true;
  socket.on("pong", () => {
    answered = true;
  });
  return {
    tell({ name, json: data }) {
      if (socket.readyState !== socket.OPEN) return true;
      const text = `{"event":${JSON.stringify(name)},"data":${data}}`;
      if (socket.bufferedAmount + text.length > maxBufferedBytes) return false;
      socket.send(text);
      return true;
    },
    beat() {
      const alive = answered;
      answered = false;
      if (alive && socket.readyState === socket.OPEN) socket.ping();
      return alive;
    },
    end(why) {
      if (why === "dead") {
        socket.terminate();
        return;
      }
      socket.close(...endings[why]);
      const parting = clock.after(partingMs, () => socket.terminate());
      socket.once("close", () => parting.cancel());
    },
  };
}
