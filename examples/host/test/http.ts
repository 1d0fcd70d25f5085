export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: any;
}

export interface Asked {
  /** Becomes the body; a string is sent as it is. */
  readonly json?: unknown;
  readonly type?: string;
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One HTTP request. */
export async function http(
  method: string,
  url: string,
  { json, type = "application/json", token, headers = {} }: Asked = {},
): Promise<Answer> {
  const all: Record<string, string> = { ...headers };
  if (json !== undefined) all["content-type"] = type;
  if (token !== undefined) all.authorization = `Bearer ${token}`;
  const body = json === undefined ? null : typeof json === "string" ? json : JSON.stringify(json);
  const response = await fetch(url, { method, headers: all, body });
  const text = await response.text();
  const isJson = /[/+]json/.test(response.headers.get("content-type") ?? "");
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? undefined : isJson ? JSON.parse(text) : text,
  };
}
