import { type Clock, jsonText, type Logger, type Principal, type Timer } from "../../index.ts";
import type { Caller } from "../edge.ts";
import type { PushRule } from "./rule.ts";

/** What is told to a client, in the words of each of the two protocols. */
export interface Telling {
  readonly name: string;
  /** The data as JSON, without a line break. */
  readonly json: string;
}

/** Why a connection is ended from here. */
export type Ending = "expired" | "slow" | "closing" | "dead";

/** One connection, whatever it speaks. */
export interface Line {
  /** Hands over or drops; never waits. @returns false when too much waits for this client already */
  tell(telling: Telling): boolean;
  /** Sees whether the client is still there. @returns false when it is not */
  beat(): boolean;
  end(why: Ending): void;
}

/** The connections of this process, and who is at the other end of each. */
export interface Hub {
  /** Whether there is room for one more. */
  readonly full: boolean;
  /** Counts a connection, of which nobody knows yet whose it is. */
  add(line: Line): void;
  /** From now on `line` is told what `caller` may see. */
  identify(line: Line, caller: Caller): void;
  remove(line: Line): void;
  /** Tells an event to those it is for. */
  tell(rule: PushRule, event: unknown): void;
  /** Ends every connection, and takes no more. */
  close(): void;
}

export interface HubOptions {
  readonly maxConnections: number;
  readonly heartbeatMs: number;
}

export function hub({ maxConnections, heartbeatMs }: HubOptions, clock: Clock, log: Logger): Hub {
  const lines = new Map<Line, Caller | undefined>();
  const bySubject = new Map<string, Set<Line>>();
  let closed = false;
  let heartbeat: Timer | undefined;

  function end(line: Line, why: Ending): void {
    remove(line);
    log.debug({ why }, "ended a push connection");
    line.end(why);
  }
  function remove(line: Line): void {
    forget(line);
    lines.delete(line);
    if (lines.size > 0) return;
    heartbeat?.cancel();
    heartbeat = undefined;
  }
  function forget(line: Line): void {
    const subject = lines.get(line)?.principal.subject;
    const same = subject === undefined ? undefined : bySubject.get(subject);
    same?.delete(line);
    if (same?.size === 0) bySubject.delete(subject!);
  }
  function isOver(line: Line): boolean {
    const until = lines.get(line)?.expiresAt;
    return until !== undefined && until <= clock.now();
  }
  function beat(): void {
    heartbeat = clock.after(heartbeatMs, beat);
    for (const line of [...lines.keys()])
      if (isOver(line)) end(line, "expired");
      else if (!line.beat()) end(line, "dead");
  }
  function hand(line: Line, telling: Telling): void {
    // A token that has run out shows nothing more, even before the next heartbeat notices.
    if (isOver(line)) end(line, "expired");
    else if (!line.tell(telling)) end(line, "slow");
  }

  return {
    get full() {
      return closed || lines.size >= maxConnections;
    },
    add(line) {
      lines.set(line, undefined);
      heartbeat ??= clock.after(heartbeatMs, beat);
    },
    identify(line, caller) {
      if (!lines.has(line)) return;
      forget(line);
      lines.set(line, caller);
      const { subject } = caller.principal;
      bySubject.set(subject, (bySubject.get(subject) ?? new Set()).add(line));
    },
    remove,
    tell(rule, event) {
      const data = rule.as(event);
      const json = data === undefined ? undefined : jsonText(data);
      if (json === undefined) return;
      const telling = { name: rule.name, json };
      for (const line of rule.to ? addressed(bySubject, rule.to(event)) : seeing(lines, rule, event))
        hand(line, telling);
    },
    close() {
      closed = true;
      for (const line of [...lines.keys()]) end(line, "closing");
    },
  };
}

function addressed(
  bySubject: ReadonlyMap<string, ReadonlySet<Line>>,
  to: string | readonly string[] | undefined,
): Line[] {
  const subjects = new Set(to === undefined ? [] : [to].flat());
  return [...subjects].flatMap((subject) => [...(bySubject.get(subject) ?? [])]);
}

function seeing(lines: ReadonlyMap<Line, Caller | undefined>, { when }: PushRule, event: unknown): Line[] {
  const may = (principal: Principal): boolean => when?.(principal, event) === true;
  return [...lines]
    .filter(([, caller]) => caller !== undefined && may(caller.principal))
    .map(([line]) => line);
}
