import type { Endpoint } from "./options.ts";

/**
 * What is wrong and what to do, where a broker was reached and trying again will not help: it does not want this user,
 * or the two sides cannot agree on TLS. `undefined` for everything that may pass by itself; so may a refused login that is `renewable`.
 */
export function refusal(endpoint: Endpoint, error: unknown, renewable: boolean): string | undefined {
  const login = renewable ? undefined : loginRefusal(endpoint.label, error);
  return login ?? tlsRefusal(endpoint.label, error);
}

/** The reason in one line without a stack: OpenSSL's texts end in a line break, and those of several addresses are empty. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error));
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  // OpenSSL's message is its source file and line; the words are in `reason`.
  if (isOpenssl(code) && typeof reason === "string") return oneLine(`TLS: ${reason}`);
  return oneLine(error.message || String(code ?? error.name));
}

/** The broker was reached and does not want this user there; `undefined` for any other error. */
export function loginRefusal(label: string, error: unknown): string | undefined {
  const text = reasonOf(error);
  // amqplib says no more than this of the broker's answer.
  const words = text.startsWith("Expected ConnectionOpenOk; got <ConnectionClose")
    ? "the virtual host does not exist, is not open to this user, or is full"
    : /ACCESS.REFUSED|NOT.ALLOWED|SASL mechanism|\b(403|530)\b/.test(text)
      ? text
      : undefined;
  return words === undefined
    ? undefined
    : `RabbitMQ at ${label} refused the login; check user name, password and virtual host in the URL. It said: ${words}`;
}

function tlsRefusal(label: string, error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code !== "string") return undefined;
  if (plainText.test(code)) {
    return `${label} does not speak TLS (use amqp://, or the TLS port, usually 5671).`;
  }
  const certificate = `The certificate of RabbitMQ at ${label} is not accepted: ${reasonOf(error)}.`;
  if (untrusted.test(code)) {
    return `${certificate} Give the certificate of the authority that signed it, or the self-signed one itself, as \`tls.ca\`.`;
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" || code === "HOSTNAME_MISMATCH") {
    return `${certificate} Use a host name in the URL that the certificate is for, or give that name as \`tls.servername\`.`;
  }
  if (outOfDate.test(code)) {
    return `${certificate} Renew it on the broker, and \`tls.ca\` where that is out of date; or correct the clock of this machine.`;
  }
  if (/^(CERT_|INVALID_|PATH_LENGTH_)/.test(code)) {
    return `${certificate} Replace it on the broker, or correct \`tls.ca\`.`;
  }
  if (refusedByPeer.test(code)) {
    return `RabbitMQ at ${label} refused the TLS handshake: ${reasonOf(error)}. Where it asks for a client certificate, give one that it trusts as \`tls.cert\` and \`tls.key\`.`;
  }
  return undefined;
}

/** What came back is no TLS record: the greeting of AMQP, or of something else altogether. */
const plainText = /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL)$/;
const untrusted = /SELF_SIGNED_CERT|^UNABLE_TO_(VERIFY|GET_ISSUER)|^CERT_UNTRUSTED$|^INVALID_CA$/;
const outOfDate = /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/;
/** Other alerts, such as an internal error of a broker that is starting, may pass. */
const refusedByPeer = /^ERR_SSL_.*ALERT.*(CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|PROTOCOL_VERSION)/;

function isOpenssl(code: unknown): boolean {
  return typeof code === "string" && /^ERR_(SSL|OSSL)_/.test(code);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
