/** A JSON document of about 100 bytes. */
export const payload = { text: "x".repeat(89) };
