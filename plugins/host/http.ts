/** HTTP on behalf of a guest. */

/** What a guest asks for. */
export interface HttpRequest {
  /** Upper case. */
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | undefined;
}

/** What came back. Redirects are replies like others. */
export interface HttpReply {
  readonly status: number;
  /** Names in lower case; values of a repeated one joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}
