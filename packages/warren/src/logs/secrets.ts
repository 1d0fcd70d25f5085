/** What stands in the place of a secret. */
export const redacted = "[redacted]";

/** Words that make a field a secret wherever they are in its name: `dbPassword`, `set-cookie`, `API_KEY`. */
const words =
  /password|passwd|passphrase|secret|token|authorization|cookie|apikey|accesskey|privatekey|credential|jwt|sessionid/;
/** Names that are secrets as they are, and mean something else within others. */
const names = new Set(["pass", "pwd", "auth", "sid"]);

/** The same names come with every line. Bounded, since names of fields may come from outside. */
const known = new Map<string, boolean>();
const maxKnown = 2_000;

/** Whether a field of this name is not to be written, however it is spelled: in capitals, with dashes, in camel case. */
export function isSecretName(name: string): boolean {
  const before = known.get(name);
  if (before !== undefined) return before;
  const plain = name
    .slice(0, 200)
    .toLowerCase()
    .replaceAll(/[-_\s.]/g, "");
  const isSecret = names.has(plain) || words.test(plain);
  if (known.size < maxKnown && name.length <= 64) known.set(name, isSecret);
  return isSecret;
}

/**
 * User and password of a URL. In one for browsers they end before the path, which may have an "@" of its own. In any other,
 * such as that of a broker, a password may have been written with whatever is in it. All is bounded, as anybody may choose
 * the text. In a line of JSON, a quote is written with a backslash before it.
 */
const inUrl =
  /:\/\/(?:(?<=\b(?:https?|wss?):\/\/)(?:[^\s"\\/?#]|\\["\\]){1,300}@|(?<!\b(?:https?|wss?):\/\/)(?:[^\s"\\]|\\["\\]){1,300}@)/gi;
const inHeader = /\b(bearer|basic) +[\w~+/.=-]{16,}/gi;
const jwt = /\beyJ[\w-]{5,2000}\.[\w-]{5,4000}\.[\w-]{0,2000}/g;
/** Of a query, a form, or the connection string of a driver. */
const assigned =
  /\b([\w-]{0,40}(?:password|passwd|passphrase|secret|token|api_?key|access_?key))=[^&\s"'\\;,]+/gi;

/** A line of JSON without the secrets in its texts; still a line of JSON. Never throws. */
export function withoutSecrets(line: string): string {
  let text = line;
  if (text.includes("://") && text.includes("@")) text = text.replace(inUrl, `://${redacted}@`);
  if (text.includes("eyJ")) text = text.replace(jwt, redacted);
  if (text.includes("=")) text = text.replace(assigned, `$1=${redacted}`);
  return text.replace(inHeader, `$1 ${redacted}`);
}
