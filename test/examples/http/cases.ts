/** Bytes of clients, good and bad, and what a server has to make of them. */

/** A case of RFC 9110 and RFC 9112, or one that was used to smuggle requests past somebody. */
export interface Case {
  readonly name: string
  readonly bytes: string
  /** See `Read`. Default: none. */
  readonly messages?: ReadonlyArray<string>
  /** The status of the refusal that ends the connection. */
  readonly refused?: number
  /** The client says that it ends; what is behind is nobody's. */
  readonly over?: boolean
  /** Node knows some methods, and takes no others. */
  readonly unlikeNode?: boolean
  /** Not wrong so far. */
  readonly unfinished?: boolean
}

const crlf = (...lines: ReadonlyArray<string>): string => lines.map((line) => `${line}\r\n`).join("")

/** A request to `/` with these lines in its head. */
const get = (...lines: ReadonlyArray<string>): string => crlf("GET / HTTP/1.1", "Host: a", ...lines, "")
const post = (...lines: ReadonlyArray<string>): string => crlf("POST / HTTP/1.1", "Host: a", ...lines, "")
const chunked = (body: string): string => `${post("Transfer-Encoding: chunked")}${body}`

/** What a smuggler would like to have taken for a request. */
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

export const accepted: ReadonlyArray<Case> = [
  { name: "a request", bytes: get(), messages: ["GET /"] },
  { name: "two requests", bytes: get() + get(), messages: ["GET /", "GET /"] },
  { name: "a query", bytes: crlf("GET /a?b=c&d HTTP/1.1", "Host: a", ""), messages: ["GET /a?b=c&d"] },
  {
    name: "a method of one's own",
    bytes: crlf("BREW / HTTP/1.1", "Host: a", ""),
    messages: ["BREW /"],
    unlikeNode: true
  },
  {
    name: "a whole URL",
    bytes: crlf("GET http://a:80/b?c HTTP/1.1", "Host: a", ""),
    messages: ["GET http://a:80/b?c"]
  },
  {
    name: "a whole URL without a path",
    bytes: crlf("GET HTTPS://[::1]:80 HTTP/1.1", "Host: a", ""),
    messages: ["GET HTTPS://[::1]:80"]
  },
  { name: "an asterisk", bytes: crlf("OPTIONS * HTTP/1.1", "Host: a", ""), messages: ["OPTIONS *"] },
  { name: "a Host with a port", bytes: crlf("GET / HTTP/1.1", "Host: a.b-c:80", ""), messages: ["GET /"] },
  {
    name: "a Host that is an address",
    bytes: crlf("GET / HTTP/1.1", "Host: [::1]:80", ""),
    messages: ["GET /"]
  },
  { name: "an empty Host", bytes: crlf("GET / HTTP/1.1", "Host:", ""), messages: ["GET /"] },
  { name: "names in any case", bytes: crlf("GET / HTTP/1.1", "hOST: a", "X:1", ""), messages: ["GET /"] },
  { name: "an empty value", bytes: get("X:"), messages: ["GET /"] },
  { name: "spaces and tabs around a value", bytes: get("X: \t a b \t "), messages: ["GET /"] },
  { name: "a value beyond ASCII", bytes: get("X: \xe4\x80\xff"), messages: ["GET /"] },
  { name: "every sign that a name may have", bytes: get("!#$%&'*+-.^_`|~09azAZ: x"), messages: ["GET /"] },
  { name: "an empty line before a request", bytes: `\r\n${get()}`, messages: ["GET /"] },
  { name: "an empty line between requests", bytes: `${get()}\r\n${get()}`, messages: ["GET /", "GET /"] },
  { name: "a body", bytes: `${post("Content-Length: 5")}hello`, messages: ["POST / hello"] },
  { name: "a body of nothing", bytes: post("Content-Length: 0") + get(), messages: ["POST /", "GET /"] },
  {
    name: "a length with zeros before it",
    bytes: `${post("Content-Length: 005")}hello`,
    messages: ["POST / hello"]
  },
  { name: "a body of GET", bytes: `${get("Content-Length: 2")}hi${get()}`, messages: ["GET / hi", "GET /"] },
  {
    name: "a body that looks like a request",
    bytes: `${post(`Content-Length: ${smuggled.length}`)}${smuggled}`,
    messages: [`POST / ${smuggled}`]
  },
  {
    name: "chunks",
    bytes: `${chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")}${get()}`,
    messages: ["POST / hello world", "GET /"]
  },
  { name: "no chunks", bytes: chunked("0\r\n\r\n") + get(), messages: ["POST /", "GET /"] },
  { name: "a last chunk of several zeros", bytes: chunked("00000000\r\n\r\n"), messages: ["POST /"] },
  {
    name: "a size with zeros before it",
    bytes: chunked("0005\r\nhello\r\n0\r\n\r\n"),
    messages: ["POST / hello"]
  },
  {
    name: "a size with letters in any case",
    bytes: chunked("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
    messages: ["POST / 01234567890123456789"]
  },
  {
    name: "a chunk with line ends in it",
    bytes: chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n"),
    messages: ["POST / \r\n\r\n"]
  },
  {
    name: "chunk extensions",
    bytes: chunked('5;a;b=c;d="e;\\"f"\r\nhello\r\n0;g\r\n\r\n'),
    messages: ["POST / hello"]
  },
  {
    name: "trailers, which mean nothing",
    bytes: chunked("2\r\nhi\r\n0\r\nX: y\r\nHost: b\r\n\r\n") + get(),
    messages: ["POST / hi", "GET /"]
  },
  {
    name: "a coding in any case",
    bytes: `${post("transfer-encoding: ChunKed")}0\r\n\r\n`,
    messages: ["POST /"]
  },
  { name: "HTTP/1.0", bytes: crlf("GET / HTTP/1.0", "") + smuggled, messages: ["GET /"], over: true },
  {
    name: "HTTP/1.0 that stays",
    bytes: crlf("GET / HTTP/1.0", "Connection: keep-alive", "") + get(),
    messages: ["GET /", "GET /"]
  },
  {
    name: "HTTP/1.0 with a body",
    bytes: `${crlf("POST / HTTP/1.0", "Content-Length: 2", "")}hi`,
    messages: ["POST / hi"],
    over: true
  },
  { name: "Connection: close", bytes: get("Connection: close") + smuggled, messages: ["GET /"], over: true },
  {
    name: "close among other options",
    bytes: get("Connection: x, CLOSE ,keep-alive") + smuggled,
    messages: ["GET /"],
    over: true
  },
  {
    name: "close in a field of several",
    bytes: get("Connection: keep-alive", "Connection: close") + smuggled,
    messages: ["GET /"],
    over: true
  },
  {
    name: "what only looks like close",
    bytes: get("Connection: closed, \xa0close") + get(),
    messages: ["GET /", "GET /"]
  },
  {
    name: "a body behind Connection: close",
    bytes: `${post("Connection: close", "Content-Length: 2")}hi${smuggled}`,
    messages: ["POST / hi"],
    over: true
  },
  {
    name: "a client that waits before its body",
    bytes: `${post("Expect: 100-continue", "Content-Length: 2")}hi`,
    messages: ["100", "POST / hi"]
  },
  {
    name: "a client that waits before its chunks",
    bytes: `${post("Expect: 100-Continue", "Transfer-Encoding: chunked")}0\r\n\r\n`,
    messages: ["100", "POST /"]
  },
  { name: "a client that waits for nothing", bytes: get("Expect: 100-continue"), messages: ["GET /"] },
  {
    name: "HTTP/1.0, which knows no 100",
    bytes: `${crlf("POST / HTTP/1.0", "Expect: 100-continue", "Content-Length: 2", "")}hi`,
    messages: ["POST / hi"],
    over: true
  },
  {
    name: "other versions that are offered",
    bytes: get("Connection: Upgrade", "Upgrade: h2c"),
    messages: ["GET /"]
  }
]

export const unfinished: ReadonlyArray<Case> = [
  { name: "a part of a method", bytes: "GE" },
  { name: "a carriage return", bytes: "\r" },
  { name: "half a head", bytes: "GET / HTTP/1.1\r\nHost: a\r\n" },
  { name: "a head without its last byte", bytes: get().slice(0, -1) },
  { name: "a head without its body", bytes: post("Content-Length: 1") },
  { name: "half a body", bytes: `${post("Content-Length: 5")}hel` },
  { name: "half a size", bytes: chunked("5") },
  { name: "half a chunk", bytes: chunked("5\r\nhel") },
  { name: "a chunk without its end", bytes: chunked("5\r\nhello") },
  { name: "half the end of a chunk", bytes: chunked("5\r\nhello\r") },
  { name: "chunks without a last one", bytes: chunked("5\r\nhello\r\n") },
  { name: "trailers without an end", bytes: chunked("0\r\nX: y\r\n") },
  { name: "wrong so far, in a line that has no end yet", bytes: "GET / HTTP/1.1\r\nHost : a" }
].map((one) => ({ ...one, unfinished: true }))

const refusals: ReadonlyArray<readonly [name: string, bytes: string, status?: number]> = [
  // The request line.
  ["TLS", "\x16\x03\x01\x02\x00\x01\x00"],
  ["a space before the method", ` ${get()}`],
  ["two empty lines before a request", `\r\n\r\n${get()}`],
  ["an empty line that is a bare line feed", `\n${get()}`],
  ["no target", crlf("GET HTTP/1.1", "Host: a", "")],
  ["no version: HTTP/0.9", crlf("GET /")],
  ["two spaces before the target", crlf("GET  / HTTP/1.1", "Host: a", "")],
  ["two spaces behind the target", crlf("GET /  HTTP/1.1", "Host: a", "")],
  ["a tab behind the method", crlf("GET\t/ HTTP/1.1", "Host: a", "")],
  ["a space behind the version", crlf("GET / HTTP/1.1 ", "Host: a", "")],
  ["a space in the target", crlf("GET /a b HTTP/1.1", "Host: a", "")],
  ["a NUL in the target", crlf("GET /\0 HTTP/1.1", "Host: a", "")],
  ["a target beyond ASCII", crlf("GET /\xe4 HTTP/1.1", "Host: a", "")],
  ["a fragment in the target", crlf("GET /#a HTTP/1.1", "Host: a", "")],
  ["a method that is no token", crlf("G@T / HTTP/1.1", "Host: a", "")],
  ["a target without a slash", crlf("GET a HTTP/1.1", "Host: a", "")],
  ["an asterisk for GET", crlf("GET * HTTP/1.1", "Host: a", "")],
  ["a URL with a user", crlf("GET http://b@a/ HTTP/1.1", "Host: a", "")],
  ["a URL of another kind", crlf("GET ftp://a/ HTTP/1.1", "Host: a", "")],
  ["a URL without a host", crlf("GET http:/// HTTP/1.1", "Host: a", "")],
  ["a version in small letters", crlf("GET / http/1.1", "Host: a", "")],
  ["a version of two digits", crlf("GET / HTTP/1.10", "Host: a", "")],
  ["a version without a dot", crlf("GET / HTTP/11", "Host: a", "")],
  ["a bare line feed behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"],
  ["a bare carriage return behind the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n"],
  ["a doubled carriage return", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"],
  ["HTTP/2.0", crlf("GET / HTTP/2.0", "Host: a", ""), 505],
  ["HTTP/1.2", crlf("GET / HTTP/1.2", "Host: a", ""), 505],
  ["HTTP/0.9 by name", crlf("GET / HTTP/0.9", "Host: a", ""), 505],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
  ["CONNECT", crlf("CONNECT a:80 HTTP/1.1", "Host: a:80", "") + smuggled, 501],

  // Fields.
  ["a field without a colon", get("X")],
  ["a field without a name", get(": x")],
  ["a space before the colon", get("X : y")],
  ["a space before the colon of a length", `${post("Content-Length : 5")}hello`],
  ["a tab before the colon", get("X\t: y")],
  ["a space in a name", get("X Y: z")],
  ["a name beyond ASCII", get("\xe4: x")],
  ["a folded field", get("X: y", " z")],
  ["a field folded by a tab", get("X: y", "\tz")],
  ["a space before the first field", crlf("GET / HTTP/1.1", " Host: a", "")],
  ["a space before a length", `${post(" Content-Length: 5")}hello`],
  ["a line of spaces", get("  ")],
  ["a NUL in a value", get("X: \0")],
  ["a NUL in a name", get("X\0: y")],
  ["a control character in a value", get("X: \x01")],
  ["a vertical tab in a value", get("X: a\x0bb")],
  ["a DEL in a value", get("X: \x7f")],
  ["a bare carriage return in a value", get("X: a\rb")],
  ["a carriage return that hides a field", get("X: a\rContent-Length: 5")],
  ["a bare line feed behind a field", `GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n`],
  ["bare line feeds only", "GET / HTTP/1.1\nHost: a\n\n"],
  ["a bare line feed for the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n"],
  ["a bare carriage return for the empty line", `GET / HTTP/1.1\r\nHost: a\r\n\r${smuggled}`],

  // The host.
  ["no Host", crlf("GET / HTTP/1.1", "")],
  ["two Hosts", get("Host: b")],
  ["the same Host twice", get("Host: a")],
  ["a Host with a path", crlf("GET / HTTP/1.1", "Host: a/b", "")],
  ["a Host with a user", crlf("GET / HTTP/1.1", "Host: a@b", "")],
  ["a Host with a space", crlf("GET / HTTP/1.1", "Host: a b", "")],

  // Two opinions of where the body ends.
  ["two lengths that differ", `${post("Content-Length: 5", "Content-Length: 6")}hello`],
  ["two lengths that are equal", `${post("Content-Length: 5", "Content-Length: 5")}hello`],
  ["two lengths in one field", `${post("Content-Length: 5, 5")}hello`],
  ["a length and chunks", `${post("Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n${smuggled}`],
  ["chunks and a length", `${post("Transfer-Encoding: chunked", "Content-Length: 5")}0\r\n\r\n${smuggled}`],
  ["a length of zero and chunks", `${post("Content-Length: 0", "Transfer-Encoding: chunked")}0\r\n\r\n`],
  ["chunks in HTTP/1.0", `${crlf("POST / HTTP/1.0", "Transfer-Encoding: chunked", "")}0\r\n\r\n`],
  ["no length", post("Content-Length:")],
  ["a length with a sign", `${post("Content-Length: +5")}hello`],
  ["a negative length", post("Content-Length: -5")],
  ["a length in hexadecimal", `${post("Content-Length: 0x5")}hello`],
  ["a length with letters", `${post("Content-Length: 5a")}hello`],
  ["a length with a fraction", post("Content-Length: 5.0")],
  ["a length with a space in it", post("Content-Length: 1 0")],
  ["a length with an underscore", post("Content-Length: 1_0")],
  ["a length of other digits", post("Content-Length: \xb2")],
  ["no coding", post("Transfer-Encoding:")],
  ["a coding that is not chunked", post("Transfer-Encoding: identity")],
  ["a coding behind chunked", post("Transfer-Encoding: chunked, identity")],
  ["chunked twice", post("Transfer-Encoding: chunked, chunked")],
  ["chunked in two fields", post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")],
  [
    "chunked in one field and another coding in the next",
    post("Transfer-Encoding: chunked", "Transfer-Encoding: x")
  ],
  ["a coding that is nearly chunked", post("Transfer-Encoding: xchunked")],
  ["chunked in quotes", post('Transfer-Encoding: "chunked"')],
  ["chunked with a parameter", post("Transfer-Encoding: chunked;a=b")],
  ["chunked behind a comma only", post("Transfer-Encoding: chunked,")],
  ["chunked behind a vertical tab", post("Transfer-Encoding: \x0bchunked")],
  ["chunked behind a no-break space", `${post("Transfer-Encoding:\xa0chunked")}0\r\n\r\n`],
  ["chunked before a no-break space", `${post("Transfer-Encoding: chunked\xa0")}0\r\n\r\n`],
  ["a coding before chunked", post("Transfer-Encoding: gzip, chunked"), 501],
  ["a space before the colon of the coding", `${post("Transfer-Encoding : chunked")}0\r\n\r\n`],
  ["a length that is folded", `${post("Content-Length:", " 5")}hello`],

  // Chunks.
  ["no size", chunked("\r\n")],
  ["a size that is no number", chunked("x\r\n")],
  ["a size with a sign", chunked("+5\r\nhello\r\n0\r\n\r\n")],
  ["a negative size", chunked("-5\r\n")],
  ["a size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n")],
  ["a size with a space before it", chunked(" 5\r\nhello\r\n0\r\n\r\n")],
  ["a size with a space behind it", chunked("5 \r\nhello\r\n0\r\n\r\n")],
  ["a size with an underscore", chunked("1_0\r\n")],
  ["a size of nine digits", chunked("100000005\r\nhello\r\n0\r\n\r\n")],
  [
    "a size of seventeen digits, which would be five in 64 bits",
    chunked("10000000000000005\r\nhello\r\n0\r\n\r\n")
  ],
  ["a size of nine digits, mostly zeros", chunked("000000005\r\nhello\r\n0\r\n\r\n")],
  ["a bare line feed behind a size", chunked("5\nhello\r\n0\r\n\r\n")],
  ["a bare carriage return behind a size", chunked("5\rhello\r\n0\r\n\r\n")],
  ["a bare line feed in an extension", chunked(`5;a\nhello\r\n0\r\n\r\n`)],
  ["a carriage return in an extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n")],
  ["an extension without a name", chunked("5;\r\nhello\r\n0\r\n\r\n")],
  ["an extension with a quote that stays open", chunked('5;a="b\r\nhello\r\n0\r\n\r\n')],
  ["a NUL in an extension", chunked("5;a=\0\r\nhello\r\n0\r\n\r\n")],
  ["a chunk that is longer than its size", chunked("5\r\nhello!\r\n0\r\n\r\n")],
  ["a chunk that is shorter than its size", chunked("6\r\nhello\r\n0\r\n\r\n")],
  ["a bare line feed behind a chunk", chunked("5\r\nhello\n0\r\n\r\n")],
  ["nothing behind a chunk", chunked("5\r\nhello0\r\n\r\n")],
  ["a bare line feed behind the last chunk", chunked("0\n\r\n")],
  ["a bare line feed at the very end", chunked(`0\r\n\n${smuggled}`)],
  ["a request for trailers", chunked(`0\r\n${smuggled}`)],
  ["a length for a trailer", chunked("2\r\nhi\r\n0\r\nContent-Length: 5\r\n\r\n")],
  ["a coding for a trailer", chunked("2\r\nhi\r\n0\r\ntransfer-encoding: chunked\r\n\r\n")],
  ["a folded trailer", chunked("0\r\nX: y\r\n z\r\n\r\n")],
  ["a space before the colon of a trailer", chunked("0\r\nX : y\r\n\r\n")],
  ["a NUL in a trailer", chunked("0\r\nX: \0\r\n\r\n")],

  // Others.
  ["an unknown expectation", get("Expect: 200-ok"), 417],
  ["a length that is too long", post("Content-Length: 1048577"), 413],
  ["a length of twenty digits", post("Content-Length: 18446744073709551621"), 413],
  ["a client that waits with too long a body", post("Expect: 100-continue", "Content-Length: 1048577"), 413],
  ["a chunk that is too long", chunked("ffffffff\r\n"), 413],
  ["a chunk that is one too long", chunked("100001\r\n"), 413]
]

export const refused: ReadonlyArray<Case> = refusals.map(([name, bytes, status = 400]) => ({
  name,
  bytes,
  refused: status,
  // A client waits for an answer to the head, however its chunks go on.
  messages: []
}))
