import { type ChildLoggerOptions, type DestinationStream, type Logger, type LoggerOptions, pino } from "pino";
import { type Levels, levelsOf } from "./levels.ts";
import { withoutSecrets } from "./secrets.ts";
import { shortened, type Tame, taming } from "./tame.ts";

export interface PlainOptions extends Levels {
  /**
   * Further fields that are secrets, whatever case they are in: `"iban"` is one of that name at any depth,
   * `"card.number"` one within another, `"card.*"` all of one. @default those of passwords, tokens, cookies, keys and the like
   */
  readonly redact?: readonly string[] | undefined;
}

/**
 * A pino logger that writes lines of JSON without secrets. What is logged is made plain first, so that no value,
 * whatever it is, throws or fills the disk.
 * @throws TypeError for a level or a path that is none
 */
export function plainLogger(
  options: PlainOptions = {},
  to: DestinationStream = standard(1),
  env: NodeJS.ProcessEnv = process.env,
): Logger {
  const { level, levels } = levelsOf(options, env);
  const tame = taming((options.redact ?? []).map(checkedPath));
  const hooks = { logMethod: tamed(tame, levels), streamWrite: withoutSecrets };
  // Errors are plain by then.
  const root = pino({ level, hooks, serializers: { err: (told) => told } }, to);
  const { child, setBindings } = root;
  // All that a logger hands on to its children comes through here: theirs are made with it as their prototype.
  root.child = function (this: Logger<string>, bindings: object, given?: ChildLoggerOptions<string>) {
    const level = levels.size > 0 ? levels.get(serviceOf(bindings) ?? "") : undefined;
    const options = given?.serializers ? { ...given, serializers: tamedToo(given.serializers, tame) } : given;
    return child.call(this, tame(bindings), level === undefined ? options : { ...options, level });
  } as Logger["child"];
  root.setBindings = function (this: Logger, bindings) {
    setBindings.call(this, tame(bindings));
  };
  return root;
}

/** Written before the call returns: nothing is lost, however the process ends. */
export function standard(fd: 1 | 2): DestinationStream {
  return pino.destination({ dest: fd, sync: true });
}

function tamed(
  tame: Tame,
  levels: ReadonlyMap<string, string>,
): NonNullable<NonNullable<LoggerOptions["hooks"]>["logMethod"]> {
  return function (this: Logger, args: unknown[], method, level) {
    const [data] = args;
    if (levels.size > 0 && isBelow(this, levels.get(serviceOf(data) ?? ""), level)) return;
    for (let at = 0; at < args.length; at++) args[at] = argumentOf(tame, args[at]);
    if (typeof data === "object" && data !== null) giveBack(this, data, args[0] as Fields);
    try {
      method.apply(this, args as Parameters<typeof method>);
    } catch {
      // Such as for `%s` and what has a `toString` that is none. What was to be told is told without it.
      lastResort(() => method.call(this, typeof args[0] === "string" ? args[0] : String(args[1])));
    }
  };
}

/** Whoever logs is never to fail of it. */
function lastResort(tell: () => void): void {
  try {
    tell();
  } catch {}
}

type Fields = Record<string, unknown>;
type Serializers = Record<string, (value: unknown) => unknown>;

/** What a child's own serializers, such as Fastify's of requests, have to see as it is. What they make of it is made plain. */
function giveBack(log: Logger, data: object, told: Fields): void {
  const serializers = (log as unknown as Record<symbol, Serializers>)[pino.symbols.serializersSym];
  for (const name in serializers)
    if (name !== "err" && told[name] !== undefined) told[name] = (data as Fields)[name];
}

function tamedToo(serializers: Serializers, tame: Tame): Serializers {
  const wrapped = Object.entries(serializers).map(([name, serialize]) => {
    const tamed = (value: unknown): unknown => {
      try {
        return tame({ [name]: serialize(value) })[name];
      } catch {
        return "[unreadable]";
      }
    };
    return [name, name === "err" ? (value: unknown) => value : tamed] as const;
  });
  return Object.fromEntries(wrapped);
}

/** Lines of a service that are told by others than its own logger, such as that a message of its is tried again. */
function isBelow(log: Logger, of: string | undefined, level: number): boolean {
  return of !== undefined && level < (of === "silent" ? Infinity : log.levels.values[of]!);
}

function serviceOf(data: unknown): string | undefined {
  try {
    const { service } = data as { readonly service?: unknown };
    return typeof service === "string" ? service : undefined;
  } catch {
    return undefined;
  }
}

function argumentOf(tame: Tame, value: unknown): unknown {
  if (typeof value === "string") return shortened(value);
  if (typeof value === "function" || typeof value === "symbol") return `[a ${typeof value}]`;
  return typeof value === "object" && value !== null ? tame(value) : value;
}

function checkedPath(path: string): string {
  if (typeof path === "string" && /^[^.[\]]+(\.[^.[\]]+)*$/.test(path)) return path;
  throw new TypeError(
    `\`redact\` has "${path}": it is a name, or several with dots between, such as "card.number".`,
  );
}
