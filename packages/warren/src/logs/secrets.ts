/** What stands in the place of a secret. */
export const redacted = "[redacted]";

/** Words that make a field a secret wherever they are in its name: `dbPassword`, `set-cookie`, `API_KEY`. */
const words =
  /password|passwd|passphrase|secret|token|authorization|cookie|apikey|accesskey|privatekey|credential|jwt|sessionid/;
/** Names that are secrets as they are, and mean something else within others. */
const names = new Set(["pass", "pwd", "auth", "sid", "bearer"]);

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
/** Up to its end, or to where the text was cut. */
const privateKey = /(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(?:[\w+/=:,. ]|-(?!----)|\\+[nr])+/g;
const cookies = /\b((?:set-)?cookie: {0,3})[^"\\]+/gi;

/** Most lines have none of these, and are not looked at more closely. */
const mayBeNamed =
  /passw|passphrase|pwd|secret|token|authorization|cookie|credential|_?key|signature|\b(?:pass|auth|sid|sig)\b/i;
const inWords = String.raw`[\w-]{0,40}(?:password|passwd|passphrase|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential)s?`;
/**
 * Of a query, a form, the connection string of a driver (`=`), a header (`:`), or an object as JSON or as `inspect` writes
 * it. A quote within a line of JSON has backslashes before it, and more of them in JSON within JSON; one without is the
 * line's own, and neither touched nor crossed.
 */
const named = new RegExp(
  [
    String.raw`\b((?:${inWords}|[\w-]{0,40}signature|pass|auth|sid|sig)=`,
    String.raw`|(?:${inWords}|[\w-]{0,20}authorization|[\w-]{0,20}cookie|pass|auth|sid)(?:(?:\\\\){0,15}\\"|')\s{0,3}(?::|=>)\s{0,3}`,
    String.raw`|(?:${inWords}|[\w-]{0,20}authorization):\s{0,3})`,
    String.raw`(?!\[redacted|(?:null|true|false|undefined)\b)`,
    String.raw`(?:((?:\\\\){0,15}\\"|')(?:(?!\2)(?:[^"\\]|(?:\\\\)*\\[^\\]|(?:\\\\)+(?=[^"\\])))*`,
    String.raw`|(?:(?:bearer|basic|digest|negotiate)\s{1,3})?[^&\s"'\\;,{}[\]]+)`,
  ].join(""),
  "gi",
);

/** A line of JSON without the secrets in its texts; still a line of JSON. Never throws. */
export function withoutSecrets(line: string): string {
  let text = line;
  if (text.includes("://") && text.includes("@")) text = text.replace(inUrl, `://${redacted}@`);
  if (text.includes("eyJ")) text = text.replace(jwt, redacted);
  if (text.includes("PRIVATE KEY")) text = text.replace(privateKey, `$1${redacted}`);
  if (mayBeNamed.test(text)) text = text.replace(cookies, `$1${redacted}`).replace(named, namedRedacted);
  return text.replace(inHeader, `$1 ${redacted}`);
}

function namedRedacted(_all: string, name: string, quote: string = ""): string {
  return `${name}${quote}${redacted}`;
}
