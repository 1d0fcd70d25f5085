import about from "../package.json" with { type: "json" };

/** Of all examples: what the directory, telemetry and the documents of their routes show. */
export const { version } = about;
