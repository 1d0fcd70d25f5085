const known = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** How much is told: a level, and all above it. `silent` is nothing. */
export type Level = (typeof known)[number];

export interface Levels {
  /** Of everything that is not said otherwise. @default LOG_LEVEL, else "info" */
  readonly level?: Level | undefined;
  /** Of a service: `{ stock: "debug" }`. @default LOG_LEVELS, as in `stock=debug,orders=warn` */
  readonly levels?: Readonly<Record<string, Level>> | undefined;
}

/** What holds, of what the code says and what the environment says; the code has the last word. @throws TypeError */
export function levelsOf(
  options: Levels,
  env: NodeJS.ProcessEnv,
): { readonly level: Level; readonly levels: ReadonlyMap<string, Level> } {
  return {
    level: checked(options.level, "`level`") ?? checked(env.LOG_LEVEL, "LOG_LEVEL") ?? "info",
    levels: new Map([
      ...fromText(env.LOG_LEVELS ?? ""),
      ...Object.entries(options.levels ?? {}).map(
        ([service, level]) => [service, checked(level, `\`levels.${service}\``) ?? "info"] as const,
      ),
    ]),
  };
}

function fromText(text: string): [string, Level][] {
  const parts = text.split(",").filter((part) => part.trim() !== "");
  return parts.map((part) => {
    const [service = "", level = "", ...more] = part.split("=").map((word) => word.trim());
    const of = checked(level, "LOG_LEVELS");
    if (service !== "" && of !== undefined && more.length === 0) return [service, of];
    throw new TypeError(
      `LOG_LEVELS has "${part.trim()}": it is a list such as stock=debug,orders=warn of services and levels.`,
    );
  });
}

function checked(given: string | undefined, where: string): Level | undefined {
  if (given === undefined || given === "") return undefined;
  const level = known.find((each) => each === given.toLowerCase());
  if (level !== undefined) return level;
  throw new TypeError(`${where} is "${given}"; a level is one of ${known.join(", ")}.`);
}
