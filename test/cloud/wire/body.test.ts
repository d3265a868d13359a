import { expect, test } from "vitest";
import { unchunk } from "./body.ts";
import { ContractError } from "./errors.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const read = (text: string) => {
  const { body, trailers } = unchunk(bytes(text));
  return { body: body.toString("latin1"), trailers };
};

test("chunks are joined, trailers kept", () => {
  const sent = "3\r\nabc\r\nA\r\n0123456789\r\n0\r\nx-amz-checksum-crc32: AAAA==\r\n\r\n";
  expect(read(sent)).toEqual({ body: "abc0123456789", trailers: { "x-amz-checksum-crc32": "AAAA==" } });
});

test("a body may hold what looks like a chunk", () => {
  expect(read("8\r\n0\r\n\r\n5\r\n\r\n0\r\n\r\n").body).toBe("0\r\n\r\n5\r\n");
});

test("an empty body, and signed chunks", () => {
  expect(read("0\r\n\r\n")).toEqual({ body: "", trailers: {} });
  expect(read("1;chunk-signature=00ff\r\nx\r\n0;chunk-signature=00ff\r\n\r\n").body).toBe("x");
});

test.each(["", "zz\r\n", "5\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n", "2\r\nabc\r\n0\r\n\r\n"])(
  "%j is refused",
  (sent) => {
    expect(() => unchunk(bytes(sent))).toThrow(ContractError);
  },
);
