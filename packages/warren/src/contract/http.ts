/** Verb and path of a route; `:name` in the path is a field of the input. */
export type Route = `${"GET" | "POST" | "PUT" | "PATCH" | "DELETE"} /${string}`;

/**
 * How a method is reached over HTTP. A string is the route alone: path parameters, the query and the fields of a
 * JSON or form body together make the input (the path wins over the query, the query over the body).
 */
export type HttpBinding = Route | HttpRoute;

/** A route with more to say. All of it is data, so that a contract can be imported anywhere and documented. */
export interface HttpRoute {
  readonly route: Route;
  /** Input fields taken from request headers: `{ ifMatch: "if-match" }`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Input fields taken from request cookies: `{ cart: "cart" }`. */
  readonly cookies?: Readonly<Record<string, string>>;
  /** The input field that takes the whole body, where the body is not an object of fields. */
  readonly body?: string;
  /** The input field that takes the content of the signed session cookie (`undefined` without a session). */
  readonly session?: string;
  /** Status for an input that does not fit the contract. @default 422 */
  readonly invalidStatus?: number;
  /**
   * What a request does while no instance of the service runs: `wait` for one until the method's timeout, or `fail` at once
   * with 503. @default what the gateway is told
   */
  readonly ifDown?: "wait" | "fail";
  readonly reply?: HttpReply;
}

/** What the answer looks like. `{field}` in a string stands for that field of the method's output. */
export interface HttpReply {
  /** A number, or `"{field}"` for a status that the method chooses. @default 200; 204 where there is no output */
  readonly status?: number | `{${string}}`;
  /** Response headers: `{ location: "/market/items/{id}" }`. One whose field is `undefined` is left out. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Cookies to set; a value whose field is `null` clears the cookie, `undefined` leaves it alone. */
  readonly cookies?: Readonly<Record<string, string | CookieBinding>>;
  /** The output field that becomes the body, instead of the whole output. */
  readonly body?: string;
  /** The output field that becomes the content of the signed session cookie; `null` ends the session. */
  readonly session?: string;
}

export interface CookieBinding {
  readonly value: string;
  readonly maxAgeSeconds?: number;
  readonly path?: string;
  /** @default true */
  readonly httpOnly?: boolean;
  /** @default "lax" */
  readonly sameSite?: "strict" | "lax" | "none";
}
